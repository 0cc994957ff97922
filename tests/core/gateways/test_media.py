"""Files that are sent and files that are fetched (sessiond/core/gateways/media.py)."""

from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import Media
from sessiond.core.gateways.media import (
    MEDIA_ID,
    Download,
    DownloadFailed,
    DownloadProblem,
    check_status,
    file_of,
    is_fetchable,
    with_media_id,
)
from sessiond.core.gateways.messages import LocalFile, ProviderCall

HOSTS = ("fbsbx.com", "whatsapp.net")
API = "https://graph.facebook.com"
LOCAL = "http://127.0.0.1:8080/provider"


def test_a_file_is_described_by_its_name() -> None:
    """Its type, and what the person sees it called; both can be said otherwise."""
    assert LocalFile(
        path="/srv/a/Bill.PDF", mime_type="application/pdf", name="Bill.PDF"
    ) == file_of(Media(path="/srv/a/Bill.PDF"))
    assert LocalFile(path="/srv/a/17", mime_type="image/png", name="bill.png") == file_of(
        Media(path="/srv/a/17", mime_type="image/png", filename="bill.png")
    )


def test_a_path_object_is_taken_too() -> None:
    """Authors have them."""
    path: Any = PurePosixPath("/srv/a.jpg")

    assert file_of(Media(path=path)).path == "/srv/a.jpg"


@pytest.mark.parametrize("path", ["a.jpg", "./a.jpg", "../a.jpg", "~/a.jpg"])
def test_a_path_that_depends_on_the_directory_is_refused(path: str) -> None:
    """The file is read later, perhaps by another process."""
    with pytest.raises(InvalidInput, match="begins with /"):
        Media(path=path)


def test_a_name_without_a_type_is_refused() -> None:
    """No provider takes a file of no type."""
    with pytest.raises(InvalidInput, match="mime_type="):
        file_of(Media(path="/srv/a/17"))


@pytest.mark.parametrize(
    "mime_type", ["image", "Image/PNG", "image/png\r\nx: y", "image/", "a/b/c"]
)
def test_what_is_no_type_is_refused(mime_type: str) -> None:
    """It becomes part of a form and of its headers."""
    with pytest.raises(InvalidInput, match="such as image/jpeg"):
        file_of(Media(path="/srv/a", mime_type=mime_type))


def test_where_a_file_is_is_not_shown() -> None:
    """Neither of what flows show nor of calls."""
    call = ProviderCall(url="u", body=b"", file=file_of(Media(path="/srv/a.pdf")))

    assert "srv" not in repr(call) + repr(call.file) + repr(Media(path="/srv/a.pdf"))


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_id_takes_its_place_and_no_texts(text: str, media_id: str) -> None:
    """Gateways write media before the words that go with them, whatever these are."""
    for words in (text, MEDIA_ID, f'"{MEDIA_ID}"'):
        body = msgspec.json.encode({"to": "1", "image": {"id": MEDIA_ID, "caption": words}})
        filled = with_media_id(ProviderCall(url="u", body=body), media_id)

        assert {"id": media_id, "caption": words} == msgspec.json.decode(filled.body)["image"]


def test_a_call_with_its_id_has_no_file_any_more() -> None:
    """It can be made as it is."""
    call = ProviderCall(url="u", body=b'"{media_id}"', file=file_of(Media(path="/srv/a.pdf")))

    assert ProviderCall(url="u", body=b'"17"') == with_media_id(call, "17")


@pytest.mark.parametrize(
    ("status", "problem"),
    [(404, "expired"), (410, "expired"), (401, "refused"), (403, "refused"), (413, "too_large"),
     (204, "unavailable"), (206, "unavailable"), (302, "unavailable"), (400, "unavailable"),
     (429, "unavailable"), (500, "unavailable")],
)  # fmt: skip
def test_every_other_status_than_200_is_a_problem(status: int, problem: str) -> None:
    """What it means is what the app can do about it."""
    with pytest.raises(DownloadFailed) as failed:
        check_status(status)

    assert failed.value.problem == DownloadProblem(problem)
    assert check_status(200) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    "url",
    [
        "https://fbsbx.com/x",
        "https://lookaside.fbsbx.com/?mid=1&hash=A",
        "https://mmg.whatsapp.net:443/v/x.enc",
    ],
)
def test_the_providers_hosts_may_be_called(url: str) -> None:
    """They, and hosts below them."""
    assert is_fetchable(url, HOSTS, API)


BAD = [
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
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://10.0.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "//fbsbx.com/x",
]


@pytest.mark.parametrize("url", BAD)
@pytest.mark.parametrize("api_url", [API, LOCAL])
def test_nobody_else_may_be_called(url: str, api_url: str) -> None:
    """Whoever could write an address into a message would have it otherwise: private addresses too."""
    assert not is_fetchable(url, HOSTS, api_url)


def test_a_provider_on_this_machine_may_lead_to_itself() -> None:
    """Tests and simulators: at the very address of its API, and only when that is on this machine."""
    assert is_fetchable("http://127.0.0.1:8080/file", HOSTS, LOCAL)
    assert not is_fetchable("http://127.0.0.1:8081/file", HOSTS, LOCAL)
    assert not is_fetchable("http://127.0.0.1:8080/file", HOSTS, API)
    assert not is_fetchable("https://graph.facebook.com/file", (), API)


async def test_a_download_is_read_in_chunks_or_as_a_whole() -> None:
    """Whoever has begun to iterate reads what is left."""

    async def chunks() -> AsyncIterator[bytes]:
        for part in (b"a", b"bc", b"d"):
            yield part

    assert [b"a", b"bc", b"d"] == [chunk async for chunk in Download(chunks(), "", None)]
    download = Download(chunks(), "image/png", 4)
    assert b"a" == await anext(aiter(download))
    assert b"bcd" == await download.read()
