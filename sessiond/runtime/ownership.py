"""Ownership: this node owns its partitions, and knows when it may no longer say so.

The node's lease is renewed every third of its life. It is judged by the monotonic clock read *before* a renewal was
sent, less a margin: so we stop believing before anybody else may start to. A process that was stopped
(SIGSTOP, a suspended machine) finds the deadline passed when it wakes, before it does anything else with ``is_valid``.

The lease is for efficiency; the fence that the store checks at each write is the safety (design.md 10).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import trio

from sessiond import telemetry
from sessiond.core.errors import Fenced, StoreUnavailable
from sessiond.core.ids import NodeId, Partition
from sessiond.core.ports import Clock, Entropy, Store
from sessiond.core.records import Acquired, Fence
from sessiond.runtime.availability import Availability
from sessiond.runtime.backoff import Backoff

__all__ = ["DEFAULT_LEASE_SECONDS", "Ownership"]

#: design.md 10: long enough for a garbage collection or a Redis failover, short enough to wait for.
DEFAULT_LEASE_SECONDS: Final = 10.0

#: The share of the lease that we do not use: clocks of two machines run at different speeds.
_MARGIN: Final = 0.1
_RETRY: Final = Backoff(0.1, 1.0)


class Ownership:
    """The lease and the fences of one node. Trio's thread only."""

    def __init__(
        self,
        store: Store,
        node: NodeId,
        partitions: Sequence[Partition],
        *,
        window_seconds: float,
        clock: Clock,
        entropy: Entropy,
        availability: Availability,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
    ) -> None:
        self.node = node
        self.nonce = entropy.token(16).hex()
        self.lost = trio.Event()
        """Set once, when the lease ran out or was taken: the node stops. *reason* says why."""
        self.reason = ""
        self.lost_store = False
        """Whether the lease ran out because the store was away: nobody need have taken anything."""
        self._store = store
        self._partitions = tuple(partitions)
        self._window = window_seconds
        self._clock = clock
        self._entropy = entropy
        self._availability = availability
        self._seconds = lease_seconds
        self._fences: dict[Partition, Fence] = {}
        self._deadline = float("-inf")
        self._renewing: trio.CancelScope | None = None

    @property
    def fences(self) -> Mapping[Partition, Fence]:
        """The partitions this node owns; live, and empty once the lease is lost or released."""
        return MappingProxyType(self._fences)

    @property
    def deadline(self) -> float:
        """Until when (monotonic) the lease certainly holds."""
        return self._deadline

    def is_valid(self) -> bool:
        """Tell whether the lease certainly holds now; what leaves without a commit asks first."""
        return not self.lost.is_set() and self._clock.monotonic() < self._deadline

    async def acquire(self) -> tuple[Acquired, ...]:
        """Take every partition, at start. Cancelled: they may be taken, and a new ``acquire`` takes them back.

        Raises:
          StoreInUse: another live node holds one of them.
          StoreUnavailable: nothing is decided; call again.

        """
        sent = self._clock.monotonic()
        acquired = await self._store.acquire(
            self.node,
            self.nonce,
            self._partitions,
            now=self._clock.now(),
            window_seconds=self._window,
            lease_seconds=self._seconds,
        )
        self._extend(sent)
        self._fences.update((one.fence.partition, one.fence) for one in acquired)
        if telemetry.enabled("partition.acquired"):
            took = self._clock.monotonic() - sent
            for one in acquired:
                telemetry.emit(
                    "partition.acquired",
                    {"duration": took, "pending": int(one.has_pending)},
                    {"partition": one.fence.partition},
                )
        return acquired

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Renew until the lease is lost (then ``lost`` is set) or released, and return.

        Cancelling leaves the lease to run out.
        """
        async with trio.open_nursery() as nursery:
            self._renewing = nursery.cancel_scope
            nursery.start_soon(self._watch, nursery.cancel_scope)
            nursery.start_soon(self._renew, nursery.cancel_scope)
            task_status.started()
        self._availability.back(self)

    async def release(self) -> None:
        """Give up the lease and everything held under it, after the last commit; nothing can be written from here on.

        Renewing ends, without a loss.
        Raises ``StoreUnavailable``: then it runs out by itself.
        """
        if self._renewing is not None:
            self._renewing.cancel()
        held = tuple(self._fences)
        self._fences.clear()
        self._deadline = float("-inf")
        await self._store.release(self.node, self.nonce)
        for partition in held:
            telemetry.emit("partition.released", {}, {"partition": partition})

    def _extend(self, sent: float) -> None:
        self._deadline = sent + self._seconds * (1 - _MARGIN)

    def _lose(self, reason: str) -> None:
        if self.lost.is_set():
            return
        self.reason = reason
        self.lost_store = self._has_run_out() and not self._availability.available
        self._fences.clear()
        self.lost.set()
        telemetry.emit("lease.lost", {}, {"node": self.node, "reason": reason})

    def _has_run_out(self) -> bool:
        return self._clock.monotonic() >= self._deadline

    async def _watch(self, scope: trio.CancelScope) -> None:
        """Lose the lease when its deadline passes, also while a renewal hangs."""
        while not self._has_run_out():  # noqa: ASYNC110 -- renewals move the deadline meanwhile
            await trio.sleep_until(self._deadline)
        self._lose("it ran out")
        scope.cancel()

    async def _renew(self, scope: trio.CancelScope) -> None:
        attempt = 0
        while True:
            if attempt:
                await trio.sleep(_RETRY.wait(attempt, self._entropy.jitter()))
            else:
                await trio.sleep(self._seconds / 3)
            sent = self._clock.monotonic()
            try:
                await self._store.renew(self.node, self.nonce, lease_seconds=self._seconds)
            except StoreUnavailable as error:
                # An idle node has nobody else who would notice.
                self._availability.away(self, error)
                attempt += 1
                continue
            except Fenced as error:
                self._lose(str(error))
                scope.cancel()
                return
            attempt = 0
            self._availability.back(self)
            margin = self._deadline - self._clock.monotonic()
            if margin <= 0:
                return  # too late: the watch is about to say so
            self._extend(sent)
            telemetry.emit("lease.renewed", {"margin": margin}, {"node": self.node})
