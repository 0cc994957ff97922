"""What Twilio's requests look like (sessiond/gateways/twilio/described.py)."""

import pytest

from sessiond.gateways.twilio.described import describe
from tests.gateways.descriptions import answer_faults, request_faults
from tests.gateways.twilio.webhooks import (
    AMA,
    INBOUND,
    OURS,
    SERVICE,
    gateway,
    json_request,
    recorded,
    request,
    settings,
    sms,
    status,
    whatsapp,
)


@pytest.mark.parametrize("name", INBOUND)
def test_recorded_webhooks_are_as_described(name: str) -> None:
    """Each one that Twilio has sent."""
    found = recorded(name)

    assert [] == request_faults(describe(settings(**found["settings"])), request(found["body"]))


def test_messages_and_statuses_in_both_forms() -> None:
    """Of a sender, of one on WhatsApp, and of a service."""
    plain = describe(settings())
    of_service = describe(settings(sender="", messaging_service_sid=SERVICE))

    assert [] == request_faults(plain, json_request(sms(Body="hi")))
    assert [] == request_faults(plain, request(status("sent")))
    assert [] == request_faults(of_service, request(sms(MessagingServiceSid=SERVICE, To=AMA)))
    assert [] == request_faults(
        describe(settings(platform="whatsapp", sender=OURS)), request(whatsapp(Body="hi"))
    )


@pytest.mark.parametrize(
    "changes", [{"AccountSid": "AC1"}, {"MessageSid": "?"}, {"To": AMA}, {"MessageStatus": ""}]
)
def test_what_is_refused_is_not_as_described(changes: dict[str, str]) -> None:
    """Another account, no message, another number."""
    assert request_faults(describe(settings()), request(sms() | {"To": AMA} | changes))


def test_the_acknowledgement_is_as_described() -> None:
    """Instructions that say nothing."""
    assert [] == answer_faults(describe(settings()), gateway().acknowledge())
