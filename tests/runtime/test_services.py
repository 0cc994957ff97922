"""What the actors of a node share."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.core.ids import UserId, partition_of
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import open_world

ANN = UserId("ann")


async def test_a_read_waits_for_a_store_that_is_away(autojump_clock: MockClock) -> None:
    """Meanwhile the node says that it is not ready."""
    store = FaultyStore(MemoryStore())
    async with open_world(App(), store=store) as world:
        services = world.node.services
        store.fail("load", times=3)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(services.read, lambda: services.store.load(ANN, partition_of(ANN)))
            await world.settle()
            assert world.node.not_ready() == ["the store is away"]

        assert world.node.not_ready() == []
        assert store.calls["load"] == 4


async def test_each_epoch_has_a_name_of_its_own(autojump_clock: MockClock) -> None:
    """Two streams are never taken for one."""
    async with open_world(App()) as world:
        names = {world.node.services.new_epoch() for _ in range(100)}

        assert len(names) == 100
