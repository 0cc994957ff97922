"""Telegram as a gateway (sessiond/gateways/telegram/gateway.py)."""

import json

import msgspec
import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Attachment
from sessiond.core.flows.prompts import AttachmentKind, Message, Output
from sessiond.core.gateways.arrivals import Heard, StatusUpdate
from sessiond.core.gateways.messages import ProviderAnswer, ProviderResponse
from sessiond.core.gateways.port import (
    CallingGateway,
    DownloadingGateway,
    ReceiptGateway,
    Sent,
    Template,
)
from sessiond.gateways.telegram import KIND, Telegram, TelegramSettings
from sessiond.gateways.telegram.gateway import MAX_BODY
from tests.gateways.telegram.updates import (
    CHAT,
    SECRET,
    TOKEN,
    gateway,
    message,
    read,
    request,
    settings,
    tap,
)

HI = Output(messages=(Message("hi"),))


def status_of(answer: ProviderAnswer | None) -> int:
    assert answer is not None
    return answer.status


def test_media_come_down_in_two_calls() -> None:
    """One says where the file is, the other fetches it."""
    telegram = gateway()
    photo = Attachment(kind=AttachmentKind.IMAGE, id="AgACAgQ")
    found = ProviderResponse(status=200, body=b'{"ok":true,"result":{"file_path":"photos/1.jpg"}}')

    assert isinstance(telegram, DownloadingGateway)
    assert telegram.media_address(photo).url.endswith("/getFile")
    assert telegram.download(found).url.endswith("/photos/1.jpg")
    assert 20 * 1024 * 1024 == telegram.download_bytes


def test_it_is_a_calling_gateway() -> None:
    """It has all that the port asks for, receipts too, under FlowChat's name; it is always open for messages."""
    telegram: CallingGateway = gateway()

    assert isinstance(telegram, CallingGateway)
    assert isinstance(telegram, ReceiptGateway)
    assert ("telegram_bot_api", "telegram") == (telegram.name, telegram.platform)
    assert (4096, None) == (telegram.limits.characters, telegram.limits.window_seconds)
    assert ("telegram", TelegramSettings, Telegram) == (KIND.name, KIND.settings, KIND.open)


def test_who_has_the_secret_may_call() -> None:
    """Nothing else is asked."""
    assert gateway().check(request(message(text="hi"))) is None


@pytest.mark.parametrize(
    "secret",
    [None, "", SECRET[:-1], SECRET + "0", SECRET.upper(), " " + SECRET, "é", "\udc80", TOKEN],
)
def test_a_wrong_or_missing_secret_is_refused(secret: str | None) -> None:
    """401 before anything is parsed: Telegram sends again, so that a wrong secret makes messages late and not lost."""
    forged = request(b"[not json", x_telegram_bot_api_secret_token=secret)

    assert 401 == status_of(gateway().check(forged))


def test_any_active_secret_will_do() -> None:
    """While one is being replaced."""
    both = gateway(secret_tokens=("new-secret-0123456789", SECRET))

    assert both.check(request(b"{}")) is None
    new = request(b"{}", x_telegram_bot_api_secret_token="new-secret-0123456789")
    assert both.check(new) is None
    old = request(b"{}", x_telegram_bot_api_secret_token="old-secret-0123456789")
    assert 401 == status_of(both.check(old))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_other_methods_are_refused(method: str) -> None:
    """A webhook is called in one way."""
    assert 405 == status_of(gateway().check(msgspec.structs.replace(request(b"{}"), method=method)))


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/x-www-form-urlencoded"]
)
def test_a_wrong_content_type_is_refused(media_type: str | None) -> None:
    """A form where JSON is due, too."""
    assert 415 == status_of(gateway().check(request(b"{}", content_type=media_type)))


def test_the_content_type_may_have_parameters() -> None:
    """A character set changes nothing."""
    assert gateway().check(request(b"{}", content_type="Application/JSON; charset=utf-8")) is None


@pytest.mark.parametrize("size", [MAX_BODY + 1, 3_000_000, 10_000_000])
def test_a_body_of_three_or_ten_megabytes_is_refused(size: int) -> None:
    """An update is one message: there are no batches, and nothing of that size."""
    assert 413 == status_of(gateway().check(request(b" " * size)))


def test_an_acknowledgement_is_empty() -> None:
    """Telegram reads the status; a body would be taken for a call."""
    assert ProviderAnswer(status=200, body=b"", media_type="text/plain") == gateway().acknowledge()


def test_a_call_names_the_token_but_does_not_have_it() -> None:
    """Calls are stored: the secret is filled into the address when they are made."""
    (call,) = gateway().calls(HI, str(CHAT), reference="d1")

    assert "https://api.telegram.org/bot{bot_token}/sendMessage" == call.url
    assert ("POST", "application/json", {}) == (call.method, call.media_type, call.headers)
    assert {"bot_token": TOKEN} == gateway().credentials
    assert CHAT == json.loads(call.body)["chat_id"]


def test_the_address_of_the_api_is_a_setting() -> None:
    """A Bot API server of one's own, or a server that plays Telegram."""
    (call,) = gateway(api_url="http://127.0.0.1:9000").calls(HI, "-100123")

    assert "http://127.0.0.1:9000/bot{bot_token}/sendMessage" == call.url


@pytest.mark.parametrize("to", ["", "ama", "@ama", "+233241112223", "1.5", "٢", "5512\n", "9" * 20])
def test_an_unknown_chat_is_refused(to: str) -> None:
    """Nobody is nobody: a chat has a number. It is not repeated."""
    with pytest.raises(InvalidInput, match=r"^telegram: a message needs the id of a chat$"):
        gateway().calls(HI, to)


def test_there_are_no_templates() -> None:
    """There is no window that would need them."""
    with pytest.raises(InvalidInput, match="templates"):
        gateway().template(Template(name="bill", language="en"), str(CHAT))


def test_a_tap_has_a_receipt() -> None:
    """Until it is told of, the app shows the button as waiting."""
    heard = read(tap())
    assert isinstance(heard, Heard)
    call = gateway().receipt(heard)

    assert call is not None
    assert call.url.endswith("/answerCallbackQuery")
    assert {"callback_query_id": "4382bfdwdsb323b2d9"} == json.loads(call.body)


def test_a_message_has_no_receipt() -> None:
    """Nobody waits for one."""
    heard = read(message(text="hi"))

    assert isinstance(heard, Heard)
    assert gateway().receipt(heard) is None


def test_answers_are_judged() -> None:
    """The gateway says what an answer of its provider means."""
    body = b'{"ok":true,"result":{"message_id":19}}'

    assert Sent("19") == gateway().judge(ProviderResponse(status=200, body=body))


def test_a_status_says_nothing() -> None:
    """There are none: what is asked all the same leaves a message as it was."""
    telegram: CallingGateway = gateway()

    assert telegram.judge_status(StatusUpdate(id="1", state="failed", recipient="")) is None


def test_a_host_that_cannot_be_read_is_no_error() -> None:
    """The address is the edge's to make; what it means for session keys is theirs to say."""
    odd = msgspec.structs.replace(request(message(text="hi")), url="https://[bad")

    assert 1 == len(gateway().read(odd))


def test_secrets_are_not_shown() -> None:
    """Neither settings nor gateway nor request show a credential."""
    shown = repr(settings()) + repr(gateway()) + repr(request(message(text="hi")))

    assert not any(secret in shown for secret in (TOKEN, SECRET))
