"""WhatsApp as a gateway (sessiond/gateways/whatsapp/gateway.py)."""

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Attachment, Location
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    Media,
    Message,
    Output,
    Prompt,
    PromptKind,
)
from sessiond.core.gateways.arrivals import StatusUpdate
from sessiond.core.gateways.messages import (
    LocalFile,
    ProviderAnswer,
    ProviderRequest,
    ProviderResponse,
)
from sessiond.core.gateways.port import (
    CallingGateway,
    DownloadingGateway,
    GivenUp,
    Judgement,
    Sent,
    Template,
    TryAgain,
    UploadingGateway,
    WindowClosed,
)
from sessiond.gateways.whatsapp.gateway import MAX_BODY
from tests.gateways.whatsapp.webhooks import (
    SECRET,
    change,
    gateway,
    request,
    settings,
    signature,
    text,
    webhook,
)

#: The vector of the reference: the secret is ``app-secret``.
VECTOR = b'{"object":"whatsapp_business_account","entry":[]}'
VECTOR_SIGNATURE = "sha256=d3e4f9da0ce6c71ab3dba55929b8eeeee2455349e534924ead19f98d143e904f"


def verification(**query: str) -> ProviderRequest:
    given = {"mode": "subscribe", "verify_token": "verify-me", "challenge": "1158201444"} | query
    return ProviderRequest(
        method="GET",
        url="https://bots.example.com/gateways/whatsapp",
        path="/gateways/whatsapp",
        query=urlencode({f"hub.{name}": value for name, value in given.items()}),
    )


def status_of(answer: ProviderAnswer | None) -> int:
    assert answer is not None
    return answer.status


def test_it_is_a_calling_gateway() -> None:
    """It has all that the port asks for, under FlowChat's names."""
    whatsapp: CallingGateway = gateway()

    assert isinstance(whatsapp, CallingGateway)
    assert ("whatsapp_cloud_api", "whatsapp") == (whatsapp.name, whatsapp.platform)
    assert 4096 == whatsapp.limits.characters


def test_a_verification_is_answered_with_its_challenge() -> None:
    """As plain text, for whoever knows the token."""
    answer = gateway().check(verification())

    assert ProviderAnswer(status=200, body=b"1158201444", media_type="text/plain") == answer


@pytest.mark.parametrize(
    "query",
    [
        {"verify_token": "verify-mE"},
        {"verify_token": ""},
        {"verify_token": "verify-me "},
        {"verify_token": "vérify"},
        {"mode": "unsubscribe"},
        {"mode": ""},
    ],
)
def test_a_wrong_verify_token_is_refused(query: dict[str, str]) -> None:
    """Fault 20: the challenge is not repeated to anybody else."""
    answer = gateway().check(verification(**query))

    assert 403 == status_of(answer)
    assert b"" == (answer and answer.body)


@pytest.mark.parametrize("challenge", ["", "<script>\n", "x" * 1025, "é"])
def test_an_odd_challenge_is_refused(challenge: str) -> None:
    """Nothing but a word is repeated, whoever knows the token."""
    assert 400 == status_of(gateway().check(verification(challenge=challenge)))


def test_a_token_that_came_twice_is_refused() -> None:
    """Which of the two was checked would be a matter of taste."""
    twice = verification()
    query = f"{twice.query}&hub.verify_token=verify-me"

    assert 403 == status_of(gateway().check(msgspec.structs.replace(twice, query=query)))


def test_the_vector_of_the_reference_is_accepted() -> None:
    """The signature is over the raw bytes, in hex, after ``sha256=``."""
    assert gateway().check(request(VECTOR, x_hub_signature_256=VECTOR_SIGNATURE)) is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        VECTOR_SIGNATURE.removeprefix("sha256="),
        VECTOR_SIGNATURE.replace("sha256", "sha1"),
        VECTOR_SIGNATURE[:-1],
        VECTOR_SIGNATURE + "0",
        VECTOR_SIGNATURE + "\n",
        VECTOR_SIGNATURE.replace("d3e4", "d3e5"),
        "sha256=" + "é" * 64,
        signature(VECTOR, "another secret"),
    ],
)
def test_a_wrong_or_missing_signature_is_refused(header: str | None) -> None:
    """401, before anything is parsed: Meta sends again, so that a wrong secret makes messages late and not lost."""
    assert 401 == status_of(gateway().check(request(VECTOR, x_hub_signature_256=header)))


def test_an_unsigned_request_can_be_dropped() -> None:
    """As FlowChat 0.10 does (fault 19: after a 401 Meta repeats for days): answered 200, and not read."""
    answer = gateway(drops_unsigned=True).check(request(VECTOR, x_hub_signature_256=None))

    assert 200 == status_of(answer)


