"""Downloads: what people sent, fetched from their provider when the app wants it, and streamed to it.

Two calls: one of the account's API, which says where the file is, and the one that fetches it. Addresses live for
minutes, so both are made anew each time; what is kept of a file is its ``Attachment``. No byte of a file is kept here.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Final, Protocol, runtime_checkable

import trio
from attrs import define

from sessiond import telemetry
from sessiond.core.flows.answers import Attachment, FileDownload
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.credentials import with_credentials
from sessiond.core.gateways.media import (
    Download,
    DownloadFailed,
    DownloadProblem,
    check_status,
    type_of,
)
from sessiond.core.gateways.messages import ProviderCall
from sessiond.core.gateways.port import DownloadingGateway
from sessiond.core.ports import Clock
from sessiond.runtime.provider_calls import CallFailed, CallProvider, Fetched, FetchFromProvider

__all__ = ["MAX_NOTED", "MediaDownloads", "Provider", "noting_downloads"]

#: Downloads of one function that are noted: a journal is not for the files of a folder.
MAX_NOTED: Final = 16

_noted: ContextVar[list[FileDownload] | None] = ContextVar("noted", default=None)

_WHOLE: Final = "whole"
_LEFT: Final = "left"


@contextmanager
def noting_downloads() -> Iterator[list[FileDownload]]:
    """Note what is fetched inside the block, in this task and in those that it starts."""
    found: list[FileDownload] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


@runtime_checkable
class Provider(CallProvider, FetchFromProvider, Protocol):
    """Both kinds of calls (edges/http/outbound.py)."""


@define
class _Told:
    """What telemetry is told in the end."""

    began: float
    size: int = 0
    outcome: str = _LEFT


class MediaDownloads:
    """The downloads of one node (``core.gateways.media.Downloads``)."""

    def __init__(
        self, accounts: Mapping[str, Account], provider: Provider, *, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._provider = provider
        self._clock = clock

    @asynccontextmanager
    async def open(self, attachment: Attachment) -> AsyncIterator[Download]:
        """Begin to fetch *attachment*; see ``Downloads``.

        Each call, and each chunk, may take ``call_seconds``, all chunks together ``download_seconds``.
        """
        told = _Told(self._clock.monotonic())
        account = self._accounts.get(attachment.account)
        try:
            async with self._opened(account, attachment, told) as download:
                yield download
        except CallFailed as error:
            told.outcome = DownloadProblem.UNAVAILABLE.value
            raise DownloadFailed(DownloadProblem.UNAVAILABLE, error.reason) from None
        except DownloadFailed as error:
            told.outcome = error.problem.value
            raise
        finally:
            about = {
                "account": "" if account is None else account.name,
                "platform": "" if account is None else account.gateway.platform,
                "outcome": told.outcome,
            }
            seconds = self._clock.monotonic() - told.began
            telemetry.emit("media.download", {"duration": seconds, "size": told.size}, about)
            noted = _noted.get()
            if noted is not None and len(noted) < MAX_NOTED:
                noted.append(
                    FileDownload(
                        account=about["account"],
                        mime_type=type_of(attachment.mime_type),
                        outcome=told.outcome,
                        size=told.size,
                    )
                )

    @asynccontextmanager
    async def _opened(
        self, account: Account | None, attachment: Attachment, told: _Told
    ) -> AsyncIterator[Download]:
        if account is None or account.downloads is None:
            raise DownloadFailed(
                DownloadProblem.UNKNOWN_ACCOUNT,
                "it came by no account that is configured and keeps what people send",
            )
        gateway, seconds = account.downloads, account.settings.call_seconds
        limit = account.settings.download_bytes or gateway.download_bytes
        call = await self._located(gateway, attachment, seconds)
        async with self._provider.fetch(call, seconds) as fetched:
            check_status(fetched.status)
            size = _size_of(fetched)
            if size is not None and size > limit:
                raise _too_large(limit)
            mime_type = attachment.mime_type or fetched.headers.get("content-type", "")
            bounded = _bounded(fetched, limit, account.settings.download_seconds, told)
            async with aclosing(bounded) as chunks:
                yield Download(chunks, mime_type, size)

    async def _located(
        self, gateway: DownloadingGateway, attachment: Attachment, seconds: float
    ) -> ProviderCall:
        """Ask where the file is; the call that fetches it comes back with its credentials filled in."""
        ask = with_credentials(gateway.media_address(attachment), gateway.credentials)
        answer = await self._provider(ask, seconds)
        return with_credentials(gateway.download(answer), gateway.credentials)


async def _bounded(
    fetched: Fetched, limit: int, seconds: float, told: _Told
) -> AsyncGenerator[bytes, None]:
    """Give the chunks of a file, up to *limit* bytes in all, for which the provider may take *seconds* in all."""
    left = seconds
    try:
        while True:
            with trio.fail_at(trio.current_time() + left) as scope:
                chunk = await anext(fetched.chunks, None)
            left = max(0.0, scope.deadline - trio.current_time())
            if chunk is None:
                break
            told.size += len(chunk)
            if told.size > limit:
                raise _too_large(limit)
            yield chunk
    except CallFailed as error:
        raise DownloadFailed(DownloadProblem.UNAVAILABLE, error.reason) from None
    except trio.TooSlowError:
        reason = f"it took longer than {seconds:g} seconds"
        raise DownloadFailed(DownloadProblem.UNAVAILABLE, reason) from None
    told.outcome = _WHOLE


def _size_of(fetched: Fetched) -> int | None:
    length = fetched.headers.get("content-length", "")
    return int(length[:15]) if length.isascii() and length.isdigit() else None


def _too_large(limit: int) -> DownloadFailed:
    return DownloadFailed(DownloadProblem.TOO_LARGE, f"it has more than {limit} bytes")
