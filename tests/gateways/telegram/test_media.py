"""What people sent, fetched (sessiond/gateways/telegram/media.py)."""

import json
from typing import Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    Media,
    Message,
    Output,
    Prompt,
    PromptKind,
)
from sessiond.core.gateways.media import DownloadFailed, DownloadProblem
from sessiond.core.gateways.messages import LocalFile, ProviderCall, ProviderResponse
from sessiond.core.gateways.port import AttachingGateway
from sessiond.gateways.telegram.media import address_call, attached_call, download_call
from tests.core.gateways.test_multipart import read
from tests.gateways.telegram.updates import CHAT, gateway

API = "https://api.telegram.org"
BOT = f"{API}/bot{{bot_token}}/"


def answered(body: Any, status: int = 200) -> ProviderResponse:
    return ProviderResponse(status=status, body=json.dumps(body).encode())


def found(path: Any) -> ProviderResponse:
    result = {"file_id": "AgACAgQ", "file_unique_id": "x", "file_size": 7, "file_path": path}
    return answered({"ok": True, "result": result})


def refused(code: int, description: str = "", status: int | None = None) -> ProviderResponse:
    told = {"ok": False, "error_code": code, "description": description}
    return answered(told, status or code)


def test_the_path_of_a_file_is_asked_for() -> None:
    """By its id; the token is named, not there."""
    call = address_call("AgACAgQAAxkB-_x", BOT)

    assert ("POST", f"{BOT}getFile") == (call.method, call.url)
    assert {"file_id": "AgACAgQAAxkB-_x"} == json.loads(call.body)


@pytest.mark.parametrize("file_id", ["", "a b", "../x", "{bot_token}", "é", "a" * 257])
def test_what_is_no_id_is_not_asked_for(file_id: str) -> None:
    """Nobody has sent that."""
    with pytest.raises(DownloadFailed, match="no id of a file") as failed:
        address_call(file_id, BOT)

    assert failed.value.problem is DownloadProblem.REFUSED


def test_a_file_is_fetched_from_its_path() -> None:
    """Beside the API, with our token in its address."""
    call = download_call(found("photos/file_1.jpg"), API)

    assert ("GET", f"{API}/file/bot{{bot_token}}/photos/file_1.jpg", b"") == (
        call.method,
        call.url,
        call.body,
    )


@pytest.mark.parametrize(
    "path",
    ["../x", "photos/../../x", "/etc/passwd", "photos//x", "photos/x?y", "x#y", "x y", "{bot_token}",
     "@evil.example/x", "photos/.x/y"],
)  # fmt: skip
def test_no_other_path_is_called(path: str) -> None:
    """Also not one of this machine's, as a Bot API server of one's own may name."""
    with pytest.raises(DownloadFailed, match="no path") as failed:
        download_call(found(path), API)

    assert failed.value.problem is DownloadProblem.REFUSED


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (refused(400, "Bad Request: file is too big"), "too_large"),
        (
            refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable"),
            "expired",
        ),
        (refused(401, "Unauthorized"), "refused"),
        (refused(404, "Not Found"), "refused"),
        (refused(429, "Too Many Requests: retry after 5"), "unavailable"),
        (refused(502, "Bad Gateway"), "unavailable"),
        (refused(200, "?", 200), "unavailable"),
        (answered([], 500), "unavailable"),
        (answered([]), "unavailable"),
        (answered({"ok": True}), "unavailable"),
        (found(None), "unavailable"),
        (found(""), "unavailable"),
    ],
)
def test_what_is_no_file_says_what_can_be_done(answer: ProviderResponse, problem: str) -> None:
    """Bots are not handed out more than 20 MB."""
    with pytest.raises(DownloadFailed) as failed:
        download_call(answer, API)

    assert failed.value.problem == DownloadProblem(problem)


# What we send


def photo_of(path: str = "/srv/a.jpg", **more: Any) -> Media:
    return Media(path=path, **more)


def test_a_file_goes_with_the_message_that_shows_it() -> None:
    """As a form with the message's other fields; the keyboard is JSON in it."""
    prompt = Prompt(
        kind=PromptKind.CHOICE,
        key="k",
        screen="s",
        text="Is it *this*?",
        choices=(Choice("y", "Yes", 1), Choice("n", "No", 2)),
        media=photo_of(),
    )
    (call,) = gateway().calls(Output(prompt=prompt), str(CHAT))
    form = attached_call(call, b"JPEG")
    fields = read(form.body, form.media_type)

    assert isinstance(gateway(), AttachingGateway)
    assert LocalFile(path="/srv/a.jpg", mime_type="image/jpeg", name="a.jpg", kind="image") == (
        call.file
    )
    assert "{media_id}" == json.loads(call.body)["photo"]
    assert ("a.jpg", "image/jpeg", b"JPEG") == fields.pop("photo")
    told = {name: value[2].decode() for name, value in fields.items()}
    keyboard = json.loads(told.pop("reply_markup"))
    assert {"chat_id": str(CHAT), "caption": "Is it <i>this</i>?", "parse_mode": "HTML"} == told
    assert json.loads(call.body)["reply_markup"] == keyboard
    assert (call.url, None) == (form.url, form.file)


def test_only_the_message_that_shows_it_has_a_file() -> None:
    """Not its words, when they are too long for a caption; nor what has an id already."""
    messages = (Message("word " * 400, photo_of()), Message("", photo_of(id="5")))
    calls = gateway().calls(Output(messages=messages), str(CHAT))

    assert [True, False, False] == [call.file is not None for call in calls]
    assert "5" == json.loads(calls[-1].body)["photo"]


def test_a_text_is_not_taken_for_the_file() -> None:
    """Whatever it says."""
    output = Output(messages=(Message("{media_id}", photo_of()),))
    (call,) = gateway().calls(output, str(CHAT))
    form = attached_call(call, b"JPEG")
    fields = read(form.body, form.media_type)

    assert (b"JPEG", b"{media_id}") == (fields["photo"][2], fields["caption"][2])


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (AttachmentKind.IMAGE, 0),
        (AttachmentKind.IMAGE, 10 * 2**20 + 1),
        (AttachmentKind.DOCUMENT, 50 * 2**20 + 1),
    ],
)
def test_what_telegram_would_refuse_is_not_sent(kind: AttachmentKind, size: int) -> None:
    """Empty, or larger than bots may send."""
    output = Output(messages=(Message("", photo_of(kind=kind)),))
    (call,) = gateway().calls(output, str(CHAT))

    with pytest.raises(InvalidInput, match="has 1 to"):
        gateway().attach(call, b"x" * size)


def test_a_message_of_another_provider_takes_no_file() -> None:
    """The account was of another kind when it was written."""
    file = LocalFile(path="/srv/a.jpg", mime_type="image/jpeg")
    for body in (b"{}", b'{"image":{"id":"{media_id}"}}'):
        with pytest.raises(InvalidInput, match="shows no file"):
            attached_call(ProviderCall(url="https://example.com/x", body=body, file=file), b"x")
