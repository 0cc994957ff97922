"""Twilio as a gateway (sessiond/gateways/twilio/gateway.py)."""

import base64
from typing import Any

import msgspec
import pytest

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.flows.answers import Attachment
from sessiond.core.flows.prompts import AttachmentKind, Message, Output
from sessiond.core.gateways.arrivals import StatusUpdate
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest, ProviderResponse
from sessiond.core.gateways.port import (
    CallingGateway,
    DownloadingGateway,
    GivenUp,
    Judgement,
    ReceiptGateway,
    Sent,
    Template,
    TryAgain,
    UploadingGateway,
    WindowClosed,
)
from sessiond.core.gateways.refusals import Check
from sessiond.gateways.twilio import KIND, Twilio, TwilioSettings
from sessiond.gateways.twilio.gateway import MAX_BODY
from tests.gateways.twilio.webhooks import (
    ACCOUNT,
    AMA,
    CONTENT,
    FORM,
    KEY,
    MESSAGE,
    OURS,
    SERVICE,
    TOKEN,
    form_of,
    gateway,
    json_request,
    read,
    request,
    settings,
    sms,
    status,
    whatsapp,
)

HI = Output(messages=(Message("hi"),))


def status_of(answer: ProviderAnswer | None) -> int:
    assert answer is not None
    return answer.status


def test_it_is_a_calling_gateway() -> None:
    """It has all that the port asks for; nobody waits for receipts."""
    twilio: CallingGateway = gateway()

    assert isinstance(twilio, CallingGateway)
    assert not isinstance(twilio, ReceiptGateway)
    assert ("twilio", "sms") == (twilio.name, twilio.platform)
    assert (1600, None) == (twilio.limits.characters, twilio.limits.window_seconds)
    assert ("twilio", TwilioSettings, Twilio) == (KIND.name, KIND.settings, KIND.open)


def test_whatsapp_has_a_window() -> None:
    """Of a day; SMS have none."""
    twilio = gateway(platform="whatsapp")

    assert ("whatsapp", 86_400.0) == (twilio.platform, twilio.limits.window_seconds)


def test_what_is_signed_may_come_in() -> None:
    """A form, or JSON with its hash; a status with its query."""
    assert gateway().check(request(sms(Body="hi"))) is None
    assert gateway().check(json_request(sms(Body="hi"))) is None
    assert gateway().check(request(status("sent"), query="reference=d%2B1")) is None


@pytest.mark.parametrize("header", [None, "", "x", "9pyy2ZSJda9ihJ1NNXPXtY4oV2Y="])
def test_a_wrong_or_missing_signature_is_refused(header: str | None) -> None:
    """403, as Twilio's pages have it; nothing of the request is repeated."""
    answer = gateway().check(request(sms(Body="hi"), x_twilio_signature=header))

    check = Check.SIGNATURE_WRONG if header else Check.SIGNATURE_MISSING
    assert ProviderAnswer(status=403, media_type="text/plain", check=check) == answer


def test_a_changed_byte_is_refused() -> None:
    """Of the body, or of the query."""
    signed = request(sms(Body="hi"), query="reference=d1")
    body = signed.body.replace(b"Body=hi", b"Body=ho")

    assert 403 == status_of(gateway().check(msgspec.structs.replace(signed, body=body)))
    url = signed.url.replace("d1", "d2")
    assert 403 == status_of(gateway().check(msgspec.structs.replace(signed, url=url)))


def test_any_active_token_will_do() -> None:
    """While one is being replaced; calls are made with the first."""
    new = "new-token-0123456789abcdef"
    both = gateway(auth_tokens=(new, TOKEN))

    assert both.check(request(sms())) is None
    assert both.check(request(sms(), token=new)) is None
    assert 403 == status_of(both.check(request(sms(), token="old-token-0123456789abcdef")))
    expected = base64.b64encode(f"{ACCOUNT}:{new}".encode()).decode()
    assert {"basic": expected} == both.credentials


