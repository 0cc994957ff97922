"""Event names: what an app may call its pushes, handlers and timers."""

from __future__ import annotations

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.event_names import MAX_EVENT_NAME, check_event_name


@pytest.mark.parametrize("name", ["a", "deal:update", "Überweisung", "x" * MAX_EVENT_NAME, "acked"])
def test_a_usual_name_is_returned(name: str) -> None:
    """Whatever people write, up to the bound, is kept as it is."""
    assert check_event_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * (MAX_EVENT_NAME + 1),
        "phx_join",
        "token:x",
        "presence_diff",
        "$window",
        "ack",
        "half a \ud83d character",
        None,
        7,
    ],
)
def test_a_reserved_or_senseless_name_is_refused(name: object) -> None:
    """The protocol's own names, timers of the runtime, nothing, too much, what is no string or has no UTF-8."""
    with pytest.raises(InvalidInput):
        check_event_name(name)


def test_heartbeat_is_the_connections() -> None:
    """A heartbeat never reaches an app."""
    with pytest.raises(InvalidInput, match="reserved"):
        check_event_name("heartbeat")
