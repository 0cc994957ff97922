"""Wishes: what a handler asked for (an ``Outcome``) becomes state, effects and frames.

The end of the session is the caller's to carry out (machine.py: ``end``), because the app hears of it first.
"""

from msgspec.structs import replace

from sessiond.core.errors import SnapshotTooLarge
from sessiond.core.ids import ConnectionId
from sessiond.core.nesting import MAX_NESTING, nests_too_deeply
from sessiond.core.records import Frame
from sessiond.core.session import outbox
from sessiond.core.session.effects import CloseConnection, Effect, PushMessage, Reply
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.outcome import Outcome, TimerRequest
from sessiond.core.session.state import SessionState
from sessiond.core.session.step import Step
from sessiond.core.session.stream import restart_stream
from sessiond.core.session.timers import with_timers, without_timer

__all__ = ["apply"]


def apply(
    state: SessionState, outcome: Outcome, now: float, epoch: str, limits: SessionLimits
) -> Step:
    """Apply a handler's wishes: data, timers, pushes in order, the reply, closes.

    *epoch* names the stream, should the first durable push begin one.

    Raises:
      SnapshotTooLarge: the data would exceed the snapshot's bound, or nests too deeply; nothing changed.

    """
    state = _apply_data(state, outcome, limits)
    if outcome.timers:
        state = _apply_timers(state, outcome.timers, now)
    effects: list[Effect] = []
    frames: tuple[Frame, ...] = ()
    if outcome.pushes:
        state, effects, frames = _apply_pushes(state, outcome, now, epoch, limits)
    if outcome.reply is not None:
        effects.append(Reply(outcome.reply))
    for kick in outcome.kicks:
        targets = _everyone(state) if kick.connection is None else (kick.connection,)
        effects.append(CloseConnection(targets, kick.code))
    return Step(state, tuple(effects), frames)


def _everyone(state: SessionState) -> tuple[ConnectionId, ...]:
    return tuple([attachment.connection for attachment in state.attachments])


def _apply_data(state: SessionState, outcome: Outcome, limits: SessionLimits) -> SessionState:
    snapshot = state.snapshot
    if outcome.data is not None and outcome.data != snapshot.data:
        if len(outcome.data) > limits.snapshot_bytes:
            raise SnapshotTooLarge(
                f"session data of {len(outcome.data)} bytes; the bound is {limits.snapshot_bytes}"
            )
        if nests_too_deeply(outcome.data):
            raise SnapshotTooLarge(f"session data is nested deeper than {MAX_NESTING} levels")
        snapshot = replace(snapshot, data=outcome.data)
    if outcome.unread is not None and outcome.unread != snapshot.unread:
        snapshot = replace(snapshot, unread=outcome.unread)
    return state if snapshot is state.snapshot else replace(state, snapshot=snapshot)


def _apply_timers(
    state: SessionState, requests: tuple[TimerRequest, ...], now: float
) -> SessionState:
    timers = state.timers
    for request in requests:
        cancelled = request.due is None
        timers = (
            without_timer(timers, request.name)
            if cancelled
            else with_timers(timers, (request,), now)
        )
    return replace(state, timers=timers)


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
        state = replace(state, stream=stream, outbox=kept if state.attachments else ())
    everyone = _everyone(state)
    new = iter(frames)
    effects: list[Effect] = []
    for push in outcome.pushes:
        message = next(new).message if push.durable else b"%b,%b" % (push.event, push.payload)
        # A durable push is everybody's: who did not get it live would never learn of its offset.
        to_all = push.durable or push.connection is None
        if targets := everyone if to_all or push.connection is None else (push.connection,):
            effects.append(PushMessage(targets, message))
    return state, effects, frames
