"""Media up and down (sessiond/gateways/whatsapp/media.py)."""

import email
import email.policy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.media import DownloadFailed, DownloadProblem
from sessiond.core.gateways.messages import LocalFile, ProviderCall, ProviderResponse
from sessiond.core.gateways.port import Sent
from sessiond.gateways.whatsapp.judging import judge
from sessiond.gateways.whatsapp.media import address_call, download_call, upload_call
from tests.gateways.whatsapp.webhooks import settings

ADDRESS = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=133&ext=1739&hash=ATv"
FOUND = {"messaging_product": "whatsapp", "url": ADDRESS, "mime_type": "image/jpeg", "id": "1"}


def answered(body: Any, status: int = 200) -> ProviderResponse:
    return ProviderResponse(status=status, body=json.dumps(body).encode())


def file(mime_type: str, name: str = "") -> LocalFile:
    return LocalFile(path="/srv/a", mime_type=mime_type, name=name)


def test_the_address_of_media_is_asked_for() -> None:
    """By id, of our number; the token is named, not there."""
    call = address_call("2754859441498128", settings())

    assert (
        "https://graph.facebook.com/v23.0/2754859441498128?phone_number_id=106540352242922"
        == call.url
    )
    assert ("GET", b"", "") == (call.method, call.body, call.media_type)
    assert {"authorization": "Bearer {access_token}"} == call.headers


@pytest.mark.parametrize(
    "media_id", ["", "../me", "1/2", "1?x", "1#", "{access_token}", "é", "1" * 129]
)
def test_an_id_is_no_path(media_id: str) -> None:
    """What would call something else with our token is refused."""
    with pytest.raises(DownloadFailed, match="id of media") as failed:
        address_call(media_id, settings())
    assert failed.value.problem is DownloadProblem.REFUSED


def test_a_file_is_fetched_with_our_token() -> None:
    """From Meta's host, as it was given; the address is not shown."""
    call = download_call(answered(FOUND), settings())

    assert ("GET", ADDRESS, b"") == (call.method, call.url, call.body)
    assert {"authorization": "Bearer {access_token}"} == call.headers
    assert "hash" not in repr(call)


def error(code: int | None, status: int = 400, **more: Any) -> tuple[Any, int]:
    return {"error": {"message": "about +233241112223", "code": code, **more}}, status


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (error(100, error_subcode=33), "expired"),
        (error(100), "expired"),
        (error(131052), "expired"),
        (({}, 404), "expired"),
        (error(190, 401), "refused"),
        (error(10, 403), "refused"),
        (({}, 401), "refused"),
        (error(4, 400), "unavailable"),
        (error(130429, 429), "unavailable"),
        (error(2, 500), "unavailable"),
        (({}, 500), "unavailable"),
        (error(None, 400), "unavailable"),
        (({}, 200), "unavailable"),
        (([], 200), "unavailable"),
        (({"url": None}, 200), "unavailable"),
    ],
)
def test_what_is_no_address_says_what_can_be_done(answer: tuple[Any, int], problem: str) -> None:
    """Ask the person again, look at the credentials, or try later; what Meta says of him is not repeated."""
    with pytest.raises(DownloadFailed) as failed:
        download_call(answered(*answer), settings())

    assert failed.value.problem == DownloadProblem(problem)
    assert "233241112223" not in str(failed.value)


@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://lookaside.fbsbx.com/x", "https://10.0.0.1/x"]
)
def test_nobody_else_gets_our_token(url: str) -> None:
    """Whoever could write an address into an answer would have it otherwise."""
    with pytest.raises(DownloadFailed, match="no host of Meta's") as failed:
        download_call(answered(FOUND | {"url": url}), settings())

    assert failed.value.problem is DownloadProblem.REFUSED


def fields_of(call: ProviderCall) -> dict[str, Any]:
    """Parse the form with the standard library's reader of MIME: an independent one."""
    head = f"Content-Type: {call.media_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + call.body, policy=email.policy.HTTP)
    return {
        str(part.get_param("name", header="content-disposition")): part
        for part in message.iter_parts()
    }


@given(st.binary(min_size=1, max_size=200), st.text(max_size=20))
def test_a_file_is_uploaded_as_it_is(content: bytes, name: str) -> None:
    """Whatever its bytes and its name are, the form has three fields, and the file is among them, whole."""
    call = upload_call(file("application/pdf", name), content, settings())
    fields = fields_of(call)

    assert {"messaging_product", "type", "file"} == set(fields)
    assert "whatsapp" == fields["messaging_product"].get_content().strip()
    assert content in call.body
    assert call.body.count(call.media_type.partition("boundary=")[2].encode()) == 4
    assert call.url.endswith("/v23.0/106540352242922/media")


def test_the_same_upload_is_the_same_call() -> None:
    """Nothing random is in it."""
    png = file("image/png", "a.png")

    assert upload_call(png, b"x", settings()) == upload_call(png, b"x", settings())


@pytest.mark.parametrize(
    ("size", "mime_type"),
    [(0, "image/png"), (5 * 1024 * 1024 + 1, "image/png"), (500 * 1024 + 1, "image/webp"), (1, "font/woff"),
     (1, "")],
)  # fmt: skip
def test_what_meta_would_refuse_is_refused(size: int, mime_type: str) -> None:
    """Empty, too large for its kind, or of no kind."""
    with pytest.raises(InvalidInput, match="a file"):
        upload_call(file(mime_type), b"x" * size, settings())


def test_the_id_of_an_upload_is_what_was_sent() -> None:
    """It is judged like any call."""
    assert Sent("1234567890") == judge(ProviderResponse(status=200, body=b'{"id":"1234567890"}'))
