"""Group writing: many small requests become few store calls, without ever waiting on a timer.

Requests queue up in *lanes* (partition modulo lanes, so that what belongs to one user keeps its order). A lane
has at most one batch in flight; what comes meanwhile forms the next one. An idle lane writes at once: the batch
grows with the load and not with a delay. Prior art: group commit (DeWitt 1984); design.md 2.

The retry rule: ``StoreUnavailable`` decides nothing, so the *same* batch is sent again, with back-off, until it is
decided. Any other exception is a programming error: it leaves ``run`` and stops the node.

Used by the committer (ledgers → commits → verdicts) and the intake (arrivals → receipts).
"""

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Final, Generic, NoReturn, Protocol, TypeVar

import trio

from sessiond import telemetry
from sessiond.core.errors import StoreUnavailable
from sessiond.core.ids import Partition
from sessiond.core.ports import Entropy
from sessiond.runtime.availability import Availability
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.parking import Parking

__all__ = ["GroupJob", "GroupWriter"]

Q = TypeVar("Q")
"""What is queued, and told the result."""
Q_contra = TypeVar("Q_contra", contravariant=True)
T = TypeVar("T")
"""What is written for it."""
R = TypeVar("R")
"""What the store answers."""

#: A local socket that comes back at once is found at once; a store that stays away is asked every two seconds.
RETRY: Final = Backoff(0.05, 2.0)

_retried: Final = telemetry.emitter("commit.retried")


class GroupJob(Protocol[Q_contra, T, R]):
    """What a group writer writes. Only ``write`` may block; the others must not raise."""

    def partition(self, queued: Q_contra, /) -> Partition:
        """Tell which lane is *queued*'s."""
        ...

    def key(self, queued: Q_contra, /) -> Hashable:
        """Name what a batch may hold once only (a user; the request itself)."""
        ...

    def take(self, queued: Q_contra, /) -> T | None:
        """Make the request, now; ``None``: there is nothing to write any more."""
        ...

    async def write(self, batch: Sequence[T], lane: int, /) -> Sequence[R]:
        """Write *batch*; one result each, in order. Raises ``StoreUnavailable``: nothing is decided."""
        ...

    def decided(self, queued: Q_contra, result: R, repeated: bool, /) -> bool:  # noqa: FBT001 -- a protocol of our own
        """Tell the result; *repeated*: the batch was sent more than once. ``True``: queue it again."""
        ...


class GroupWriter(Generic[Q, T, R]):
    """Lanes of batched writes. ``submit`` is synchronous; ``run`` writes. Trio's thread only."""

    def __init__(
        self,
        job: GroupJob[Q, T, R],
        availability: Availability,
        *,
        lanes: int,
        batch: int,
        entropy: Entropy,
        retry: Backoff = RETRY,
    ) -> None:
        self._lanes = [
            _Lane(number, job, availability, batch=batch, entropy=entropy, retry=retry)
            for number in range(lanes)
        ]
        self._job = job

    def submit(self, queued: Q) -> None:
        """Queue *queued* for its lane's next batch; it is in the queue at most once. O(1)."""
        self._lane(self._job.partition(queued)).submit(queued)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> NoReturn:
        """Write until cancelled. What is in flight then is not decided, and nobody is told."""
        async with trio.open_nursery() as nursery:
            for lane in self._lanes:
                nursery.start_soon(lane.run, name=f"lane {lane.number}")
            task_status.started()
            await trio.sleep_forever()
        raise AssertionError("unreachable")

    async def wait_decided(self, partition: Partition, key: Hashable) -> None:
        """Return when nothing under *key* is queued or in flight; at once, without a checkpoint, if it is so now."""
        lane = self._lane(partition)
        while lane.has(key):
            await lane.settled.park()

    async def wait_idle(self) -> None:
        """Return when nothing is queued or in flight in any lane. Always a checkpoint."""
        await trio.lowlevel.checkpoint()
        for lane in self._lanes:
            while lane.is_busy:
                await lane.settled.park()
        if any(lane.is_busy for lane in self._lanes):
            await self.wait_idle()

    def backlog(self) -> int:
        """Count what is queued or in flight."""
        return sum(len(lane) for lane in self._lanes)

    def _lane(self, partition: Partition) -> "_Lane[Q, T, R]":
        return self._lanes[partition % len(self._lanes)]


class _Lane(Generic[Q, T, R]):
    """One queue, one batch in flight."""

    def __init__(
        self,
        number: int,
        job: GroupJob[Q, T, R],
        availability: Availability,
        *,
        batch: int,
        entropy: Entropy,
        retry: Backoff,
    ) -> None:
        self.number = number
        self.settled = trio.lowlevel.ParkingLot()
        self._job = job
        self._availability = availability
        self._batch = batch
        self._entropy = entropy
        self._retry = retry
        self._queue: deque[Q] = deque()
        self._queued: set[int] = set()
        self._in_flight: list[tuple[Q, T]] = []
        self._keys: dict[Hashable, int] = {}  # how many under each key are queued or in flight
        self._parked = Parking()

    def __len__(self) -> int:
        return len(self._queue) + len(self._in_flight)

    @property
    def is_busy(self) -> bool:
        return bool(self._queue or self._in_flight)

    def has(self, key: Hashable) -> bool:
        return key in self._keys

    def submit(self, queued: Q) -> None:
        # By identity: the queue keeps it alive, so its id is not given to another.
        if id(queued) not in self._queued:
            self._queued.add(id(queued))
            self._queue.append(queued)
            key = self._job.key(queued)
            self._keys[key] = self._keys.get(key, 0) + 1
            self._parked.wake()

    async def run(self) -> NoReturn:
        try:
            while True:
                if not self._queue:
                    await self._parked.wait()
                else:
                    await trio.lowlevel.checkpoint()
                self._form()
                if self._in_flight:
                    await self._settle()
                self.settled.unpark_all()
        finally:
            self._availability.back(self)

    def _form(self) -> None:
        """Move requests from the queue into flight; what shares a key with one of them waits its turn."""
        keys: set[Hashable] = set()
        waiting: list[Q] = []
        while self._queue and len(self._in_flight) < self._batch:
            queued = self._queue.popleft()
            key = self._job.key(queued)
            if key in keys:
                waiting.append(queued)
                continue
            self._queued.discard(id(queued))
            request = self._job.take(queued)
            if request is not None:
                keys.add(key)
                self._in_flight.append((queued, request))
            else:
                self._left(key)
        self._queue.extendleft(reversed(waiting))

    def _left(self, key: Hashable) -> None:
        """Note that one under *key* is neither queued nor in flight any more."""
        others = self._keys.pop(key) - 1
        if others:
            self._keys[key] = others

    async def _settle(self) -> None:
        """Have the batch in flight decided, and tell everybody in it."""
        results, repeated = await self._write([request for _, request in self._in_flight])
        decided, self._in_flight = self._in_flight, []
        for (queued, _), result in zip(decided, results, strict=True):
            self._left(self._job.key(queued))
            if self._job.decided(queued, result, repeated):
                self.submit(queued)

    async def _write(self, requests: list[T]) -> tuple[Sequence[R], bool]:
        attempt = 0
        while True:
            try:
                results = await self._job.write(requests, self.number)
            except StoreUnavailable as error:
                attempt += 1
                self._availability.away(self, error)
            else:
                self._availability.back(self)
                return results, attempt > 0
            _retried({"attempt": attempt}, {"lane": self.number})
            await trio.sleep(self._retry.wait(attempt, self._entropy.jitter()))