@given(st.integers(0, len(VECTOR) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused(index: int, flipped: int) -> None:
    """Any one byte."""
    body = bytearray(VECTOR)
    body[index] ^= flipped

    assert 401 == status_of(
        gateway().check(request(bytes(body), x_hub_signature_256=VECTOR_SIGNATURE))
    )


def test_any_active_secret_will_do() -> None:
    """While a secret is being replaced, both sign."""
    both = gateway(app_secrets=("new secret!".replace(" ", "-"), SECRET))

    assert both.check(request(VECTOR)) is None
    assert both.check(request(VECTOR, x_hub_signature_256=signature(VECTOR, "new-secret!"))) is None
    assert 401 == status_of(
        both.check(request(VECTOR, x_hub_signature_256=signature(VECTOR, "old")))
    )


def test_nothing_in_a_request_skips_the_signature() -> None:
    """Faults 19 and 20: no flag of a simulator in the body, no header of a test tool."""
    body = json.dumps(webhook(change(messages=[text()])) | {"simulator_mode": True}).encode()
    forged = request(
        body, x_hub_signature_256=None, x_mock_testing="true", cookie="flowchat_simulator=1:00"
    )

    assert 401 == status_of(gateway().check(forged))


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_a_wrong_content_type_is_refused(media_type: str | None) -> None:
    """A form where JSON is due, too."""
    assert 415 == status_of(gateway().check(request(VECTOR, content_type=media_type)))


def test_the_content_type_may_have_parameters() -> None:
    """Meta's may name a character set."""
    assert gateway().check(request(VECTOR, content_type="Application/JSON; charset=utf-8")) is None


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(method: str) -> None:
    """There are two ways to call a webhook."""
    assert 405 == status_of(
        gateway().check(msgspec.structs.replace(request(VECTOR), method=method))
    )


def test_a_body_of_ten_megabytes_is_refused() -> None:
    """Before its signature is computed; three megabytes are Meta's largest."""
    assert 413 == status_of(gateway().check(request(b" " * 10_000_000)))
    assert gateway().check(request(b" " * 3_000_000)) is None
    assert MAX_BODY < 10_000_000


def test_a_host_that_cannot_be_read_is_no_error() -> None:
    """The address is the edge's to make; what it means for session keys is theirs to say."""
    odd = msgspec.structs.replace(request(webhook(change(messages=[text()]))), url="https://[bad")

    assert 1 == len(gateway().read(odd))


def test_an_acknowledgement_is_empty() -> None:
    """Meta reads the status alone."""
    assert ProviderAnswer(status=200, body=b"", media_type="text/plain") == gateway().acknowledge()


def body_of(call: Any) -> Any:
    return json.loads(call.body)


def test_a_call_names_the_token_but_does_not_have_it() -> None:
    """Calls are stored: the secret is filled in when they are made."""
    (call,) = gateway().calls(Output(messages=(Message("hi"),)), "+233241112223")

    assert "https://graph.facebook.com/v23.0/106540352242922/messages" == call.url
    assert ("POST", "application/json") == (call.method, call.media_type)
    assert {"authorization": "Bearer {access_token}"} == call.headers
    assert {"access_token": "EAAG-token"} == gateway().credentials
    assert {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "233241112223",
        "type": "text",
        "text": {"body": "hi", "preview_url": False},
    } == body_of(call)
    assert "233241112223" not in repr(call)


def test_who_has_no_number_is_addressed_by_their_id() -> None:
    """A person behind a user name has a business-scoped id."""
    (call,) = gateway().calls(Output(messages=(Message("hi"),)), "GH.13491208655302741918")

    assert "GH.13491208655302741918" == body_of(call)["recipient"]
    assert "to" not in body_of(call)


def test_a_message_needs_a_recipient() -> None:
    """Nobody is nobody."""
    with pytest.raises(InvalidInput, match="recipient"):
        gateway().calls(Output(messages=(Message("hi"),)), "")


def test_the_address_of_the_api_is_a_setting() -> None:
    """Another version, or a server that plays Meta."""
    whatsapp = gateway(api_url="http://127.0.0.1:9000/graph", api_version="v25.0")
    call = whatsapp.seen("wamid.1")

    assert "http://127.0.0.1:9000/graph/v25.0/106540352242922/messages" == call.url


def test_a_read_receipt_may_show_that_we_type() -> None:
    """Both are one call, about the person's message."""
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1"}

    assert read == body_of(gateway().seen("wamid.1"))
    assert read | {"typing_indicator": {"type": "text"}} == body_of(
        gateway().seen("wamid.1", types=True)
    )


def test_a_place_is_sent() -> None:
    """With its name and address, where there are some."""
    call = gateway().location(
        Location(latitude=5.6, longitude=-0.18, name="Accra"), "+233241112223"
    )

    assert {"latitude": 5.6, "longitude": -0.18, "name": "Accra"} == body_of(call)["location"]


def test_a_template_is_sent() -> None:
    """Outside of 24 hours it is all that is accepted."""
    call = gateway().template(
        Template(name="bill", language="en_US", parameters={"1": "5"}), "+233241112223"
    )

    assert "template" == body_of(call)["type"]
    assert "bill" == body_of(call)["template"]["name"]


def test_media_go_up_and_come_down() -> None:
    """Each way is a call of its own, judged like others."""
    whatsapp = gateway()
    address = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1"
    found = ProviderResponse(status=200, body=json.dumps({"url": address}).encode())
    photo = Attachment(kind=AttachmentKind.IMAGE, id="275")

    assert isinstance(whatsapp, UploadingGateway)
    assert isinstance(whatsapp, DownloadingGateway)
    assert "POST" == whatsapp.upload(LocalFile(path="/a", mime_type="image/png"), b"x").method
    assert "/v23.0/275?" in whatsapp.media_address(photo).url
    assert address == whatsapp.download(found).url
    assert 29 * 86400 == whatsapp.upload_keeps_seconds
    assert 100 * 1024 * 1024 == whatsapp.download_bytes


def test_a_file_goes_with_the_call_that_shows_it() -> None:
    """Its id is filled in once it was uploaded; texts before and after it have no file. A document shows its name."""
    bill = Media(kind=AttachmentKind.DOCUMENT, path="/srv/bills/17.pdf")
    long = "word " * 1000
    output = Output(messages=(Message("Your bill", bill), Message(long, bill), Message("Bye")))
    calls = gateway().calls(output, "+233241112223")

    document = {"id": "{media_id}", "filename": "17.pdf"}
    assert document | {"caption": "Your bill"} == body_of(calls[0])["document"]
    assert document == body_of(calls[1])["document"]
    of = LocalFile(path="/srv/bills/17.pdf", mime_type="application/pdf", name="17.pdf")
    assert [of, of, None, None, None] == [call.file for call in calls]


def test_a_file_may_be_the_header_of_buttons_and_stand_before_a_list() -> None:
    """With few choices it is above them, with more a message of its own."""
    photo = Media(path="/srv/a.jpg")
    for count, files in ((2, 1), (5, 1), (11, 1)):
        prompt = Prompt(
            kind=PromptKind.CHOICE,
            key="k",
            screen="s",
            text="Which?",
            choices=tuple(Choice(f"c{n}", f"Choice {n}", n) for n in range(1, count + 1)),
            media=photo,
        )
        calls = gateway().calls(Output(prompt=prompt), "+233241112223")

        assert files == len([call for call in calls if call.file is not None])
        assert [b"{media_id}" in call.body for call in calls] == [bool(call.file) for call in calls]


def test_a_file_of_no_type_is_refused() -> None:
    """Before anything is stored: the author hears of it."""
    output = Output(messages=(Message("Hi", Media(path="/srv/a")),))

    with pytest.raises(InvalidInput, match="mime_type"):
        gateway().calls(output, "+233241112223")


def test_an_id_goes_before_a_file_and_a_file_before_an_address() -> None:
    """What the provider has need not be uploaded; an address is for those that take no uploads."""
    url = "https://example.com/a.jpg"
    both = Output(messages=(Message("", Media(path="/srv/a.jpg", url=url)),))
    all_three = Output(messages=(Message("", Media(path="/srv/a.jpg", url=url, id="5")),))

    (call,) = gateway().calls(both, "+233241112223")
    assert ({"id": "{media_id}"}, True) == (body_of(call)["image"], call.file is not None)
    (call,) = gateway().calls(all_three, "+233241112223")
    assert ({"id": "5"}, None) == (body_of(call)["image"], call.file)


def test_answers_are_judged() -> None:
    """The gateway says what an answer of its provider means."""
    assert Sent("wamid.1") == gateway().judge(
        ProviderResponse(status=200, body=b'{"messages":[{"id":"wamid.1"}]}')
    )


@pytest.mark.parametrize(
    ("update", "judged"),
    [
        (StatusUpdate(id="1", state="delivered", recipient=""), type(None)),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=131047), WindowClosed),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=131026), GivenUp),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=131048), TryAgain),
        (StatusUpdate(id="1", state="failed", recipient="", error_code=7), GivenUp),
        (StatusUpdate(id="1", state="failed", recipient="", error_code="x"), GivenUp),
        (StatusUpdate(id="1", state="failed", recipient=""), GivenUp),
    ],
)
def test_a_status_may_tell_of_a_failure(update: StatusUpdate, judged: type[Judgement]) -> None:
    """Meta accepts first and refuses later: the closed window is told by a status."""
    assert isinstance(gateway().judge_status(update), judged)


def test_secrets_are_not_shown() -> None:
    """Neither settings nor gateway show a credential."""
    shown = repr(settings()) + repr(gateway()) + repr(request(VECTOR))

    assert not any(secret in shown for secret in ("EAAG", "verify-me", SECRET, "d3e4"))
