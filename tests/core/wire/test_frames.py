"""Which event names belong to the protocol."""

import pytest

from sessiond.core.wire.frames import is_reserved, user_topic


@pytest.mark.parametrize(
    "event", ["ack", "phx_join", "phx_anything", "token:refresh", "presence_diff"]
)
def test_the_protocols_own_events_are_reserved(event: str) -> None:
    """Apps may neither handle nor push them."""
    assert is_reserved(event)


@pytest.mark.parametrize("event", ["", "echo", "acknowledge", "presence", "deal:update", "token"])
def test_everything_else_is_free(event: str) -> None:
    """Similar names are no trouble."""
    assert not is_reserved(event)


def test_every_user_has_a_topic() -> None:
    """The id is taken as it is."""
    assert user_topic("a:b") == "user:a:b"
