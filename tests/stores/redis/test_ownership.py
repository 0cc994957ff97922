"""Partitions are taken together or not at all; leases end by themselves."""

import pytest

from sessiond.core.errors import Fenced, StoreInUse
from sessiond.core.ids import NodeId, Partition
from sessiond.stores.redis import open_redis_store
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


async def test_lease_over_fences_that_redis_has_lost_is_not_renewed(
    rig: StoreRig, redis_server: RedisServer
) -> None:
    """Nobody could write under it, and nobody else could begin: who held it has to acquire again."""
    await rig.acquire(Partition(1), Partition(2), node=NodeId("a"), nonce="n")
    await rig.store.renew(NodeId("a"), "n", lease_seconds=60)
    redis_server.flush()
    with pytest.raises(Fenced, match="partition 1 is held by another run, or Redis lost"):
        await rig.store.renew(NodeId("a"), "n", lease_seconds=60)

    await rig.acquire(Partition(1), Partition(2), node=NodeId("a"), nonce="n2")
    await rig.store.renew(NodeId("a"), "n2", lease_seconds=60)


async def test_lease_in_a_cluster_is_one_key(
    cluster_rig: StoreRig, redis_cluster: RedisServer
) -> None:
    """It does not end because what holds a fence is away, or because that cannot be read."""
    await cluster_rig.acquire(Partition(1), node=NodeId("a"), nonce="n")
    with redis_cluster.client() as client:
        client.set("sessiond:{p001}:own", "unreadable")

    await cluster_rig.store.renew(NodeId("a"), "n", lease_seconds=60)


async def test_lease_is_not_renewed_when_one_fence_is_another(
    rig: StoreRig, redis_server: RedisServer
) -> None:
    """A late twin of our own request, or a failover to what was before: commits of this partition are refused."""
    await rig.acquire(Partition(1), Partition(2), node=NodeId("a"), nonce="n")
    async with open_redis_store(redis_server.url) as other:
        await other.acquire(
            NodeId("a"), "n", [Partition(2)], now=NOW, window_seconds=1, lease_seconds=60
        )
    with pytest.raises(Fenced, match="partition 2"):
        await rig.store.renew(NodeId("a"), "n", lease_seconds=60)
