"""Uploads: the files that one account's messages show, given to its provider before the messages are.

Some providers take a file by itself (``UploadingGateway``), others with the first message that shows it
(``AttachingGateway``). That is done once; then it is sent by the provider's id, for as long as the provider keeps it. A
file that was changed is another file. The ids are in memory alone: after a restart, and after a crash between the
provider's answer and the message, a file is uploaded again. One at a time, for each is held in memory as a whole.

It is read when it is uploaded and not when the turn asks for it: no commit waits for a disk or a provider, and no store
holds megabytes. So the file has to be where the message says until then; one that is not there is a dead letter.
"""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from stat import S_ISREG
from typing import Final, Protocol, TypeVar

import trio
from attrs import frozen

from sessiond import telemetry
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.core.gateways.messages import LocalFile, ProviderCall
from sessiond.core.gateways.port import (
    OUTCOMES,
    AccountStopped,
    AttachingGateway,
    GivenUp,
    Judgement,
    Sent,
    TryAgain,
    UploadingGateway,
)
from sessiond.core.ports import Clock
from sessiond.runtime.threads import Threads

__all__ = ["MAX_KEPT", "Attached", "Exchange", "Uploaded", "Uploads"]

T = TypeVar("T")

_log: Final = logging.getLogger("sessiond.gateways")

#: Ids of files that are kept for the next message; of more, those that were not used for longest go.
MAX_KEPT: Final = 1024


@frozen
class Uploaded:
    """A file that the provider has."""

    id: str
    size: int
    is_new: bool
    """It was uploaded just now."""


@frozen
class Attached:
    """The message was sent, and its file with it."""

    judgement: Sent
    size: int


@frozen
class _Stamp:
    """As long as this is the same, so is the file."""

    inode: int
    size: int
    changed_at: int


@frozen
class _Kept:
    stamp: _Stamp
    id: str
    until: float


class Exchange(Protocol):
    """Makes a call within so many seconds, and says what came of it."""

    async def __call__(self, call: ProviderCall, seconds: float) -> Judgement:
        """Make *call*. Never raises, but when it is cancelled."""
        ...


class Uploads:
    """What one account has uploaded."""

    def __init__(
        self,
        account: str,
        settings: AccountSettings,
        gateway: UploadingGateway | AttachingGateway,
        exchange: Exchange,
        *,
        clock: Clock,
        threads: Threads,
    ) -> None:
        self._account = account
        self._settings = settings
        self._gateway = gateway
        self._exchange = exchange
        self._clock = clock
        self._threads = threads
        self._kept: OrderedDict[LocalFile, _Kept] = OrderedDict()
        self._turn = trio.Lock()
        self._failures = 0
        self._failure: TryAgain | AccountStopped | None = None

    async def find(self, file: LocalFile, call: ProviderCall) -> Uploaded | Attached | Judgement:
        """Find the provider's id of *file*, which *call* shows; a judgement: there is none (now).

        Unless that was done, it is uploaded; or *call* is made with it, where the provider takes files so. What waits
        while another upload fails has failed with it.

        Cancelled: the provider may have it, and the next one uploads it again.
        """
        stamp = await self._read(lambda: _stamp_of(file.path))
        if not isinstance(stamp, _Stamp):
            return stamp
        # What is there waits for no upload of another file; the same file may come while this one waits.
        if found := self._found(file, stamp):
            return found
        failures = self._failures
        async with self._turn:
            # One after the other would wait for the same, and hold up what has no file.
            if self._failure is not None and failures < self._failures:
                return self._failure
            return self._found(file, stamp) or await self._upload(file, stamp, call)

    def _found(self, file: LocalFile, stamp: _Stamp) -> Uploaded | None:
        kept = self._kept.get(file)
        if kept is None or kept.stamp != stamp or self._clock.monotonic() >= kept.until:
            return None
        self._kept.move_to_end(file)
        return Uploaded(kept.id, stamp.size, is_new=False)

    def forget(self, file: LocalFile) -> None:
        """Upload *file* again for the next message: the provider does not take its id any more."""
        self._kept.pop(file, None)

    async def _upload(
        self, file: LocalFile, stamp: _Stamp, call: ProviderCall
    ) -> Uploaded | Attached | Judgement:
        began = self._clock.monotonic()
        judgement = await self._exchanged(file, call)
        telemetry.emit(
            "media.upload",
            {"duration": self._clock.monotonic() - began, "size": stamp.size},
            {
                "account": self._account,
                "platform": self._gateway.platform,
                "mime_type": file.mime_type,
                "outcome": OUTCOMES[type(judgement)],
            },
        )
        if isinstance(judgement, TryAgain | AccountStopped):
            self._failures += 1
            self._failure = judgement
        if not isinstance(judgement, Sent):
            return judgement
        until = began + self._gateway.upload_keeps_seconds
        if isinstance(self._gateway, AttachingGateway):
            if judgement.file:
                self._keep(file, _Kept(stamp, judgement.file, until))
            return Attached(judgement, stamp.size)
        self._keep(file, _Kept(stamp, judgement.id, until))
        return Uploaded(judgement.id, stamp.size, is_new=True)

    def _keep(self, file: LocalFile, kept: _Kept) -> None:
        self._kept[file] = kept
        self._kept.move_to_end(file)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    async def _exchanged(self, file: LocalFile, call: ProviderCall) -> Judgement:
        limit = self._settings.upload_bytes
        content = await self._read(lambda: _content_of(file.path, limit + 1))
        if not isinstance(content, bytes):
            return content
        if len(content) > limit:
            return GivenUp(f"the file is larger than the account's upload_bytes, {limit}")
        written = self._written(file, content, call)
        if not isinstance(written, ProviderCall):
            return written
        return await self._exchange(written, self._settings.upload_seconds)

    def _written(
        self, file: LocalFile, content: bytes, call: ProviderCall
    ) -> ProviderCall | GivenUp:
        try:
            if isinstance(self._gateway, AttachingGateway):
                return self._gateway.attach(call, content)
            return self._gateway.upload(file, content)
        except InvalidInput as error:
            return GivenUp(str(error))
        except Exception as error:  # noqa: BLE001 -- a gateway's code; its message may hold what is in the file
            kind = type(error).__name__
            fields = {"fields": {"account": self._account, "error": kind}}
            _log.error("a gateway cannot upload a file", extra=fields)
            return GivenUp(f"the gateway cannot upload the file ({kind})")

    async def _read(self, look: Callable[[], T]) -> T | GivenUp | TryAgain:
        """Look at the file, in a thread; what cannot be read is told without saying where it is."""
        try:
            found: T = await self._threads.call(look, (), self._settings.upload_seconds)
        except (FileNotFoundError, NotADirectoryError):
            return GivenUp("the file to upload is not there")
        except PermissionError:
            return GivenUp("the file to upload may not be read")
        except (_NoFile, ValueError):
            return GivenUp("what should be uploaded is no file")
        except (OSError, trio.TooSlowError) as error:
            return TryAgain(f"the file cannot be read ({type(error).__name__})")
        return found


class _NoFile(Exception):
    """A directory, a pipe, a device."""


def _stamp_of(path: str) -> _Stamp:
    found = os.stat(path)  # noqa: PTH116 -- follows links, as opening does
    if not S_ISREG(found.st_mode):
        raise _NoFile
    return _Stamp(found.st_ino, found.st_size, found.st_ctime_ns)


def _content_of(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 -- a text is what there is
        return file.read(limit)
