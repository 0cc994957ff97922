"""Group writing as such; how commits use it is in test_committer.py, how arrivals do in test_intake.py."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pytest
import trio
from trio.testing import MockClock

from sessiond.core.errors import StoreUnavailable
from sessiond.core.ids import Partition
from sessiond.runtime.availability import Availability
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.group import GroupWriter


class Doubling:
    """Writes numbers and answers with their doubles."""

    def __init__(self, *, failures: int = 0, answers: int | None = None) -> None:
        self.failures = failures
        self.answers = answers
        self.results: list[tuple[str, int, bool]] = []

    def partition(self, queued: str) -> Partition:
        return Partition(len(queued))

    def key(self, queued: str) -> Hashable:
        return queued

    def take(self, queued: str) -> int | None:
        return int(queued) or None

    async def write(self, batch: Sequence[int], lane: int) -> Sequence[int]:
        await trio.lowlevel.checkpoint()
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        return [2 * number for number in batch][: self.answers]

    def decided(self, queued: str, result: int, repeated: bool) -> bool:
        self.results.append((queued, result, repeated))
        return False


async def write(job: Doubling, *queued: str) -> None:
    writer = GroupWriter(
        job, Availability(SystemClock()), lanes=2, batch=10, entropy=SeededEntropy(1)
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: writer.run(task_status=task_status))
        for one in queued:
            writer.submit(one)
        await writer.wait_idle()
        nursery.cancel_scope.cancel()


async def test_each_request_gets_its_own_result() -> None:
    """Results come back in the order of the batch; what has nothing to write is left out."""
    job = Doubling()
    await write(job, "1", "0", "3")

    assert [("1", 2, False), ("3", 6, False)] == job.results


async def test_a_repeated_batch_is_known_as_such(autojump_clock: MockClock) -> None:
    """Whoever must distrust an answer after a lost one is told."""
    job = Doubling(failures=2)
    await write(job, "1")

    assert [("1", 2, True)] == job.results
    assert 0.05 <= trio.current_time() <= 0.15


async def test_too_few_answers_are_a_bug_and_stop_the_run() -> None:
    """Results must never be given to the wrong request."""
    with pytest.RaisesGroup(ValueError, flatten_subgroups=True):
        await write(Doubling(answers=1), "1", "2")
