"""Messages of people (sessiond/gateways/twilio/messages.py)."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.gateways.arrivals import Heard, Notice
from sessiond.gateways.twilio.messages import person_of
from tests.gateways.twilio.webhooks import (
    AMA,
    INBOUND,
    MESSAGE,
    gateway,
    json_request,
    read,
    recorded,
    request,
    sms,
    told,
    whatsapp,
)


@pytest.mark.parametrize("name", INBOUND)
def test_recorded_webhooks_are_read(name: str) -> None:
    """Each recorded webhook means what its file says: SMS, MMS, WhatsApp, statuses."""
    exchange = recorded(name)
    found = read(exchange["body"], query=exchange["query"], **exchange["settings"])

    assert exchange["expected"] == [told(one) for one in found]


def heard(body: Any, **settings: Any) -> Heard:
    (found,) = read(body, **settings)
    assert isinstance(found, Heard)
    return found


def kind(body: Any, **settings: Any) -> str:
    (found,) = read(body, **settings)
    assert isinstance(found, Notice)
    return found.kind


def test_json_is_read_like_a_form() -> None:
    """The same names."""
    assert list(gateway().read(json_request(sms(Body="hi")))) == read(sms(Body="hi"))


def test_a_message_that_is_sent_again_has_the_same_id() -> None:
    """Twilio's; it does not say when it was sent, so that none is ancient or from the future."""
    assert MESSAGE == heard(sms(Body="hi")).id == heard(sms(Body="hi")).id
    assert heard(sms(Body="hi")).sent_at is None


@pytest.mark.parametrize("text", ["0", "#", "00", "*920*44#", "+1&x=y"])
def test_zero_and_hash_are_answers(text: str) -> None:
    """Nothing is navigation here, and a form keeps what was written."""
    assert text == heard(sms(Body=text)).answer.text


def test_a_message_of_5000_characters_is_taken_whole() -> None:
    """How much a flow takes is its business."""
    assert 5000 == len(heard(whatsapp(Body="x" * 5000), platform="whatsapp").answer.text)


@pytest.mark.parametrize(
    "written",
    ["+233241112223", "233241112223", "00233241112223", "+233 24 111 2223", "+233-24-111-2223"],
)
def test_a_number_has_one_form(written: str) -> None:
    """However it is written, with WhatsApp's word in front or not."""
    assert AMA == heard(sms(From=written, Body="hi")).facts.msisdn
    said = whatsapp(From=f"whatsapp:{written}", Body="hi")
    assert AMA == heard(said, platform="whatsapp").facts.msisdn


@pytest.mark.parametrize(
    "sender", ["", "0", "40404", "MTN", "+", "+1", "+23324111222344556677", "Ama <b>", "\ud7ff"]
)
def test_an_impossible_number_is_nobodys(sender: str) -> None:
    """Short codes and names neither: there is nobody to answer. It is told of."""
    assert "no_number" == kind(sms(From=sender, Body="hi"))
    assert "" == person_of(sender)


@pytest.mark.parametrize(
    "wrong",
    [
        {"From": "9" * 321},
        {"Body": "x" * 65_537},
        {"NumMedia": "-1"},
        {"NumMedia": "many"},
        {"NumMedia": "17"},
        {"NumMedia": "1"},
        {"NumMedia": "2", "MediaUrl0": "https://a.example/1"},
        {"Latitude": "5.6"},
        {"Latitude": "91", "Longitude": "0"},
        {"Latitude": "0", "Longitude": "-181"},
        {"Latitude": "nan", "Longitude": "0"},
        {"Latitude": "1e2", "Longitude": "0"},
        {"Latitude": "", "Longitude": ""},
        {"OriginalRepliedMessageSid": "é"},
    ],
)
def test_wrong_or_missing_fields_are_told_of(wrong: dict[str, str]) -> None:
    """It is signed: refused, it would not come again."""
    assert "malformed" == kind(sms(**wrong))


