"""SessionState: everything an actor knows about its user, as one frozen value.

Persistent: what ``snapshot.py`` writes, and beside it stream, window and timers (core/records.py).
Volatile: phase, attachments, the part of the outbox that is in memory.

A failed turn costs nothing but forgetting a value: the state before it is still there.
"""

from collections.abc import Mapping
from typing import Final

from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.records import EMPTY_STREAM, WINDOW_TIMER, Frame, Loaded, StreamMark, Timer
from sessiond.core.session.phases import Phase
from sessiond.core.session.snapshot import Device, Snapshot, decode_snapshot
from sessiond.core.session.window import EMPTY_WINDOW, DuplicateWindow
from sessiond.core.values import Value

__all__ = ["RETENTION_TIMER", "Attachment", "SessionState", "fresh_state", "restore_state"]

#: The reserved timer that removes the record of an ended session.
RETENTION_TIMER: Final = "$retention"


class Attachment(Value, frozen=True):
    """One connection on the user's topic; *cursor* is the highest offset it has acknowledged."""

    PRIVATE = frozenset({"meta"})

    connection: ConnectionId
    device: str
    since: float
    cursor: int
    meta: Mapping[str, object] = {}


class SessionState(Value, frozen=True, kw_only=True):
    """One user's session. Values only; replaced, never changed."""

    PRIVATE = frozenset({"snapshot", "window", "timers", "outbox"})

    user: UserId
    phase: Phase
    snapshot: Snapshot
    stream: StreamMark = EMPTY_STREAM
    window: DuplicateWindow = EMPTY_WINDOW
    timers: Mapping[str, Timer] = {}
    outbox: tuple[Frame, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def devices(self) -> Mapping[str, Device]:
        """Cursors of known devices."""
        return self.snapshot.devices


def fresh_state(user: UserId, *, session_id: str, now: float) -> SessionState:
    """Make the state of a user who has no record."""
    return SessionState(
        user=user, phase=Phase.NEW, snapshot=Snapshot(session_id=session_id, created_at=now)
    )


def restore_state(user: UserId, loaded: Loaded) -> SessionState:
    """Make the state of a user from the stored record: detached while a window is pending, else passive.

    Raises:
      SnapshotCorrupt: the bytes are damaged.
      SnapshotTooNew: a newer version wrote them.

    """
    if loaded.unreadable is not None:
        raise loaded.unreadable
    timers = {timer.name: timer for timer in loaded.timers}
    return SessionState(
        user=user,
        phase=Phase.DETACHED if WINDOW_TIMER in timers else Phase.PASSIVE,
        snapshot=decode_snapshot(loaded.snapshot),
        stream=loaded.stream,
        window=DuplicateWindow.of(loaded.window),
        timers=timers,
    )
