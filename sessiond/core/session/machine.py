"""The session machine: (state, what happened) → (state', effects). Pure; legal first, then anything changes.

One function per thing that can happen; those of a session's life are here, those of its stream in stream.py, what
the app's handlers ask for in wishes.py, and callers find all of them under this name. Phases change through
transitions.py alone. Times are wall-clock seconds; ids, epochs and the time come from the caller.

Not here: durability (changes.py), connections (runtime).
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from sessiond.core.codes import CloseCode
from sessiond.core.ids import ConnectionId
from sessiond.core.position import RecoveryReason, StreamPosition
from sessiond.core.records import WINDOW_TIMER, Timer
from sessiond.core.session import devices, outbox
from sessiond.core.session.effects import CloseConnection, Effect, PushMessage, Reply
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.outcome import TimerRequest
from sessiond.core.session.snapshot import Device, Snapshot
from sessiond.core.session.state import RETENTION_TIMER, Attachment, SessionState
from sessiond.core.session.step import Step
from sessiond.core.session.stream import (
    acknowledge,
    expire_outbox,
    needs_frames,
    recovery,
    restart_stream,
)
from sessiond.core.session.timers import is_current, with_timers, without_timer
from sessiond.core.session.transitions import Trigger, next_phase
from sessiond.core.session.wishes import apply
from sessiond.core.values import Value

__all__ = [
    "JoinRequest",
    "Step",
    "acknowledge",
    "apply",
    "end",
    "fire",
    "has_orphaned_window",
    "is_current",
    "join",
    "leave",
    "linger_expired",
    "needs_frames",
    "open_window",
    "receive",
    "restart_stream",
    "window_expired",
]


class JoinRequest(Value, frozen=True, kw_only=True):
    """A connection that joins; *epoch* is the name a new stream gets, if one has to begin."""

    PRIVATE = frozenset({"meta"})

    connection: ConnectionId
    epoch: str
    device: str = ""
    meta: Mapping[str, object] = {}
    resume: StreamPosition | None = None


# Joining


def join(state: SessionState, request: JoinRequest, now: float, limits: SessionLimits) -> Step:
    """Attach a connection; reply with the position, then replay what it missed, wholly or not at all.

    A second join of the same connection replaces its first. The same device on another connection: the newer
    one is kept, the older closed with ``replaced``. A client from beyond the head begins a new epoch, and the
    others, who count in the old one, are made to come back.
    """
    phase = next_phase(state.phase, Trigger.JOINED)
    state = expire_outbox(state, now, limits)
    reason = None if request.resume is None else recovery(state, request.resume, now, limits)
    if not state.stream.epoch or reason is RecoveryReason.AHEAD:
        state = restart_stream(state, request.epoch)
    recovered = request.resume is not None and reason is None
    cursor = request.resume.offset if recovered and request.resume else state.stream.head
    attachment = Attachment(request.connection, request.device, now, cursor, request.meta)
    missed = outbox.since(state.outbox, cursor) if recovered else ()

    state, replaced = _attach(replace(state, phase=phase), attachment, now, limits)
    welcome = _welcome(state, request.resume, reason, limits)
    effects: list[Effect] = [Reply(welcome)]
    effects += [PushMessage((request.connection,), frame.message) for frame in missed]
    if replaced:
        effects.append(CloseConnection(replaced, CloseCode.REPLACED))
    others = tuple(a.connection for a in state.attachments[:-1])
    if others and reason is RecoveryReason.AHEAD:
        effects.append(CloseConnection(others, CloseCode.RESTARTED))
    return Step(state, tuple(effects))


def _attach(
    state: SessionState, attachment: Attachment, now: float, limits: SessionLimits
) -> tuple[SessionState, tuple[ConnectionId, ...]]:
    """Add *attachment* as the last one; returns also the connections that it replaces."""
    known, kept, replaced = state.devices, [], []
    for other in state.attachments:
        if other.connection == attachment.connection:
            if other.device and other.device != attachment.device:
                known = devices.left(known, other, now, limits)
        elif other.device and other.device == attachment.device:
            replaced.append(other.connection)
        else:
            kept.append(other)
    known = devices.joined(known, attachment, limits)
    timers = without_timer(state.timers, RETENTION_TIMER)
    window = timers.get(WINDOW_TIMER)
    if window is None or window.due is not None:
        timers = with_timers(timers, (TimerRequest(WINDOW_TIMER, None, b""),), now)
    snapshot = replace(state.snapshot, devices=known, left_at=None)
    attachments = (*kept, attachment)
    state = replace(state, attachments=attachments, snapshot=snapshot, timers=timers)
    return state, tuple(replaced)


class _Welcome(msgspec.Struct, kw_only=True):
    """The reply to a join, as clients see it (docs/protocol.md)."""

    user_id: str
    session_id: str
    epoch: str
    offset: int
    recovered: bool
    reason: str | msgspec.UnsetType
    window_seconds: float
    heartbeat_seconds: float
    unread: int
    conversations: list[str]


def _welcome(
    state: SessionState,
    resume: StreamPosition | None,
    reason: RecoveryReason | None,
    limits: SessionLimits,
) -> bytes:
    welcome = _Welcome(
        user_id=state.user,
        session_id=state.snapshot.session_id,
        epoch=state.stream.epoch,
        offset=state.stream.head,
        recovered=resume is not None and reason is None,
        reason=msgspec.UNSET if reason is None else reason.value,
        window_seconds=limits.window_seconds,
        heartbeat_seconds=limits.heartbeat_seconds,
        unread=state.snapshot.unread,
        conversations=sorted(state.snapshot.conversations),
    )
    return msgspec.json.encode(welcome)


# Leaving


def leave(state: SessionState, connection: ConnectionId, now: float, limits: SessionLimits) -> Step:
    """Detach a connection; with the last one the reconnection window opens. An unknown connection changes nothing."""
    leaving = next((a for a in state.attachments if a.connection == connection), None)
    if leaving is None:
        return Step(state)
    remaining = tuple(a for a in state.attachments if a.connection != connection)
    phase = next_phase(state.phase, Trigger.LEFT if remaining else Trigger.LAST_LEFT)
    known = devices.left(state.devices, leaving, now, limits)
    snapshot = replace(state.snapshot, devices=known)
    state = replace(state, phase=phase, attachments=remaining, snapshot=snapshot)
    return Step(state if remaining else _detached(state, now, limits))


def open_window(state: SessionState, now: float, limits: SessionLimits) -> SessionState:
    """Open the reconnection window of users whose connections died with their owner (``has_orphaned_window``).

    A window that has its due time already keeps it. How far clients without a device name had come is not stored:
    until the window closes nothing that any of them may have missed is forgotten.
    """
    known = {**state.devices, "": Device(state.stream.floor, now)}
    snapshot = replace(state.snapshot, devices=known)
    return _detached(replace(state, snapshot=snapshot), now, limits)


def _detached(state: SessionState, now: float, limits: SessionLimits) -> SessionState:
    """Nobody is connected any more: date the window, note who left; the store alone keeps the outbox."""
    timers, window = state.timers, state.timers.get(WINDOW_TIMER)
    if window is None or window.due is None:
        request = TimerRequest(WINDOW_TIMER, now + limits.window_seconds, b"")
        timers = with_timers(timers, (request,), now)
    return replace(state, outbox=(), timers=timers, snapshot=_gone(state, now))


def _gone(state: SessionState, now: float) -> Snapshot:
    snapshot = state.snapshot
    left_at = now if snapshot.left_at is None else snapshot.left_at
    return replace(snapshot, devices=devices.all_gone(snapshot.devices, now), left_at=left_at)


def has_orphaned_window(state: SessionState) -> bool:
    """Tell whether the owner died while connections were attached, so that nobody noted that they left.

    The window may have got its due time already (``Store.acquire``). ``open_window`` makes up for the rest.
    """
    window = state.timers.get(WINDOW_TIMER)
    if state.attachments or window is None:
        return False
    return window.due is None or state.snapshot.left_at is None


def window_expired(state: SessionState) -> Step:
    """Close the reconnection window: nobody came back."""
    return Step(
        replace(
            state,
            phase=next_phase(state.phase, Trigger.WINDOW_EXPIRED),
            timers=without_timer(state.timers, WINDOW_TIMER),
        )
    )


# Without a connection


def linger_expired(state: SessionState) -> Step:
    """Let a session that is awake without a connection become passive."""
    return Step(replace(state, phase=next_phase(state.phase, Trigger.LINGER_EXPIRED)))


def receive(state: SessionState) -> SessionState:
    """Note an input that needs no connection; a passive session wakes."""
    phase = next_phase(state.phase, Trigger.RECEIVED)
    if phase is state.phase and RETENTION_TIMER not in state.timers:
        return state
    return replace(state, phase=phase, timers=without_timer(state.timers, RETENTION_TIMER))


def fire(state: SessionState, timer: Timer) -> SessionState:
    """Consume a current timer that is about to be handled; its handler may set it anew."""
    state = receive(state)
    return replace(state, timers=without_timer(state.timers, timer.name))


# The end


def end(
    state: SessionState, reason: str, code: CloseCode, now: float, limits: SessionLimits
) -> Step:
    """End the session: connections are closed with *code*, timers go, the record is kept for the retention time."""
    everyone = tuple(a.connection for a in state.attachments)
    timers: Mapping[str, Timer] = {}
    if limits.retention_seconds > 0:
        timers = with_timers(
            {}, (TimerRequest(RETENTION_TIMER, now + limits.retention_seconds, b""),), now
        )
    phase = next_phase(state.phase, Trigger.ENDED)
    snapshot = _gone(state, now) if everyone else state.snapshot
    ended = replace(state, phase=phase, timers=timers, attachments=(), outbox=(), snapshot=snapshot)
    return Step(ended, (CloseConnection(everyone, code, reason),) if everyone else ())
