"""The memory store keeps the port's contract (tests/contracts); here is what only it promises."""

import pytest
import trio
from trio.testing import MockClock

from sessiond.core.errors import StoreInUse
from sessiond.core.ids import NodeId, Partition
from sessiond.stores.memory import MemoryStore

PARTITION = Partition(7)


async def test_leases_run_on_the_virtual_clock(autojump_clock: MockClock) -> None:
    """A lease ends when Trio's clock says so: tests wait for it without waiting."""
    store = MemoryStore()

    async def acquire(node: str) -> None:
        await store.acquire(
            NodeId(node), node, [PARTITION], now=0, window_seconds=30, lease_seconds=10
        )

    await acquire("a")
    await trio.sleep(9)
    with pytest.raises(StoreInUse, match="'a'"):
        await acquire("b")
    await trio.sleep(1)
    await acquire("b")


async def test_a_cancelled_call_was_not_applied() -> None:
    """The checkpoint comes before anything is changed."""
    store = MemoryStore()
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.acquire(
            NodeId("a"), "n", [PARTITION], now=0, window_seconds=30, lease_seconds=10
        )
    (acquired,) = await store.acquire(
        NodeId("a"), "n", [PARTITION], now=0, window_seconds=30, lease_seconds=10
    )

    assert acquired.fence.number == 1


async def test_it_says_that_it_forgets() -> None:
    """Nobody runs it in production without having been told."""
    (warning,) = await MemoryStore().check()

    assert "lost" in warning
