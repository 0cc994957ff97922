"""When an actor looks at itself."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.phases import Phase
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.wakeups import Due, Wakeups

LIMITS = SessionLimits(idle_seconds=100, linger_seconds=10)


async def test_the_earliest_reason_wakes(autojump_clock: MockClock) -> None:
    """A retry, a relaxed write, the idle or the linger time: whichever comes first."""
    ticks: list[float] = []
    deadlines = Deadlines(SystemClock())
    began = trio.current_time()
    wakeups = Wakeups(
        deadlines,
        LIMITS,
        relaxed_seconds=1,
        now=began,
        on_due=lambda: ticks.append(trio.current_time() - began),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        wakeups.rearm(Phase.ATTACHED, None)
        await trio.sleep(150)
        wakeups.rearm(Phase.AWAKE, None)
        await trio.sleep(1)
        wakeups.rearm(Phase.DETACHED, trio.current_time() + 5)
        await trio.sleep(50)
        wakeups.lazy_since = trio.current_time()
        wakeups.rearm(Phase.PASSIVE, trio.current_time() + 5)
        await trio.sleep(50)
        wakeups.rearm(Phase.ATTACHED, None)
        wakeups.close()
        await trio.sleep(500)
        nursery.cancel_scope.cancel()

    assert ticks == [100, 150, 156, 202]


async def test_what_is_due_depends_on_the_phase(autojump_clock: MockClock) -> None:
    """Only an attached session idles and only an awake one lingers out; activity starts both anew."""
    wakeups = Wakeups(
        Deadlines(SystemClock()), LIMITS, relaxed_seconds=1, now=0, on_due=lambda: None
    )
    wakeups.lazy_since = 0

    assert wakeups.due(Phase.ATTACHED, 0.5) == Due(flush=False, idle=False, linger=False)
    assert wakeups.due(Phase.ATTACHED, 100) == Due(flush=True, idle=True, linger=False)
    assert wakeups.due(Phase.AWAKE, 100) == Due(flush=False, idle=False, linger=True)
    assert wakeups.due(Phase.DETACHED, 100) == Due(flush=False, idle=False, linger=False)
    wakeups.quiet_reason = "linger"
    wakeups.active(95)
    assert wakeups.due(Phase.AWAKE, 100).linger is False
    assert wakeups.quiet_reason == "window"


async def test_a_time_that_has_come_is_due(autojump_clock: MockClock) -> None:
    """Woken at last activity + seconds, that is due, whatever the rounding: else it would be woken for ever."""
    for n in range(1000):
        active = 1000 + n / 7
        wakeups = Wakeups(
            Deadlines(SystemClock()), LIMITS, relaxed_seconds=1, now=active, on_due=lambda: None
        )
        assert wakeups.due(Phase.AWAKE, active + 10).linger
        assert wakeups.due(Phase.ATTACHED, active + 100).idle


async def test_a_retry_keeps_an_awake_session(autojump_clock: MockClock) -> None:
    """It is not woken to leave before its retry has run."""
    deadlines = Deadlines(SystemClock())
    wakeups = Wakeups(deadlines, LIMITS, relaxed_seconds=1, now=0, on_due=lambda: None)
    wakeups.rearm(Phase.AWAKE, 50)
    armed = deadlines.statistics().armed
    assert (armed, wakeups._deadline.due) == (1, 50)


async def test_an_idle_time_of_zero_means_never(autojump_clock: MockClock) -> None:
    """Sessions that may be silent for ever."""
    limits = SessionLimits(idle_seconds=0)
    wakeups = Wakeups(
        Deadlines(SystemClock()), limits, relaxed_seconds=1, now=0, on_due=lambda: None
    )

    assert not wakeups.due(Phase.ATTACHED, 1e9).idle