@pytest.mark.parametrize("media_type", [None, "", "text/plain", "text/xml", "multipart/form-data"])
def test_a_wrong_content_type_is_refused(media_type: str | None) -> None:
    """Twilio sends forms, and JSON."""
    assert 415 == status_of(gateway().check(request(sms(), content_type=media_type)))


def test_a_form_where_json_is_due_is_refused() -> None:
    """And the reverse: each is signed in its own way."""
    came = json_request(sms(Body="hi"))

    assert 403 == status_of(
        gateway().check(
            msgspec.structs.replace(came, headers={**came.headers, "content-type": FORM})
        )
    )
    assert 403 == status_of(gateway().check(request(sms(), content_type="application/json")))


def test_the_content_type_may_have_parameters() -> None:
    """Twilio names the character set."""
    assert gateway().check(request(sms(), content_type=f"{FORM}; charset=UTF-8")) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_other_methods_are_refused(method: str) -> None:
    """Webhooks are set to POST, which is how they come unless somebody changes it."""
    assert 405 == status_of(gateway().check(msgspec.structs.replace(request(sms()), method=method)))


@pytest.mark.parametrize("size", [MAX_BODY + 1, 3_000_000, 10_000_000])
def test_a_body_of_three_or_ten_megabytes_is_refused(size: int) -> None:
    """Before anything is computed of it: there are no batches."""
    assert 413 == status_of(gateway().check(request(b"A" * size)))


@pytest.mark.parametrize("account", ["", "AC" + "f" * 32, ACCOUNT.lower()])
def test_an_unknown_account_is_refused(account: str) -> None:
    """Another account's messages and statuses are not ours."""
    for body in (sms(AccountSid=account), status("sent", AccountSid=account)):
        with pytest.raises(Refused) as caught:
            read(body)
        assert ErrorCode.FORBIDDEN == caught.value.code
        assert AMA not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (sms(To="+14155550000"), {}),
        (sms(To=""), {}),
        (sms(To=OURS, MessagingServiceSid=SERVICE), {"sender": "", "messaging_service_sid": SERVICE[:-1] + "9"}),
        (whatsapp(To="whatsapp:+14155550000"), {"platform": "whatsapp"}),
    ],
)  # fmt: skip
def test_another_numbers_webhook_is_refused(body: dict[str, str], changes: dict[str, Any]) -> None:
    """Its owner notices: nothing of it is kept."""
    with pytest.raises(Refused) as caught:
        read(body, **changes)
    assert ErrorCode.FORBIDDEN == caught.value.code
    assert "another number" in str(caught.value)


@pytest.mark.parametrize("sid", ["", "x", "SM", "SM/..", "é", "SM" + "a" * 63])
def test_a_message_without_id_is_refused(sid: str) -> None:
    """It could not be told from its repeats."""
    with pytest.raises(InvalidInput, match="MessageSid"):
        read(sms(MessageSid=sid))


@pytest.mark.parametrize("body", [b"", b"Body=hi", b"\xff", b"%ff", b"&&&", b"{}"])
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    """Empty, half, binary: a clear error."""
    with pytest.raises((InvalidInput, Refused), match=r"^twilio: "):
        gateway().read(request(body))


def test_a_host_that_cannot_be_read_is_no_error() -> None:
    """The address is the edge's to make; what it means for session keys is theirs to say."""
    assert 1 == len(
        gateway().read(msgspec.structs.replace(request(sms(Body="hi")), url="https://[bad"))
    )


def test_an_acknowledgement_says_nothing() -> None:
    """TwiML without instructions; answers leave as calls."""
    answer = gateway().acknowledge()

    assert (200, "text/xml") == (answer.status, answer.media_type)
    assert answer.body.endswith(b"<Response/>")


def test_a_call_names_the_credentials_but_does_not_have_them() -> None:
    """Calls are stored: the secret is filled in when they are made."""
    (call,) = gateway().calls(HI, AMA)

    assert f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json" == call.url
    assert ("POST", FORM) == (call.method, call.media_type)
    assert {"authorization": "Basic {basic}"} == call.headers
    assert [["To", AMA], ["From", OURS], ["Body", "hi"]] == form_of(call)
    assert AMA not in repr(call)


