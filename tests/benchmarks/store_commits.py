"""Gated commits per second of a store: ``python -m tests.benchmarks.store_commits [FOLDER]``.

Each commit: fence and version checked, 1 KiB snapshot, one frame (and the one before it acknowledged), one input
id (and the oldest forgotten), one timer. Users spread over all partitions. One process on one core.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trio
from attrs import frozen

from sessiond.core.ids import Digest, NodeId, Partition, UserId, partition_of
from sessiond.core.ports import Store
from sessiond.core.records import (
    Consumed,
    Fence,
    Frame,
    StreamMark,
    Timer,
    TimerChange,
    UserCommit,
    VerdictStatus,
)
from sessiond.stores.sqlite import open_sqlite_store

NOISE = random.Random(1).randbytes(1 << 16)


@frozen
class Load:
    users: int
    batch: int
    commits: int


def change(user: UserId, version: int) -> UserCommit:
    """The next commit of *user*; made outside the time that is measured."""
    start = (version * 131 + len(user)) % 60_000
    return UserCommit(
        user=user,
        partition=partition_of(user),
        commit_id=os.urandom(16),
        expected_version=version,
        snapshot=NOISE[start : start + 1024],
        stream=StreamMark("epoch", head=version + 1, floor=version, size=128),
        frames=(Frame(version + 1, 1e9, NOISE[:128]),),
        consumed=(Consumed(_digest(version), 1e9, b'{"ok":true}'),),
        forgotten=(_digest(version - 16),) if version >= 16 else (),
        timers=(TimerChange("idle", Timer("idle", version, 1e9 + version)),),
    )


def _digest(number: int) -> Digest:
    return Digest(random.Random(number).randbytes(16))


async def measure(store: Store, load: Load) -> dict[str, float]:
    users = [UserId(f"user-{number:08}@example.org") for number in range(load.users)]
    acquired = await store.acquire(
        NodeId("n"),
        "x",
        [Partition(p) for p in range(256)],
        now=0,
        window_seconds=30,
        lease_seconds=60,
    )
    fences = {item.fence.partition: item.fence for item in acquired}
    versions = dict.fromkeys(users, 0)
    for start in range(0, len(users), 256):
        await _commit(store, users[start : start + 256], versions, fences)
    wall, cpu, times = 0.0, 0.0, []
    for batch in _batches(load, users, versions):
        began, began_cpu = time.perf_counter(), time.process_time()
        verdicts = await store.commit(batch, fences)
        times.append(time.perf_counter() - began)
        wall, cpu = wall + times[-1], cpu + time.process_time() - began_cpu
        assert all(verdict.status is VerdictStatus.APPLIED for verdict in verdicts)
    times.sort()
    done = len(times) * load.batch
    return {
        "commits/s": done / wall,
        "µs CPU": cpu / done * 1e6,
        "p50 ms": times[len(times) // 2] * 1e3,
        "p99 ms": times[int(len(times) * 0.99)] * 1e3,
    }


def _batches(
    load: Load, users: list[UserId], versions: dict[UserId, int]
) -> Iterator[list[UserCommit]]:
    """All batches, made a hundred at a time: making one just before it is sent would take the caches from it."""
    left = load.commits // load.batch
    while left > 0:
        made = []
        for _ in range(min(left, 100)):
            chosen = random.sample(users, load.batch)
            made.append([change(user, versions[user]) for user in chosen])
            for user in chosen:
                versions[user] += 1
        left -= len(made)
        yield from made


async def _commit(
    store: Store, users: list[UserId], versions: dict[UserId, int], fences: dict[Partition, Fence]
) -> None:
    await store.commit([change(user, versions[user]) for user in users], fences)
    for user in users:
        versions[user] += 1


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--commits", type=int, default=32_000)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for batch in (1, 32, 64):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            load = Load(options.users, batch, options.commits if batch > 1 else 1000)
            async with open_sqlite_store(Path(folder) / "store.db") as store:
                figures = await measure(store, load)
        line = ", ".join(f"{value:.1f} {name}" for name, value in figures.items())
        sys.stdout.write(f"sqlite, {load.users} users, batches of {batch}: {line}\n")


if __name__ == "__main__":
    trio.run(main)
