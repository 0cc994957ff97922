"""Hypothesis strategies for the values of the core: ids, positions, timers, frames, snapshots, limits.

Needs the extra ``sessiond[testing]``; nothing else in ``sessiond.testing`` does.
"""

import string
from typing import Final

import msgspec
from hypothesis import strategies as st

from sessiond.core.ids import DIGEST_BYTES, MAX_USER_ID_BYTES, Digest, UserId
from sessiond.core.position import StreamPosition
from sessiond.core.records import Frame, StreamMark, Timer
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.snapshot import Device, Snapshot

__all__ = [
    "devices",
    "digests",
    "epochs",
    "json_objects",
    "json_values",
    "outboxes",
    "session_limits",
    "snapshots",
    "stream_positions",
    "timers",
    "timestamps",
    "user_ids",
]

_MAX_OFFSET: Final = 2**53


def user_ids() -> st.SearchStrategy[UserId]:
    """User ids that ``parse_user_id`` accepts."""
    names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_USER_ID_BYTES)
    return names.filter(
        lambda name: name.isprintable() and len(name.encode()) <= MAX_USER_ID_BYTES
    ).map(UserId)


def digests() -> st.SearchStrategy[Digest]:
    """Names of input ids; few bits, so that parts of one are found in another."""
    return st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES).map(Digest) | st.lists(
        st.sampled_from([0, 1]), min_size=DIGEST_BYTES, max_size=DIGEST_BYTES
    ).map(lambda bits: Digest(bytes(bits)))


def timestamps() -> st.SearchStrategy[float]:
    """Seconds since the Unix epoch, of this century."""
    return st.floats(9.5e8, 4e9, allow_nan=False)


def epochs() -> st.SearchStrategy[str]:
    """Names of streams."""
    return st.text(string.hexdigits.lower(), min_size=1, max_size=16)


def stream_positions() -> st.SearchStrategy[StreamPosition]:
    """Places in a stream."""
    return st.builds(StreamPosition, epochs(), st.integers(0, _MAX_OFFSET))


def json_values() -> st.SearchStrategy[object]:
    """What a JSON document may hold."""
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    )


def json_objects() -> st.SearchStrategy[bytes]:
    """JSON objects, encoded."""
    return st.dictionaries(st.text(), json_values(), max_size=5).map(msgspec.json.encode)


def timers() -> st.SearchStrategy[Timer]:
    """Named timers, dated and undated."""
    return st.builds(
        Timer,
        st.text(min_size=1, max_size=20),
        st.integers(0, _MAX_OFFSET),
        st.none() | timestamps(),
        json_objects(),
    )


def devices() -> st.SearchStrategy[Device]:
    """Cursors of clients, attached and gone."""
    return st.builds(Device, st.integers(0, _MAX_OFFSET), st.none() | timestamps())


def snapshots() -> st.SearchStrategy[Snapshot]:
    """Persistent states."""
    return st.builds(
        Snapshot,
        session_id=st.text(max_size=20),
        created_at=timestamps(),
        data=json_objects(),
        unread=st.integers(0, _MAX_OFFSET),
        left_at=st.none() | timestamps(),
        devices=st.dictionaries(st.text(max_size=10), devices(), max_size=4),
        conversations=st.dictionaries(st.text(max_size=10), json_objects(), max_size=3),
        subscriptions=st.dictionaries(st.text(max_size=10), st.integers(0, _MAX_OFFSET)),
    )


@st.composite
def outboxes(draw: st.DrawFn) -> tuple[StreamMark, tuple[Frame, ...]]:
    """Draw a stream and all the frames it stores; which of them are in memory is the caller's choice."""
    floor = draw(st.integers(0, 1000))
    bodies = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=12))
    frames = tuple(Frame(floor + n, 1e9, body) for n, body in enumerate(bodies, 1))
    lost = draw(st.integers(0, floor))
    size = sum(len(frame.message) for frame in frames)
    return StreamMark(draw(epochs()), floor + len(frames), floor, lost, size), frames


def session_limits() -> st.SearchStrategy[SessionLimits]:
    """Bounds that are reached quickly."""
    return st.builds(
        SessionLimits,
        outbox_frames=st.integers(1, 8),
        outbox_bytes=st.integers(1, 200),
        window_ids=st.integers(1, 6),
        window_ids_seconds=st.floats(1, 100),
        devices=st.integers(1, 4),
    )
