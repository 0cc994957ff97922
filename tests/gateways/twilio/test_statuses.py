"""What became of our messages (sessiond/gateways/twilio/statuses.py)."""

from typing import Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Notice, StatusUpdate
from sessiond.gateways.twilio.statuses import callback_url
from tests.gateways.twilio.webhooks import AMA, read, status


def told(state: str, *, query: str = "", **more: str) -> StatusUpdate:
    (found,) = read(status(state, **more), query=query)
    assert isinstance(found, StatusUpdate)
    return found


@pytest.mark.parametrize(
    ("url", "reference", "called"),
    [
        ("https://a.example/x", "d1", "https://a.example/x?reference=d1"),
        ("https://a.example/x?y=1", "d1", "https://a.example/x?y=1&reference=d1"),
        ("https://a.example/x", "00c.+233/1&", "https://a.example/x?reference=00c.%2B233%2F1%26"),
        ("https://a.example/x", "", "https://a.example/x"),
    ],
)
def test_a_message_is_named_in_the_address(url: str, reference: str, called: str) -> None:
    """Twilio calls it as it is, and signs it."""
    assert called == callback_url(url, reference)


def test_the_name_comes_back() -> None:
    """Whatever is in it; one that came twice is nobody's."""
    assert "00c.+233/1&" == told("sent", query="reference=00c.%2B233%2F1%26").reference
    assert "" == told("sent", query="reference=a&reference=b").reference


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "read"),
        ("undelivered", "failed"),
        ("failed", "failed"),
        ("DELIVERED", "delivered"),
    ],
)
def test_states(state: str, ours: str) -> None:
    """Twilio's, in our words."""
    assert ours == told(state).state


@pytest.mark.parametrize("state", ["queued", "sending", "accepted", "scheduled", "canceled", "x y"])
def test_states_in_between_are_told_of(state: str) -> None:
    """They decide nothing."""
    (found,) = read(status(state))

    assert isinstance(found, Notice)
    assert found.kind in {f"status_{state}", "status_unknown"}
    assert AMA == found.about


@pytest.mark.parametrize(
    ("code", "read_as"), [("30003", 30003), ("", None), ("0", None), ("x", None), ("٣", None), ("9" * 20, None)]
)  # fmt: skip
def test_an_error_has_a_code(code: str, read_as: int | None) -> None:
    """Digits; anything else is none."""
    assert read_as == told("failed", ErrorCode=code).error_code


def test_the_words_of_an_error_are_bounded() -> None:
    """They are kept, not shown."""
    found = told("failed", ErrorMessage="secret" * 200)

    assert 500 == len(found.error)
    assert "secret" not in repr(found)


@pytest.mark.parametrize("more", [{"ErrorCode": "x" * 5000}, {"To": "x" * 5000}])
def test_endless_fields_are_refused(more: dict[str, Any]) -> None:
    """Nothing of the sort is Twilio's."""
    with pytest.raises(InvalidInput):
        read(status("failed", **more))
