"""Reads that wait for a store that is away."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from sessiond.core.errors import SnapshotCorrupt, StoreUnavailable
from sessiond.runtime.availability import Availability
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.patience import until_decided


class Flaky:
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def read(self) -> int:
        self.calls += 1
        await trio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        return 7


async def test_a_read_is_repeated_until_the_store_answers(autojump_clock: MockClock) -> None:
    """Meanwhile the store counts as away, afterwards as back."""
    clock = SystemClock()
    availability = Availability(clock)
    changes: list[bool] = []
    availability.listen(changes.append)
    flaky = Flaky(*[StoreUnavailable("away")] * 5)

    assert await until_decided(flaky.read, availability, SeededEntropy(1)) == 7
    assert (flaky.calls, changes) == (6, [False, True])


async def test_other_errors_are_the_answer(autojump_clock: MockClock) -> None:
    """Only an undecided call is repeated; a cancelled one gives up, and the store does not stay away for it."""
    availability = Availability(SystemClock())
    flaky = Flaky(SnapshotCorrupt("damaged"))
    with pytest.raises(SnapshotCorrupt):
        await until_decided(flaky.read, availability, SeededEntropy(1))
    with trio.move_on_after(1):
        endless = Flaky(*[StoreUnavailable("away")] * 100)
        await until_decided(endless.read, availability, SeededEntropy(1))

    assert availability.available
