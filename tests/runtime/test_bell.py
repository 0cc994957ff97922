"""A bell wakes the task that waits, and forgets nothing that was rung before it waited."""

import trio
from trio.testing import MockClock

from sessiond.runtime.bell import Bell


async def test_a_wait_ends_when_it_is_rung(autojump_clock: MockClock) -> None:
    """At that moment, not at the end of the time."""
    bell = Bell()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bell.wait, 60)
        await trio.sleep(3)
        bell.ring()
    assert trio.current_time() == 3


async def test_what_was_rung_before_ends_the_next_wait_at_once(autojump_clock: MockClock) -> None:
    """Once, however often it was rung."""
    bell = Bell()
    bell.ring()
    bell.ring()
    await bell.wait()
    assert trio.current_time() == 0
    await bell.wait(5)
    assert trio.current_time() == 5


async def test_a_time_that_has_passed_is_no_wait(autojump_clock: MockClock) -> None:
    """Also a negative one."""
    await Bell().wait(-1)
    assert trio.current_time() == 0
