"""The intake: accepting doors write here, are answered when it is durable, and the actor is told afterwards.

**Order.** A user's accepted inputs run in the order of their ``seq``. Each is put into his mailbox when it is decided,
unless he cannot take it (mailbox full, quarantined, being recovered): then it stays in the store, the cell is marked
``backlog``, and later ones of that user are not told directly either. His actor calls ``refill`` when its mailbox
runs empty. ``Cell.told_seq`` says how far he has been told, so nothing is told twice.

**Lost answers.** A batch that had to be sent again may find its own first try as ``DUPLICATE``; so such a user's inbox
is read again instead of being believed.

Not here: authentication, body limits (edges), what an input means (actor.py).
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, NoReturn

import trio

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused, StoreUnavailable
from sessiond.core.ids import Digest, Partition, UserId, partition_of
from sessiond.core.ports import Clock, Entropy, Store
from sessiond.core.records import Arrival, Fence, InboxEntry, Receipt, ReceiptStatus
from sessiond.core.session.inputs import Accepted
from sessiond.runtime.availability import Availability
from sessiond.runtime.awaited import Awaited
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.directory import Activator
from sessiond.runtime.group import RETRY, GroupWriter
from sessiond.runtime.mailbox import Envelope
from sessiond.runtime.registry import Registry

__all__ = ["Intake"]

#: Within what platforms wait for an answer (Meta 10 s, Telegram 60 s, Twilio 15 s) with room for the network.
DEFAULT_BOUND_SECONDS: Final = 5.0

#: Accepted inputs of one user that may wait in the store: four mailboxes, then the platform has to hold them.
DEFAULT_USER_BACKLOG: Final = 1024

#: Requests that may wait for the store at once.
DEFAULT_WAITING: Final = 4096

#: Entries read at a time: a quarter of a mailbox, so that live messages still fit in.
_REFILL: Final = 64
_RECOVERY_PAGE: Final = 256


class _Request(Awaited):
    """The request of a door: over when all that it holds is decided."""

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size
        self.is_here = not size

    def decided(self) -> None:
        """Note that one more is decided."""
        self.left -= 1
        if not self.left:
            self.come()


class _Waiting:
    """One arrival waiting for its receipt."""

    __slots__ = ("arrival", "is_abandoned", "receipt", "request")

    def __init__(self, arrival: Arrival, request: _Request) -> None:
        self.arrival = arrival
        self.request = request
        self.is_abandoned = False
        self.receipt: Receipt | None = None


class Intake:
    """Accepts inputs durably and tells them to actors in order. Trio's thread only."""

    def __init__(
        self,
        store: Store,
        fences: Mapping[Partition, Fence],
        registry: Registry,
        supervisor: Activator,
        *,
        clock: Clock,
        deadlines: Deadlines,
        entropy: Entropy,
        availability: Availability,
        lanes: int = 1,
        batch: int = 256,
        bound_seconds: float = DEFAULT_BOUND_SECONDS,
        user_backlog: int = DEFAULT_USER_BACKLOG,
        waiting: int = DEFAULT_WAITING,
    ) -> None:
        self._store = store
        self._fences = fences
        self._registry = registry
        self._supervisor = supervisor
        self._clock = clock
        self._deadlines = deadlines
        self._entropy = entropy
        self._availability = availability
        self._bound = bound_seconds
        self._user_backlog = user_backlog
        self._max_waiting = waiting
        self._waiting = 0
        self.is_starting = False
        """Whether the node does not own its partitions yet: then nothing can be written."""
        self._is_accepting = True
        self._recovering: dict[Partition, int] = {}
        self._recovered_to: dict[Partition, int] = {}
        self._writer: GroupWriter[_Waiting, Arrival, Receipt] = GroupWriter(
            self, availability, lanes=lanes, batch=batch, entropy=entropy
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> NoReturn:
        """Write arrivals until cancelled; waiting doors then get no receipt and their platforms send again."""
        await self._writer.run(task_status=task_status)

    async def accept(
        self,
        user: UserId,
        kind: str,
        body: bytes,
        digest: Digest,
        *,
        keep_seconds: float = 48 * 3600.0,
    ) -> Receipt:
        """Write one input to *user*'s inbox: durable when this returns, and the actor is told.

        A repeat of *digest* within *keep_seconds* is answered ``DUPLICATE`` and has no effect. Cancelled, or not
        decided in time, it may or may not be accepted: sending it again with the same digest is right either way.

        Raises:
          StoreUnavailable: the store is known to be away, or did not decide within the bound; the node is starting.
          Refused: OVERLOADED, too much of this user (or of all) waits; DRAINING; UNAVAILABLE, not our partition.

        """
        arrival = Arrival(
            user, partition_of(user), digest, kind, body, self._clock.now(), keep_seconds
        )
        (receipt,) = await self.accept_all((arrival,))
        return receipt

    async def accept_all(self, arrivals: Sequence[Arrival]) -> tuple[Receipt, ...]:
        """Write the inputs of one request, as ``accept`` does: those of each user run in this order.

        They have one bound together, and may be decided in several writes. When this raises, some may be accepted and
        others not: sending all of them again is right.

        Raises:
          StoreUnavailable, Refused: as ``accept``; one of the first check is raised before anything is written.

        """
        for user in {arrival.user: None for arrival in arrivals}:
            self._check(user)
        request = _Request(len(arrivals))
        waiting = [_Waiting(arrival, request) for arrival in arrivals]
        self._waiting += len(waiting)
        for one in waiting:
            self._writer.submit(one)
        try:
            await request.wait(self._deadlines, self._clock.monotonic() + self._bound)
        finally:
            self._waiting -= len(waiting)
            for one in waiting:
                one.is_abandoned = True
        return tuple(_receipt(one) for one in waiting)

    def stop_accepting(self) -> None:
        """Refuse new arrivals from now on; those under way are still written, and stay in the inbox."""
        self._is_accepting = False

    async def wait_idle(self) -> None:
        """Return when no arrival is queued or being written. Always a checkpoint."""
        await self._writer.wait_idle()

    async def refill(self, cell: Cell) -> None:
        """Put accepted inputs that wait in the store into *cell*'s mailbox; called by its actor when that ran empty.

        Returns when something is in the mailbox, nothing is left in the store, or the mailbox was woken; while
        the store is away it waits for one of these. Cancelling it loses nothing.
        """
        attempt = 0
        while cell.backlog and not cell.mailbox and not cell.is_draining:
            marks = cell.backlog_marks
            try:
                page = await self._store.pending(
                    cell.partition, after=cell.told_seq, limit=_REFILL, user=cell.user
                )
            except StoreUnavailable:
                attempt += 1
                with trio.move_on_after(RETRY.wait(attempt, self._entropy.jitter())) as pause:
                    await cell.mailbox.wait()
                if not pause.cancelled_caught:
                    return
                continue
            for entry in page:
                self._tell(cell, entry)
            if len(page) == _REFILL:
                cell.backlog = max(1, cell.backlog - _REFILL)
            elif marks == cell.backlog_marks:
                cell.backlog = 0

    async def recover(
        self,
        partitions: Sequence[Partition],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Tell, in order, what an earlier owner accepted and never ran. Start it before the doors open.

        ``started`` once arrivals of *partitions* are held back behind what is left. A store that is away is asked
        again. Cancelled: what was not told stays in the store.
        """
        self._recovering.update(dict.fromkeys(partitions, 0))
        task_status.started()
        for partition in partitions:
            await self._recover(partition)

    async def _recover(self, partition: Partition) -> None:
        after = 0
        while True:
            held_back = self._recovering[partition]
            page = await self._read(partition, after)
            if not self._is_accepting:
                return  # draining: it stays in the store, and nobody is woken for it
            for entry in page:
                self._recovered_to[partition] = after = entry.seq
                self._offer(entry)
            if len(page) < _RECOVERY_PAGE and held_back == self._recovering[partition]:
                break
        del self._recovering[partition]

    async def _read(self, partition: Partition, after: int) -> tuple[InboxEntry, ...]:
        attempt = 0
        while True:
            try:
                return await self._store.pending(partition, after=after, limit=_RECOVERY_PAGE)
            except StoreUnavailable:
                attempt += 1
                await trio.sleep(RETRY.wait(attempt, self._entropy.jitter()))

    def _check(self, user: UserId) -> None:
        if not self._is_accepting:
            raise Refused(ErrorCode.DRAINING, "the server is being stopped; send it again")
        if self.is_starting or not self._availability.available:
            raise StoreUnavailable("the store is away")
        cell = self._registry.get(user)
        if cell is not None and cell.backlog >= self._user_backlog:
            raise Refused(ErrorCode.OVERLOADED, "too much waits for this user", retry_after=30.0)
        if self._waiting >= self._max_waiting:
            raise Refused(ErrorCode.OVERLOADED, "too many requests wait", retry_after=1.0)

    def _offer(self, entry: InboxEntry) -> None:
        """Tell *entry* to its user, or leave it in the store when he cannot take it in order now."""
        cell = self._supervisor.activate(entry.user)
        if entry.seq <= cell.told_seq:
            return
        if cell.backlog or cell.mailbox.is_full or cell.standing is Standing.QUARANTINED:
            cell.hold_back()
        else:
            self._tell(cell, entry)

    def _tell(self, cell: Cell, entry: InboxEntry) -> None:
        is_recovered = entry.seq <= self._recovered_to.get(cell.partition, 0)
        cell.told_seq = max(cell.told_seq, entry.seq)
        cell.last_active = self._clock.monotonic()
        cell.mailbox.put_always(
            Envelope(Accepted(entry), attempts=entry.attempts, recovered=is_recovered)
        )

    # How a group writer writes arrivals (group.GroupJob)

    def partition(self, queued: _Waiting) -> Partition:
        """Choose the lane."""
        return queued.arrival.partition

    def key(self, queued: _Waiting) -> Hashable:
        """Name the request itself: a batch may hold many arrivals of one user."""
        return id(queued)

    def take(self, queued: _Waiting) -> Arrival | None:
        """Give the arrival, unless its door has gone."""
        return None if queued.is_abandoned else queued.arrival

    async def write(self, batch: Sequence[Arrival], _lane: int) -> Sequence[Receipt]:
        """Have the store accept *batch*; partitions that are not ours are not even asked for."""
        ours = [arrival for arrival in batch if arrival.partition in self._fences]
        mine = {id(arrival) for arrival in ours}
        fences = {arrival.partition: self._fences[arrival.partition] for arrival in ours}
        receipts = iter(await self._store.accept(ours, fences) if ours else ())
        fenced = Receipt(ReceiptStatus.FENCED)
        return [next(receipts) if id(arrival) in mine else fenced for arrival in batch]

    def decided(self, queued: _Waiting, result: Receipt, repeated: bool) -> bool:  # noqa: FBT001 -- GroupJob
        """Tell the actor, then the door."""
        queued.receipt = result
        queued.request.decided()
        if not self._is_accepting:
            return False
        partition = queued.arrival.partition
        if partition in self._recovering:
            self._recovering[partition] += 1
        elif result.entry is not None:
            self._offer(result.entry)
        elif repeated and result.status is ReceiptStatus.DUPLICATE:
            cell = self._supervisor.activate(queued.arrival.user)
            cell.hold_back()
            cell.mailbox.wake()
        return False


def _receipt(waiting: _Waiting) -> Receipt:
    if waiting.receipt is None:
        raise StoreUnavailable("the store did not answer in time")
    if waiting.receipt.status is ReceiptStatus.FENCED:
        raise Refused(ErrorCode.UNAVAILABLE, "another node serves this user", retry_after=1.0)
    return waiting.receipt
