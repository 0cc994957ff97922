"""Resume bookkeeping: what was received, what was processed, what to acknowledge. No I/O, no clock.

Two marks in one stream. *received* is the last durable push that reached this process: a reconnect resumes after
it, and what comes again is dropped. *processed* is the last one the application is done with: it is acknowledged,
and a restarted process resumes after it.
"""

from typing import Final

from attrs import frozen

__all__ = ["ACK_FRAMES", "ACK_SECONDS", "Arrival", "Cursor", "Position"]

#: A cumulative ack is sent after this many processed pushes, or this long after the first of them.
ACK_FRAMES: Final = 32
ACK_SECONDS: Final = 1.0


@frozen
class Position:
    """A place in the user's stream; store it to resume in another process."""

    epoch: str
    offset: int


@frozen
class Arrival:
    """What to do with a push that came in."""

    position: Position | None
    """``None``: not durable, or there is no stream."""
    duplicate: bool = False
    gap: bool = False
    """Pushes before it are missing: the server broke its promise, and the application must know."""


class Cursor:
    """The marks of one stream, from *start* on when there is one."""

    def __init__(self, start: Position | None = None) -> None:
        self._epoch = start.epoch if start else None
        self._received = self._processed = self._acked = start.offset if start else 0
        self._waiting_since: float | None = None

    @property
    def resume(self) -> Position | None:
        """Where a reconnect goes on."""
        return None if self._epoch is None else Position(self._epoch, self._received)

    @property
    def processed(self) -> Position | None:
        """Where another process would go on."""
        return None if self._epoch is None else Position(self._epoch, self._processed)

    def joined(self, position: Position, *, recovered: bool) -> None:
        """Take over the answer of a join: when not *recovered*, everything starts at *position*."""
        if recovered and position.epoch == self._epoch:
            return
        self._epoch = position.epoch
        self._received = self._processed = self._acked = position.offset
        self._waiting_since = None

    def arrived(self, offset: object) -> Arrival:
        """Judge a push by its ``_offset`` (``None`` for one that is not durable)."""
        if self._epoch is None or not isinstance(offset, int):
            return Arrival(None)
        position = Position(self._epoch, offset)
        if offset <= self._received:
            return Arrival(position, duplicate=True)
        gap = offset != self._received + 1
        self._received = offset
        return Arrival(position, gap=gap)

    def finished(self, position: Position | None, now: float) -> None:
        """Note that the application is done with the push at *position*; one of an older epoch changes nothing."""
        if position is None or position.epoch != self._epoch or position.offset <= self._processed:
            return
        self._processed = position.offset
        if self._waiting_since is None:
            self._waiting_since = now

    def ack_due(self, now: float) -> float | None:
        """Return how many seconds from *now* an ack has to be sent (0: now), ``None`` when there is none."""
        if self._waiting_since is None:
            return None
        if self._processed - self._acked >= ACK_FRAMES:
            return 0.0
        return max(0.0, self._waiting_since + ACK_SECONDS - now)

    def take_ack(self) -> int | None:
        """Return the offset to acknowledge and consider it sent; ``None`` when nothing is new."""
        self._waiting_since = None
        if self._processed == self._acked:
            return None
        self._acked = self._processed
        return self._acked
