"""Listings over all partitions, in one order: users by id, dead letters by id.

Each partition has its own index, so a page is merged from 256 of them. Only a few ids are read from each at first:
a page of 100 needs one or two from most.
"""

from collections.abc import Sequence
from typing import Final

from sessiond.core.ids import PARTITIONS, Partition, UserId
from sessiond.core.records import DeadLetter, StoredUser
from sessiond.stores.redis.client import Call
from sessiond.stores.redis.deployment import Deployment
from sessiond.stores.redis.packing import unpack_dead_letter
from sessiond.stores.redis.scripts import DROP_DEAD_LETTER

__all__ = ["dead_letters", "drop_dead_letter", "users"]

#: Ids read from each partition in one go.
_STRIDE: Final = 8

_Place = tuple[str, Partition]


async def users(deployment: Deployment, after: str, limit: int) -> tuple[StoredUser, ...]:
    """Do as ``Store.users`` says."""
    found: list[StoredUser] = []
    while len(found) < limit:
        wanted = limit - len(found)
        page = await _merged(deployment, "users", after, wanted)
        found += await _stored_users(deployment, page)
        if len(page) < wanted:
            break
        after = page[-1][0]
    return tuple(found)


async def _stored_users(deployment: Deployment, page: Sequence[_Place]) -> list[StoredUser]:
    calls = []
    for user, partition in page:
        key = deployment.keys.of_user(partition, "u", UserId(user))
        calls += [
            Call(key, ("HGET", key, "v")),
            Call(key, ("HSTRLEN", key, "s0")),
            Call(key, ("HSTRLEN", key, "s1")),
        ]
    replies = await deployment.read(*calls) if calls else []
    found = []
    for n, (user, _) in enumerate(page):
        head, *sizes = replies[3 * n : 3 * n + 3]
        if head is not None:  # else: deleted since the index was read
            version, slot, _commit_id = head.split(b":", 2)
            found.append(StoredUser(UserId(user), int(version), sizes[int(slot)]))
    return found


async def dead_letters(
    deployment: Deployment, user: UserId | None, after: str, limit: int
) -> tuple[DeadLetter, ...]:
    """Do as ``Store.dead_letters`` says."""
    found: list[DeadLetter] = []
    while len(found) < limit:
        page = await _merged(deployment, "dead.ids", after, limit)
        letters = await _stored_letters(deployment, page)
        found += [letter for letter in letters if user in {None, letter.user}]
        if len(page) < limit:
            break
        after = page[-1][0]
    return tuple(found[:limit])


async def _stored_letters(deployment: Deployment, page: Sequence[_Place]) -> list[DeadLetter]:
    calls = [_letter_call(deployment, partition, letter_id) for letter_id, partition in page]
    replies = await deployment.read(*calls) if calls else []
    return [
        unpack_dead_letter(letter_id, stored)
        for (letter_id, _), stored in zip(page, replies, strict=True)
        if stored is not None
    ]


def _letter_call(deployment: Deployment, partition: Partition, letter_id: str) -> Call:
    key = deployment.keys.partition(partition) + "dead"
    return Call(key, ("HGET", key, letter_id))


async def drop_dead_letter(deployment: Deployment, letter_id: str) -> DeadLetter | None:
    """Do as ``Store.drop_dead_letter`` says."""
    partitions = [Partition(number) for number in range(PARTITIONS)]
    stored = await deployment.read(*(_letter_call(deployment, p, letter_id) for p in partitions))
    for partition, letter in zip(partitions, stored, strict=True):
        if letter is not None:
            prefix = deployment.keys.partition(partition)
            call = DROP_DEAD_LETTER.call(prefix + "dead", prefix + "dead.ids", args=(letter_id,))
            (dropped,) = await deployment.write(call)
            return None if dropped is None else unpack_dead_letter(letter_id, dropped)
    return None


async def _merged(deployment: Deployment, index: str, after: str, limit: int) -> list[_Place]:
    """Read the first *limit* ids above *after* in an index of all partitions."""
    found: list[_Place] = []
    cursors = dict.fromkeys((Partition(number) for number in range(PARTITIONS)), after)
    while cursors:
        for partition, ids in await _strides(deployment, index, cursors):
            found += [(item, partition) for item in ids]
            if len(ids) == _STRIDE:
                cursors[partition] = ids[-1]
            else:
                del cursors[partition]
        found.sort()
        last = found[limit - 1][0] if len(found) >= limit else None
        if last is not None:
            cursors = {p: cursor for p, cursor in cursors.items() if cursor < last}
    return found[:limit]


async def _strides(
    deployment: Deployment, index: str, cursors: dict[Partition, str]
) -> list[tuple[Partition, list[str]]]:
    calls = []
    for partition, cursor in cursors.items():
        key = deployment.keys.partition(partition) + index
        start = f"({cursor}" if cursor else "-"
        calls.append(Call(key, ("ZRANGEBYLEX", key, start, "+", "LIMIT", 0, _STRIDE)))
    replies = await deployment.read(*calls)
    return [
        (partition, [item.decode() for item in items])
        for partition, items in zip(list(cursors), replies, strict=True)
    ]
