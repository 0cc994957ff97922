"""The interfaces that the inside owns and the outside implements.

``Store``       where state lives (stores/memory.py, stores/sqlite.py, stores/redis/)
``Connection``  what an actor may do to a client's connection (edges/websocket/)
``ReplyTo``     how one waiting input is answered (edges/*, runtime/ref.py)
``Clock``       the two times, both moved by Trio's MockClock in tests
``Entropy``     random bytes and jitter, seeded in tests

The only module of the core with ``async def`` in it, and it has no bodies.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from sessiond.core.records import NO_DELIVERY

if TYPE_CHECKING:
    from sessiond.core.codes import CloseCode
    from sessiond.core.ids import ConnectionId, Digest, NodeId, Partition, UserId
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

__all__ = ["Clock", "Connection", "Entropy", "ReplyTo", "Store"]


class Store(Protocol):
    """Durable state, one writer per partition.

    **Durable on return.** When ``commit`` or ``accept`` returns, what they answered is as durable as the store's
    configured level promises. **Atomic per user** (``commit``) and per arrival (``accept``): one refusal never stops
    the others of a batch; a store may do the whole batch in one transaction.

    **Errors.** Every method raises ``StoreUnavailable`` when the store is away or did not answer in time. Then
    *nothing is decided*: the call may or may not have been applied, and is safe to repeat with the same arguments
    (commits carry an id, arrivals a digest; ``acquire`` only raises the fence once more). Nothing is retried inside.

    **Cancellation.** A cancelled call may or may not have been applied, exactly as after ``StoreUnavailable``.
    Worker threads are not abandoned half-way: the call returns when the running operation did, or its own
    time-out passed.

    Calls may run concurrently; the caller sees to it that at most one ``commit`` per user is in flight.
    """

    @property
    def continuity(self) -> str:
        """Names the history that the store's memory belongs to, in at most 16 letters and digits.

        It changes when acknowledged writes may have been lost (another Redis primary, or the same one restarted):
        streams of before begin a new epoch when their clients next join. Empty: that cannot happen.
        """
        ...

    async def acquire(
        self,
        node: "NodeId",
        nonce: str,
        partitions: "Sequence[Partition]",
        *,
        now: float,
        window_seconds: float,
        lease_seconds: float,
    ) -> "tuple[Acquired, ...]":
        """Become the owner of *partitions*: raise each fence by one under *nonce*, whoever held it.

        Also takes or renews *node*'s lease. Partitions whose recorded owner is another node with a live lease are
        not taken: ``StoreInUse`` is raised, naming that node, and nothing changes. What this node's own name held
        (an earlier run) is taken back at once. Each undated window timer of the partitions gets the due time
        ``now + window_seconds``: their users were attached when the last owner died.
        """
        ...

    async def renew(self, node: "NodeId", nonce: str, *, lease_seconds: float) -> None:
        """Extend *node*'s lease.

        Raises ``Fenced`` when the lease is held under another nonce, or the store does not know any more what was
        acquired under ours.
        """
        ...

    async def release(self, node: "NodeId", nonce: str) -> None:
        """Give up the lease and everything held under it, if it is still ours."""
        ...

    async def load(self, user: "UserId", partition: "Partition") -> "Loaded | None":
        """Read *user*'s record; ``None`` when there is none. Sees every commit that returned before."""
        ...

    async def frames(
        self, user: "UserId", partition: "Partition", after: int
    ) -> "tuple[Frame, ...]":
        """Read the stored frames with an offset above *after*, in order."""
        ...

    async def reply(self, user: "UserId", partition: "Partition", digest: "Digest") -> bytes | None:
        """Read the reply stored for a consumed id; ``None`` when none was kept."""
        ...

    async def commit(
        self, batch: "Sequence[UserCommit]", fences: "Mapping[Partition, Fence]"
    ) -> "tuple[Verdict, ...]":
        """Apply each user's changes, all or nothing per user; one verdict each, in the order of *batch*.

        For each: the partition's fence must equal the one given (else ``FENCED``), then the record's version must be
        ``expected_version`` (``APPLIED`` at once without a second effect when it is one more and the stored commit
        id is ours; else ``CONFLICT``); a record beyond the store's own size limit is ``TOO_LARGE``. All of a user's
        conditions are checked before his first write. A batch holds each user at most once.
        """
        ...

    async def accept(
        self, batch: "Sequence[Arrival]", fences: "Mapping[Partition, Fence]"
    ) -> "tuple[Receipt, ...]":
        """Write inputs to their partition's inbox, dropping those whose digest the user's window already has.

        The digest enters the duplicate window in the same write. One receipt each, in order. Entries of one
        partition get increasing ``seq`` in the order of *batch*. Two equal arrivals in one batch: one is accepted.
        """
        ...

    async def pending(
        self,
        partition: "Partition",
        *,
        after: int = 0,
        limit: int = 256,
        user: "UserId | None" = None,
    ) -> "tuple[InboxEntry, ...]":
        """Read accepted entries that no commit consumed yet, in order of ``seq``, above *after*."""
        ...

    async def attempt(self, fence: "Fence", key: str) -> int:
        """Count, durably, that the input *key* (``inbox:<seq>``, ``timer:<user>:<name>:<generation>``) is about to run.

        Returns in how many reigns (fences) it was, this one included: sent again, after a lost answer or a crash of
        the actor alone, it counts no further. The commit that consumes the input (``inbox_done``; a change of that
        timer) forgets it.
        Raises ``Fenced``.
        """
        ...

    async def due(
        self, partition: "Partition", now: float, limit: int
    ) -> "tuple[tuple[DueTimer, ...], float | None]":
        """Read at most *limit* timers due at or before *now*, earliest first, and the next due time after them.

        Reading consumes nothing: the turn's commit does. When *limit* cut the answer the second value is the due
        time of the first one left out.
        """
        ...

    async def deliveries(
        self,
        partition: "Partition",
        *,
        after: "tuple[str, UserId]" = NO_DELIVERY,
        limit: int = 256,
    ) -> "tuple[tuple[UserId, Delivery], ...]":
        """Read the partition's deliveries that are not done, in the order of ids, then users, above *after*.

        So those of one user come in the order of their ids. An empty page is the end; a shorter one need not be.
        """
        ...

    async def journal(
        self, user: "UserId", partition: "Partition", *, limit: int = 100
    ) -> tuple[bytes, ...]:
        """Read the newest *limit* journal entries of *user*, oldest first."""
        ...

    async def dead_letters(
        self, *, user: "UserId | None" = None, after: str = "", limit: int = 100
    ) -> "tuple[DeadLetter, ...]":
        """List dead letters ordered by id (ids are time-ordered), above *after*."""
        ...

    async def drop_dead_letter(self, dead_letter_id: str) -> "DeadLetter | None":
        """Remove one dead letter and return it; ``None`` when there is none."""
        ...

    async def users(self, *, after: str = "", limit: int = 100) -> "tuple[StoredUser, ...]":
        """List stored users in a stable order, above the user id *after*."""
        ...

    async def check(self) -> tuple[str, ...]:
        """Say whether the store can be written now, raising ``StoreUnavailable`` when not.

        Returns warnings about its settings (durability below what was asked for).
        """
        ...


