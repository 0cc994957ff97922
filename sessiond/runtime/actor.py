"""The session actor: one parked task per live user that takes turns until its user goes quiet.

    activate or wake → (take → compute → gate)* → hibernate or passivate

The loop decides *when*; what a turn does is turns.py, what leaves when is gate.py and outlet.py, what becomes of a
failed turn is failures.py, of a refused commit recovery.py. The actor alone changes its state, and only between turns:
nothing else reads a live one.

Handler time-outs: entering a cancel scope per turn costs 8 µs *(measured, Trio 0.35, against 0.1 µs for the bare
call)*, so one scope spans many turns. Its only canceller is the handler's deadline, and a new one is opened after it.
"""

from typing import Final

import trio

from sessiond import telemetry
from sessiond.core.errors import AccountUnavailable
from sessiond.core.session import inputs, machine
from sessiond.core.session.phases import Phase
from sessiond.core.session.state import SessionState
from sessiond.runtime.activation import load_account, load_frames, load_session
from sessiond.runtime.calls import Calls
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.computed import Computed
from sessiond.runtime.failures import Failures, HandlerTimeout
from sessiond.runtime.gate import Gate, Turn
from sessiond.runtime.hibernation import hibernate, wake_up
from sessiond.runtime.mailbox import Control, Envelope
from sessiond.runtime.outlet import Outlet
from sessiond.runtime.parking import Parking
from sessiond.runtime.recovery import recover
from sessiond.runtime.services import Services
from sessiond.runtime.turns import Repeated, Turns
from sessiond.runtime.wakeups import Wakeups

__all__ = ["SessionActor"]

_turn_stop: Final = telemetry.emitter("turn.stop")

#: Inputs whose turn may need more of the record than the state holds.
_NEEDING_THE_STORE: Final = frozenset({inputs.Join, inputs.RollBack})


