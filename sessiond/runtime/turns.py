"""Turns: one input, taken by one user's session, becomes a state, effects and what has to be durable.

One method per kind of input (core/session/inputs.py); those of the session's life are in lifecycle.py. Nothing here
changes the actor: a turn that raises has happened only in memory that nobody keeps. Which failures are retried,
dead-lettered or told is failures.py.
"""

from typing import Final, assert_never

import msgspec
from msgspec.structs import replace

from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.event_names import check_event_name
from sessiond.core.gateways.inbox_bodies import decode_arrived
from sessiond.core.ids import Digest, partition_of
from sessiond.core.linking import LINK_TIMER
from sessiond.core.records import MAX_STORED_REPLY, WINDOW_TIMER, InboxEntry
from sessiond.core.session import inputs, machine
from sessiond.core.session.effects import CloseConnection, Reply
from sessiond.core.session.outcome import EndRequest, Outcome, PushRequest
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import Call, CallKind, called_by
from sessiond.core.session.snapshot import decode_snapshot, rolled_back
from sessiond.core.session.state import RETENTION_TIMER, SessionState
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed, Refusals
from sessiond.runtime.dialogue import CONVERSATIONS_TIMER, RUNS_TIMER, Dialogue
from sessiond.runtime.gateway_turns import GatewayTurns
from sessiond.runtime.handing_on import HandingOn
from sessiond.runtime.lifecycle import Lifecycle
from sessiond.runtime.link_errands import LinkErrands
from sessiond.runtime.linking import Linking
from sessiond.runtime.proactive import Proactive
from sessiond.runtime.unrun import list_unrun

__all__ = ["Repeated", "Turns"]

_NO_REPLY: Final = b"{}"


