"""Records as Redis keeps them: text where a script or an operator reads it, binary where it is many.

==============  ======================================================================================
frame           ``<offset>:<at>:<message>``
record          ``<version>:<slot of the current snapshot>:<commit id>``
stream mark     ``<floor>:<head>:<lost>:<size>:<epoch>``
timer           ``<generation>:<due, or nothing>:<payload>``
delivery        ``<due>:<body>``
dead letter     msgpack: user, kind, body, error, at, attempts
window entry    16 bytes: when it was consumed (NaN: accepted, or forgotten) and until when an accepted
                id is kept (infinite: until it is forgotten), both big-endian doubles; then, if a reply
                is kept, ``=`` and the reply
==============  ======================================================================================

Times are written with ``repr``, which loses nothing.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from sessiond.core.ids import Digest, UserId
from sessiond.core.records import (
    EMPTY_STREAM,
    DeadLetter,
    Delivery,
    Frame,
    InboxEntry,
    Loaded,
    StreamMark,
    Timer,
)

__all__ = [
    "pack_dead_letter",
    "pack_delivery",
    "pack_frame",
    "pack_stream",
    "pack_time",
    "pack_timer",
    "pairs",
    "unpack_dead_letter",
    "unpack_delivery",
    "unpack_frames",
    "unpack_inbox_entry",
    "unpack_record",
    "unpack_stored_reply",
    "unpack_timer",
]

_TIME = struct.Struct(">d")
_encode = msgspec.msgpack.Encoder().encode
_decode_letter = msgspec.msgpack.Decoder(tuple[str, str, bytes, str, float, int]).decode


def pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Read a reply ``[key, value, key, value, …]``."""
    each = iter(flat)
    return zip(each, each, strict=True)


def pack_time(at: float) -> bytes:
    """Write one half of a window entry."""
    return _TIME.pack(at)


def unpack_stored_reply(entry: bytes) -> bytes | None:
    """Read the reply of a window entry."""
    return entry[17:] if len(entry) > 16 else None


def pack_frame(frame: Frame) -> bytes:
    """Write *frame* as an element of the outbox."""
    return b"%d:%a:%b" % (frame.offset, float(frame.at), frame.message)


def unpack_frames(elements: Iterable[bytes], after: int) -> tuple[Frame, ...]:
    """Read the frames above offset *after*, each offset once."""
    frames = []
    last = after
    for element in elements:
        offset, at, message = element.split(b":", 2)
        if int(offset) > last:
            last = int(offset)
            frames.append(Frame(last, float(at), message))
    return tuple(frames)


def pack_timer(timer: Timer) -> bytes:
    """Write *timer* without its name."""
    due = b"" if timer.due is None else b"%a" % float(timer.due)
    return b"%d:%b:%b" % (timer.generation, due, timer.payload)


def unpack_timer(name: str, stored: bytes) -> Timer:
    """Read the timer called *name*."""
    generation, due, payload = stored.split(b":", 2)
    return Timer(name, int(generation), float(due) if due else None, payload)


def pack_delivery(delivery: Delivery) -> bytes:
    """Write *delivery* without its id."""
    return b"%a:%b" % (float(delivery.due), delivery.body)


def unpack_delivery(delivery_id: str, stored: bytes) -> Delivery:
    """Read the delivery with *delivery_id*."""
    due, _, body = stored.partition(b":")
    return Delivery(delivery_id, float(due), body)


def pack_dead_letter(letter: DeadLetter) -> bytes:
    """Write *letter* without its id."""
    return _encode(
        (letter.user, letter.kind, letter.body, letter.error, float(letter.at), letter.attempts)
    )


def unpack_dead_letter(letter_id: str, stored: bytes) -> DeadLetter:
    """Read the dead letter with *letter_id*."""
    user, kind, body, error, at, attempts = _decode_letter(stored)
    return DeadLetter(letter_id, UserId(user), kind, body, error, at, attempts)


def unpack_inbox_entry(row: Sequence[object]) -> InboxEntry:
    """Read a row of ``pending.lua``: stream id, fields, attempts (``<generation>:<count>:<token>``, or nothing)."""
    stream_id, fields, attempts = row
    assert isinstance(stream_id, bytes)
    assert isinstance(fields, list)
    value = dict(pairs(fields))
    return InboxEntry(
        int(stream_id.partition(b"-")[0]),
        UserId(value[b"u"].decode()),
        Digest(value[b"d"]),
        value[b"k"].decode(),
        value[b"b"],
        float(value[b"t"]),
        int(attempts.split(b":", 2)[1]) if isinstance(attempts, bytes) else 0,
    )


def unpack_record(
    record: Sequence[bytes], window: Sequence[bytes], timers: Sequence[bytes]
) -> Loaded:
    """Read the three hashes of a user."""
    stored = dict(pairs(record))
    version, slot, _commit_id = stored[b"v"].split(b":", 2)
    seen = [(Digest(d), _TIME.unpack(entry[:8])[0]) for d, entry in pairs(window)]
    return Loaded(
        version=int(version),
        snapshot=stored.get(b"s" + slot, b""),
        previous=stored.get(b"s1" if slot == b"0" else b"s0"),
        stream=_unpack_stream(stored.get(b"m")),
        window=tuple(sorted((s for s in seen if not math.isnan(s[1])), key=lambda s: s[1])),
        timers=tuple(unpack_timer(name.decode(), timer) for name, timer in sorted(pairs(timers))),
    )


def pack_stream(mark: StreamMark) -> str:
    """Write *mark*; the script reads the floor and the epoch."""
    return f"{mark.floor}:{mark.head}:{mark.lost}:{mark.size}:{mark.epoch}"


def _unpack_stream(stored: bytes | None) -> StreamMark:
    if stored is None:
        return EMPTY_STREAM
    floor, head, lost, size, epoch = stored.decode().split(":", 4)
    return StreamMark(epoch, int(head), int(floor), int(lost), int(size))
