"""A bell: one task waits for something to do, others say that there may be."""

import math

import trio

__all__ = ["Bell"]


class Bell:
    """Rung while nobody waits, it lets the next wait return at once. For one waiting task."""

    __slots__ = ("_rung",)

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the task that waits, or the next one to come."""
        self._rung.set()

    async def wait(self, seconds: float = math.inf) -> None:
        """Return when it was rung, at the latest after *seconds*. Always a checkpoint."""
        with trio.move_on_after(max(0.0, seconds)):
            await self._rung.wait()
        self._rung = trio.Event()
