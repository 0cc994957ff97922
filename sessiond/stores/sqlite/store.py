"""The store in one SQLite file: the default of a single node.

One connection writes and one reads, each used by a thread of its own. A call that is cancelled
returns when its transaction has ended: threads are never abandoned.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, final

import trio
from typing_extensions import override

from sessiond.core.errors import StoreUnavailable
from sessiond.core.ids import Digest, NodeId, Partition, UserId
from sessiond.core.records import (
    NO_DELIVERY,
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
from sessiond.stores.sqlite import inbox, journals, ownership, reads, writes
from sessiond.stores.sqlite.checkpoints import Checkpoints
from sessiond.stores.sqlite.file import connect, hold_file, prepare, translated
from sessiond.stores.sqlite.known import Known
from sessiond.stores.workers import Gathered, Workers, open_workers

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SqliteStore", "open_sqlite_store"]

_P = ParamSpec("_P")
_Q = TypeVar("_Q")
_T = TypeVar("_T")


class _Line:
    """A connection and the one thread that uses it."""

    def __init__(self, path: Path, db: "sqlite3.Connection", workers: Workers) -> None:
        self._path = path
        self.db = db
        self._workers = workers

    async def run(
        self,
        work: "Callable[Concatenate[sqlite3.Connection, _P], _T]",
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Return ``work(connection, …)``, which ran in the thread, raising SQLite's errors as ours."""
        return await self._workers.run(lambda: self.call(work, *args, **kwargs))

    def gathered(
        self, work: "Callable[[sqlite3.Connection, list[_Q]], Sequence[_T]]"
    ) -> Gathered[_Q, _T]:
        """Make a way to ask *work* for one answer that the thread makes together with others who wait."""
        return Gathered(self._workers, lambda asked: self.call(work, asked))

    def call(
        self,
        work: "Callable[Concatenate[sqlite3.Connection, _P], _T]",
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Do *work* in the thread of the caller."""
        with translated(self._path):
            return work(self.db, *args, **kwargs)


class _Writer(_Line):
    """The connection that writes; between transactions it sees to the log."""

    def __init__(
        self, path: Path, db: "sqlite3.Connection", workers: Workers, checkpoints: Checkpoints
    ) -> None:
        super().__init__(path, db, workers)
        self.checkpoints = checkpoints

    @override
    def call(
        self,
        work: "Callable[Concatenate[sqlite3.Connection, _P], _T]",
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        try:
            answer = super().call(work, *args, **kwargs)
            self.checkpoints.after_transaction()
        except StoreUnavailable:
            self.checkpoints.after_refusal()
            raise
        return answer


# A connection is closed when its thread has ended: beneath a call that runs, that would be the end of the process.


@asynccontextmanager
async def _open_writer(path: Path) -> AsyncIterator[_Writer]:
    with (
        translated(path),
        closing(connect(path)) as db,
        closing(Checkpoints(path, db)) as checkpoints,
    ):
        async with open_workers("sqlite writer", 1) as workers:
            yield _Writer(path, db, workers, checkpoints)


@asynccontextmanager
async def _open_reader(path: Path) -> AsyncIterator[_Line]:
    with translated(path), closing(connect(path)) as db:
        async with open_workers("sqlite reader", 1) as workers:
            yield _Line(path, db, workers)


@final
class SqliteStore:
    """A ``Store`` in a file; made by ``open_sqlite_store``."""

    def __init__(self, writer: _Line, reader: _Line, max_commit_bytes: int) -> None:
        self._writer = writer
        self._reader = reader
        self._max_commit_bytes = max_commit_bytes
        self._leases = ownership.Leases()
        self._known = Known()
        self._load = reader.gathered(reads.load)

    @property
    def continuity(self) -> str:
        """Nothing acknowledged is ever lost here."""
        return ""

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
            ownership.take,
            (node, nonce),
            partitions,
            now + window_seconds,
            self._leases,
            began,
            known=self._known,
        )
        self._leases.take(node, nonce, began + lease_seconds)
        return acquired

    async def renew(self, node: NodeId, nonce: str, *, lease_seconds: float) -> None:
        await trio.lowlevel.checkpoint()
        self._leases.renew(node, nonce, trio.current_time() + lease_seconds)

    async def release(self, node: NodeId, nonce: str) -> None:
        await self._writer.run(ownership.release, node, nonce, self._known)
        self._leases.drop(node, nonce)

    async def load(self, user: UserId, partition: Partition) -> Loaded | None:  # noqa: ARG002
        return await self._load.run(user)

    async def frames(self, user: UserId, partition: Partition, after: int) -> tuple[Frame, ...]:  # noqa: ARG002
        return await self._reader.run(reads.frames, user, after)

    async def reply(self, user: UserId, partition: Partition, digest: Digest) -> bytes | None:  # noqa: ARG002
        return await self._reader.run(reads.reply, user, digest)

    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        return await self._writer.run(
            writes.commit, batch, fences, self._max_commit_bytes, self._known
        )

    async def accept(
        self, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
    ) -> tuple[Receipt, ...]:
        return await self._writer.run(inbox.accept, batch, fences, self._known)

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
        return await self._writer.run(inbox.count_attempt, fence, key, self._known)

    async def due(
        self, partition: Partition, now: float, limit: int
    ) -> tuple[tuple[DueTimer, ...], float | None]:
        return await self._reader.run(reads.due, partition, now, limit)

    async def deliveries(
        self, partition: Partition, *, after: tuple[str, UserId] = NO_DELIVERY, limit: int = 256
    ) -> tuple[tuple[UserId, Delivery], ...]:
        return await self._reader.run(reads.deliveries, partition, after, limit)

    async def journal(
        self,
        user: UserId,
        partition: Partition,  # noqa: ARG002
        *,
        limit: int = 100,
    ) -> tuple[bytes, ...]:
        return await self._reader.run(journals.read, user, limit)

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
    path = Path(await trio.Path(path).resolve())
    async with AsyncExitStack() as stack:
        stack.enter_context(hold_file(path))
        writer = await stack.enter_async_context(_open_writer(path))
        await writer.run(prepare)
        reader = await stack.enter_async_context(_open_reader(path))
        yield SqliteStore(writer, reader, max_commit_bytes)
