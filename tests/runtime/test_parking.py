"""A parking place for one task."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.runtime.parking import Parking


async def test_a_sleeper_is_woken_once(autojump_clock: MockClock) -> None:
    """Waking without a sleeper is remembered by nobody."""
    place = Parking()
    assert not place.wake()
    woken: list[int] = []

    async def sleep() -> None:
        await place.wait()
        woken.append(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep)
        await wait_all_tasks_blocked()
        assert place.is_taken
        assert place.wake()
        assert not place.wake()

    assert woken == [1]


async def test_a_cancelled_wait_leaves_the_place_free(autojump_clock: MockClock) -> None:
    """The next task may wait there."""
    place = Parking()
    with trio.move_on_after(1):
        await place.wait()

    assert not place.is_taken
    assert not place.wake()
