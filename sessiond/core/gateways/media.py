"""Media: files that are uploaded to a provider and sent by its id, and what people sent, fetched when it is wanted.

A file to send is one of this machine: the message says where it is and what, and its bytes are read when they are
uploaded. What a person sent stays with the provider; the ``Attachment`` in an answer is all that is kept of it.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec
from attrs import Attribute

from sessiond.core.errors import InvalidInput, SessiondError
from sessiond.core.flows.answers import Attachment
from sessiond.core.flows.prompts import Media
from sessiond.core.gateways.messages import LocalFile, ProviderCall

__all__ = [
    "MEDIA_ID",
    "Download",
    "DownloadFailed",
    "DownloadProblem",
    "Downloads",
    "are_hosts",
    "check_status",
    "file_of",
    "is_fetchable",
    "type_of",
    "with_media_id",
]

#: Stands in the body of a call, as a whole JSON string, for the provider's id of the call's file.
MEDIA_ID: Final = "{media_id}"

#: What names of files say about them: what WhatsApp and Telegram take ("Supported media types"), and no more.
_TYPES: Final[Mapping[str, str]] = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".3gp": "video/3gpp",
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/opus",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

_MIME: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+-]{1,100}(?:; ?[a-z]+=[A-Za-z0-9.+-]{1,50})?")

#: As they stand in addresses; what is below one of them is meant, too.
_HOST: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{1,63}")

#: Hosts that are this machine: only where the account's own API is there, too.
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


# What we send


def file_of(media: Media, kind: str = "") -> LocalFile:
    """Describe the file that *media* are in; *kind*: see ``LocalFile``.

    Raises:
      InvalidInput: its type is none, or its name does not say which it is.

    """
    path = PurePosixPath(media.path)  # also where an author gave a Path
    mime_type = media.mime_type or _TYPES.get(path.suffix.lower(), "")
    if not mime_type:
        raise InvalidInput("the name of the file does not say its type: say mime_type=…")
    if _MIME.fullmatch(mime_type) is None:
        raise InvalidInput("a file to upload has a type, such as image/jpeg")
    return LocalFile(
        path=str(path), mime_type=mime_type, name=media.filename or path.name, kind=kind
    )


def with_media_id(call: ProviderCall, media_id: str) -> ProviderCall:
    """Put the provider's id of its file into *call*: the first ``"{media_id}"`` of its body, where gateways put it.

    A text cannot be taken for it: gateways write media before the words that go with them.
    """
    body = call.body.replace(msgspec.json.encode(MEDIA_ID), bytes(msgspec.json.encode(media_id)), 1)
    return msgspec.structs.replace(call, body=body, file=None)


# What people sent


def type_of(said: str) -> str:
    """Give the media type that a person's program *said*, if it is one: it becomes part of journals."""
    return said if _MIME.fullmatch(said) else ""


class DownloadProblem(StrEnum):
    """Why what a person sent cannot be had."""

    EXPIRED = "expired"
    """The provider does not have it any more: the person has to send it again."""
    TOO_LARGE = "too_large"
    """It is larger than the account's ``download_bytes``, or than the provider hands out."""
    UNAVAILABLE = "unavailable"
    """The provider is away, slow, or answered something else: it may be there later."""
    REFUSED = "refused"
    """Our credentials are not accepted, or the file is not where the provider keeps them: somebody has to look."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """It came by no account that is configured (any more), or by one that keeps nothing."""


class DownloadFailed(SessiondError):
    """What a person sent cannot be had; *problem* says why. The message names neither file, person nor address."""

    def __init__(self, problem: DownloadProblem, reason: str) -> None:
        super().__init__(f"{problem.value}: {reason}")
        self.problem = problem
        self.reason = reason


class Download:
    """A file that is being fetched: iterate over its chunks, or ``read`` it. *size* is what the provider says."""

    def __init__(self, chunks: AsyncIterator[bytes], mime_type: str, size: int | None) -> None:
        self._chunks = chunks
        self.mime_type = mime_type
        """Such as ``image/jpeg``; empty: nobody says."""
        self.size = size
        """In bytes; ``None``: the provider does not say."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give its bytes in chunks of any size. Raises ``DownloadFailed`` where it breaks off or grows too large."""
        return self._chunks

    async def read(self) -> bytes:
        """Read all that is left of it.

        Raises:
          DownloadFailed: it breaks off, or is too large.

        """
        parts = [chunk async for chunk in self._chunks]
        return b"".join(parts)


class Downloads(Protocol):
    """Fetches what people sent (runtime/downloads.py)."""

    def open(self, attachment: Attachment) -> AbstractAsyncContextManager[Download]:
        """Begin to fetch *attachment*; leaving the block ends it.

        Raises:
          DownloadFailed: it cannot be had.

        """
        ...


#: By HTTP status, of answers to calls that fetch.
_PROBLEMS: Final[Mapping[int, DownloadProblem]] = {
    401: DownloadProblem.REFUSED,
    403: DownloadProblem.REFUSED,
    404: DownloadProblem.EXPIRED,
    410: DownloadProblem.EXPIRED,
    413: DownloadProblem.TOO_LARGE,
}


def check_status(status: int) -> None:
    """Pass what fetched something.

    Raises:
      DownloadFailed: the answer is none.

    """
    if status != 200:
        problem = _PROBLEMS.get(status, DownloadProblem.UNAVAILABLE)
        raise DownloadFailed(problem, f"the provider answered {status}")


def are_hosts(_: object, attribute: "Attribute[tuple[str, ...]]", value: tuple[str, ...]) -> None:
    """Validate the hosts of ``is_fetchable``: an empty one would be all that end with a dot.

    Raises:
      InvalidInput: one is none.

    """
    if any(_HOST.fullmatch(one) is None for one in value):
        raise InvalidInput(f"{attribute.name} are hosts in small letters, like media.example.com")


def is_fetchable(url: str, hosts: tuple[str, ...], api_url: str) -> bool:
    """Tell whether a provider's *url* may be called: over TLS, at one of *hosts* or below, in no unusual form.

    An account whose *api_url* is this machine (tests, a simulator) may be sent to the same place, over plain HTTP.
    """
    if not url.isascii() or not url.isprintable() or {"{", "}", "\\", " "} & set(url):
        return False
    try:
        parts, api = urlsplit(url), urlsplit(api_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    if api.hostname in _LOOPBACK and (parts.scheme, parts.netloc) == (api.scheme, api.netloc):
        return True
    is_theirs = any(host == one or host.endswith(f".{one}") for one in hosts)
    return parts.scheme == "https" and port in {None, 443} and is_theirs
