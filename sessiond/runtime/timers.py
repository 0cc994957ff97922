"""Durable timers: who is due is asked of the store, and told to the user's actor.

Timers live in the store; memory holds one due time per partition, its earliest. ``note`` moves it earlier when a commit
sets a timer. When it comes, due timers are read in batches and told as ``Fired``; reading consumes nothing, the turn's
commit does. So a timer is told again until a commit settles it, but not while it is on its way: what was told is
remembered with the actor's incarnation, and a crash, a passivation or a quarantine makes it untold.

Due times are wall-clock times. The wall clock is read again each second, so that a jump strands nothing.

An overdue flood is bounded twice: by the number of timers on their way, which makes it as fast as they are handled, and
by a rate, which leaves room for live traffic. Partitions take turns.
"""

import math
from collections.abc import Callable
from typing import Final, NoReturn

import trio

from sessiond import telemetry
from sessiond.core.errors import Refused, StoreUnavailable
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.ports import Clock, Entropy, Store
from sessiond.core.records import DueTimer, Timer
from sessiond.core.token_bucket import RateLimit, TokenBucket
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.cell import Cell
from sessiond.runtime.registry import Registry

__all__ = ["Timers"]

_Key = tuple[UserId, str, int]

#: A jump of the wall clock is noticed after so many seconds.
_LOOK_AGAIN: Final = 1.0

#: A partition with timers on their way is read again after so long, in case one of them was lost.
_RECHECK: Final = 30.0

_BATCH: Final = 64
_MAX_RUNNING: Final = 512
_RATE: Final = RateLimit(per_second=2000.0, burst=256.0)
_RETRY: Final = Backoff(0.1, 2.0)


class Timers:
    """Fires the timers of this node's partitions. Trio's thread only.

    *tell* puts ``Fired(timer)`` into a user's mailbox, waking him; it raises ``Refused`` when he is quarantined.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        tell: Callable[[UserId, Timer], None],
        *,
        clock: Clock,
        entropy: Entropy,
        max_running: int = _MAX_RUNNING,
        rate: RateLimit = _RATE,
    ) -> None:
        self._store = store
        self._registry = registry
        self._tell = tell
        self._clock = clock
        self._entropy = entropy
        self._max_running = max_running
        self._rate = rate
        self._batch = max(1, min(_BATCH, int(rate.burst)))
        self._due: dict[Partition, float] = {}
        self._told: dict[Partition, dict[_Key, tuple[Cell, int]]] = {}
        self._running: set[_Key] = set()
        self._scope: trio.CancelScope | None = None
        self._is_nudged = False

    @property
    def running(self) -> int:
        """How many timers were told and are not settled."""
        return len(self._running)

    def next_due(self) -> float | None:
        """Return the earliest due time known, wall clock; ``None`` when there is none."""
        return min(self._due.values(), default=None)

    def note(self, partition: Partition, due: float) -> None:
        """Note that *partition* has a timer due at *due* (wall clock); called after the commit that set it. O(1)."""
        if due < self._due.get(partition, math.inf):
            self._due[partition] = due
            self._nudge()

    def settled(self, user: UserId, name: str, generation: int) -> None:
        """Note that a commit consumed this timer, or that it was stale. Unknown ones are ignored."""
        key = (user, name, generation)
        told = self._told.get(partition_of(user))
        if told is not None:
            told.pop(key, None)
        if key in self._running:
            was_full = len(self._running) >= self._max_running
            self._running.discard(key)
            if was_full:
                self._nudge()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> NoReturn:
        """Fire timers until cancelled; none is lost, since only commits consume them."""
        bucket = TokenBucket(self._rate, self._clock.monotonic())
        attempt = 0
        task_status.started()
        while True:
            now = self._clock.now()
            due = sorted((at, partition) for partition, at in self._due.items() if at <= now)
            if not due or not self._has_room():
                following = min(self._due.values(), default=math.inf) - now
                await self._pause(_LOOK_AGAIN if due else min(_LOOK_AGAIN, following))
                continue
            for _, partition in due:
                if not self._has_room():
                    break
                try:
                    told = await self._fire(partition, now)
                except StoreUnavailable:
                    attempt += 1
                    await trio.sleep(_RETRY.wait(attempt, self._entropy.jitter()))
                    break
                attempt = 0
                await self._pay(bucket, told)

    async def _fire(self, partition: Partition, now: float) -> int:
        """Read one batch of *partition*'s due timers and tell them; return how many."""
        self._forget_lost(partition)
        told = self._told.setdefault(partition, {})
        del self._due[partition]
        # Those on their way are still due in the store and come first.
        try:
            timers, following = await self._store.due(partition, now, self._batch + len(told))
        except BaseException:
            self.note(partition, now)
            raise
        count = 0
        for timer in timers:
            if count >= self._batch or len(self._running) >= self._max_running:
                self.note(partition, now)
                break
            count += self._offer(partition, timer, now)
        if following is not None:
            self.note(partition, following)
        if told:
            self.note(partition, now + _RECHECK)
        return count

    def _offer(self, partition: Partition, due: DueTimer, now: float) -> bool:
        """Tell one timer unless it is on its way already; ``False`` also when it was refused."""
        key = (due.user, due.timer.name, due.timer.generation)
        told = self._told[partition]
        if key in told:
            return False
        try:
            self._tell(due.user, due.timer)
        except Refused:
            is_running = False
        else:
            is_running = True
            self._running.add(key)
        cell = self._registry.get(due.user)
        if cell is None:
            self.note(partition, now + _RECHECK)
        else:
            told[key] = (cell, cell.incarnation)
        return is_running

    def _forget_lost(self, partition: Partition) -> None:
        """Make untold what was told to actors that are gone since, or were started again."""
        told = self._told.get(partition, {})
        lost = [
            key
            for key, (cell, incarnation) in told.items()
            if self._registry.get(cell.user) is not cell or cell.incarnation != incarnation
        ]
        for key in lost:
            del told[key]
            self._running.discard(key)

    def _has_room(self) -> bool:
        if len(self._running) < self._max_running:
            return True
        for partition in self._told:
            self._forget_lost(partition)
        if len(self._running) < self._max_running:
            return True
        telemetry.emit("timer.lagging", {"running": len(self._running)})
        return False

    async def _pay(self, bucket: TokenBucket, cost: float) -> None:
        """Wait until the rate allows what was told."""
        while wait := bucket.take(self._clock.monotonic(), cost):  # noqa: ASYNC110 -- a rate is time
            await trio.sleep(wait)

    def _nudge(self) -> None:
        self._is_nudged = True
        if self._scope is not None:
            self._scope.cancel()

    async def _pause(self, seconds: float) -> None:
        """Wait, at most *seconds*, until there may be something to do."""
        self._is_nudged, nudged = False, self._is_nudged
        await trio.lowlevel.checkpoint()
        if nudged or self._is_nudged:
            return
        with trio.move_on_after(max(0.0, seconds)) as self._scope:
            await trio.sleep_forever()
        self._scope = None
