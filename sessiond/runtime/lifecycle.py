"""The lifecycle of one user's session as turns: start, join, leave, window, idle, end.

Hooks that report what has happened anyway (disconnect, window expired, idle, end) may fail without stopping it: the
actor then runs the turn again with ``hooks=False``.
"""

import msgspec

from sessiond.core.codes import CloseCode
from sessiond.core.errors import AppFailed
from sessiond.core.position import RecoveryReason
from sessiond.core.session import inputs, machine
from sessiond.core.session.effects import CloseConnection, Reply
from sessiond.core.session.outcome import NOTHING, EndRequest
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import CallKind
from sessiond.core.session.state import SessionState
from sessiond.core.session.stream import has_broken
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed, Signal
from sessiond.runtime.link_steps import part, run_errands

__all__ = ["Lifecycle"]


class Lifecycle:
    """Computes the lifecycle turns of one user."""

    __slots__ = ("_calls", "_services")

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._services = calls.services

    async def start(self, turn: Computed) -> None:
        """Begin the session of a user without a record.

        Raises:
          AppFailed: the start hook asked for the end.

        """
        turn.signals.append(("session.created", {}, self._calls.who))
        outcome = await self._calls.hook(CallKind.START, turn)
        if outcome.end is not None:
            raise AppFailed(
                "the start hook may not end the session; raise Reject to turn the user away"
            )

    async def wake(self, turn: Computed) -> None:
        """Wake the session for an input that needs no connection, starting it when it is new."""
        if turn.state.phase is Phase.NEW:
            await self.start(turn)
        turn.state = machine.receive(turn.state)

    async def moved(self, turn: Computed, item: inputs.Join | inputs.Leave, *, hooks: bool) -> None:
        """Attach or detach a connection."""
        if isinstance(item, inputs.Join):
            await self.join(turn, item)
        else:
            await self.leave(turn, item, hooks=hooks)

    async def join(self, turn: Computed, item: inputs.Join) -> None:
        """Attach a connection: welcome, replay, connect hook."""
        self._calls.check_known()
        services = self._services
        if turn.state.phase is Phase.NEW:
            await self.start(turn)
        request = machine.JoinRequest(
            connection=item.connection.id,
            epoch=services.new_epoch(),
            device=item.device,
            meta=item.meta,
            resume=item.resume,
        )
        if has_broken(turn.state.stream, services.store.continuity):
            others = tuple(a.connection for a in turn.state.attachments)
            turn.state = machine.restart_stream(turn.state, request.epoch)
            if others:
                turn.effects = (*turn.effects, CloseConnection(others, CloseCode.RESTARTED))
        step = machine.join(turn.state, request, services.clock.now(), services.limits)
        turn.state = step.state
        turn.effects = (*turn.effects, *step.effects)
        attached = {"connections": len(step.state.attachments)}
        turn.signals.append(("session.attached", attached, self._calls.who))
        if item.resume is not None:
            turn.signals.append(self._resume_signal(item, step))
        outcome = await self._calls.hook(
            CallKind.CONNECT, turn, payload=item.meta, connection=item.connection.id
        )
        if outcome.end is not None:
            await self.end(turn, outcome.end, hooks=True)

    def _resume_signal(self, item: inputs.Join, step: machine.Step) -> Signal:
        replies = [effect for effect in step.effects if isinstance(effect, Reply)]
        welcome = msgspec.json.decode(replies[0].payload)
        if welcome["recovered"]:
            replayed = step.state.stream.head - (item.resume.offset if item.resume else 0)
            return ("resume.recovered", {"replayed": replayed}, self._calls.who)
        reason = welcome.get("reason", RecoveryReason.GAP.value)
        return ("resume.refused", {}, {**self._calls.who, "reason": reason})

    async def leave(self, turn: Computed, item: inputs.Leave, *, hooks: bool) -> None:
        """Detach a connection; an unknown one changes nothing."""
        services = self._services
        step = machine.leave(turn.state, item.connection, services.clock.now(), services.limits)
        if step.state is turn.state:
            return
        turn.state = step.state
        if step.state.phase is Phase.DETACHED:
            window = {"window": services.limits.window_seconds}
            turn.signals.append(("session.detached", window, self._calls.who))
        if hooks:
            outcome = await self._calls.hook(CallKind.DISCONNECT, turn, connection=item.connection)
            if outcome.end is not None:
                await self.end(turn, outcome.end, hooks=hooks)

    async def window_expired(self, turn: Computed, *, hooks: bool) -> None:
        """Close the reconnection window."""
        turn.state = machine.window_expired(turn.state).state
        turn.signals.append(("session.window_expired", {}, self._calls.who))
        outcome = await self._calls.hook(CallKind.WINDOW_EXPIRED, turn) if hooks else NOTHING
        if outcome.end is not None:
            await self.end(turn, outcome.end, hooks=hooks)

    async def idle(self, state: SessionState, *, hooks: bool = True) -> Computed:
        """Compute the turn of the idle timeout: tell the app, close the connections."""
        turn = Computed(state, state)
        silence = {"silence": self._services.limits.idle_seconds}
        turn.signals.append(("session.idle", silence, self._calls.who))
        outcome = await self._calls.hook(CallKind.IDLE, turn) if hooks else NOTHING
        everyone = tuple(a.connection for a in turn.state.attachments)
        turn.effects = (*turn.effects, CloseConnection(everyone, CloseCode.IDLE))
        if outcome.end is not None:
            await self.end(turn, outcome.end, hooks=hooks)
        return turn

    def leave_none(self, turn: Computed) -> None:
        """Leave no record of a user who has none: his session has not begun, and does not end."""
        now, limits = self._services.clock.now(), self._services.limits
        turn.state = machine.end(turn.state, "unknown", CloseCode.ENDED, now, limits).state
        turn.erase = True

    async def end(self, turn: Computed, end: EndRequest, *, hooks: bool) -> None:
        """End the session. One that never began has no end hook, and leaves no record.

        Raises:
          NotHandedOn: somebody who is linked with this user, or is about to be, cannot be told.

        """
        services = self._services
        is_new = turn.state.phase is Phase.NEW
        if hooks and not is_new:
            await self._calls.hook(CallKind.END, turn, name=end.reason)
        keeps = services.limits.retention_seconds > 0 and not is_new
        erases = turn.erase or end.erase or not keeps
        if erases:
            await part(services, self._calls.user, turn.state.snapshot)
        else:
            await run_errands(services, self._calls.user, turn.state.timers)
        step = machine.end(turn.state, end.reason, end.code, services.clock.now(), services.limits)
        turn.state = step.state
        turn.effects = (*turn.effects, *step.effects)
        turn.erase = erases
        turn.relaxed = False
        turn.signals.append(("session.ended", {}, {**self._calls.who, "reason": end.reason}))
