"""Durable timers: fired when due, not twice at once, never stranded, never a flood."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused, StoreUnavailable
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.records import DueTimer, Timer, TimerChange, UserCommit
from sessiond.core.token_bucket import RateLimit
from sessiond.runtime.cell import Cell
from sessiond.runtime.clock import SteadyClock
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.registry import Registry
from sessiond.runtime.timers import Timers
from tests.runtime.hearing import hearing
from tests.runtime.lossy_store import LossyStore, owned

ANN = UserId("ann")
HOME = partition_of(ANN)
START = 1_000_000.0


class Bell(LossyStore):
    """Counts how often the due timers were read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def due(
        self, partition: Partition, now: float, limit: int
    ) -> tuple[tuple[DueTimer, ...], float | None]:
        self.reads += 1
        if self.is_away:
            raise StoreUnavailable("away")
        return await super().due(partition, now, limit)


class Belfry:
    """Timers over a store; the test plays the actors."""

    def __init__(self, max_running: int, rate: RateLimit) -> None:
        self.clock = SteadyClock(START)
        self.store = Bell()
        self.registry = Registry()
        self.fired: list[tuple[float, str]] = []
        self.versions: dict[UserId, int] = {}
        self.refused: set[UserId] = set()
        self.settles = False
        self.timers = Timers(
            self.store,
            self.registry,
            self.tell,
            clock=self.clock,
            entropy=SeededEntropy(1),
            max_running=max_running,
            rate=rate,
        )

    def tell(self, user: UserId, timer: Timer) -> None:
        cell = self.registry.get(user)
        if cell is None:
            cell = Cell(user)
            self.registry.add(cell)
        if user in self.refused:
            raise Refused(ErrorCode.QUARANTINED, "no")
        self.fired.append((trio.current_time(), timer.name))

    async def set(self, user: str, *changes: TimerChange) -> None:
        """Commit timer changes of *user* and note them, as an actor would."""
        who = UserId(user)
        version = self.versions.get(who, 0)
        self.versions[who] = version + 1
        commit = UserCommit(
            user=who,
            partition=partition_of(who),
            commit_id=bytes(16),
            expected_version=version,
            snapshot=b"s",
            timers=changes,
        )
        await self.store.commit([commit], self.store_fences)
        for change in changes:
            if change.timer is not None and change.timer.due is not None:
                self.timers.note(partition_of(who), change.timer.due)

    async def consume(self, user: str, name: str, generation: int = 1) -> None:
        await self.set(user, TimerChange(name, None))
        self.timers.settled(UserId(user), name, generation)

    async def own(self, *users: str) -> None:
        self.store_fences = await owned(self.store, *users)


def timer(name: str, after: float, generation: int = 1) -> TimerChange:
    return TimerChange(name, Timer(name, generation, START + after))


@asynccontextmanager
async def belfry(
    *users: str,
    max_running: int = 512,
    rate: RateLimit = RateLimit(2000, 256),  # noqa: B008 -- frozen
) -> AsyncIterator[Belfry]:
    one = Belfry(max_running, rate)
    await one.own(*(users or ("ann",)))
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: one.timers.run(task_status=task_status))
        yield one
        nursery.cancel_scope.cancel()


async def test_a_timer_fires_at_its_time(autojump_clock: MockClock) -> None:
    """Noted after its commit, it is told when it is due, once."""
    async with belfry() as here:
        await here.set("ann", timer("late", 5.0), timer("soon", 2.0))
        await trio.sleep(1.9)
        assert [] == here.fired
        await trio.sleep(10)

        assert [(2.0, "soon"), (5.0, "late")] == here.fired
        assert here.timers.running == 2


async def test_an_earlier_timer_is_not_slept_through(autojump_clock: MockClock) -> None:
    """A due time that comes before the one waited for wakes the service."""
    async with belfry() as here:
        await here.set("ann", timer("far", 3600.0))
        await trio.sleep(0.3)
        await here.set("ann", timer("near", 0.5))
        await trio.sleep(1)

        assert [(0.5, "near")] == [(round(at, 3), name) for at, name in here.fired]
        assert here.timers.next_due() is not None


async def test_a_timer_on_its_way_is_not_told_again(autojump_clock: MockClock) -> None:
    """Only a commit consumes it, but until then it is told once; a settled one is forgotten."""
    async with belfry() as here:
        await here.set("ann", timer("t", 1.0))
        await trio.sleep(200)
        assert [(1.0, "t")] == here.fired
        await here.consume("ann", "t")
        reads = here.store.reads
        await trio.sleep(1000)

        assert (here.timers.running, len(here.fired)) == (0, 1)
        assert here.store.reads <= reads + 1


