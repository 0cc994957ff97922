"""The outgoing stream of a session: acknowledged by its devices, begun anew when continuity cannot be proved.

outbox.py keeps the frames and their bounds; this module knows who still needs them.
"""

from msgspec.structs import replace

from sessiond.core.errors import InvalidInput
from sessiond.core.ids import ConnectionId
from sessiond.core.position import RecoveryReason, StreamPosition
from sessiond.core.records import StreamMark
from sessiond.core.session import outbox
from sessiond.core.session.devices import waited_for
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.snapshot import Device
from sessiond.core.session.state import SessionState

__all__ = [
    "acknowledge",
    "expire_outbox",
    "has_broken",
    "name_epoch",
    "needs_frames",
    "recovery",
    "restart_stream",
]


def needs_frames(state: SessionState, resume: StreamPosition | None) -> bool:
    """Tell whether a join needs frames that only the store has; they then have to be in ``state.outbox``."""
    if resume is None or resume.epoch != state.stream.epoch:
        return False
    return state.stream.floor <= resume.offset and not outbox.covers(
        state.stream, state.outbox, resume.offset
    )


def recovery(
    state: SessionState, resume: StreamPosition, now: float, limits: SessionLimits
) -> RecoveryReason | None:
    """Say why a client at *resume* cannot get everything it missed; ``None`` when it can, from ``state.outbox``."""
    reason = outbox.recovery(state.stream, resume, away_too_long=_away_too_long(state, now, limits))
    missed = state.stream.head - resume.offset
    if reason is None and len(outbox.since(state.outbox, resume.offset)) != missed:
        return RecoveryReason.GAP  # whatever became of the rest: all of it or nothing
    return reason


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
    moved = replace(attachment, cursor=offset)
    attachments = tuple(moved if a is attachment else a for a in state.attachments)
    snapshot = state.snapshot
    if attachment.device:
        devices = {**snapshot.devices, attachment.device: Device(offset)}
        snapshot = replace(snapshot, devices=devices)
    away = waited_for(snapshot.devices, now, limits)
    lowest = min((*away, *(a.cursor for a in attachments)))
    stream, frames = outbox.trim(state.stream, state.outbox, lowest)
    return replace(state, attachments=attachments, snapshot=snapshot, stream=stream, outbox=frames)


def name_epoch(token: str, continuity: str) -> str:
    """Name a new epoch within the store's *continuity* (core/ports.py)."""
    return f"{token}-{continuity}" if continuity else token


def has_broken(stream: StreamMark, continuity: str) -> bool:
    """Tell whether *stream* began in another continuity of the store: some of it may have been lost."""
    _, _, began_in = stream.epoch.partition("-")
    return bool(stream.epoch) and began_in != continuity


def restart_stream(state: SessionState, epoch: str) -> SessionState:
    """Begin a new epoch: continuity cannot be proved any more."""
    return replace(
        state,
        stream=StreamMark(epoch),
        outbox=(),
        attachments=tuple(replace(a, cursor=0) for a in state.attachments),
        snapshot=replace(
            state.snapshot, devices={n: replace(d, cursor=0) for n, d in state.devices.items()}
        ),
    )


def expire_outbox(state: SessionState, now: float, limits: SessionLimits) -> SessionState:
    """Forget missed pushes that are kept no longer; ``left_at`` still tells a resume why (``expired``)."""
    if not _away_too_long(state, now, limits) or state.stream.floor == state.stream.head:
        return state
    stream = replace(state.stream, floor=state.stream.head, size=0)
    return replace(state, stream=stream, outbox=())


def _away_too_long(state: SessionState, now: float, limits: SessionLimits) -> bool:
    left_at = state.snapshot.left_at
    return (
        not state.attachments and left_at is not None and now - left_at > limits.outbox_keep_seconds
    )