@pytest.mark.parametrize("value", [None, 1.5, [], {}, True])
@pytest.mark.parametrize("name", ["From", "Body", "NumMedia", "ButtonPayload"])
def test_wrong_types_in_json_are_told_of(name: str, value: object) -> None:
    """Null is absent; anything else that is no text is not read."""
    (found,) = gateway().read(json_request(sms() | {name: value}))
    is_absent = value is None and name != "From"

    assert isinstance(found, Heard if is_absent else Notice)


def test_a_message_without_sender_is_told_of() -> None:
    """There is nobody to answer."""
    body = sms(Body="hi")
    del body["From"]

    assert "malformed" == kind(body)


def test_unknown_message_kinds_are_told_of() -> None:
    """By Twilio's name, if it is one; SMS have no kinds."""
    assert "reaction" == kind(whatsapp(MessageType="reaction"), platform="whatsapp")
    assert "unknown" == kind(whatsapp(MessageType="a b\n"), platform="whatsapp")
    assert "" == heard(sms(MessageType="reaction")).answer.text


@pytest.mark.parametrize("prefix", ["whatsapp:", "rcs:", "messenger:"])
def test_another_channel_is_told_of(prefix: str) -> None:
    """A service may have senders of several; ours answers on one."""
    assert "other_channel" == kind(sms(From=f"{prefix}{AMA}", Body="hi"))


def test_each_media_is_an_input() -> None:
    """In order, under ids of their own; the text is the first one's."""
    media = {f"MediaUrl{n}": f"https://a.example/ME{n}?x=/y" for n in range(3)}
    found = read(sms(NumMedia="3", Body="look", **media))

    assert [MESSAGE, f"{MESSAGE}/1", f"{MESSAGE}/2"] == [one.id for one in found]
    answers = [one.answer for one in found if isinstance(one, Heard)]
    assert ["look", "", ""] == [answer.text for answer in answers]
    assert ["ME0", "ME1", "ME2"] == [
        answer.attachment.id for answer in answers if answer.attachment
    ]


def test_nothing_that_was_said_is_in_a_repr() -> None:
    """Numbers, names and texts stay out of logs."""
    said = [*read(sms(Body="secret")), *read(sms(Body="secret", NumMedia="1"))]
    found = repr(said) + repr(request(sms(Body="secret")))

    assert "secret" not in found
    assert AMA.removeprefix("+") not in found


NAMES = st.sampled_from(
    [
        *{name for body in (sms(), whatsapp()) for name in body},
        "MessageStatus", "ErrorCode", "Body", "MediaUrl0", "MediaContentType0", "Latitude", "Longitude",
        "ButtonPayload", "ListId", "OptOutType", "MessagingServiceSid", "Label",
    ]
)  # fmt: skip


@given(st.sampled_from(INBOUND), st.dictionaries(NAMES, st.none() | st.text(max_size=12)))
def test_whatever_stands_in_a_webhook_is_read_or_refused(
    name: str, changes: dict[str, str | None]
) -> None:
    """Any text in any field of any recorded webhook, or none: read, or refused; never another error."""
    exchange = recorded(name)
    changed: dict[str, str | None] = exchange["body"] | changes
    body = {key: value for key, value in changed.items() if value is not None}
    raw = urlencode(body, errors="surrogatepass").encode()
    try:
        gateway(**exchange["settings"]).read(request(raw, query=exchange["query"]))
        gateway(**exchange["settings"]).read(json_request(changed))
    except (InvalidInput, Refused):
        return


@given(st.binary(max_size=200), st.sampled_from(INBOUND), st.data())
def test_whatever_bytes_come_are_read_or_refused(
    noise: bytes, name: str, data: st.DataObject
) -> None:
    """Noise, and recorded webhooks with noise inside."""
    body = urlencode(recorded(name)["body"]).encode()
    cut = data.draw(st.integers(0, len(body)))
    for raw in (noise, body[:cut] + noise + body[cut:], body[:cut]):
        for came in (request(raw), json_request(raw)):
            try:
                gateway().read(came)
            except (InvalidInput, Refused):
                continue
