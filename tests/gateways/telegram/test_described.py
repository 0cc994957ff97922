"""What Telegram's requests look like (sessiond/gateways/telegram/described.py)."""

import json

import pytest

from sessiond.gateways.telegram.described import describe
from tests.gateways.descriptions import answer_faults, request_faults
from tests.gateways.telegram.updates import INBOUND, gateway, recorded, request, settings


@pytest.mark.parametrize("name", INBOUND)
def test_recorded_updates_are_as_described(name: str) -> None:
    """Each one that Telegram has sent."""
    body = json.dumps(recorded(name)["body"]).encode()

    assert [] == request_faults(describe(settings()), request(body))


@pytest.mark.parametrize(
    "body", [b"{}", b'{"update_id":1}', b'{"update_id":"1","message":{}}', b"[]"]
)
def test_what_is_refused_is_not_as_described(body: bytes) -> None:
    """No id, or nothing that happened."""
    assert request_faults(describe(settings()), request(body))


def test_the_acknowledgement_is_as_described() -> None:
    """A text, empty."""
    assert [] == answer_faults(describe(settings()), gateway().acknowledge())
