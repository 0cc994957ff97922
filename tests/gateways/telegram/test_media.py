"""What people sent, fetched (sessiond/gateways/telegram/media.py)."""

import json
from typing import Any

import pytest

from sessiond.core.gateways.media import DownloadFailed, DownloadProblem
from sessiond.core.gateways.messages import ProviderResponse
from sessiond.gateways.telegram.media import address_call, download_call

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
