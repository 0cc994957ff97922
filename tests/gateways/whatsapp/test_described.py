"""What WhatsApp's requests look like (sessiond/gateways/whatsapp/described.py)."""

import json

import pytest

from sessiond.gateways.whatsapp import WhatsApp
from sessiond.gateways.whatsapp.described import describe
from tests.gateways.descriptions import answer_faults, request_faults
from tests.gateways.whatsapp.webhooks import (
    INBOUND,
    NUMBER,
    change,
    recorded,
    request,
    settings,
    webhook,
)


@pytest.mark.parametrize("name", INBOUND)
def test_recorded_webhooks_are_as_described(name: str) -> None:
    """Each one that Meta has sent."""
    assert [] == request_faults(describe(settings()), request(recorded(name)["body"]))


def test_what_is_refused_is_not_as_described() -> None:
    """Another object, no entries, another number."""
    wrong = [{"object": "page", "entry": []}, {"object": "whatsapp_business_account"}]
    described = describe(settings())

    assert all(request_faults(described, request(one)) for one in (*wrong, webhook(change("666"))))


def test_the_example_is_a_message_that_is_heard() -> None:
    """Sent as it is to the account, it is somebody's text."""
    body = describe(settings())["POST"].body
    assert body is not None
    (heard,) = WhatsApp(settings()).read(request(json.loads(json.dumps(body.example))))

    assert NUMBER in json.dumps(body.example)
    assert "Heard" == type(heard).__name__


def test_the_acknowledgement_is_as_described() -> None:
    """And so is a verification that is refused."""
    described, gateway = describe(settings()), WhatsApp(settings())
    get = request(b"")

    assert [] == answer_faults(described, gateway.acknowledge())
    assert {200, 400, 403} == set(described["GET"].replies)
    assert get.method in described


def test_an_account_that_drops_what_is_not_signed() -> None:
    """It refuses nobody for that."""
    assert 401 in describe(settings())["POST"].replies
    assert 401 not in describe(settings(drops_unsigned=True))["POST"].replies


def test_an_account_with_a_business_account() -> None:
    """What is told of others is not ours."""
    described = describe(settings(business_account_id="7"))

    assert request_faults(described, request(webhook(change())))
