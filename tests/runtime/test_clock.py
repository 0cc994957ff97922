"""The two clocks."""

from __future__ import annotations

import time

import trio
from trio.testing import MockClock

from sessiond.runtime.clock import SteadyClock, SystemClock


async def test_the_system_clock_is_trios_and_the_machines(mock_clock: MockClock) -> None:
    """Monotonic time is Trio's; the wall clock is the machine's."""
    clock = SystemClock()
    before = time.time()
    mock_clock.jump(5)

    assert clock.monotonic() == trio.current_time()
    assert before <= clock.now() <= time.time()


async def test_the_steady_clock_moves_both_times_together(mock_clock: MockClock) -> None:
    """A virtual clock that jumps ten minutes jumps due times and deadlines alike."""
    clock = SteadyClock(1_000_000.0)
    monotonic = clock.monotonic()
    mock_clock.jump(600)

    assert clock.monotonic() - monotonic == 600
    assert clock.now() == 1_000_600.0


async def test_the_wall_clock_can_be_moved_alone(mock_clock: MockClock) -> None:
    """Somebody sets the machine's clock: deadlines in memory do not notice."""
    clock = SteadyClock(1000.0)
    monotonic = clock.monotonic()
    clock.jump(-500)

    assert clock.now() == 500.0
    assert clock.monotonic() == monotonic