class SessionActor:
    """One user's actor; ``run`` is its life. Made by the supervisor's start function for a cell."""

    __slots__ = (
        "_calls_app",
        "_failures",
        "_gate_moved",
        "_handler_deadline",
        "_in_hand",
        "_is_cut_off",
        "_scope",
        "_turns",
        "_wakeups",
        "_wants_passivation",
        "calls",
        "cell",
        "gate",
        "outlet",
        "services",
        "state",
        "turns_taken",
    )

    def __init__(self, cell: Cell, services: Services) -> None:
        self.cell = cell
        self.services = services
        self.outlet = Outlet(services, cell)
        self.gate = Gate(
            cell.user,
            cell.partition,
            perform=self._release,
            on_failure=self._wake,
            commit_ids=lambda: services.entropy.token(16),
            journal_limit=services.journal_limit,
        )
        self.state: SessionState
        self.turns_taken = 0
        self.calls = Calls(services, cell.user)
        self._turns = Turns(self.calls)
        self._failures = Failures(services, cell, self._turns)
        self._wakeups = Wakeups(
            services.deadlines,
            services.limits,
            relaxed_seconds=services.policy.relaxed_seconds,
            now=services.clock.monotonic(),
            on_due=lambda: cell.mailbox.put_always(Envelope(Control.TICK)),
        )
        self._handler_deadline = services.deadlines.open(self._handler_expired)
        self._scope: trio.CancelScope | None = None
        self._calls_app = False  # has had an input that may run code of the app
        self._is_cut_off = False
        self._in_hand: Envelope | None = None
        self._gate_moved = Parking()
        self._wants_passivation = False

    async def run(self) -> None:
        """Live: wake up or load, take turns, hibernate or passivate (the cell has left the registry).

        Raises:
          Fenced: another owner has the partition; waiting inputs were answered ``gone``.
          AccountUnavailable: the app's user source failed; waiting inputs were answered ``unavailable``.
          Exception: what is not a handler's failure; the supervisor restarts the actor, the mailbox survives.

        Cancelling abandons what is not committed; whoever waits is answered ``gone``.

        """
        try:
            if not wake_up(self):
                await self.activate()
            while not await self._serve():
                pass
        finally:
            self._handler_deadline.close()
            self._wakeups.close()
            self._turns.dialogue.put_away()
            self.cell.actor = None
            self.cell.is_attached = False
            self.outlet.abandon([*(turn.envelope for turn in self.gate.abandon()), self._in_hand])

    # Activation, hibernation and passivation

    async def activate(self) -> None:
        """Read the session from the store, as a new actor does; also when it has to be read again."""
        services, cell = self.services, self.cell
        self.state, self.gate.version = await load_session(services, cell)
        cell.actor = self
        try:
            self.calls.account, self.calls.refusal = await load_account(services, cell)
        except Exception as error:
            self._failures.account_failed(error)
            raise AccountUnavailable("the user source failed") from error
        if (left := self._turns.left_over(self.state)) is not None:
            self.enter(left, None)
        if cell.backlog:
            await services.refill(cell)
        cell.standing = Standing.RUNNING
        self._rearm()

    async def _settled(self) -> bool:
        """Wait until nothing is unwritten; ``False`` when a commit failed or a message came first."""
        self._flush()
        return await self._gate_opened() and self.cell.is_quiet

    async def _gate_opened(self) -> bool:
        """Wait until every turn was released; ``False`` when a commit failed."""
        while not self.gate.is_open:
            if not self.gate.is_sound:
                return False
            await self._wait_gate()
        return True

    async def _leave(self, reason: str) -> bool:
        """Put the session away; ``False`` when something came meanwhile and it goes on."""
        began = self.services.clock.monotonic()
        if not await self._settled() or not self.services.registry.leave(self.cell):
            return False
        self.cell.standing = Standing.STOPPING
        self.outlet.connections.clear()  # of a drain: the doors close them, in batches
        duration = self.services.clock.monotonic() - began
        about = {"user": self.cell.user, "reason": reason}
        telemetry.emit("session.passivated", {"duration": duration}, about)
        return True

    # The loop

    async def _serve(self) -> bool:
        """Take turns, within one cancel scope from the first that calls the app; ``False``: its deadline ended it."""
        while not self._calls_app:
            if await self._step():
                return True
        self._scope = trio.CancelScope()
        self._is_cut_off = False  # the scope's own answer reads the clock: 0.4 µs, twice a turn
        try:
            with self._scope:
                # Once cancelled, the next await would fail whatever turn it is in: leave first.
                while not self._is_cut_off:
                    if await self._step():
                        return True
        except Exception:
            # What a nursery of the handler made of its cancellation, without the Cancelled.
            if self._in_hand is None or not self._is_cut_off:
                raise
        if self._in_hand is not None:
            self._handler_deadline.set(None)
            await self.fail(self._in_hand, HandlerTimeout())
        return False

    async def _step(self) -> bool:
        """Do the next thing there is to do, or wait for one; ``True``: the actor has left."""
        if self.gate.crash is not None:
            raise self.gate.crash
        if self.gate.failure is not None:
            await recover(self)
            self._recovered()
        elif self.gate.is_full:
            await self._wait_gate()
        elif self.state.phase is Phase.ENDED:
            return await self._has_ended()
        elif (envelope := self.cell.mailbox.get_nowait()) is not None:
            await self._take(envelope)
        elif self.cell.backlog and not self.cell.is_draining:
            await self.services.refill(self.cell)
        elif self._might_leave and await self._may_leave():
            return True
        elif self.gate.is_sound:  # a commit may have failed while it was about to leave
            await self.cell.mailbox.wait()
        return False

    async def _has_ended(self) -> bool:
        """Leave once the end is durable; ``False``: it failed, or there is more to do and the session begins anew."""
        if not await self._settled() and not self.gate.is_open:
            return False
        if self._failures.next_retry() is None and self.services.registry.leave(self.cell):
            return True
        await self.activate()
        return False

    @property
    def _might_leave(self) -> bool:
        """Whether ``_may_leave`` has to be asked: it is not after most messages."""
        return (
            self.state.phase is not Phase.ATTACHED
            or self._wants_passivation
            or self.cell.is_draining
        )

    async def _may_leave(self) -> bool:
        if self.cell.is_draining:
            return await self._leave("drain")
        wanted, self._wants_passivation = self._wants_passivation, False
        if wanted:
            self.cell.is_leaving = False
        if self._failures.next_retry() is not None:
            return False  # an acknowledged input waits for it here, and nobody would tell it again
        if self.state.phase in {Phase.NEW, Phase.PASSIVE}:
            return await self._leave(self._wakeups.quiet_reason)
        if wanted and not self.state.attachments:
            return await self._leave("cap")
        return self.state.phase is Phase.DETACHED and hibernate(self)

    async def _take(self, envelope: Envelope) -> None:
        item = envelope.item
        now = self.services.clock.monotonic()
        if envelope.expires_at is not None and now >= envelope.expires_at:
            self._failures.expired(envelope)
            return
        if isinstance(item, Control):
            if item is Control.TICK:
                await self._ticked(now)
            self._wants_passivation |= item is Control.PASSIVATE
            return  # DRAIN and WAKE make the loop look at the cell
        if self.cell.is_draining and not self._failures.runs_while_draining(envelope):
            return
        if not self._calls_app and self._turns.timeout(item) is not None:
            self._calls_app = True  # `_serve` opens the scope now, and this comes back
            self.cell.mailbox.put_front([envelope])
            return
        if type(item) is not inputs.Ack:
            self._wakeups.active(now)
        self._in_hand = envelope
        if envelope.recovered and await self._failures.is_poison(envelope):
            self.enter(await self._failures.poisoned(envelope, self.state), envelope)
        elif type(item) not in _NEEDING_THE_STORE or await self._is_ready(envelope, item):
            await self._run(envelope, item, now)

    async def _run(self, envelope: Envelope, item: inputs.Input, now: float) -> None:
        """Compute one turn under the handler's deadline."""
        self.services.counters.turns += 1
        self.turns_taken += 1
        if (seconds := self._turns.timeout(item)) is not None:
            self._handler_deadline.set(now + seconds)
        try:
            result = await self._turns.compute(item, self.state, refusals=envelope.refusals)
        except Repeated as repeated:
            self._handler_deadline.set(None)
            result = await self._failures.repeat(repeated.digest, self.state, self.gate.turns)
        except Exception as error:  # noqa: BLE001 -- a handler's failure costs only its own turn
            self._handler_deadline.set(None)
            await self.fail(envelope, error)
            return
        # The deadline stays set: without an envelope in hand it does nothing, and the next turn moves it.
        self.enter(result, envelope)
        if _turn_stop.listeners:
            _turn_stop(
                {"duration": self.services.clock.monotonic() - now},
                {"user": self.cell.user, "kind": inputs.kind_of(item)},
            )

    def enter(self, computed: Computed, envelope: Envelope | None) -> None:
        """Make a computed turn the actor's state and hand it to the gate."""
        turn = Turn(
            computed.before,
            envelope,
            computed.change(),
            computed.effects,
            signals=computed.signals,
        )
        before, self.state = self.state, computed.state
        if before.phase is not self.state.phase or before.attachments is not self.state.attachments:
            if envelope is not None and isinstance(envelope.item, inputs.Join):
                connection = envelope.item.connection
                self.outlet.connections[connection.id] = connection
            self._rearm()
        self._in_hand = None
        if self.gate.enter(turn, relaxed=computed.relaxed):
            self.services.committer.submit(self.gate)
        elif self.gate.lazy is not None:
            self._note_lazy()

    def _release(self, turn: Turn) -> None:
        """Let a turn's effects go: what it did is durable."""
        self.outlet.release(turn)
        if self.gate.is_open and len(self.outlet.connections) != len(self.state.attachments):
            self.outlet.keep(a.connection for a in self.state.attachments)
        if not self._gate_moved.wake() and self.state.phase is Phase.DETACHED:
            self.cell.mailbox.wake()  # it may hibernate now

    async def _wait_gate(self) -> None:
        """Park until a turn was released or a commit failed."""
        if not self.gate.is_sound or self.gate.is_open:
            await trio.lowlevel.checkpoint()
        else:
            await self._gate_moved.wait()

    def _wake(self) -> None:
        if not self._gate_moved.wake():
            self.cell.mailbox.wake()

    async def _is_ready(self, envelope: Envelope, item: inputs.Input) -> bool:
        """Get what the turn needs of the store and the state does not hold; ``False``: a commit failed, take it again.

        A join may need frames, a roll-back the record as it is after everything before it.
        """
        needs_frames = isinstance(item, inputs.Join) and machine.needs_frames(
            self.state, item.resume
        )
        if isinstance(item, inputs.Join) and not needs_frames:
            return True
        self._flush()
        if not await self._gate_opened():
            self._in_hand = None
            self.cell.mailbox.put_front([envelope])
            return False
        if needs_frames:
            self.state = await load_frames(self.services, self.cell, self.state)
        return True

    async def fail(self, envelope: Envelope, error: Exception) -> None:
        """Deal with a failed turn: the state is still what it was before it."""
        computed = await self._failures.outcome(envelope, error, self.state)
        self._in_hand = None
        if computed is not None:
            self.enter(computed, envelope)
        else:  # it will be taken again after a back-off
            self._rearm()

    def _recovered(self) -> None:
        """Look anew at everything that follows from the state, which is an earlier one now."""
        if self.gate.lazy is not None:
            self._note_lazy()
        self._rearm()

    # Deadlines

    def _handler_expired(self) -> None:
        if self._scope is not None and self._in_hand is not None:
            self._is_cut_off = True
            self._scope.cancel()

    def _rearm(self) -> None:
        self.cell.is_attached = bool(self.state.attachments)
        self._wakeups.rearm(self.state.phase, self._failures.next_retry())

    async def _ticked(self, now: float) -> None:
        due = self._wakeups.due(self.state.phase, now)
        if due.flush:
            self._flush()
        self.cell.mailbox.put_front(self._failures.due_retries(now))
        if due.idle:
            self._wakeups.active(now)
            self.enter(await self._failures.idle(self.state), None)
        elif due.linger and self._failures.next_retry() is None:
            self.state = machine.linger_expired(self.state).state
            self._wakeups.quiet_reason = "linger"
        self._rearm()

    def _note_lazy(self) -> None:
        if self._wakeups.lazy_since is None:
            self._wakeups.lazy_since = self.services.clock.monotonic()
            self._rearm()

    def _flush(self) -> None:
        """Write relaxed changes now."""
        self._wakeups.lazy_since = None
        if self.gate.flush(self.state):
            self.services.committer.submit(self.gate)