def test_a_key_of_its_own_may_be_called_with() -> None:
    """It can be taken back without changing what webhooks are signed with."""
    secret = "api-key-secret-0123456789"
    found = gateway(api_key_sid=KEY, api_key_secret=secret).credentials

    assert f"{KEY}:{secret}" == base64.b64decode(found["basic"]).decode()


def test_the_address_of_the_api_is_a_setting() -> None:
    """Another region, or a server that plays Twilio."""
    (call,) = gateway(api_url="http://127.0.0.1:9000").calls(HI, AMA)

    assert call.url.startswith("http://127.0.0.1:9000/2010-04-01/Accounts/")


def test_who_has_no_number_is_addressed_by_their_id() -> None:
    """A person behind a user name on WhatsApp."""
    (call,) = gateway(platform="whatsapp").calls(HI, "GH.13491208655302741918")

    assert ["To", "whatsapp:GH.13491208655302741918"] == form_of(call)[0]


@pytest.mark.parametrize("to", ["", "0", "ama", "40404", "whatsapp:"])
def test_a_message_needs_a_recipient(to: str) -> None:
    """Nobody is nobody; it is not repeated."""
    with pytest.raises(InvalidInput, match=r"^twilio: a message needs a recipient$"):
        gateway().calls(HI, to)


def test_a_template_is_sent() -> None:
    """Outside of 24 hours it is all that WhatsApp accepts."""
    call = gateway(platform="whatsapp").template(Template(name=CONTENT, language="en"), AMA)

    assert ["ContentSid", CONTENT] == form_of(call)[-1]


def test_media_come_down_in_two_calls() -> None:
    """The address of our account leads to the file."""
    twilio = gateway()
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{MESSAGE}/Media/ME1"
    elsewhere = "https://mms.twiliocdn.com/AC/x?Signature=y"
    leads = ProviderResponse(status=307, headers={"location": elsewhere})

    assert isinstance(twilio, DownloadingGateway)
    assert not isinstance(twilio, UploadingGateway)
    photo = Attachment(kind=AttachmentKind.IMAGE, url=url)
    assert url == twilio.media_address(photo).url
    assert elsewhere == twilio.download(leads).url
    assert 16 * 1024 * 1024 == twilio.download_bytes


def test_answers_are_judged() -> None:
    """The gateway says what an answer of its provider means."""
    body = b'{"sid":"SM1","error_code":null}'

    assert Sent("SM1") == gateway().judge(ProviderResponse(status=201, body=body))


@pytest.mark.parametrize(
    ("update", "judged"),
    [
        (StatusUpdate(id="1", state="delivered", recipient=""), type(None)),
        (StatusUpdate(id="1", state="sent", recipient="", error_code=30003), type(None)),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=63016), WindowClosed),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=30003), GivenUp),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=30001), TryAgain),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=99999), GivenUp),
        (StatusUpdate(id="1", state="failed", recipient="", error_code="x"), GivenUp),
        (StatusUpdate(id="1", state="failed", recipient=""), GivenUp),
    ],
)
def test_a_status_may_tell_of_a_failure(update: StatusUpdate, judged: type[Judgement]) -> None:
    """Twilio accepts first and refuses later: the closed window is told by a status."""
    assert isinstance(gateway().judge_status(update), judged)


def test_secrets_are_not_shown() -> None:
    """Neither settings nor gateway nor request show a credential."""
    secret = "api-key-secret-0123456789"
    ours = settings(api_key_sid=KEY, api_key_secret=secret)
    came: ProviderRequest = request(sms())
    shown = repr(ours) + repr(Twilio(ours)) + repr(came)

    assert TOKEN not in shown
    assert secret not in shown
    assert came.headers["x-twilio-signature"] not in shown
