"""What is read of one user or one partition."""

from collections.abc import Sequence

from sessiond.core.ids import Digest, Partition, UserId
from sessiond.core.records import Delivery, DueTimer, Frame, Loaded
from sessiond.stores.redis.client import Call
from sessiond.stores.redis.deployment import Deployment
from sessiond.stores.redis.packing import (
    pairs,
    unpack_delivery,
    unpack_frames,
    unpack_record,
    unpack_stored_reply,
    unpack_timer,
)
from sessiond.stores.redis.scripts import DELIVERIES, DUE, FRAMES, LOAD

__all__ = ["deliveries", "due", "frames", "journal", "load", "reply", "weigh"]


async def load(
    deployment: Deployment, asked: Sequence[tuple[UserId, Partition]]
) -> list[Loaded | None]:
    """Do as ``Store.load`` says for several users in one exchange."""
    calls = [
        LOAD.call(*(deployment.keys.of_user(partition, kind, user) for kind in "udt"))
        for user, partition in asked
    ]
    replies = await deployment.read(*calls)
    return [None if found is None else unpack_record(*found) for found in replies]


def weigh(loaded: Loaded | None) -> int:
    """Tell about how many bytes *loaded* took to read."""
    return 0 if loaded is None else len(loaded.snapshot) + len(loaded.previous or b"")


async def frames(
    deployment: Deployment, user: UserId, partition: Partition, after: int
) -> tuple[Frame, ...]:
    """Do as ``Store.frames`` says."""
    name = deployment.keys.of_user(partition, "o", user)
    (elements,) = await deployment.read(FRAMES.call(name, args=(after,)))
    return unpack_frames(elements, after)


async def reply(
    deployment: Deployment, user: UserId, partition: Partition, digest: Digest
) -> bytes | None:
    """Do as ``Store.reply`` says."""
    name = deployment.keys.of_user(partition, "d", user)
    (stored,) = await deployment.read(Call(name, ("HGET", name, digest)))
    return None if stored is None else unpack_stored_reply(stored)


async def due(
    deployment: Deployment, partition: Partition, now: float, limit: int
) -> tuple[tuple[DueTimer, ...], float | None]:
    """Do as ``Store.due`` says."""
    prefix = deployment.keys.partition(partition)
    args = (repr(float(now)), limit, prefix + "t:")
    (found,) = await deployment.read(DUE.call(prefix + "due", args=args))
    timers = []
    for member, stored in pairs(found[1:]):
        user, _, name = member.decode().partition("\0")
        timers.append(DueTimer(UserId(user), unpack_timer(name, stored)))
    return tuple(timers), None if found[0] is None else float(found[0])


async def deliveries(
    deployment: Deployment, partition: Partition, after: tuple[str, UserId], limit: int
) -> tuple[tuple[UserId, Delivery], ...]:
    """Do as ``Store.deliveries`` says."""
    prefix = deployment.keys.partition(partition)
    args = (limit, prefix + "g:", "(" + "\0".join(after))
    (found,) = await deployment.read(DELIVERIES.call(prefix + "deliveries", args=args))
    rows = []
    for member, stored in pairs(found):
        delivery_id, _, user = member.decode().rpartition("\0")
        rows.append((UserId(user), unpack_delivery(delivery_id, stored)))
    return tuple(rows)


async def journal(
    deployment: Deployment, user: UserId, partition: Partition, limit: int
) -> tuple[bytes, ...]:
    """Do as ``Store.journal`` says."""
    if limit < 1:
        return ()
    name = deployment.keys.of_user(partition, "j", user)
    (entries,) = await deployment.read(Call(name, ("LRANGE", name, -limit, -1)))
    return tuple(entries)
