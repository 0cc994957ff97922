"""Turns: one input, taken by one user's session, becomes a state, effects and what has to be durable.

One method per kind of input (core/session/inputs.py). Nothing here changes the actor: a turn that raises has
happened only in memory that nobody keeps. Which failures are retried, dead-lettered or told is failures.py.

Lifecycle hooks that report what has happened anyway (disconnect, window expired, idle, end) may fail without
stopping it: the actor then runs the turn again with ``hooks=False``.
"""

from collections.abc import Mapping
from typing import Final, assert_never

import msgspec
from attrs import define, evolve, field

from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import AppFailed, InvalidInput, Refused, SnapshotTooLarge
from sessiond.core.ids import Digest, UserId, partition_of
from sessiond.core.position import RecoveryReason
from sessiond.core.records import MAX_STORED_REPLY, WINDOW_TIMER, Consumed, DeadLetter, Frame
from sessiond.core.session import inputs, machine
from sessiond.core.session.changes import Change
from sessiond.core.session.effects import CloseConnection, Effect, Reply
from sessiond.core.session.outcome import NOTHING, EndRequest, Outcome, PushRequest
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import Call, CallKind, Context
from sessiond.core.session.snapshot import decode_snapshot
from sessiond.core.session.state import RETENTION_TIMER, SessionState
from sessiond.runtime.services import Services

__all__ = ["Computed", "Repeated", "Signal", "Turns"]

Signal = tuple[str, Mapping[str, float], Mapping[str, object]]
"""A telemetry event that is emitted when the turn is released."""

_NO_REPLY: Final = b"{}"