class Turns:
    """Computes the turns of one user."""

    __slots__ = (
        "_calls",
        "_erased_to",
        "_errands",
        "_handing_on",
        "_proactive",
        "_services",
        "dialogue",
        "gateways",
        "lifecycle",
        "links",
    )

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._services = calls.services
        self.lifecycle = Lifecycle(calls)
        self.dialogue = Dialogue(calls)
        self.gateways = GatewayTurns(calls, self.dialogue)
        self.links = Linking(calls, self.dialogue, self.lifecycle)
        self._errands = LinkErrands(calls.services)
        self._handing_on = HandingOn(calls.services, self.lifecycle)
        self._proactive = Proactive(calls, self.dialogue)
        calls.reach_out = self._reach_out
        self._erased_to = 0

    async def compute(
        self,
        item: inputs.Input,
        state: SessionState,
        *,
        hooks: bool = True,
        refusals: Refusals = (),
    ) -> Computed:
        """Compute the turn of *item*; *refusals* are those of its earlier ones.

        Raises:
          Refused: the input is turned down, with the code for whoever waits.
          Repeated: its id was applied before.
          Exception: the handler failed, or what it asked for cannot be done.

        """
        turn = Computed(state, state, refusals=refusals)
        may_be_handed_on = state.snapshot.linked_to or state.phase is Phase.NEW
        if may_be_handed_on and await self._is_for_another(turn, item):
            return turn
        match item:
            case inputs.ClientMessage():
                await self._message(turn, item)
            case inputs.Join() | inputs.Leave():
                await self.lifecycle.moved(turn, item, hooks=hooks)
            case inputs.Ack():
                self._ack(turn, item)
            case inputs.HookCall():
                await self._hook_call(turn, item)
            case inputs.Said() | inputs.Settled() | inputs.Unseen():
                await self._talk(turn, item)
            case inputs.Incoming() | inputs.DeliverySettled():
                await self._on_account(turn, item, hooks=hooks)
            case inputs.Accepted() | inputs.Fired():
                await self._left_to_us(turn, item, hooks=hooks)
            case inputs.Send() | inputs.Stop() | inputs.RollBack() | inputs.EndConversations():
                await self._operated(turn, item, hooks=hooks)
            case _:
                assert_never(item)
        return turn

    def left_over(self, state: SessionState) -> Computed | None:
        """Compute what an owner before this one left undone, at an activation; ``None``: nothing.

        His connections' reconnection window is opened, the functions that flows wait for are called again.
        """
        turn = Computed(state, state)
        if machine.has_orphaned_window(state):
            now, limits = self._services.clock.now(), self._services.limits
            turn.state = machine.open_window(state, now, limits)
        self.dialogue.resume(turn)
        return turn if turn.state is not state or turn.effects else None

    def timeout(self, item: inputs.Input) -> float | None:
        """Seconds the turn of *item* may take; ``None`` when it cannot run anything of the app."""
        program = self._services.program
        match item:
            case inputs.ClientMessage(event=name):
                return program.timeout(CallKind.EVENT, name)
            case inputs.HookCall(hook=name):
                return program.timeout(CallKind.HOOK, name)
            case inputs.Accepted(entry=entry):
                return program.timeout(*called_by(entry.kind))
            case inputs.Fired(timer=timer):
                return program.timeout(CallKind.TIMER, timer.name)
            case inputs.Settled() | inputs.Unseen():
                return None
            case inputs.Said() | inputs.Incoming() if not program.handles(CallKind.START, ""):
                return None
            case inputs.DeliverySettled() if not program.handles(CallKind.DELIVERY, ""):
                return None
            case inputs.Join() if not (
                program.handles(CallKind.CONNECT, "") or program.handles(CallKind.START, "")
            ):
                return None
            case _:
                return program.timeout(CallKind.CONNECT, "")

    async def _is_for_another(self, turn: Computed, item: inputs.Input) -> bool:
        """Hand *item* on when it is another user's; what was erased is nobody's."""
        if isinstance(item, inputs.Accepted) and item.entry.seq <= self._erased_to:
            return False
        return await self._handing_on.is_for_another(turn, item)

    def _reach_out(self, turn: Computed, outcome: Outcome) -> None:
        """Carry out what an outcome asks of others: gateways, flows, other users."""
        self._proactive.carry_out(turn, outcome)
        self._errands.carry_out(turn, outcome)

    # Waiting inputs

    async def _message(self, turn: Computed, item: inputs.ClientMessage) -> None:
        self._calls.check_known()
        _check_not_over(turn.state, item)
        if item.digest is not None and item.digest in turn.state.window:
            raise Repeated(item.digest)
        call = Call(CallKind.EVENT, item.event, item.payload, item.connection)
        await self._answered(turn, await self._calls.handle(call, turn), item.digest)

    async def _hook_call(self, turn: Computed, item: inputs.HookCall) -> None:
        self._calls.check_known()
        if item.digest is not None and item.digest in turn.state.window:
            raise Repeated(item.digest)
        await self.lifecycle.wake(turn)
        call = Call(CallKind.HOOK, item.hook, item.payload)
        await self._answered(turn, await self._calls.handle(call, turn), item.digest)

    async def _talk(
        self, turn: Computed, item: inputs.Said | inputs.Settled | inputs.Unseen
    ) -> None:
        if isinstance(item, inputs.Unseen):
            self.dialogue.unseen(turn, item)
            return
        if isinstance(item, inputs.Settled):
            # Also of a user whom the app does not know any more: or its function would be called again for ever.
            self.dialogue.settled(turn, item)
            return
        self._calls.check_known()
        if item.digest is not None and item.digest in turn.state.window:
            raise Repeated(item.digest)
        if item.reminds and turn.state.phase is Phase.NEW:
            turn.effects = (Reply(_NO_REPLY),)  # being asked begins no session
            return
        await self.lifecycle.wake(turn)
        self.dialogue.said(turn, item)

    async def _on_account(
        self, turn: Computed, item: inputs.Incoming | inputs.DeliverySettled, *, hooks: bool
    ) -> None:
        if isinstance(item, inputs.DeliverySettled):
            # Of an alias: what he was sent before he followed somebody is nobody's business now.
            hooks = hooks and not turn.state.snapshot.linked_to
            await self.gateways.settled(turn, item, hooks=hooks)
            return
        self._calls.check_known()
        if item.digest is not None and item.digest in turn.state.window and not item.reminds:
            raise Repeated(item.digest)
        await self.lifecycle.wake(turn)
        self.gateways.answering.answer(turn, item)

    async def _answered(self, turn: Computed, outcome: Outcome, digest: Digest | None) -> None:
        """Apply the outcome of a handler somebody waits for, remembering its reply under *digest*."""
        if outcome.reply is None:
            outcome = replace(outcome, reply=_NO_REPLY)
        reply = outcome.reply or _NO_REPLY
        self._calls.apply(turn, outcome)
        if digest is not None:
            self._calls.consume(turn, digest, reply if len(reply) <= MAX_STORED_REPLY else None)
        turn.relaxed = outcome.relaxed and not (
            turn.frames
            or turn.consumed
            or outcome.timers
            or outcome.end
            or turn.before.phase is Phase.NEW
        )
        if outcome.end is not None:
            await self.lifecycle.end(turn, outcome.end, hooks=True)

    def _ack(self, turn: Computed, item: inputs.Ack) -> None:
        now = self._services.clock.now()
        try:
            turn.state = machine.acknowledge(
                turn.state, item.connection, item.offset, now, self._services.limits
            )
        except InvalidInput as error:
            raise Refused(ErrorCode.BAD_REQUEST, str(error)) from None
        turn.relaxed = True
        turn.effects = (Reply(_NO_REPLY),)

    # Inputs of platforms and timers: nobody waits

    async def _left_to_us(
        self, turn: Computed, item: inputs.Accepted | inputs.Fired, *, hooks: bool
    ) -> None:
        if isinstance(item, inputs.Accepted):
            await self._accepted(turn, item)
        else:
            await self._fired(turn, item, hooks=hooks)

    async def _accepted(self, turn: Computed, item: inputs.Accepted) -> None:
        entry = item.entry
        if entry.seq <= self._erased_to:
            return
        if entry.kind.startswith("link:"):
            await self.links.take(turn, entry)
            return
        self._calls.check_known()
        await self.lifecycle.wake(turn)
        kind, name = called_by(entry.kind)
        if kind is CallKind.DELIVERY:
            await self._from_gateway(turn, entry, name)
            return
        call = Call(kind, name, msgspec.json.decode(entry.body))
        outcome = await self._calls.handle(call, turn)
        self._calls.apply(turn, replace(outcome, reply=None))
        reply = outcome.reply if outcome.reply and len(outcome.reply) <= MAX_STORED_REPLY else None
        self._calls.consume(turn, entry.digest, reply)
        turn.inbox_done = (entry.seq,)
        if outcome.end is not None:
            await self.lifecycle.end(turn, outcome.end, hooks=True)

    async def _from_gateway(self, turn: Computed, entry: InboxEntry, account: str) -> None:
        """Compute the turn of what came in by a gateway, or of a message that an operator sends again."""
        if entry.kind.startswith("delivery:"):
            self.gateways.again(turn, entry.body)
        else:
            await self.gateways.take(turn, account, decode_arrived(entry.body))
        self._calls.consume(turn, entry.digest, None)
        turn.inbox_done = (entry.seq,)

    async def _fired(self, turn: Computed, item: inputs.Fired, *, hooks: bool) -> None:
        timer = item.timer
        about = {**self._calls.who, "name": timer.name}
        if not machine.is_current(turn.state, timer):
            turn.signals.append(("timer.stale", {}, about))
            return
        lateness = max(0.0, self._services.clock.now() - (timer.due or 0.0))
        turn.signals.append(("timer.fired", {"lateness": lateness}, about))
        if timer.name == RETENTION_TIMER:
            await self.lifecycle.end(turn, EndRequest("retention", erase=True), hooks=False)
            return
        if timer.name == WINDOW_TIMER:
            await self.lifecycle.window_expired(turn, hooks=hooks)
            return
        if timer.name in {CONVERSATIONS_TIMER, RUNS_TIMER}:
            turn.state = machine.fire(turn.state, timer)
            self.dialogue.fired(turn, timer.name)
            return
        if timer.unreadable is not None:
            raise timer.unreadable
        if timer.name.startswith(LINK_TIMER):
            await self._errands.fired(turn, timer)
            return
        self._calls.check_known()
        turn.state = machine.fire(turn.state, timer)
        call = Call(CallKind.TIMER, timer.name, msgspec.json.decode(timer.payload))
        outcome = await self._calls.handle(call, turn)
        self._calls.apply(turn, replace(outcome, reply=None))
        if outcome.end is not None:
            await self.lifecycle.end(turn, outcome.end, hooks=hooks)

    # Inputs of operators and other users' handlers

    async def _operated(
        self,
        turn: Computed,
        item: inputs.Send | inputs.Stop | inputs.RollBack | inputs.EndConversations,
        *,
        hooks: bool,
    ) -> None:
        match item:
            case inputs.EndConversations():
                self.dialogue.ended(turn, item)
            case inputs.Send():
                await self._send(turn, item)
            case inputs.Stop():
                await self._stop(turn, item, hooks=hooks)
            case inputs.RollBack():
                await self._roll_back(turn)

    async def _send(self, turn: Computed, item: inputs.Send) -> None:
        self._calls.check_known()
        if not isinstance(item.payload, dict):
            raise Refused(ErrorCode.BAD_REQUEST, "the payload of a push is an object")
        try:
            event = msgspec.json.encode(check_event_name(item.event))
        except InvalidInput as error:
            raise Refused(ErrorCode.BAD_REQUEST, str(error)) from None
        push = PushRequest(event, msgspec.json.encode(item.payload), durable=item.durable)
        await self.lifecycle.wake(turn)
        self._calls.apply(turn, Outcome(pushes=(push,)))
        told = {"connections": len(turn.state.attachments), "offset": turn.state.stream.head}
        turn.effects = (*turn.effects, Reply(msgspec.json.encode(told)))

    async def _stop(self, turn: Computed, item: inputs.Stop, *, hooks: bool) -> None:
        end = EndRequest(item.reason, item.code, item.erase)
        if item.erase:
            services, user = self._services, self._calls.user
            unrun = await services.read(lambda: list_unrun(services.store, user))
            turn.inbox_done = tuple(entry.seq for entry in unrun)
            self._erased_to = max(turn.inbox_done, default=self._erased_to)
        is_alias = bool(turn.state.snapshot.linked_to)  # the app's session is the other one's
        await self.lifecycle.end(turn, end, hooks=hooks and not is_alias)
        turn.effects = (*turn.effects, Reply(_NO_REPLY))

    async def _roll_back(self, turn: Computed) -> None:
        services, user = self._services, self._calls.user
        loaded = await services.read(lambda: services.store.load(user, partition_of(user)))
        if loaded is None or loaded.previous is None:
            raise Refused(ErrorCode.BAD_REQUEST, "there is no earlier snapshot")
        everyone = tuple(a.connection for a in turn.state.attachments)
        snapshot = rolled_back(decode_snapshot(loaded.previous), turn.state.snapshot)
        earlier = replace(turn.state, snapshot=snapshot)
        turn.state = machine.restart_stream(earlier, services.new_epoch())
        self.dialogue.rolled_back(turn)
        rolled = msgspec.json.encode({"version": loaded.version + 1})
        closed = CloseConnection(everyone, CloseCode.RESTARTED)
        turn.effects = (Reply(rolled), closed, *turn.effects)


class Repeated(Exception):
    """A waiting input whose id was applied already; the actor answers with the first one's reply."""

    def __init__(self, digest: Digest) -> None:
        super().__init__("applied before")
        self.digest = digest


def _check_not_over(state: SessionState, item: inputs.ClientMessage) -> None:
    """Turn down what a client sent before it heard that its session had ended.

    Raises:
      Refused: ENDED; its connection is not attached, and the session is over or gone.

    """
    is_over = state.phase is Phase.NEW or RETENTION_TIMER in state.timers
    if is_over and all(a.connection != item.connection for a in state.attachments):
        raise Refused(ErrorCode.ENDED, "the session was ended; join again")
