"""The outbox: durable pushes that not every device has acknowledged, within bounds.

The store keeps the frames ``floor + 1 … head``. In memory there is a *suffix* of them (all of them, some or none:
``SessionState.outbox``), so that a detached user costs nothing; a resume that reaches further back reads the store.

Dropping a frame that somebody may still need is never silent: it raises ``lost``, and a client from before is
told ``recovered: false`` (core/position.py).

``StreamMark.size`` is exact while all frames are in memory, else an upper bound: what the store alone has leaves
without its size being known here. It is counted anew only when a bound seems to be reached: most users of stock
clients never acknowledge, so their outbox is full, and each push would count 256 frames (60 µs).
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from sessiond.core.position import RecoveryReason, StreamPosition
from sessiond.core.records import Frame, StreamMark
from sessiond.core.session.limits import SessionLimits

__all__ = ["append", "covers", "recovery", "since", "trim"]

Outbox = tuple[Frame, ...]

_offset: Final = attrgetter("offset")


def append(
    stream: StreamMark,
    outbox: Outbox,
    pushes: Sequence[tuple[bytes, bytes]],
    now: float,
    limits: SessionLimits,
) -> tuple[StreamMark, Outbox, Outbox]:
    """Append ``(event, payload)`` pushes: JSON string and JSON object, encoded. Returns stream, outbox, the new frames.

    Each payload gets its ``_offset``. The oldest frames beyond the bounds are dropped and ``lost`` says so.
    """
    head = stream.head
    new: list[Frame] = []
    for event, payload in pushes:
        head += 1
        rest = b"}" if payload == b"{}" else b"," + payload[1:]
        new.append(Frame(head, now, b'%b,{"_offset":%d%b' % (event, head, rest)))
    frames = tuple(new)
    stream = replace(stream, head=head, size=stream.size + _size(frames))
    return (*_bounded(stream, outbox + frames, limits), frames)


def _bounded(
    stream: StreamMark, outbox: Outbox, limits: SessionLimits
) -> tuple[StreamMark, Outbox]:
    floor, size = max(stream.floor, stream.head - limits.outbox_frames), stream.size
    if floor == stream.floor and size <= limits.outbox_bytes:
        return stream, outbox
    kept = since(outbox, floor)
    if covers(stream, outbox, stream.floor):
        size -= _size(outbox[: len(outbox) - len(kept)])
    if size > limits.outbox_bytes:
        if not covers(stream, outbox, floor):
            # The sizes of what only the store has are not known here: all of that goes.
            floor = outbox[0].offset - 1
        size = _size(kept)
    drop = 0
    while size > limits.outbox_bytes:
        size -= len(kept[drop].message)
        drop += 1
    if drop:
        floor = kept[drop - 1].offset
    return replace(stream, floor=floor, lost=max(stream.lost, floor), size=size), kept[drop:]


def _size(frames: Outbox) -> int:
    return sum(len(frame.message) for frame in frames)


def covers(stream: StreamMark, outbox: Outbox, offset: int) -> bool:
    """Tell whether every frame above *offset* is in memory."""
    return offset >= stream.head or bool(outbox and outbox[0].offset <= offset + 1)


def trim(stream: StreamMark, outbox: Outbox, acknowledged: int) -> tuple[StreamMark, Outbox]:
    """Forget frames that every device has: those at or below *acknowledged*."""
    acknowledged = min(acknowledged, stream.head)
    if acknowledged <= stream.floor:
        return stream, outbox
    kept = since(outbox, acknowledged)
    if covers(stream, outbox, acknowledged):
        size = _size(kept)
    else:
        size = stream.size - _size(outbox[: len(outbox) - len(kept)])
    return replace(stream, floor=acknowledged, size=size), kept


def since(outbox: Outbox, offset: int) -> Outbox:
    """Return the frames above *offset*."""
    return outbox[bisect_right(outbox, offset, key=_offset) :]


def recovery(
    stream: StreamMark, position: StreamPosition, *, away_too_long: bool
) -> RecoveryReason | None:
    """Say why a client at *position* cannot get everything it missed; ``None`` when it can.

    A client that missed nothing is always recovered, however long it was away.
    """
    if not stream.epoch:
        return RecoveryReason.NEW
    if position.epoch != stream.epoch:
        return RecoveryReason.EPOCH
    if position.offset > stream.head:
        return RecoveryReason.AHEAD
    if position.offset == stream.head:
        return None
    if away_too_long:
        return RecoveryReason.EXPIRED
    if position.offset < stream.lost:
        return RecoveryReason.OVERFLOW
    if position.offset < stream.floor:
        return RecoveryReason.GAP
    return None
