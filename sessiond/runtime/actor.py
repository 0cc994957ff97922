"""The session actor: one parked task per live user that takes turns until its user goes quiet.

    activate → (take → compute → gate)* → passivate

The loop decides *when*; what a turn does is turns.py, what leaves when is gate.py, what becomes of a failed turn
is failures.py. The actor alone changes its state, and only between turns: nothing else reads a live one.

Handler time-outs: entering a cancel scope per turn costs 8 µs *(measured, Trio 0.35, against 0.1 µs for the bare
call)*, so one scope spans many turns. Its only canceller is the handler's deadline, and a new one is opened after it.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio
from attrs import evolve

from sessiond import telemetry
from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import Fenced, Refused
from sessiond.core.ids import ConnectionId
from sessiond.core.ports import Connection
from sessiond.core.records import VerdictStatus
from sessiond.core.session import inputs, machine
from sessiond.core.session.changes import Change
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import CallKind
from sessiond.core.session.state import SessionState
from sessiond.runtime.activation import load_account, load_session
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.failures import Failures, HandlerTimeout
from sessiond.runtime.gate import Gate, Turn
from sessiond.runtime.mailbox import Control, Envelope
from sessiond.runtime.parking import Parking
from sessiond.runtime.perform import perform
from sessiond.runtime.services import Services
from sessiond.runtime.turns import Computed, Repeated, Turns
from sessiond.runtime.wakeups import Wakeups

__all__ = ["SessionActor"]

_failed: Final = telemetry.emitter("turn.failed")
_turn_stop: Final = telemetry.emitter("turn.stop")


class SessionActor:
    """One user's actor; ``run`` is its life. Made by the supervisor's start function for a cell."""

    __slots__ = (
        "_failures",
        "_gate_moved",
        "_handler_deadline",
        "_in_hand",
        "_scope",
        "_services",
        "_turns",
        "_wakeups",
        "_wants_passivation",
        "cell",
        "connections",
        "gate",
        "is_loaded",
        "state",
    )

    def __init__(self, cell: Cell, services: Services) -> None:
        self.cell = cell
        self.connections: dict[ConnectionId, Connection] = {}
        self.gate = Gate(
            cell.user,
            cell.partition,
            perform=self._release,
            on_failure=self._wake,
            commit_ids=lambda: services.entropy.token(16),
        )
        self.state: SessionState
        self._services = services
        self._turns = Turns(services, cell.user)
        self._failures = Failures(services, cell, self._turns)
        self._wakeups = Wakeups(
            services.deadlines,
            services.limits,
            relaxed_seconds=services.policy.relaxed_seconds,
            now=services.clock.monotonic(),
            on_due=self._tick,
        )
        self._handler_deadline = services.deadlines.open(self._handler_expired)
        self._scope: trio.CancelScope | None = None
        self._in_hand: Envelope | None = None
        self._gate_moved = Parking()
        self._wants_passivation = False
        self.is_loaded = False
        """Whether ``state`` is there."""

    async def run(self) -> None:
        """Live: load, take turns, passivate. Returns when the cell has left the registry.

        Raises:
          Fenced: another owner has the partition; waiting inputs were answered ``gone``.
          Exception: what is not a handler's failure; the supervisor restarts the actor, the mailbox survives.

        Cancelling abandons what is not committed; whoever waits is answered ``gone``.

        """
        self.cell.actor = self
        try:
            await self._activate()
            while not await self._serve():
                pass
        finally:
            self._handler_deadline.close()
            self._wakeups.close()
            self.cell.actor = None
            self._abandon()

    # Activation and passivation

    async def _activate(self) -> None:
        services, cell = self._services, self.cell
        self.state, self.gate.version = await load_session(services, cell)
        self.is_loaded = True
        try:
            self._turns.account, self._turns.refusal = await load_account(services, cell)
        except Exception:
            self._failures.answer_waiting(ErrorCode.UNAVAILABLE, "the user cannot be loaded now")
            raise
        if machine.has_orphaned_window(self.state):
            orphaned = machine.open_window(self.state, services.clock.now(), services.limits)
            self._enter(Computed(self.state, orphaned), None)
        if cell.backlog:
            await services.refill(cell)
        cell.standing = Standing.RUNNING
        self._rearm()

    async def _settled(self) -> bool:
        """Wait until nothing is unwritten; ``False`` when a commit failed or a message came first."""
        self._flush()
        while not self.gate.is_open:
            if self.gate.failure is not None:
                return False
            await self._wait_gate()
        return self.cell.is_quiet

    async def _leave(self, reason: str) -> bool:
        """Put the session away; ``False`` when something came meanwhile and it goes on."""
        if not await self._settled() or not self._services.registry.leave(self.cell):
            return False
        self.cell.standing = Standing.STOPPING
        self.connections.clear()  # of a drain: the doors close them, in batches
        telemetry.emit(
            "session.passivated", {"duration": 0.0}, {"user": self.cell.user, "reason": reason}
        )
        return True

    # The loop

    async def _serve(self) -> bool:
        """Take turns within one cancel scope; ``False`` when a handler's deadline ended it."""
        with trio.CancelScope() as self._scope:
            while True:
                if self.gate.failure is not None:
                    await self._recover()
                elif self.gate.is_full:
                    await self._wait_gate()
                elif self.state.phase is Phase.ENDED:
                    if await self._has_ended():
                        return True
                elif (envelope := self.cell.mailbox.get_nowait()) is not None:
                    await self._take(envelope)
                elif self.cell.backlog and not self.cell.is_draining:
                    await self._services.refill(self.cell)
                elif await self._may_leave():
                    return True
                else:
                    await self.cell.mailbox.wait()
        envelope, self._in_hand = self._in_hand, None
        if envelope is not None:
            await self._fail(envelope, HandlerTimeout())
        return False

    async def _has_ended(self) -> bool:
        """Leave once the end is durable; ``False``: it failed, or somebody came back and begins anew."""
        await self._settled()
        if not self.gate.is_open:
            return False
        if self._services.registry.leave(self.cell):
            return True
        await self._activate()
        return False

    async def _may_leave(self) -> bool:
        if self.cell.is_draining:
            return await self._leave("drain")
        if self.state.phase in {Phase.NEW, Phase.PASSIVE}:
            return await self._leave("window")
        if self._wants_passivation and not self.connections:
            self._wants_passivation = self.cell.is_leaving = False
            return await self._leave("cap")
        return False

    async def _take(self, envelope: Envelope) -> None:
        item = envelope.item
        services = self._services
        now = services.clock.monotonic()
        if envelope.expires_at is not None and now >= envelope.expires_at:
            self._failures.expired(envelope)
            return
        if isinstance(item, Control):
            await self._control(item, now)
            return
        if self.cell.is_draining and not self._failures.runs_while_draining(envelope):
            return
        if type(item) is not inputs.Ack:
            self._wakeups.last_active = now
        if envelope.recovered and await self._failures.is_poison(envelope):
            self._enter(self._failures.buried(envelope, self.state), envelope)
        elif type(item) is not inputs.Join or await self._has_frames(envelope, item):
            await self._run(envelope, item, now)

    async def _run(self, envelope: Envelope, item: inputs.Input, now: float) -> None:
        """Compute one turn under the handler's deadline."""
        self._services.counters.turns += 1
        self._in_hand = envelope
        self._handler_deadline.set(now + self._turns.timeout(item))
        result: Computed | Exception
        try:
            result = await self._turns.compute(item, self.state)
        except Repeated as repeated:
            result = await self._failures.repeat(repeated.digest, self.state, self.gate.turns)
        except Exception as error:  # noqa: BLE001 -- a handler's failure costs only its own turn
            result = error
        self._in_hand = None
        self._handler_deadline.set(None)
        if isinstance(result, Exception):
            await self._fail(envelope, result)
            return
        self._enter(result, envelope)
        if _turn_stop.listeners:
            _turn_stop(
                {"duration": self._services.clock.monotonic() - now},
                {"user": self.cell.user, "kind": type(item).__name__.lower()},
            )

    def _enter(self, computed: Computed, envelope: Envelope | None) -> None:
        """Make a computed turn the actor's state and hand it to the gate."""
        turn = Turn(
            computed.before,
            envelope,
            computed.change(),
            computed.effects,
            signals=computed.signals,
        )
        if computed.state is not self.state:
            before, self.state = self.state, computed.state
            if (
                before.phase is not computed.state.phase
                or before.attachments is not computed.state.attachments
            ):
                self._attachments_changed(envelope)
        if self.gate.enter(turn, relaxed=computed.relaxed):
            self._services.committer.submit(self.gate)
        elif self.gate.lazy is not None and self._wakeups.lazy_since is None:
            self._wakeups.lazy_since = self._services.clock.monotonic()
            self._rearm()

    def _attachments_changed(self, envelope: Envelope | None) -> None:
        self.cell.is_attached = bool(self.state.attachments)
        if envelope is not None and isinstance(envelope.item, inputs.Join):
            connection = envelope.item.connection
            self.connections[connection.id] = connection
        self._rearm()

    def _drop_detached(self) -> None:
        """Forget connections that left, once their last effects (a close) are out."""
        attached = {a.connection for a in self.state.attachments}
        for gone in self.connections.keys() - attached:
            del self.connections[gone]

    def _release(self, turn: Turn) -> None:
        """Let a turn's effects go: what it did is durable."""
        envelope = turn.envelope
        perform(turn.effects, self.connections, None if envelope is None else envelope.reply_to)
        for signal in turn.signals:
            telemetry.emit(*signal)
        if turn.change is not None:
            self._services.counters.committed_turns += 1
            self._services.counters.dead_letters += len(turn.change.dead_letters)
            self._note_timers(turn.change)
        if self.gate.is_open and len(self.connections) != len(self.state.attachments):
            self._drop_detached()
        if envelope is not None and isinstance(envelope.item, inputs.Fired):
            timer = envelope.item.timer
            self._services.timers.settled(self.cell.user, timer.name, timer.generation)
        self._gate_moved.wake()

    def _note_timers(self, change: Change) -> None:
        if change.before.timers is change.after.timers:
            return
        for name, timer in change.after.timers.items():
            if timer.due is not None and change.before.timers.get(name) != timer:
                self._services.timers.note(self.cell.partition, timer.due)

    async def _wait_gate(self) -> None:
        """Park until a turn was released or a commit failed."""
        if self.gate.failure is not None or self.gate.is_open:
            await trio.lowlevel.checkpoint()
        else:
            await self._gate_moved.wait()

    def _wake(self) -> None:
        if not self._gate_moved.wake():
            self.cell.mailbox.wake()

    async def _has_frames(self, envelope: Envelope, item: inputs.Join) -> bool:
        """Read what a join needs of the outbox and only the store has; ``False``: a commit failed, take it again."""
        if not machine.needs_frames(self.state, item.resume):
            return True
        while not self.gate.is_open:
            if self.gate.failure is not None:
                self.cell.mailbox.put_front([envelope])
                return False
            await self._wait_gate()
        floor, cell, store = self.state.stream.floor, self.cell, self._services.store
        frames = await self._services.read(lambda: store.frames(cell.user, cell.partition, floor))
        self.state = evolve(self.state, outbox=frames)
        return True

    # Failures

    async def _fail(self, envelope: Envelope, error: Exception) -> None:
        """Deal with a failed turn: the state is still what it was before it."""
        kind = type(envelope.item).__name__.lower()
        if not isinstance(error, Refused):
            self._services.counters.failed_turns += 1
            _failed(
                {"duration": 0.0},
                {"user": self.cell.user, "kind": kind, "error": type(error).__name__},
            )
        computed = await self._failures.outcome(envelope, error, self.state)
        if computed is None:  # it will be taken again after a back-off
            self._rearm()
            return
        self._enter(computed, envelope)

    async def _recover(self) -> None:
        """Handle a refused commit: its turns and all after it are void, their inputs go back in order."""
        verdict, turns = self.gate.fail()
        self.state = turns[0].before
        envelopes = [turn.envelope for turn in turns if turn.envelope is not None]
        match verdict.status:
            case VerdictStatus.FENCED:
                self._fenced(envelopes)
            case VerdictStatus.TOO_LARGE:
                await self._too_large(turns, envelopes)
            case _:
                await self._conflict(envelopes)

    def _fenced(self, envelopes: list[Envelope]) -> None:
        telemetry.emit(
            "commit.fenced", {}, {"user": self.cell.user, "partition": self.cell.partition}
        )
        self.cell.mailbox.put_front(envelopes)
        self._close_all(CloseCode.MOVED)
        raise Fenced("another owner has this user's partition")

    async def _too_large(self, turns: tuple[Turn, ...], envelopes: list[Envelope]) -> None:
        telemetry.emit("commit.too_large", {"size": 0}, {"user": self.cell.user})
        written = [turn for turn in turns if turn.change is not None]
        if len(written) > 1 and not self.gate.separately:
            self.gate.separately = len(written)  # find the one that is to blame
            self.cell.mailbox.put_front(envelopes)
            return
        culprit = turns[0].envelope
        self.cell.mailbox.put_front([one for one in envelopes if one is not culprit])
        if culprit is None:
            raise RuntimeError("the store refuses this record for its size")
        await self._fail(culprit, Refused(ErrorCode.TOO_LARGE, "the session would be too large"))

    async def _conflict(self, envelopes: list[Envelope]) -> None:
        """Somebody wrote behind our back: drop memory, read again, begin a new epoch, make clients come back."""
        telemetry.emit(
            "commit.conflict", {}, {"user": self.cell.user, "partition": self.cell.partition}
        )
        self.gate.lazy = None
        self._close_all(CloseCode.RESTARTED)
        await self._activate()
        restarted = machine.restart_stream(self.state, self._services.entropy.token(8).hex())
        self._enter(Computed(self.state, restarted), None)
        self.cell.mailbox.put_front(envelopes)

    def _close_all(self, code: CloseCode) -> None:
        for connection in self.connections.values():
            connection.close(code)
        self.connections.clear()

    def _abandon(self) -> None:
        """Answer whoever waits for a turn that will never be released; make clients that are still here come back."""
        self._close_all(CloseCode.RESTARTED)
        for turn in self.gate.abandon():
            if turn.envelope is not None and turn.envelope.reply_to is not None:
                turn.envelope.reply_to.error(ErrorCode.GONE, "the session was stopped", 1.0)
        if self._in_hand is not None and self._in_hand.reply_to is not None:
            self._in_hand.reply_to.error(ErrorCode.GONE, "the session was stopped", 1.0)

    # Deadlines

    def _handler_expired(self) -> None:
        if self._scope is not None and self._in_hand is not None:
            self._scope.cancel()

    def _tick(self) -> None:
        self.cell.mailbox.put_always(Envelope(Control.TICK))

    def _rearm(self) -> None:
        self._wakeups.rearm(self.state.phase, self._failures.next_retry())

    async def _control(self, control: Control, now: float) -> None:
        match control:
            case Control.TICK:
                await self._ticked(now)
            case Control.PASSIVATE:
                self._wants_passivation = True
            case Control.DRAIN | Control.WAKE:
                pass  # the loop looks at the cell

    async def _ticked(self, now: float) -> None:
        due = self._wakeups.due(self.state.phase, now)
        if due.flush:
            self._flush()
        self.cell.mailbox.put_front(self._failures.due_retries(now))
        if due.idle:
            self._wakeups.last_active = now
            self._enter(await self._idle(), None)
        elif due.linger and self._failures.next_retry() is None:
            self.state = machine.linger_expired(self.state).state
        self._rearm()

    def _flush(self) -> None:
        """Write relaxed changes now."""
        self._wakeups.lazy_since = None
        if self.gate.flush(self.state):
            self._services.committer.submit(self.gate)

    async def _idle(self) -> Computed:
        try:
            with trio.fail_after(self._services.program.timeout(CallKind.IDLE, "")):
                return await self._turns.idle(self.state)
        except Exception as error:  # noqa: BLE001 -- the app's hook does not keep a silent user connected
            self._failures.report(error, "idle")
            return await self._turns.idle(self.state, hooks=False)


def start_actor(services: Services) -> Callable[[Cell], Awaitable[None]]:
    """Make the supervisor's start function."""
    return lambda cell: SessionActor(cell, services).run()
