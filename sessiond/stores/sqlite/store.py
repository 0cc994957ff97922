"""The store in one SQLite file: the default of a single node.

One connection writes and one reads, each used by one worker thread at a time. A call that is cancelled
returns when its transaction has ended: threads are never abandoned.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar, final

import trio

from sessiond.core.ids import Digest, NodeId, Partition, UserId
from sessiond.core.records import (
    Acquired,
    Arrival,
    DeadLetter,
    Delivery,
    DueTimer,
    Fence,
    Frame,
    InboxEntry,
    Loaded,
    Receipt,
    StoredUser,
    UserCommit,
    Verdict,
)
from sessiond.core.store_rules import MAX_COMMIT_BYTES
from sessiond.stores.sqlite import ownership, reads, writes
from sessiond.stores.sqlite.file import connect, hold_file, prepare, translated

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SqliteStore", "open_sqlite_store"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Worker:
    """A connection and the one thread at a time that uses it."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        with translated(path):
            self.db = connect(path)
        stack.enter_context(closing(self.db))
        self._limiter: Final = trio.CapacityLimiter(1)

    async def run(
        self,
        work: "Callable[Concatenate[sqlite3.Connection, _P], _T]",
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        def in_thread() -> _T:
            with translated(self._path):
                return work(self.db, *args, **kwargs)

        return await trio.to_thread.run_sync(in_thread, limiter=self._limiter)


@final
class SqliteStore:
    """A ``Store`` in a file; made by ``open_sqlite_store``."""

    def __init__(self, writer: _Worker, reader: _Worker, max_commit_bytes: int) -> None:
        self._writer = writer
        self._reader = reader
        self._max_commit_bytes = max_commit_bytes
        self._leases = ownership.Leases()

    async def acquire(
        self,
        node: NodeId,
        nonce: str,
        partitions: Sequence[Partition],
        *,
        now: float,
        window_seconds: float,
        lease_seconds: float,
    ) -> tuple[Acquired, ...]:
        began = trio.current_time()
        acquired = await self._writer.run(
            ownership.take, (node, nonce), partitions, now + window_seconds, self._leases, began
        )
        self._leases.take(node, nonce, began + lease_seconds)
        return acquired

    async def renew(self, node: NodeId, nonce: str, *, lease_seconds: float) -> None:
        await trio.lowlevel.checkpoint()
        self._leases.renew(node, nonce, trio.current_time() + lease_seconds)

    async def release(self, node: NodeId, nonce: str) -> None:
        await self._writer.run(ownership.release, node, nonce)
        self._leases.drop(node, nonce)

    async def load(self, user: UserId, partition: Partition) -> Loaded | None:  # noqa: ARG002
        return await self._reader.run(reads.load, user)

    async def frames(self, user: UserId, partition: Partition, after: int) -> tuple[Frame, ...]:  # noqa: ARG002
        return await self._reader.run(reads.frames, user, after)

    async def reply(self, user: UserId, partition: Partition, digest: Digest) -> bytes | None:  # noqa: ARG002
        return await self._reader.run(reads.reply, user, digest)

    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        return await self._writer.run(writes.commit, batch, fences, self._max_commit_bytes)

    async def accept(
        self, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
    ) -> tuple[Receipt, ...]:
        return await self._writer.run(writes.accept, batch, fences)

    async def pending(
        self,
        partition: Partition,
        *,
        after: int = 0,
        limit: int = 256,
        user: UserId | None = None,
    ) -> tuple[InboxEntry, ...]:
        return await self._reader.run(reads.pending, partition, after, limit, user)

    async def attempt(self, fence: Fence, key: str) -> int:
        return await self._writer.run(writes.count_attempt, fence, key)

    async def due(
        self, partition: Partition, now: float, limit: int
    ) -> tuple[tuple[DueTimer, ...], float | None]:
        return await self._reader.run(reads.due, partition, now, limit)

    async def deliveries(
        self, partition: Partition, *, limit: int = 256
    ) -> tuple[tuple[UserId, Delivery], ...]:
        return await self._reader.run(reads.deliveries, partition, limit)

    async def journal(
        self,
        user: UserId,
        partition: Partition,  # noqa: ARG002
        *,
        limit: int = 100,
    ) -> tuple[bytes, ...]:
        return await self._reader.run(reads.journal, user, limit)

    async def dead_letters(
        self, *, user: UserId | None = None, after: str = "", limit: int = 100
    ) -> tuple[DeadLetter, ...]:
        return await self._reader.run(reads.dead_letters, user, after, limit)

    async def drop_dead_letter(self, dead_letter_id: str) -> DeadLetter | None:
        row = await self._writer.run(writes.drop_dead_letter, dead_letter_id)
        return reads.dead_letter(row) if row else None

    async def users(self, *, after: str = "", limit: int = 100) -> tuple[StoredUser, ...]:
        return await self._reader.run(reads.users, after, limit)

    async def check(self) -> tuple[str, ...]:
        await self._writer.run(writes.probe)
        return ()


@asynccontextmanager
async def open_sqlite_store(
    path: str | Path, *, max_commit_bytes: int = MAX_COMMIT_BYTES
) -> AsyncIterator[SqliteStore]:
    """Open the store in the file *path*, made when it is not there; its folder must be.

    *max_commit_bytes* is the size limit of one user's commit. Closing copies the write-ahead log into the file.

    Raises:
      StoreInUse: another process has the file open as a store.
      StoreUnavailable: the file cannot be opened or written now.
      StoreError: it is damaged, of a newer version, or of another program.

    """
    path = Path(path).resolve()
    with ExitStack() as stack:
        stack.enter_context(hold_file(path))
        writer = _Worker(path, stack)
        await writer.run(prepare, path)
        yield SqliteStore(writer, _Worker(path, stack), max_commit_bytes)
