"""What became of our messages (sessiond/gateways/whatsapp/statuses.py)."""

import json
from typing import Any

import pytest

from sessiond.core.gateways.arrivals import Notice, StatusUpdate
from sessiond.gateways.whatsapp.statuses import read_status
from tests.gateways.whatsapp.webhooks import AMA, NOW, change, read, webhook


def status(**told: Any) -> dict[str, Any]:
    return {"id": "wamid.OUT1", "status": "read", "timestamp": str(NOW), "recipient_id": AMA} | told


def read_one(**told: Any) -> object:
    return read_status(json.dumps(status(**told)).encode())[1]


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "failed"])
def test_each_state_is_an_update(state: str) -> None:
    """With the id of our message, its recipient and its time."""
    assert StatusUpdate(id="wamid.OUT1", state=state, recipient=f"+{AMA}", at=NOW) == read_one(
        status=state
    )


def test_a_failure_says_why() -> None:
    """The code, and the most exact of Meta's sentences."""
    told = read_one(status="failed", errors=[{"code": 131026, "title": "t", "message": "m"}])

    assert isinstance(told, StatusUpdate)
    assert (131026, "m") == (told.error_code, told.error)


def test_a_recipient_may_have_no_number() -> None:
    """Behind a user name there is the business-scoped id."""
    told = read_one(recipient_id=None, recipient_user_id="GH.1")

    assert isinstance(told, StatusUpdate)
    assert "GH.1" == told.recipient


def test_a_status_may_have_no_time() -> None:
    """Its order among others is then that of the request."""
    assert StatusUpdate(id="wamid.OUT1", state="read", recipient=f"+{AMA}") == read_one(
        timestamp=None
    )


@pytest.mark.parametrize(
    "told", [{"id": None}, {"id": ""}, {"status": 5}, {"errors": {}}, {"recipient_id": 1}]
)
def test_a_broken_status_is_malformed(told: dict[str, Any]) -> None:
    """Told of, with what stood there."""
    found = read_one(**told)

    assert isinstance(found, Notice)
    assert "malformed" == found.kind


def test_statuses_and_messages_never_run_as_each_other() -> None:
    """A batch of statuses has no message in it."""
    found = read(
        webhook(change(statuses=[status(), status(status="delivered", timestamp=NOW - 1)]))
    )

    assert ["delivered", "read"] == [one.state for one in found if isinstance(one, StatusUpdate)]
    assert 2 == len(found)


def test_a_recipient_is_not_in_a_repr() -> None:
    """Numbers stay out of logs."""
    assert AMA not in repr(read_one())
