"""The session machine: (state, what happened) → (state', effects). Pure; legal first, then anything changes.

One function per thing that can happen. Phases change through transitions.py alone. Times are wall-clock seconds;
ids, epochs and the time come from the caller.

Not here: the app's handlers (their wish list arrives as an Outcome), durability (changes.py), connections (runtime).
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from attrs import evolve, field, frozen

from sessiond.core.codes import CloseCode
from sessiond.core.errors import InvalidInput, SnapshotTooLarge
from sessiond.core.ids import ConnectionId
from sessiond.core.position import RecoveryReason, StreamPosition
from sessiond.core.records import WINDOW_TIMER, Frame, StreamMark, Timer
from sessiond.core.session import outbox
from sessiond.core.session.effects import CloseConnection, Effect, PushMessage, Reply
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.outcome import Outcome, TimerRequest
from sessiond.core.session.snapshot import Device
from sessiond.core.session.state import RETENTION_TIMER, Attachment, SessionState
from sessiond.core.session.transitions import Trigger, next_phase

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

_MICROSECONDS: Final = 1_000_000


@frozen
class Step:
    """What one thing that happened leads to. *frames* are the pushes that were appended to the outbox."""

    state: SessionState
    effects: tuple[Effect, ...] = ()
    frames: tuple[Frame, ...] = ()


@frozen(kw_only=True)
class JoinRequest:
    """A connection that joins; *epoch* is the name a new stream gets, if one has to begin."""

    connection: ConnectionId
    epoch: str
    device: str = ""
    meta: Mapping[str, object] = field(factory=dict, repr=False)
    resume: StreamPosition | None = None


# Joining and leaving


def needs_frames(state: SessionState, resume: StreamPosition | None) -> bool:
    """Tell whether frames that only the store has may be needed to answer a join (``frames_from``)."""
    if resume is None or resume.epoch != state.stream.epoch:
        return False
    return state.stream.floor <= resume.offset and not outbox.covers(
        state.stream, state.outbox, resume.offset
    )


def join(state: SessionState, request: JoinRequest, now: float, limits: SessionLimits) -> Step:
    """Attach a connection; reply with the position, then replay what it missed, wholly or not at all.

    A second join of the same connection replaces its first. The same device on another connection: the newer
    one is kept, the older closed with ``replaced``.
    """
    phase = next_phase(state.phase, Trigger.JOINED)
    state = _expire_outbox(state, now, limits)
    reason = None
    if request.resume is not None:
        reason = outbox.recovery(
            state.stream, request.resume, away_too_long=_away_too_long(state, now, limits)
        )
    if not state.stream.epoch or reason is RecoveryReason.AHEAD:
        state = restart_stream(state, request.epoch)
    recovered = request.resume is not None and reason is None
    cursor = request.resume.offset if recovered and request.resume else state.stream.head
    missed = outbox.since(state.outbox, cursor) if recovered else ()

    replaced = tuple(
        a.connection
        for a in state.attachments
        if request.device and a.device == request.device and a.connection != request.connection
    )
    gone = {*replaced, request.connection}
    attachment = Attachment(request.connection, request.device, now, cursor, request.meta)
    attachments = (*(a for a in state.attachments if a.connection not in gone), attachment)
    devices = dict(state.devices)
    if request.device:
        devices[request.device] = Device(cursor)
    state = evolve(
        state,
        phase=phase,
        attachments=attachments,
        snapshot=evolve(state.snapshot, devices=_bounded_devices(devices, limits), left_at=None),
        timers=_with_timers(_without(state.timers, RETENTION_TIMER), _undated_window(state), now),
    )
    welcome = _welcome(state, request.resume, reason, limits)
    effects: list[Effect] = [Reply(welcome)]
    effects += [PushMessage((request.connection,), frame.message) for frame in missed]
    if replaced:
        effects.append(CloseConnection(replaced, CloseCode.REPLACED))
    return Step(state, tuple(effects))


def _undated_window(state: SessionState) -> tuple[TimerRequest, ...]:
    current = state.timers.get(WINDOW_TIMER)
    if current is not None and current.due is None:
        return ()
    return (TimerRequest(WINDOW_TIMER, None, b""),)


def _welcome(
    state: SessionState,
    resume: StreamPosition | None,
    reason: RecoveryReason | None,
    limits: SessionLimits,
) -> bytes:
    reply: dict[str, object] = {
        "user_id": state.user,
        "session_id": state.snapshot.session_id,
        "epoch": state.stream.epoch,
        "offset": state.stream.head,
        "recovered": resume is not None and reason is None,
    }
    if reason is not None:
        reply["reason"] = reason.value
    reply |= {
        "window_seconds": limits.window_seconds,
        "heartbeat_seconds": limits.heartbeat_seconds,
        "unread": state.snapshot.unread,
        "conversations": sorted(state.snapshot.conversations),
    }
    return msgspec.json.encode(reply)


def leave(state: SessionState, connection: ConnectionId, now: float, limits: SessionLimits) -> Step:
    """Detach a connection; with the last one the reconnection window opens. An unknown connection changes nothing."""
    leaving = next((a for a in state.attachments if a.connection == connection), None)
    if leaving is None:
        return Step(state)
    remaining = tuple(a for a in state.attachments if a.connection != connection)
    phase = next_phase(state.phase, Trigger.LEFT if remaining else Trigger.LAST_LEFT)
    devices = dict(state.devices)
    earlier = devices.get(leaving.device)
    # Connections without a device share the entry "": the lowest cursor of those still in their window counts.
    shared = not leaving.device and earlier is not None and _in_window(earlier, now, limits)
    cursor = min(leaving.cursor, earlier.cursor) if shared and earlier else leaving.cursor
    devices[leaving.device] = Device(cursor, now)
    snapshot = evolve(
        state.snapshot,
        devices=_bounded_devices(devices, limits),
        left_at=state.snapshot.left_at if remaining else now,
    )
    state = evolve(state, phase=phase, attachments=remaining, snapshot=snapshot)
    return Step(state if remaining else open_window(state, now, limits))


def open_window(state: SessionState, now: float, limits: SessionLimits) -> SessionState:
    """Start the reconnection window of a user without a connection; the store alone keeps his outbox."""
    window = TimerRequest(WINDOW_TIMER, now + limits.window_seconds, b"")
    return evolve(state, outbox=(), timers=_with_timers(state.timers, (window,), now))


def has_orphaned_window(state: SessionState) -> bool:
    """Tell whether the window was left undated by an owner that died while connections were attached."""
    window = state.timers.get(WINDOW_TIMER)
    return not state.attachments and window is not None and window.due is None


def window_expired(state: SessionState) -> Step:
    """Close the reconnection window: nobody came back."""
    return Step(
        evolve(
            state,
            phase=next_phase(state.phase, Trigger.WINDOW_EXPIRED),
            timers=_without(state.timers, WINDOW_TIMER),
        )
    )


def linger_expired(state: SessionState) -> Step:
    """Let a session that is awake without a connection become passive."""
    return Step(evolve(state, phase=next_phase(state.phase, Trigger.LINGER_EXPIRED)))


def receive(state: SessionState) -> SessionState:
    """Note an input that needs no connection; a passive session wakes."""
    phase = next_phase(state.phase, Trigger.RECEIVED)
    if phase is state.phase and RETENTION_TIMER not in state.timers:
        return state
    return evolve(state, phase=phase, timers=_without(state.timers, RETENTION_TIMER))


# The stream


def acknowledge(
    state: SessionState, connection: ConnectionId, offset: int, now: float, limits: SessionLimits
) -> SessionState:
    """Move a connection's cursor up to *offset* and forget what every device in its window has.

    Acknowledging less than before changes nothing.

    Raises:
      InvalidInput: *offset* was never sent.

    """
    if not 0 <= offset <= state.stream.head:
        raise InvalidInput("ack of an offset that was never sent")
    attachment = next((a for a in state.attachments if a.connection == connection), None)
    if attachment is None or offset <= attachment.cursor:
        return state
    moved = evolve(attachment, cursor=offset)
    attachments = tuple(moved if a is attachment else a for a in state.attachments)
    snapshot = state.snapshot
    if attachment.device:
        devices = {**snapshot.devices, attachment.device: Device(offset)}
        snapshot = evolve(snapshot, devices=devices)
    away = (
        d.cursor
        for d in snapshot.devices.values()
        if d.left_at is not None and _in_window(d, now, limits)
    )
    lowest = min((*away, *(a.cursor for a in attachments)))
    stream, frames = outbox.trim(state.stream, state.outbox, lowest)
    return evolve(state, attachments=attachments, snapshot=snapshot, stream=stream, outbox=frames)


def restart_stream(state: SessionState, epoch: str) -> SessionState:
    """Begin a new epoch: continuity cannot be proved any more."""
    return evolve(
        state,
        stream=StreamMark(epoch),
        outbox=(),
        attachments=tuple(evolve(a, cursor=0) for a in state.attachments),
        snapshot=evolve(
            state.snapshot, devices={n: evolve(d, cursor=0) for n, d in state.devices.items()}
        ),
    )


def _in_window(device: Device, now: float, limits: SessionLimits) -> bool:
    return device.left_at is None or now - device.left_at <= limits.window_seconds


def _away_too_long(state: SessionState, now: float, limits: SessionLimits) -> bool:
    left_at = state.snapshot.left_at
    return (
        not state.attachments and left_at is not None and now - left_at > limits.outbox_keep_seconds
    )


def _expire_outbox(state: SessionState, now: float, limits: SessionLimits) -> SessionState:
    """Forget missed pushes that are kept no longer; ``left_at`` still tells a resume why (``expired``)."""
    if not _away_too_long(state, now, limits) or state.stream.floor == state.stream.head:
        return state
    stream = evolve(state.stream, floor=state.stream.head, size=0)
    return evolve(state, stream=stream, outbox=())


def _bounded_devices(devices: dict[str, Device], limits: SessionLimits) -> dict[str, Device]:
    if len(devices) > limits.devices:
        away = sorted((d.left_at, name) for name, d in devices.items() if d.left_at is not None)
        for _, name in away[: len(devices) - limits.devices]:
            del devices[name]
    return devices


# Timers


def is_current(state: SessionState, timer: Timer) -> bool:
    """Tell whether a timer that fired is still set; a stale one has no effect."""
    current = state.timers.get(timer.name)
    return current is not None and current.generation == timer.generation


def _with_timers(
    timers: Mapping[str, Timer], requests: Iterable[TimerRequest], now: float
) -> Mapping[str, Timer]:
    changed = dict(timers)
    for request in requests:
        earlier = timers.get(request.name)
        # From the clock, so that a timer set anew after a restart never meets an old one's generation.
        generation = max(int(now * _MICROSECONDS), earlier.generation + 1 if earlier else 0)
        changed[request.name] = Timer(request.name, generation, request.due, request.payload)
    return changed


def _without(timers: Mapping[str, Timer], name: str) -> Mapping[str, Timer]:
    if name not in timers:
        return timers
    return {key: timer for key, timer in timers.items() if key != name}


def fire(state: SessionState, timer: Timer) -> SessionState:
    """Consume a current timer that is about to be handled; its handler may set it anew."""
    return evolve(receive(state), timers=_without(state.timers, timer.name))


# What a handler asked for


def apply(
    state: SessionState, outcome: Outcome, now: float, epoch: str, limits: SessionLimits
) -> Step:
    """Apply a handler's wishes: data, timers, pushes in order, the reply, closes. The end is the caller's (``end``).

    Raises:
      SnapshotTooLarge: the data would exceed the snapshot's bound; nothing changed.

    """
    if outcome.data is not None and outcome.data != state.snapshot.data:
        if len(outcome.data) > limits.snapshot_bytes:
            raise SnapshotTooLarge(
                f"session data of {len(outcome.data)} bytes; the bound is {limits.snapshot_bytes}"
            )
        state = evolve(state, snapshot=evolve(state.snapshot, data=outcome.data))
    if outcome.unread is not None and outcome.unread != state.snapshot.unread:
        state = evolve(state, snapshot=evolve(state.snapshot, unread=outcome.unread))
    if outcome.timers:
        state = _apply_timers(state, outcome.timers, now)
    effects: list[Effect] = []
    frames: tuple[Frame, ...] = ()
    if outcome.pushes:
        state, effects, frames = _apply_pushes(state, outcome, now, epoch, limits)
    if outcome.reply is not None:
        effects.append(Reply(outcome.reply))
    everyone = tuple(a.connection for a in state.attachments)
    for kick in outcome.kicks:
        effects.append(
            CloseConnection(everyone if kick.connection is None else (kick.connection,), kick.code)
        )
    return Step(state, tuple(effects), frames)


def _apply_timers(
    state: SessionState, requests: tuple[TimerRequest, ...], now: float
) -> SessionState:
    timers = state.timers
    for request in requests:
        cancelled = request.due is None
        timers = (
            _without(timers, request.name) if cancelled else _with_timers(timers, (request,), now)
        )
    return evolve(state, timers=timers)


def _apply_pushes(
    state: SessionState, outcome: Outcome, now: float, epoch: str, limits: SessionLimits
) -> tuple[SessionState, list[Effect], tuple[Frame, ...]]:
    durable = [(push.event, push.payload) for push in outcome.pushes if push.durable]
    frames: tuple[Frame, ...] = ()
    if durable:
        if not state.stream.epoch:
            state = restart_stream(state, epoch)
        stream, kept, frames = outbox.append(state.stream, state.outbox, durable, now, limits)
        # Nobody attached: the store alone keeps the frames.
        state = evolve(state, stream=stream, outbox=kept if state.attachments else ())
    everyone = tuple(a.connection for a in state.attachments)
    new = iter(frames)
    effects: list[Effect] = []
    for push in outcome.pushes:
        message = next(new).message if push.durable else b"%b,%b" % (push.event, push.payload)
        effects.append(
            PushMessage(everyone if push.connection is None else (push.connection,), message)
        )
    return state, effects, frames


def end(
    state: SessionState, reason: str, code: CloseCode, now: float, limits: SessionLimits
) -> Step:
    """End the session: connections are closed with *code*, timers go, the record is kept for the retention time."""
    everyone = tuple(a.connection for a in state.attachments)
    timers: Mapping[str, Timer] = {}
    if limits.retention_seconds > 0:
        timers = _with_timers(
            {}, (TimerRequest(RETENTION_TIMER, now + limits.retention_seconds, b""),), now
        )
    phase = next_phase(state.phase, Trigger.ENDED)
    left_at = now if state.attachments else state.snapshot.left_at
    ended = evolve(
        state,
        phase=phase,
        timers=timers,
        attachments=(),
        outbox=(),
        snapshot=evolve(state.snapshot, left_at=left_at),
    )
    return Step(ended, (CloseConnection(everyone, code, reason),) if everyone else ())
