"""The lease: renewed in time, judged by our own clock, and lost loudly."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from sessiond.core.errors import StoreInUse, StoreUnavailable
from sessiond.core.ids import NodeId, Partition
from sessiond.runtime.availability import Availability
from sessiond.runtime.clock import SteadyClock
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.ownership import Ownership
from sessiond.stores.memory import MemoryStore
from tests.runtime.hearing import hearing

PARTITIONS = [Partition(1), Partition(2)]


class Leases(MemoryStore):
    """A memory store whose renewals can fail or hang."""

    def __init__(self) -> None:
        super().__init__()
        self.renewals: list[float] = []
        self.is_away = False
        self.hangs = False

    async def renew(self, node: NodeId, nonce: str, *, lease_seconds: float) -> None:
        self.renewals.append(trio.current_time())
        if self.is_away:
            raise StoreUnavailable("away")
        if self.hangs:
            with trio.CancelScope(shield=True):
                await trio.sleep(30)
        await super().renew(node, nonce, lease_seconds=lease_seconds)


def owner(
    store: MemoryStore, name: str = "n1", seed: int = 1, availability: Availability | None = None
) -> Ownership:
    clock = SteadyClock(1000.0)
    return Ownership(
        store,
        NodeId(name),
        PARTITIONS,
        window_seconds=30.0,
        clock=clock,
        entropy=SeededEntropy(seed),
        availability=availability or Availability(clock),
        lease_seconds=9.0,
    )


async def test_acquiring_gives_the_fences(mock_clock: MockClock) -> None:
    """Every partition is ours, under our nonce, and the lease holds with a margin."""
    mine = owner(Leases())
    assert not mine.is_valid()
    with hearing("partition.acquired") as heard:
        acquired = await mine.acquire()

    assert PARTITIONS == [one.fence.partition for one in acquired] == list(mine.fences)
    assert {mine.nonce} == {fence.nonce for fence in mine.fences.values()}
    assert mine.is_valid()
    assert mine.deadline == pytest.approx(8.1)
    assert len(heard) == 2


async def test_the_lease_is_renewed_every_third_of_its_life(autojump_clock: MockClock) -> None:
    """It goes on holding as long as the store answers; cancelling leaves it to run out."""
    store = Leases()
    mine = owner(store)
    await mine.acquire()
    with hearing("lease.renewed") as heard, trio.move_on_after(60):
        await mine.run()

    assert [3.0, 6.0, 9.0] == store.renewals[:3]
    assert len(heard) == len(store.renewals)
    assert not mine.lost.is_set()
    assert mine.is_valid()
    await trio.sleep(9)
    assert not mine.is_valid()


async def test_a_store_that_is_away_costs_the_lease_in_time(autojump_clock: MockClock) -> None:
    """Renewals are tried again and again; when the deadline passes, before others may take over, it is lost."""
    store = Leases()
    mine = owner(store)
    await mine.acquire()
    store.is_away = True
    with hearing("lease.lost") as heard:
        await mine.run()

    assert trio.current_time() == pytest.approx(8.1)
    assert mine.lost.is_set()
    assert {} == mine.fences
    assert [("lease.lost", {}, {"node": "n1", "reason": "it ran out"})] == heard
    assert len(store.renewals) >= 5


async def test_a_store_that_is_away_is_noticed_by_an_idle_node(
    autojump_clock: MockClock,
) -> None:
    """Nobody commits anything; the renewal says that it is away, and that it is back."""
    store, availability = Leases(), Availability(SteadyClock(1000.0))
    mine = owner(store, availability=availability)
    await mine.acquire()
    async with trio.open_nursery() as nursery:
        await nursery.start(mine.run)
        store.is_away = True
        await trio.sleep(3.5)
        assert not availability.available

        store.is_away = False
        with trio.fail_after(3):
            await availability.wait_available()
        nursery.cancel_scope.cancel()


async def test_a_short_absence_costs_nothing(autojump_clock: MockClock) -> None:
    """When the store is back before the deadline, the lease goes on."""
    store = Leases()
    mine = owner(store)
    await mine.acquire()
    store.is_away = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mine.run)
        await trio.sleep(6)
        store.is_away = False
        await trio.sleep(60)
        assert mine.is_valid()
        nursery.cancel_scope.cancel()


async def test_a_renewal_that_hangs_does_not_hide_the_deadline(autojump_clock: MockClock) -> None:
    """The lease is lost at its deadline although the call cannot be cancelled."""
    store = Leases()
    mine = owner(store)
    await mine.acquire()
    store.hangs = True
    lost_at: list[float] = []

    async def watch() -> None:
        await mine.lost.wait()
        lost_at.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await mine.run()

    assert [pytest.approx(8.1)] == lost_at


async def test_a_process_that_was_stopped_notices_at_once(mock_clock: MockClock) -> None:
    """After SIGSTOP the clock has moved on: the lease is invalid before anything else happens."""
    mine = owner(Leases())
    await mine.acquire()
    mock_clock.jump(20)
    assert not mine.is_valid()
    await mine.run()

    assert mine.lost.is_set()
    assert mine.reason == "it ran out"


async def test_a_lease_that_was_taken_is_lost_at_once(autojump_clock: MockClock) -> None:
    """Another process under our node's name has taken over: we stop, we do not fight."""
    store = Leases()
    mine = owner(store)
    await mine.acquire()
    await owner(store, seed=2).acquire()
    await mine.run()

    assert trio.current_time() == 3
    assert "is held by a later run" in mine.reason
    assert {} == mine.fences


async def test_another_live_node_is_not_robbed(mock_clock: MockClock) -> None:
    """Acquiring what a live node holds is refused, and changes nothing."""
    store = Leases()
    await owner(store).acquire()
    other = owner(store, name="n2", seed=2)
    with pytest.raises(StoreInUse):
        await other.acquire()

    assert {} == other.fences
    assert not other.is_valid()


async def test_a_released_lease_is_not_lost(autojump_clock: MockClock) -> None:
    """Giving it back ends the renewals, which would take it again, and is no alarm while sockets are still closing."""
    store = Leases()
    mine = owner(store)
    await mine.acquire()
    with hearing("lease.lost") as heard:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mine.run)
            await trio.sleep(4)
            await mine.release()
        await trio.sleep(60)

    assert [3.0] == store.renewals
    assert not mine.lost.is_set()
    assert [] == heard


async def test_released_partitions_are_free_for_others(mock_clock: MockClock) -> None:
    """After a release nothing of ours is valid, and another node takes over without waiting."""
    store = Leases()
    mine = owner(store)
    taken = await mine.acquire()
    with hearing("partition.released") as heard:
        await mine.release()
    assert [about["partition"] for _, _, about in heard] == [one.fence.partition for one in taken]
    other = owner(store, name="n2", seed=2)
    await other.acquire()

    assert not mine.is_valid()
    assert {} == mine.fences
    assert other.is_valid()
