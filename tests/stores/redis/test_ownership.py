"""Partitions are taken together or not at all; leases end by themselves."""

import pytest

from sessiond.core.errors import StoreInUse
from sessiond.core.ids import NodeId, Partition
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.rig import NOW
from tests.redis_server import RedisServer


async def test_refused_acquire_takes_nothing(either_rig: StoreRig) -> None:
    """One partition of a live node refuses all, and leaves no lease behind."""
    await either_rig.acquire(Partition(3), node=NodeId("a"))
    with pytest.raises(StoreInUse, match="partition 3 is held by the live node 'a'"):
        await either_rig.acquire(Partition(1), Partition(3), node=NodeId("b"))

    (taken,) = await either_rig.acquire(Partition(1), node=NodeId("c"))
    assert taken.fence.number == 1


async def test_all_partitions_are_taken_at_once(either_rig: StoreRig) -> None:
    """A single node takes all 256, in the order asked for, and releases them."""
    everything = [Partition(n) for n in range(256)]
    taken = await either_rig.acquire(*everything, node=NodeId("a"), nonce="n")
    await either_rig.store.release(NodeId("a"), "n")
    again = await either_rig.acquire(*everything, node=NodeId("b"))

    assert [item.fence.partition for item in taken] == everything
    assert {item.fence.number for item in again} == {2}


async def test_lease_is_a_key_that_expires(rig: StoreRig, redis_server: RedisServer) -> None:
    """Redis ends it, whatever the holder's clock says; renewing starts it anew."""
    await rig.acquire(node=NodeId("a"), nonce="n", lease_seconds=10)
    with redis_server.client() as client:
        assert 9_000 < client.pttl("sessiond:node:a") <= 10_000
        await rig.store.renew(NodeId("a"), "n", lease_seconds=20)

        assert 19_000 < client.pttl("sessiond:node:a") <= 20_000
        assert client.get("sessiond:node:a") == b"n"


async def test_lease_needs_no_partition(rig: StoreRig, redis_server: RedisServer) -> None:
    """A node proves that it lives before it owns anything."""
    assert (
        await rig.store.acquire(NodeId("new"), "n", [], now=NOW, window_seconds=1, lease_seconds=5)
        == ()
    )
    with redis_server.client() as client:
        assert client.get("sessiond:node:new") == b"n"