@define
class Computed:
    """A turn in the making: what the gate will hold."""

    before: SessionState
    state: SessionState
    effects: tuple[Effect, ...] = ()
    frames: tuple[Frame, ...] = ()
    consumed: tuple[Consumed, ...] = ()
    forgotten: tuple[Digest, ...] = ()
    inbox_done: tuple[int, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    erase: bool = False
    relaxed: bool = False
    signals: list[Signal] = field(factory=list)

    def change(self) -> Change | None:
        """What this turn makes durable; ``None`` when it cannot be anything."""
        if self.state is self.before and not (self.inbox_done or self.dead_letters or self.erase):
            return None
        return Change(
            before=self.before,
            after=self.state,
            frames=self.frames,
            consumed=self.consumed,
            forgotten=self.forgotten,
            inbox_done=self.inbox_done,
            dead_letters=self.dead_letters,
            erase=self.erase,
        )


class Turns:
    """Computes the turns of one user. *account* is what ``load_account`` returned."""

    __slots__ = ("_services", "account", "refusal", "user")

    def __init__(self, services: Services, user: UserId) -> None:
        self._services = services
        self.user = user
        self.account: object = None
        self.refusal: Refused | None = None
        """Why the app will not serve this user (``unknown_user``)."""

    async def compute(
        self, item: inputs.Input, state: SessionState, *, hooks: bool = True
    ) -> Computed:
        """Compute the turn of *item*.

        Raises:
          Refused: the input is turned down, with the code for whoever waits.
          Exception: the handler failed, or what it asked for cannot be done.

        """
        turn = Computed(state, state)
        match item:
            case inputs.ClientMessage():
                return await self._message(item, state)
            case inputs.Join():
                await self._join(turn, item)
            case inputs.Leave():
                await self._leave(turn, item, hooks=hooks)
            case inputs.Ack():
                self._ack(turn, item)
            case inputs.HookCall():
                return await self._hook_call(item, state)
            case inputs.Accepted():
                await self._accepted(turn, item)
            case inputs.Fired():
                await self._fired(turn, item, hooks=hooks)
            case inputs.Send():
                self._send(turn, item)
            case inputs.Stop():
                end = EndRequest(item.reason, item.code, item.erase)
                await self._end(turn, end, hooks=hooks)
                turn.effects = (*turn.effects, Reply(_NO_REPLY))
            case inputs.RollBack():
                await self._roll_back(turn)
            case _:
                assert_never(item)
        return turn

    def timeout(self, item: inputs.Input) -> float:
        """Seconds the turn of *item* may take."""
        program = self._services.program
        match item:
            case inputs.ClientMessage(event=name):
                return program.timeout(CallKind.EVENT, name)
            case inputs.HookCall(hook=name):
                return program.timeout(CallKind.HOOK, name)
            case inputs.Accepted(entry=entry):
                return program.timeout(CallKind.HOOK, entry.kind.partition(":")[2])
            case inputs.Fired(timer=timer):
                return program.timeout(CallKind.TIMER, timer.name)
            case _:
                return program.timeout(CallKind.CONNECT, "")

    async def idle(self, state: SessionState, *, hooks: bool = True) -> Computed:
        """Compute the turn of the idle timeout: tell the app, close the connections."""
        turn = Computed(state, state)
        if hooks:
            self._apply(turn, await self._call(CallKind.IDLE, turn.state))
        everyone = tuple(a.connection for a in turn.state.attachments)
        turn.effects = (*turn.effects, CloseConnection(everyone, CloseCode.IDLE))
        turn.signals.append(
            ("session.idle", {"silence": self._services.limits.idle_seconds}, self._who)
        )
        return turn

    @property
    def _who(self) -> dict[str, object]:
        return {"user": self.user}

    # Waiting inputs

    async def _message(self, item: inputs.ClientMessage, state: SessionState) -> Computed:
        self._check_known()
        if item.digest is not None and item.digest in state.window:
            raise Repeated(item.digest)
        call = Call(CallKind.EVENT, item.event, item.payload, item.connection)
        outcome = await self._handle(call, state)
        turn = Computed(state, state)
        await self._answered(turn, outcome, item.digest)
        return turn

    async def _hook_call(self, item: inputs.HookCall, state: SessionState) -> Computed:
        self._check_known()
        if item.digest is not None and item.digest in state.window:
            raise Repeated(item.digest)
        turn = Computed(state, state)
        await self._wake(turn)
        call = Call(CallKind.HOOK, item.hook, item.payload)
        await self._answered(turn, await self._handle(call, turn.state), item.digest)
        return turn

    async def _answered(self, turn: Computed, outcome: Outcome, digest: Digest | None) -> None:
        """Apply the outcome of a handler somebody waits for, remembering its reply under *digest*."""
        reply = _NO_REPLY if outcome.reply is None else outcome.reply
        if outcome.reply is None:
            outcome = evolve(outcome, reply=reply)
        self._apply(turn, outcome)
        if digest is not None:
            self._consume(turn, digest, reply if len(reply) <= MAX_STORED_REPLY else None)
        turn.relaxed = outcome.relaxed and not (
            turn.frames
            or turn.consumed
            or outcome.timers
            or outcome.end
            or turn.before.phase is Phase.NEW
        )
        if outcome.end is not None:
            await self._end(turn, outcome.end, hooks=True)

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

    # Connections

    async def _join(self, turn: Computed, item: inputs.Join) -> None:
        self._check_known()
        services = self._services
        if turn.state.phase is Phase.NEW:
            await self._start(turn)
        request = machine.JoinRequest(
            connection=item.connection.id,
            epoch=services.entropy.token(8).hex(),
            device=item.device,
            meta=item.meta,
            resume=item.resume,
        )
        step = machine.join(turn.state, request, services.clock.now(), services.limits)
        turn.state = step.state
        turn.effects = (*turn.effects, *step.effects)
        turn.signals.append(
            ("session.attached", {"connections": len(step.state.attachments)}, self._who)
        )
        if item.resume is not None:
            turn.signals.append(self._resume_signal(item, step))
        call = Call(CallKind.CONNECT, "", item.meta, item.connection.id)
        if services.program.handles(CallKind.CONNECT, ""):
            outcome = await self._handle(call, turn.state)
            self._apply(turn, outcome)
            if outcome.end is not None:
                await self._end(turn, outcome.end, hooks=True)

    def _resume_signal(self, item: inputs.Join, step: machine.Step) -> Signal:
        replies = [effect for effect in step.effects if isinstance(effect, Reply)]
        welcome = msgspec.json.decode(replies[0].payload)
        if welcome["recovered"]:
            replayed = step.state.stream.head - (item.resume.offset if item.resume else 0)
            return ("resume.recovered", {"replayed": replayed}, self._who)
        reason = welcome.get("reason", RecoveryReason.GAP.value)
        return ("resume.refused", {}, {**self._who, "reason": reason})

    async def _leave(self, turn: Computed, item: inputs.Leave, *, hooks: bool) -> None:
        services = self._services
        step = machine.leave(turn.state, item.connection, services.clock.now(), services.limits)
        if step.state is turn.state:
            return
        turn.state = step.state
        if step.state.phase is Phase.DETACHED:
            turn.signals.append(
                ("session.detached", {"window": services.limits.window_seconds}, self._who)
            )
        if hooks and services.program.handles(CallKind.DISCONNECT, ""):
            call = Call(CallKind.DISCONNECT, "", None, item.connection)
            outcome = await services.program.call(call, self._context(turn.state))
            self._apply(turn, outcome)
            if outcome.end is not None:
                await self._end(turn, outcome.end, hooks=hooks)

    # Inputs that nobody waits for

    async def _accepted(self, turn: Computed, item: inputs.Accepted) -> None:
        self._check_known()
        entry = item.entry
        await self._wake(turn)
        door, _, name = entry.kind.partition(
            ":"
        )  # "timer": a dead letter that an operator sent again
        kind = CallKind.TIMER if door == "timer" else CallKind.HOOK
        outcome = await self._handle(Call(kind, name, msgspec.json.decode(entry.body)), turn.state)
        self._apply(turn, evolve(outcome, reply=None))
        reply = outcome.reply if outcome.reply and len(outcome.reply) <= MAX_STORED_REPLY else None
        self._consume(turn, entry.digest, reply)
        turn.inbox_done = (entry.seq,)
        if outcome.end is not None:
            await self._end(turn, outcome.end, hooks=True)

    async def _fired(self, turn: Computed, item: inputs.Fired, *, hooks: bool) -> None:
        timer = item.timer
        if not machine.is_current(turn.state, timer):
            turn.signals.append(("timer.stale", {}, {**self._who, "name": timer.name}))
            return
        lateness = max(0.0, self._services.clock.now() - (timer.due or 0.0))
        turn.signals.append(
            ("timer.fired", {"lateness": lateness}, {**self._who, "name": timer.name})
        )
        if timer.name == RETENTION_TIMER:
            await self._end(turn, EndRequest("retention", erase=True), hooks=False)
            return
        if timer.name == WINDOW_TIMER:
            turn.state = machine.window_expired(turn.state).state
            turn.signals.append(("session.window_expired", {}, self._who))
            outcome = await self._call(CallKind.WINDOW_EXPIRED, turn.state) if hooks else NOTHING
        else:
            self._check_known()
            turn.state = machine.fire(turn.state, timer)
            payload = msgspec.json.decode(timer.payload)
            outcome = await self._handle(Call(CallKind.TIMER, timer.name, payload), turn.state)
        self._apply(turn, evolve(outcome, reply=None))
        if outcome.end is not None:
            await self._end(turn, outcome.end, hooks=hooks)

    def _send(self, turn: Computed, item: inputs.Send) -> None:
        if not isinstance(item.payload, dict):
            raise Refused(ErrorCode.BAD_REQUEST, "the payload of a push is an object")
        push = PushRequest(
            msgspec.json.encode(item.event), msgspec.json.encode(item.payload), durable=item.durable
        )
        turn.state = machine.receive(turn.state)
        self._apply(turn, Outcome(pushes=(push,)))
        told = {"connections": len(turn.state.attachments), "offset": turn.state.stream.head}
        turn.effects = (*turn.effects, Reply(msgspec.json.encode(told)))

    async def _roll_back(self, turn: Computed) -> None:
        services, user = self._services, self.user
        partition = partition_of(user)
        loaded = await services.read(lambda: services.store.load(user, partition))
        if loaded is None or loaded.previous is None:
            raise Refused(ErrorCode.BAD_REQUEST, "there is no earlier snapshot")
        everyone = tuple(a.connection for a in turn.state.attachments)
        earlier = evolve(turn.state, snapshot=decode_snapshot(loaded.previous))
        turn.state = machine.restart_stream(earlier, services.entropy.token(8).hex())
        rolled = msgspec.json.encode({"version": loaded.version + 1})
        turn.effects = (Reply(rolled), CloseConnection(everyone, CloseCode.RESTARTED))

    async def _end(self, turn: Computed, end: EndRequest, *, hooks: bool) -> None:
        services = self._services
        if hooks and services.program.handles(CallKind.END, ""):
            call = Call(CallKind.END, end.reason)
            self._apply(turn, await services.program.call(call, self._context(turn.state)))
        step = machine.end(turn.state, end.reason, end.code, services.clock.now(), services.limits)
        turn.state = step.state
        turn.effects = (*turn.effects, *step.effects)
        turn.erase = turn.erase or end.erase or services.limits.retention_seconds <= 0
        turn.relaxed = False
        turn.signals.append(("session.ended", {}, {**self._who, "reason": end.reason}))

    # The app

    def _check_known(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def _wake(self, turn: Computed) -> None:
        """Wake the session for an input that needs no connection, starting it when it is new."""
        if turn.state.phase is Phase.NEW:
            await self._start(turn)
        turn.state = machine.receive(turn.state)

    async def _start(self, turn: Computed) -> None:
        turn.signals.append(("session.created", {}, self._who))
        outcome = await self._call(CallKind.START, turn.state)
        if outcome.end is not None:
            raise AppFailed(
                "the start hook may not end the session; raise Reject to turn the user away"
            )
        self._apply(turn, evolve(outcome, reply=None))

    async def _call(self, kind: CallKind, state: SessionState) -> Outcome:
        if not self._services.program.handles(kind, ""):
            return NOTHING
        return await self._services.program.call(Call(kind), self._context(state))

    async def _handle(self, call: Call, state: SessionState) -> Outcome:
        return await self._services.program.call(call, self._context(state))

    def _context(self, state: SessionState) -> Context:
        return Context(state, self._services.clock.now(), self.account)

    def _apply(self, turn: Computed, outcome: Outcome) -> None:
        if outcome is NOTHING:
            return
        services = self._services
        epoch = "" if turn.state.stream.epoch else services.entropy.token(8).hex()
        lost = turn.state.stream.lost
        try:
            step = machine.apply(turn.state, outcome, services.clock.now(), epoch, services.limits)
        except SnapshotTooLarge as error:
            raise Refused(ErrorCode.TOO_LARGE, str(error)) from None
        turn.state = step.state
        turn.effects = (*turn.effects, *step.effects)
        turn.frames = (*turn.frames, *step.frames)
        if step.state.stream.lost != lost:
            dropped = step.state.stream.lost - lost
            turn.signals.append(("outbox.overflowed", {"frames": dropped}, self._who))

    def _consume(self, turn: Computed, digest: Digest, reply: bytes | None) -> None:
        limits, now = self._services.limits, self._services.clock.now()
        if digest not in turn.state.window:
            window, gone = turn.state.window.add(
                digest, now, limit=limits.window_ids, keep_seconds=limits.window_ids_seconds
            )
            turn.state = evolve(turn.state, window=window)
            turn.forgotten = gone
        turn.consumed = (Consumed(digest, now, reply),)


class Repeated(Exception):
    """A waiting input whose id was applied already; the actor answers with the first one's reply."""

    def __init__(self, digest: Digest) -> None:
        super().__init__("applied before")
        self.digest = digest
