"""``acquire``, ``renew`` and ``release``: who may write which partition.

A lease is a key that Redis lets expire; the fence is compared at every write. On one server ``acquire`` decides
everything in one script. In a cluster leases lie elsewhere than fences: owners and their leases are read first,
then each partition is taken by itself. A node that comes back to life in between loses partitions it could have
kept, and learns so at its next commit: the fence is what safety rests on.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sessiond.core.errors import Fenced, StoreInUse
from sessiond.core.ids import PARTITIONS, NodeId, Partition
from sessiond.core.records import Acquired, Fence
from sessiond.stores.redis.arguments import pack_arguments
from sessiond.stores.redis.client import Call
from sessiond.stores.redis.deployment import Deployment, fence_token
from sessiond.stores.redis.scripts import ACQUIRE, END_LEASE, RELEASE, RENEW

__all__ = ["acquire", "release", "renew"]


async def acquire(
    deployment: Deployment,
    node: NodeId,
    nonce: str,
    partitions: Sequence[Partition],
    window_due: float,
    lease_seconds: float,
) -> tuple[Acquired, ...]:
    """Do as ``Store.acquire`` says."""
    keys = deployment.keys
    lease = _milliseconds(lease_seconds)
    if deployment.in_cluster:
        await _refuse_held_by_others(deployment, node, partitions)
        route = keys.node(node)
        await deployment.write(Call(route, ("SET", route, nonce, "PX", lease)))
    elif not partitions:
        return await _lease_alone(deployment, node, nonce, lease)
    groups = deployment.in_calls(partitions)
    calls = []
    for group in groups:
        prefixes = [keys.partition(partitions[n]) for n in group]
        node_keys = False if deployment.in_cluster else keys.nodes
        asked = (prefixes, node, nonce, repr(float(window_due)), node_keys, lease)
        calls.append(ACQUIRE.call(keys.own(partitions[group[0]]), args=(pack_arguments(asked),)))
    taken: dict[int, Acquired] = {}
    replies = await deployment.write(*calls) if calls else ()
    for group, reply in zip(groups, replies, strict=True):
        if reply[0] != 1:
            raise _in_use(partitions[reply[1] - 1], reply[0])
        for place, n in enumerate(group):
            taken[n] = _acquired(partitions[n], nonce, reply[1 + 3 * place : 4 + 3 * place])
    return tuple(taken[n] for n in range(len(partitions)))


async def _lease_alone(
    deployment: Deployment, node: NodeId, nonce: str, lease: int
) -> tuple[Acquired, ...]:
    route = deployment.keys.node(node)
    await deployment.write(Call(route, ("SET", route, nonce, "PX", lease)))
    return ()


async def _refuse_held_by_others(
    deployment: Deployment, node: NodeId, partitions: Iterable[Partition]
) -> None:
    keys = deployment.keys
    asked = list(partitions)
    reads = [
        Call(keys.own(partition), ("HGET", keys.own(partition), "owner")) for partition in asked
    ]
    owners = await deployment.read(*reads)
    others = {NodeId(owner.decode()) for owner in owners if owner} - {node}
    names = sorted(others)
    leases = await deployment.read(
        *(Call(keys.node(name), ("GET", keys.node(name))) for name in names)
    )
    alive = {name.encode() for name, lease in zip(names, leases, strict=True) if lease is not None}
    for partition, owner in zip(asked, owners, strict=True):
        if owner in alive:
            raise _in_use(partition, owner)


def _in_use(partition: Partition, owner: bytes) -> StoreInUse:
    return StoreInUse(
        f"partition {partition} is held by the live node {owner.decode()!r}, until it stops or its lease ends"
    )


def _acquired(partition: Partition, nonce: str, row: Sequence[Any]) -> Acquired:
    number, next_due, has_pending = row
    return Acquired(
        Fence(partition, number, nonce),
        next_due=None if next_due is None else float(next_due),
        has_pending=has_pending == 1,
    )


async def renew(
    deployment: Deployment,
    node: NodeId,
    nonce: str,
    held: Iterable[Fence],
    lease_seconds: float,
) -> None:
    """Do as ``Store.renew`` says; see also that Redis still knows the fences *held*.

    One that was emptied, or went back to what it once was, takes no commit under them: to hold a lease there is to
    refuse everybody, and to keep others from beginning anew. Not in a cluster: a lease must not end because a node
    that holds some of the fences is away.
    """
    keys = deployment.keys
    fences = [] if deployment.in_cluster else [fence for fence in held if fence.nonce == nonce]
    owns = [keys.own(fence.partition) for fence in fences]
    ours, *tokens = await deployment.write(
        RENEW.call(keys.node(node), args=(nonce, _milliseconds(lease_seconds))),
        *(Call(own, ("HGET", own, "token")) for own in owns),
    )
    if not ours:
        raise Fenced(f"the lease of node {node!r} is held by a later run")
    for fence, token in zip(fences, tokens, strict=True):
        if token != fence_token(fence).encode():
            raise Fenced(
                f"partition {fence.partition} is held by another run, or Redis lost who does"
            )


async def release(deployment: Deployment, node: NodeId, nonce: str) -> None:
    """Do as ``Store.release`` says."""
    keys = deployment.keys
    partitions = [
        RELEASE.call(keys.own(Partition(number)), args=(node, nonce))
        for number in range(PARTITIONS)
    ]
    await deployment.write(*partitions, END_LEASE.call(keys.node(node), args=(nonce,)))


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
