"""Watching: telemetry events as they happen, for one client, within a bound.

Events come in the emitter's task or thread and must never wait for a slow reader: what does not fit into the queue is
dropped and counted, and the watcher is told how many are missing (``watch.dropped``).
"""

import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio
from attrs import frozen

from sessiond import telemetry
from sessiond.core.errors import InvalidInput
from sessiond.edges.admin.messages import notification

__all__ = ["QUIET_EVENTS", "Watch", "WatchFilter", "run_watch"]

#: So frequent under load that they are watched only when asked for by name.
QUIET_EVENTS: Final = frozenset(
    {"turn.stop", "gate.opened", "commit.stop", "http.answered", "admin.called", "lease.renewed"}
)


@frozen
class WatchFilter:
    """Which events: both prefixes must fit; events about no user only pass an empty user prefix."""

    user: str = ""
    """Only events about users whose id begins so."""
    event: str = ""
    """Only events whose name begins so, like ``session.`` or ``turn.stop``. Empty: all but the most frequent."""

    def names(self) -> frozenset[str]:
        """List the events that can pass.

        Raises:
          InvalidInput: none can.

        """
        if not self.event:
            return frozenset(telemetry.EVENTS) - QUIET_EVENTS
        names = frozenset(name for name in telemetry.EVENTS if name.startswith(self.event))
        if not names:
            raise InvalidInput("no event's name begins so")
        return names


class Watch:
    """The bounded queue between emitters and one watcher's task."""

    def __init__(
        self, number: int, wanted: WatchFilter, queue: int, now: Callable[[], float] = time.time
    ) -> None:
        self.number = number
        self._wanted = wanted
        self._names = wanted.names()
        self._limit = queue
        self._now = now
        self._queue: deque[dict[str, object]] = deque()
        self._dropped = 0
        self._filled = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()

    def attach(self) -> telemetry.Detach:
        """Begin to listen; call the result to end it."""
        return telemetry.attach(self._listen, self._names)

    def _listen(
        self, name: str, measurements: Mapping[str, float], metadata: Mapping[str, object]
    ) -> None:
        user = metadata.get("user")
        if self._wanted.user and not (isinstance(user, str) and user.startswith(self._wanted.user)):
            return
        if len(self._queue) >= self._limit:
            self._dropped += 1
            return
        fields = {"measurements": dict(measurements), "metadata": dict(metadata)}
        self._queue.append({"watch": self.number, "at": self._now(), "event": name} | fields)
        if threading.get_ident() == self._thread:
            self._filled.set()
        else:
            self._token.run_sync_soon(self._wake, idempotent=True)

    def _wake(self) -> None:
        self._filled.set()

    async def take(self) -> list[dict[str, object]]:
        """Wait until something happened; give the notifications, with those about drops last."""
        await self._filled.wait()
        self._filled = trio.Event()
        taken = [
            notification("watch.event", self._queue.popleft()) for _ in range(len(self._queue))
        ]
        dropped, self._dropped = self._dropped, 0
        if dropped:
            taken.append(notification("watch.dropped", {"watch": self.number, "count": dropped}))
        return taken


async def run_watch(
    watch: Watch, detach: telemetry.Detach, send: Callable[[object], Awaitable[None]]
) -> None:
    """Send what happens until cancelled, then *detach*; *send* raises when the client is gone."""
    try:
        while True:
            for message in await watch.take():
                await send(message)
    finally:
        detach()
