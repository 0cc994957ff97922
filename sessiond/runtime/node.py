"""The runtime of one node: its parts wired together, and the order in which they run and stop.

What is inside: ownership, supervisor, committer, intake, timers, deadlines. What is not: doors, stores, settings
(server.py). Infrastructure is the opposite of actors: when one of these tasks fails, the node stops.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import trio
from attrs import frozen

from sessiond.core.conversations.book import FlowBook
from sessiond.core.gateways.accounts import Account
from sessiond.core.ids import PARTITIONS, NodeId, Partition, UserId
from sessiond.core.ports import Clock, Entropy, Store
from sessiond.core.records import Timer
from sessiond.core.session.inputs import Fired
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.program import Program
from sessiond.runtime.actor import SessionActor
from sessiond.runtime.availability import Availability
from sessiond.runtime.awake import DEFAULT_AWAKE, Awake
from sessiond.runtime.cell import Cell
from sessiond.runtime.committer import Committer, Ledger
from sessiond.runtime.counters import Counters
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.deliveries import Deliveries
from sessiond.runtime.directory import LocalDirectory
from sessiond.runtime.drain import Closable, Drain, DrainReport, DrainSettings
from sessiond.runtime.gate import Gate
from sessiond.runtime.intake import Intake
from sessiond.runtime.mailbox import Envelope
from sessiond.runtime.ownership import Ownership
from sessiond.runtime.patience import until_decided
from sessiond.runtime.provider_calls import CallProvider
from sessiond.runtime.registry import Registry
from sessiond.runtime.restart import RestartPolicy
from sessiond.runtime.runs import Runs
from sessiond.runtime.services import ActorPolicy, Services
from sessiond.runtime.supervisor import Supervisor
from sessiond.runtime.threads import Threads, WorkerThreads
from sessiond.runtime.timers import Timers

__all__ = ["NodePolicy", "NodeRuntime"]

#: A single node owns them all.
_ALL: Final = tuple(Partition(number) for number in range(PARTITIONS))

#: Of a drain, before anything else: what a provider has accepted is sent again unless its actor takes note of it.
_FINISH_CALLS_SECONDS: Final = 3.0


@frozen(kw_only=True)
class NodePolicy:
    """Numbers that the composition root takes from the settings."""

    session: SessionLimits
    actor: ActorPolicy
    restart: RestartPolicy
    drain: DrainSettings
    lanes: int = 1
    batch: int = 256
    mailbox: int = 256
    resident_sessions: int = 100_000
    awake_dialogues: int = DEFAULT_AWAKE
    lease_seconds: float = 10.0


class NodeRuntime:
    """Everything between the doors and the store. Make it, ``run`` it; the doors use its public attributes."""

    def __init__(
        self,
        node: NodeId,
        store: Store,
        program: Program,
        policy: NodePolicy,
        *,
        clock: Clock,
        entropy: Entropy,
        book: FlowBook | None = None,
        accounts: Mapping[str, Account] = MappingProxyType({}),
        call: CallProvider | None = None,
        store_name: str = "store",
        threads: Threads | None = None,
    ) -> None:
        self.node = node
        self.store = store
        self.clock = clock
        self.entropy = entropy
        self.policy = policy
        self.program = program
        self.book = book
        self.accounts = accounts
        self.counters = Counters()
        self.registry = Registry()
        self.availability = Availability(clock, store=store_name)
        self.deadlines = Deadlines(clock)
        self.ownership = Ownership(
            store,
            node,
            _ALL,
            window_seconds=policy.session.window_seconds,
            clock=clock,
            entropy=entropy,
            availability=self.availability,
            lease_seconds=policy.lease_seconds,
        )
        self.committer = Committer(
            store,
            self.ownership.fences,
            clock=clock,
            entropy=entropy,
            availability=self.availability,
            lanes=policy.lanes,
            batch=policy.batch,
            on_crash=_crash_its_actor,
        )
        self.supervisor = Supervisor(
            self._start,
            self.registry,
            policy.restart,
            clock=clock,
            entropy=entropy,
            availability=self.availability,
            before_start=lambda cell: self.committer.wait_decided(cell.user, cell.partition),
            resident_cap=policy.resident_sessions,
            mailbox_capacity=policy.mailbox,
        )
        self.directory = LocalDirectory(self.registry, self.supervisor, clock, self.deadlines)
        self.awake = Awake(policy.awake_dialogues)
        threads = threads or WorkerThreads()
        self.runs = Runs(self.directory, clock=clock, entropy=entropy, threads=threads)
        self.deliveries: Deliveries | None = None
        """``None``: nobody makes calls, and messages stay in the store."""
        if call is not None:
            self.deliveries = Deliveries(
                accounts,
                call,
                store,
                self.directory,
                clock=clock,
                entropy=entropy,
                availability=self.availability,
                threads=threads,
            )
        self.timers = Timers(store, self.registry, self._fire, clock=clock, entropy=entropy)
        self.intake = Intake(
            store,
            self.ownership.fences,
            self.registry,
            self.supervisor,
            clock=clock,
            deadlines=self.deadlines,
            entropy=entropy,
            availability=self.availability,
            lanes=policy.lanes,
            batch=policy.batch,
        )
        self.directory.is_starting = self.intake.is_starting = True
        self._began = math.inf
        self.services = self._services()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the partitions and serve; ``started`` when sessions are served. Returns when the lease is lost.

        What an earlier run accepted and did not finish is told before anything new of the same users. Waits for a
        store that is away; until it has started, everybody is refused with UNAVAILABLE.

        Raises:
          StoreInUse: another live node owns the partitions.

        """
        acquired = await until_decided(self.ownership.acquire, self.availability, self.entropy)
        self._began = self.clock.now()
        for one in acquired:
            if one.next_due is not None:
                self.timers.note(one.fence.partition, one.next_due)
        left = [one.fence.partition for one in acquired if one.has_pending]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.deadlines.run)
            await nursery.start(self.committer.run)
            await nursery.start(self.intake.run)
            await nursery.start(self.supervisor.run)
            await nursery.start(self.runs.run)
            if self.deliveries is not None:
                self.deliveries.recover([one.fence.partition for one in acquired])
            await nursery.start(self.ownership.run)
            if left:
                await nursery.start(self.intake.recover, left)
            self.directory.is_starting = self.intake.is_starting = False
            await nursery.start(self.timers.run)
            if self.deliveries is not None:
                await nursery.start(self.deliveries.run)
            task_status.started()
            await self.ownership.lost.wait()
            nursery.cancel_scope.cancel()

    def not_ready(self) -> list[str]:
        """Say why this node should get no new work."""
        reasons = []
        if self.directory.is_starting:
            reasons.append("starting")
        elif not self.ownership.is_valid():
            reasons.append("the lease is not held")
        if not self.availability.available:
            reasons.append("the store is away")
        if not self.directory.is_accepting:
            reasons.append("draining")
        if self.supervisor.is_systemic():
            reasons.append("too many users' sessions are failing")
        return reasons

    def drain(
        self,
        *,
        stops: Sequence[Callable[[], None]],
        connections: Callable[[], Sequence[Closable]],
    ) -> Callable[[], Awaitable[DrainReport]]:
        """Prepare the drain of this node; *stops* are the doors' own ways to refuse new work."""
        drain = Drain(
            self.node,
            self.registry,
            stops=(self.directory.stop_accepting, self.intake.stop_accepting, *stops),
            wait_actors=self.supervisor.wait_none_running,
            flush=self._flush,
            release=self.ownership.release,
            connections=connections,
            clock=self.clock,
            entropy=self.entropy,
            settings=self.policy.drain,
        )

        async def finish_and_drain() -> DrainReport:
            await self._finish_calls()
            return await drain.run()

        return finish_and_drain

    async def _finish_calls(self) -> None:
        """Begin no more calls to providers, and let actors take what comes of those under way, while they still may."""
        if self.deliveries is not None:
            self.deliveries.stop()
            with trio.move_on_after(_FINISH_CALLS_SECONDS):
                await self.deliveries.wait_idle()

    async def _flush(self) -> None:
        await self.intake.wait_idle()
        await self.committer.wait_idle()

    async def _start(self, cell: Cell) -> None:
        await SessionActor(cell, self.services).run()

    def _fire(self, user: UserId, timer: Timer) -> None:
        cell = self.directory.wake(user, waits=False)
        cell.last_active = self.clock.monotonic()
        # One that was due when this run began may be what ended the run before.
        is_left = timer.due is not None and timer.due <= self._began
        cell.mailbox.put_always(Envelope(Fired(timer), recovered=is_left))

    def _services(self) -> Services:
        return Services(
            store=self.store,
            committer=self.committer,
            program=self.program,
            book=self.book,
            runs=self.runs,
            awake=self.awake,
            registry=self.registry,
            deadlines=self.deadlines,
            timers=self.timers,
            refill=self.intake.refill,
            accept=self.intake.accept,
            tell=lambda user, item, reply_to: self.directory.locate(user).tell(item, reply_to),
            fences=self.ownership.fences,
            clock=self.clock,
            entropy=self.entropy,
            availability=self.availability,
            limits=self.policy.session,
            policy=self.policy.actor,
            counters=self.counters,
            accounts=self.accounts,
            deliveries=self.deliveries,
        )


def _crash_its_actor(ledger: Ledger, error: Exception) -> None:
    """Let one user's bug be that user's crash: the lane goes on."""
    if isinstance(ledger, Gate):
        ledger.crashed(error)
    else:
        raise error
