"""``commit``: a batch as arguments of ``lua/commit.lua``, and its answer as verdicts.

Arguments are one msgpack value that the script unpacks. *(measured, 64 users, see the numbers in store.py)*
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sessiond.core.ids import Partition
from sessiond.core.records import Consumed, Fence, TimerChange, UserCommit, Verdict, VerdictStatus
from sessiond.core.store_rules import commit_bytes, kept_reply
from sessiond.stores.redis.arguments import binary, pack_arguments
from sessiond.stores.redis.deployment import Deployment, PartitionTable
from sessiond.stores.redis.packing import (
    pack_dead_letter,
    pack_delivery,
    pack_frame,
    pack_time,
    pack_timer,
)
from sessiond.stores.redis.scripts import COMMIT

__all__ = ["CALL_BYTES", "commit"]

#: Payload of one script call at most: Redis serves nobody else meanwhile (1 MiB takes it about 1 ms).
CALL_BYTES: Final = 8 * 1024 * 1024

_STATUS: Final = (
    VerdictStatus.APPLIED,
    VerdictStatus.FENCED,
    VerdictStatus.CONFLICT,
    VerdictStatus.TOO_LARGE,
)


def commit(
    deployment: Deployment,
    batch: Sequence[UserCommit],
    fences: Mapping[Partition, Fence],
    max_commit_bytes: int,
) -> tuple[Verdict, ...]:
    """Do as ``Store.commit`` says; blocks."""
    sizes = [commit_bytes(item) for item in batch]
    groups = [
        part
        for group in deployment.in_calls([item.partition for item in batch])
        for part in _cut(group, sizes, max_commit_bytes)
    ]
    calls = []
    for group in groups:
        table = PartitionTable(deployment.keys, fences)
        rows = [
            _row(
                batch[n], table.position(batch[n].partition), too_large=sizes[n] > max_commit_bytes
            )
            for n in group
        ]
        route = deployment.keys.own(batch[group[0]].partition)
        calls.append(COMMIT.call(route, args=(pack_arguments((table.rows, rows)),)))
    verdicts: dict[int, Verdict] = {}
    for group, reply in zip(groups, deployment.write(*calls) if calls else (), strict=True):
        for place, n in enumerate(group):
            verdicts[n] = _verdict(batch[n], reply, place, sizes[n])
    return tuple(verdicts[n] for n in range(len(batch)))


def _cut(group: Sequence[int], sizes: Sequence[int], max_commit_bytes: int) -> Iterator[list[int]]:
    """Cut *group* so that no part holds more than CALL_BYTES; what is too large goes without its payload."""
    part: list[int] = []
    total = 0
    for n in group:
        size = sizes[n] if sizes[n] <= max_commit_bytes else 0
        if part and total + size > CALL_BYTES:
            yield part
            part, total = [], 0
        part.append(n)
        total += size
    yield part


def _row(commit: UserCommit, position: int, *, too_large: bool) -> tuple[Any, ...]:
    """Write *commit* in the positions, counted from 1, that ``commit.lua`` knows."""
    head = (position, commit.user, commit.expected_version, binary(commit.commit_id))
    if too_large:
        return (*head, *_NOTHING, commit.delete, True)
    stream = commit.stream
    return (
        *head,
        None if commit.snapshot is None else binary(commit.snapshot),  # 5
        stream and (stream.epoch, stream.head, stream.floor, stream.lost, stream.size),
        [binary(pack_frame(frame)) for frame in commit.frames],
        _flat(_consumed(consumed) for consumed in commit.consumed),
        _flat(_timer(change) for change in {c.name: c for c in commit.timers}.values()),
        [binary(digest) for digest in commit.forgotten],  # 10
        commit.inbox_done,
        [binary(entry) for entry in commit.journal],
        commit.journal_limit,
        _flat((d.id, binary(pack_delivery(d)), repr(float(d.due))) for d in commit.deliveries),
        commit.deliveries_done,  # 15
        _flat((letter.id, binary(pack_dead_letter(letter))) for letter in commit.dead_letters),
        commit.delete,
        False,  # 18: too large
    )


_NOTHING: Final = (None,) * 12


def _consumed(consumed: Consumed) -> tuple[Any, ...]:
    reply = kept_reply(consumed.reply)
    return (
        binary(consumed.digest),
        binary(pack_time(consumed.at)),
        False if reply is None else binary(reply),
    )


def _timer(change: TimerChange) -> tuple[Any, ...]:
    timer = change.timer
    if timer is None:
        return change.name, False, False
    due = False if timer.due is None else repr(float(timer.due))
    return change.name, binary(pack_timer(timer)), due


def _flat(rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    return list(chain.from_iterable(rows))


def _verdict(commit: UserCommit, reply: Any, place: int, size: int) -> Verdict:
    if reply == 1:
        return Verdict(VerdictStatus.APPLIED, commit.expected_version + 1)
    status, version = _STATUS[reply[2 * place]], reply[2 * place + 1]
    detail = f"{size} bytes" if status is VerdictStatus.TOO_LARGE else ""
    return Verdict(status, version, detail)
