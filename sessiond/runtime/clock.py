"""The two clocks: what the runtime calls time.

``SystemClock`` serves people. ``SteadyClock`` is for virtual time: its wall clock is Trio's clock plus a constant,
so that a ``MockClock`` moves due times in the store and deadlines in memory together.
"""

import time

import trio

__all__ = ["SteadyClock", "SystemClock"]


class SystemClock:
    """Trio's monotonic clock and the machine's wall clock. Use inside a Trio run."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Seconds that never go back; ``trio.CancelScope`` deadlines are of the same scale."""
        return trio.current_time()

    def now(self) -> float:
        """Seconds since the Unix epoch; jumps when somebody sets the clock."""
        return time.time()


class SteadyClock:
    """A wall clock that cannot jump by itself: *base* plus what has passed on Trio's clock since it was made."""

    __slots__ = ("_offset",)

    def __init__(self, base: float) -> None:
        self._offset = base - trio.current_time()

    def monotonic(self) -> float:
        """Trio's current time."""
        return trio.current_time()

    def now(self) -> float:
        """*base* at the start, then as fast as Trio's clock."""
        return trio.current_time() + self._offset

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as an operator or a time server would."""
        self._offset += seconds