async def test_a_timer_lost_with_its_actor_is_told_again(autojump_clock: MockClock) -> None:
    """A restart, and a passivation, make what was told untold."""
    async with belfry() as here:
        await here.set("ann", timer("t", 1.0))
        await trio.sleep(2)
        cell = here.registry.get(ANN)
        assert cell is not None
        cell.incarnation += 1
        await trio.sleep(40)
        assert len(here.fired) == 2
        here.registry.remove(cell)
        await trio.sleep(40)

        assert len(here.fired) == 3
        assert here.timers.running == 1


async def test_a_quarantined_users_timers_wait_for_his_release(autojump_clock: MockClock) -> None:
    """They do not count as running, and are told when the actor was started again."""
    async with belfry() as here:
        here.refused.add(ANN)
        await here.set("ann", timer("t", 1.0))
        await trio.sleep(100)
        assert (here.timers.running, here.fired) == (0, [])
        here.refused.clear()
        cell = here.registry.get(ANN)
        assert cell is not None
        cell.incarnation += 1
        await trio.sleep(40)

        assert ["t"] == [name for _, name in here.fired]


async def test_a_jump_of_the_wall_clock_strands_nothing(autojump_clock: MockClock) -> None:
    """Somebody sets the clock an hour ahead: what is due by it fires within a second."""
    async with belfry() as here:
        await here.set("ann", timer("t", 3000.0))
        await trio.sleep(10)
        here.clock.jump(3600)
        await trio.sleep(1.5)

        assert ["t"] == [name for _, name in here.fired]
        assert here.fired[0][0] <= 11.0


async def test_a_flood_is_bounded_by_what_is_handled(autojump_clock: MockClock) -> None:
    """So many overdue timers are on their way at once, and the rest follows as they are settled."""
    users = [f"u{number}" for number in range(300)]
    async with belfry(*users, max_running=50) as here:
        with hearing("timer.lagging") as heard:
            for user in users:
                await here.set(user, timer(user, -100.0))
            await trio.sleep(5)
            assert len(here.fired) == 50
            while len(here.fired) < 300:
                done = len(here.fired)
                for _, name in here.fired:
                    if here.timers.running:
                        await here.consume(name, name)
                await trio.sleep(2)
                assert len(here.fired) > done

        assert sorted(users) == sorted(name for _, name in here.fired)
        assert heard


async def test_a_flood_is_bounded_by_a_rate(autojump_clock: MockClock) -> None:
    """Live traffic keeps most of the node: ten a second here."""
    names = [f"t{number}" for number in range(100)]
    async with belfry(rate=RateLimit(10, 10)) as here:
        await here.set("ann", *(timer(name, -100.0) for name in names))
        await trio.sleep(60)

        assert sorted(names) == sorted(name for _, name in here.fired)
        assert 8.0 <= here.fired[-1][0] <= 10.0


async def test_partitions_take_turns(autojump_clock: MockClock) -> None:
    """A flood in one partition does not keep another's timer waiting until it is over."""
    async with belfry("ann", "bob", rate=RateLimit(64, 64)) as here:
        await here.set("ann", *(timer(f"t{number:03}", -100.0) for number in range(300)))
        await here.set("bob", timer("bob", -1.0))
        await trio.sleep(60)
        order = [name for _, name in here.fired]

        assert len(order) == 301
        assert order.index("bob") <= 128


async def test_a_store_that_is_away_delays_timers_only(autojump_clock: MockClock) -> None:
    """They fire when it is back, by themselves."""
    async with belfry() as here:
        await here.set("ann", timer("t", 1.0))
        here.store.is_away = True
        await trio.sleep(60)
        reads = here.store.reads
        here.store.is_away = False
        await trio.sleep(3)

        assert ["t"] == [name for _, name in here.fired]
        assert 10 <= reads <= 70


async def test_cancelling_loses_no_timer(autojump_clock: MockClock) -> None:
    """What was being read when it was cancelled is read again by the next run."""
    here = Belfry(512, RateLimit(2000, 256))
    await here.own("ann")
    await here.set("ann", timer("t", 1.0))
    for seconds in (0.5, 0.5, 0.0):
        with trio.move_on_after(seconds):
            await here.timers.run()
    with trio.move_on_after(5):
        await here.timers.run()

    assert ["t"] == [name for _, name in here.fired]
