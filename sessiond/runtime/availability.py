"""Availability: whether the store answers, as those who call it see it.

Away while any source (a lane) is waiting to repeat a call; back when none is. Doors and readiness read it, so that
a request is refused at once instead of waiting for a store that is known to be away.
"""

from collections.abc import Callable

import trio

from sessiond import telemetry
from sessiond.core.ports import Clock

__all__ = ["Availability"]


class Availability:
    """Whether the store answers, and since when (monotonic seconds) that is so. Trio's thread only."""

    __slots__ = ("_away", "_back", "_clock", "_listeners", "_store", "since")

    def __init__(self, clock: Clock, *, store: str = "store") -> None:
        self._clock = clock
        self._store = store
        self._away: set[object] = set()
        self._back = trio.lowlevel.ParkingLot()
        self._listeners: list[Callable[[bool], None]] = []
        self.since = clock.monotonic()

    @property
    def available(self) -> bool:
        """Whether no source is waiting for the store."""
        return not self._away

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Call *listener* with the new ``available`` at each change; it must neither block nor raise."""
        self._listeners.append(listener)

    def away(self, source: object, error: Exception) -> None:
        """Note that *source*'s call was not decided."""
        was_available = not self._away
        self._away.add(source)
        if was_available:
            self._changed(
                {},
                "store.away",
                {"store": self._store, "error": type(error).__name__, "reason": str(error)},
            )

    def back(self, source: object) -> None:
        """Note that *source*'s call was decided, or that it gave up calling."""
        if source in self._away:
            self._away.discard(source)
            if not self._away:
                outage = self._clock.monotonic() - self.since
                self._changed({"outage": outage}, "store.back", {"store": self._store})
                self._back.unpark_all()

    async def wait_available(self) -> None:
        """Return when the store answers. Always a checkpoint; cancelling changes nothing."""
        if self.available:
            await trio.lowlevel.checkpoint()
        while not self.available:
            await self._back.park()

    def _changed(
        self, measurements: dict[str, float], event: str, metadata: dict[str, object]
    ) -> None:
        self.since = self._clock.monotonic()
        telemetry.emit(event, measurements, metadata)
        for listener in self._listeners:
            listener(self.available)
