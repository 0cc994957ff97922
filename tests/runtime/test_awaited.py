"""What one task waits for (sessiond/runtime/awaited.py)."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.runtime.awaited import Awaited
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.deadlines import Deadlines

CLOCK = SystemClock()


async def test_it_comes(nursery: trio.Nursery) -> None:
    """Whoever waits goes on; who comes later does not wait, and nothing of it stays among the deadlines."""
    deadlines, awaited = Deadlines(CLOCK), Awaited()
    came: list[bool] = []

    async def wait() -> None:
        came.append(await awaited.wait(deadlines, CLOCK.monotonic() + 60))

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    assert came == []
    awaited.come()
    awaited.come()
    await wait_all_tasks_blocked()

    assert came == [True]
    assert await awaited.wait(deadlines, CLOCK.monotonic() - 1)
    assert deadlines.statistics().open == 0


async def test_it_does_not_come(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """When it is due nobody waits any longer; what comes afterwards is nobody's."""
    deadlines, awaited = Deadlines(CLOCK), Awaited()
    nursery.start_soon(deadlines.run)

    assert not await awaited.wait(deadlines, CLOCK.monotonic() + 5)
    assert autojump_clock.current_time() >= 5
    awaited.come()
    assert awaited.is_here
    assert deadlines.statistics().open == 0
    nursery.cancel_scope.cancel()


async def test_who_is_cancelled_waits_no_more() -> None:
    """Coming then wakes nobody, and its deadline is closed."""
    deadlines, awaited = Deadlines(CLOCK), Awaited()
    with trio.move_on_after(0):
        await awaited.wait(deadlines, CLOCK.monotonic() + 60)
    awaited.come()

    assert deadlines.statistics().open == 0
