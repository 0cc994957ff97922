"""Media up and down (sessiond/gateways/whatsapp/media.py)."""

import email
import email.policy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.core.gateways.port import Sent
from sessiond.gateways.whatsapp.judging import judge
from sessiond.gateways.whatsapp.media import (
    MediaFile,
    address_call,
    download_call,
    read_address,
    upload_call,
)
from tests.gateways.whatsapp.webhooks import settings

ADDRESS = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=133&ext=1739&hash=ATv"


def answered(body: Any, status: int = 200) -> MediaFile:
    return read_address(ProviderResponse(status=status, body=json.dumps(body).encode()))


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
    with pytest.raises(InvalidInput, match="id of media"):
        address_call(media_id, settings())


def test_an_address_is_read() -> None:
    """The size comes as a number or as a text."""
    told = {
        "messaging_product": "whatsapp",
        "url": ADDRESS,
        "mime_type": "image/jpeg",
        "sha256": "ab",
        "id": "1",
    }
    expected = MediaFile(url=ADDRESS, mime_type="image/jpeg", sha256="ab", size=303833)

    assert (
        expected
        == answered(told | {"file_size": "303833"})
        == answered(told | {"file_size": 303833})
    )
    assert answered(told | {"file_size": "big"}).size is None


@pytest.mark.parametrize(
    ("body", "status"), [({}, 200), ([], 200), ({"url": None}, 200), ({"url": ADDRESS}, 404)]
)
def test_what_is_no_address_is_refused(body: Any, status: int) -> None:
    """An error, or half an answer."""
    with pytest.raises(InvalidInput, match="no address"):
        answered(body, status)


def test_a_file_is_fetched_with_our_token() -> None:
    """From Meta's host, as it was given; the address is not shown."""
    call = download_call(MediaFile(url=ADDRESS), settings())

    assert ADDRESS == call.url
    assert "authorization" in call.headers
    assert "hash" not in repr(MediaFile(url=ADDRESS))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://lookaside.fbsbx.com/x",
        "https://evil.example/x",
        "https://evilfbsbx.com/x",
        "https://fbsbx.com.evil.example/x",
        "https://fbsbx.com@evil.example/x",
        "https://a:b@fbsbx.com/x",
        "https://fbsbx.com:8443/x",
        "https://fbsbx.com:x/",
        "https://evil.example\\.fbsbx.com/x",
        "https://fbsbx.com/{access_token}",
        "https://[fbsbx.com/",
        "https://fbsbx.com/é",
        "https://fbsbx.com/ x",
    ],
)
def test_nobody_else_gets_our_token(url: str) -> None:
    """Whoever could write an address into a message would have it otherwise."""
    with pytest.raises(InvalidInput, match="Meta's hosts"):
        download_call(MediaFile(url=url), settings())


def fields_of(call: ProviderCall) -> dict[str, Any]:
    """Parse the form with the standard library's reader of MIME: an independent one."""
    head = f"Content-Type: {call.media_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + call.body, policy=email.policy.HTTP)
    return {
        str(part.get_param("name", header="content-disposition")): part
        for part in message.iter_parts()
    }


@given(st.binary(min_size=1, max_size=200), st.text(max_size=20))
def test_a_file_is_uploaded_as_it_is(file: bytes, filename: str) -> None:
    """Whatever its bytes and its name are, the form has three fields, and the file is among them, whole."""
    call = upload_call(file, "application/pdf", filename, settings())
    fields = fields_of(call)

    assert {"messaging_product", "type", "file"} == set(fields)
    assert "whatsapp" == fields["messaging_product"].get_content().strip()
    assert file in call.body
    assert call.body.count(call.media_type.partition("boundary=")[2].encode()) == 4
    assert call.url.endswith("/v23.0/106540352242922/media")


def test_the_same_upload_is_the_same_call() -> None:
    """Nothing random is in it."""
    assert upload_call(b"x", "image/png", "a.png", settings()) == upload_call(
        b"x", "image/png", "a.png", settings()
    )


@pytest.mark.parametrize(
    ("size", "mime_type"),
    [(0, "image/png"), (5 * 1024 * 1024 + 1, "image/png"), (500 * 1024 + 1, "image/webp"), (1, "font/woff"),
     (1, ""), (1, "image"), (1, "image/png\r\nx: y"), (1, "Image/PNG")],
)  # fmt: skip
def test_what_meta_would_refuse_is_refused(size: int, mime_type: str) -> None:
    """Empty, too large for its kind, or of no kind."""
    with pytest.raises(InvalidInput, match="a file"):
        upload_call(b"x" * size, mime_type, "a", settings())


def test_the_id_of_an_upload_is_what_was_sent() -> None:
    """It is judged like any call."""
    assert Sent("1234567890") == judge(ProviderResponse(status=200, body=b'{"id":"1234567890"}'))