class Connection(Protocol):
    """A client's connection, as an actor sees it. No method blocks, none raises; a closed one ignores calls."""

    @property
    def id(self) -> "ConnectionId":
        """Unique in this process."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """How much waits for its client to take it; operators see it."""
        ...

    def push(self, message: bytes) -> None:
        """Send an encoded tail ``"event",{payload}`` on the user's topic, after everything sent before."""
        ...

    def close(self, code: "CloseCode", message: str = "") -> None:
        """Flush what was sent, then close; codes below 4100 also tell stock clients not to come back."""
        ...


class ReplyTo(Protocol):
    """Where the answer to one waiting input goes; exactly one of the two is called, once. Neither blocks nor raises."""

    def ok(self, payload: bytes) -> None:
        """Answer with *payload*, a JSON document."""
        ...

    def error(self, code: str, message: str, retry_after: float | None = None) -> None:
        """Answer with an error: an ``ErrorCode`` or the app's own word; *retry_after* in seconds."""
        ...


class Clock(Protocol):
    """Monotonic time for deadlines, wall-clock time for what is stored. Seconds."""

    def monotonic(self) -> float:
        """Never goes back; only differences mean anything."""
        ...

    def now(self) -> float:
        """Seconds since the Unix epoch; may jump."""
        ...


class Entropy(Protocol):
    """Randomness, handed in so that tests can repeat a run."""

    def token(self, size: int) -> bytes:
        """*size* unpredictable bytes."""
        ...

    def jitter(self) -> float:
        """A number in ``[0, 1)``; need not be unpredictable."""
        ...
