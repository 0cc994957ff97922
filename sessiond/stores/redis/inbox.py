"""``accept``, ``pending`` and ``attempt``: inputs that were acknowledged before they run."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sessiond.core.errors import Fenced
from sessiond.core.ids import Partition, UserId
from sessiond.core.records import Arrival, Fence, InboxEntry, Receipt, ReceiptStatus
from sessiond.core.store_rules import attempt_slot
from sessiond.stores.redis.arguments import binary, pack_arguments
from sessiond.stores.redis.deployment import Deployment, PartitionTable, fence_token
from sessiond.stores.redis.packing import pack_time, unpack_inbox_entry
from sessiond.stores.redis.scripts import ACCEPT, ATTEMPT, PENDING

__all__ = ["accept", "attempt", "pending"]

_FENCED: Final = -1
_DUPLICATE: Final = 0


async def accept(
    deployment: Deployment, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
) -> tuple[Receipt, ...]:
    """Do as ``Store.accept`` says."""
    groups = deployment.in_calls([arrival.partition for arrival in batch])
    calls = []
    for group in groups:
        table = PartitionTable(deployment.keys, fences)
        rows = [_row(batch[n], table.position(batch[n].partition)) for n in group]
        route = deployment.keys.own(batch[group[0]].partition)
        calls.append(ACCEPT.call(route, args=(pack_arguments((table.rows, rows)),)))
    receipts: dict[int, Receipt] = {}
    replies = await deployment.write(*calls) if calls else ()
    for group, reply in zip(groups, replies, strict=True):
        for place, n in enumerate(group):
            receipts[n] = _receipt(batch[n], reply[2 * place], reply[2 * place + 1])
    return tuple(receipts[n] for n in range(len(batch)))


def _row(arrival: Arrival, position: int) -> tuple[Any, ...]:
    """Write *arrival* in the positions that ``accept.lua`` knows."""
    return (
        position,
        arrival.user,
        binary(arrival.digest),
        arrival.kind,
        binary(arrival.body),
        repr(float(arrival.at)),
        float(arrival.at),
        binary(pack_time(arrival.at + arrival.keep_seconds)),
    )


def _receipt(arrival: Arrival, seq: int, reply: bytes | None) -> Receipt:
    if seq == _FENCED:
        return Receipt(ReceiptStatus.FENCED)
    if seq == _DUPLICATE:
        return Receipt(ReceiptStatus.DUPLICATE, reply=reply)
    entry = InboxEntry(seq, arrival.user, arrival.digest, arrival.kind, arrival.body, arrival.at)
    return Receipt(ReceiptStatus.ACCEPTED, entry)


async def pending(
    deployment: Deployment, partition: Partition, after: int, limit: int, user: UserId | None
) -> tuple[InboxEntry, ...]:
    """Do as ``Store.pending`` says."""
    prefix = deployment.keys.partition(partition)
    index = () if user is None else (deployment.keys.of_user(partition, "i", user),)
    call = PENDING.call(prefix + "inbox", prefix + "attempts", *index, args=(after, limit))
    (rows,) = await deployment.read(call)
    return tuple(unpack_inbox_entry(row) for row in rows)


async def attempt(deployment: Deployment, fence: Fence, key: str) -> int:
    """Do as ``Store.attempt`` says."""
    slot, generation = attempt_slot(key)
    prefix = deployment.keys.partition(fence.partition)
    args = (fence_token(fence), slot, generation)
    (count,) = await deployment.write(ATTEMPT.call(prefix + "own", prefix + "attempts", args=args))
    if count == _FENCED:
        raise Fenced(f"partition {fence.partition} has another owner")
    return int(count)
