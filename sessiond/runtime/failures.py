"""What becomes of an input whose turn failed, expired, was repeated, or came too late.

Somebody waits: he gets an error at once, the input id stays free, nothing is retried.
It was acknowledged already (inbox, timer): it is retried once after a back-off, then dead-lettered with its
traceback in a commit that consumes it. An input that the app turned down on purpose, or a timer whose payload cannot
be read, is not retried.
It reports what has happened anyway (leave, window, stop): the turn runs again without the app's hook.
"""

import logging
import traceback
from collections.abc import Iterable
from typing import Final

import trio

from sessiond import telemetry
from sessiond.core.causes import cause_of
from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Fenced, Refused, SnapshotError
from sessiond.core.ids import Digest
from sessiond.core.records import CAUSE, WINDOW_TIMER, DeadLetter
from sessiond.core.session import inputs, machine
from sessiond.core.session.effects import Reply, ReplyError
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import CallKind
from sessiond.core.session.state import RETENTION_TIMER, SessionState
from sessiond.runtime.cell import Cell
from sessiond.runtime.computed import Computed
from sessiond.runtime.gate import Turn
from sessiond.runtime.link_steps import NotHandedOn
from sessiond.runtime.mailbox import Control, Envelope
from sessiond.runtime.services import Services
from sessiond.runtime.turns import Turns

__all__ = ["Failures", "HandlerTimeout"]

#: Enough for the frames that matter; a dead letter is kept until somebody looks.
_TRACEBACK_CHARS: Final = 8192

#: When to come back while another user's inbox takes nothing.
_HANDED_ON_SECONDS: Final = 1.0

#: When to come back after the app's user source failed.
_ACCOUNT_SECONDS: Final = 2.0

_failed: Final = telemetry.emitter("turn.failed")
_log: Final = logging.getLogger("sessiond.app")


class HandlerTimeout(Exception):
    """A handler took longer than it may; it was cancelled."""


class Failures:
    """The failure rules of one user's actor, and the inputs that wait for their retry."""

    __slots__ = ("_cell", "_retries", "_services", "_turns")

    def __init__(self, services: Services, cell: Cell, turns: Turns) -> None:
        self._services = services
        self._cell = cell
        self._turns = turns
        self._retries: list[tuple[float, Envelope]] = []

    # A failed turn

    async def outcome(
        self, envelope: Envelope, error: Exception, state: SessionState
    ) -> Computed | None:
        """Say what happens instead of the failed turn; ``None``: the input is retried after a back-off."""
        item = envelope.item
        assert not isinstance(item, Control)
        is_put_off = isinstance(error, NotHandedOn)
        if not isinstance(error, Refused) and not (is_put_off and envelope.attempts):
            self._count(item, error)
        match item:
            case inputs.Accepted() | inputs.Fired() if is_put_off:
                self._retry_later(envelope)
                return None
            case inputs.Stop() if is_put_off:
                return Computed(state, state, effects=(_reply_error(error),))
            case inputs.Leave() | inputs.Stop() | inputs.DeliverySettled():
                return await self._turns.compute(item, state, hooks=False)
            case inputs.Fired(timer=timer) if timer.name == WINDOW_TIMER:
                return await self._turns.compute(item, state, hooks=False)
            case inputs.Accepted() | inputs.Fired():
                if envelope.attempts == 0 and not isinstance(error, Refused | SnapshotError):
                    self._retry_later(envelope)
                    return None
                return self.buried(envelope, state, error)
            case _:
                return Computed(state, state, effects=(_reply_error(error),))

    def _retry_later(self, envelope: Envelope) -> None:
        envelope.attempts += 1
        due = self._services.clock.monotonic() + self._services.policy.retry_seconds
        self._retries.append((due, envelope))

    def _count(self, item: inputs.Input, error: Exception) -> None:
        kind = inputs.kind_of(item)
        self.report(error, kind)
        self._services.counters.failed_turns += 1
        about = {"user": self._cell.user, "kind": kind, "error": type(error).__name__}
        _failed({"duration": 0.0}, about)

    async def idle(self, state: SessionState) -> Computed:
        """Compute the turn of the idle timeout; the app's hook does not keep a silent user connected."""
        lifecycle = self._turns.lifecycle
        try:
            with trio.fail_after(self._services.program.timeout(CallKind.IDLE, "")):
                return await lifecycle.idle(state)
        except Exception as error:  # noqa: BLE001 -- whatever the hook raised
            self.report(error, "idle")
            return await lifecycle.idle(state, hooks=False)

    def report(self, error: Exception, kind: str) -> None:
        """Log a handler's failure with its traceback, for the app's author."""
        if isinstance(error, HandlerTimeout):
            _log.error("a handler (%s) took too long and was cancelled", kind)
        else:
            _log.error("a handler (%s) failed", kind, exc_info=error)

    def next_retry(self) -> float | None:
        """When the next retry is due, monotonic."""
        return min(due for due, _ in self._retries) if self._retries else None

    def due_retries(self, now: float) -> list[Envelope]:
        """Take the inputs whose back-off is over."""
        due = [envelope for when, envelope in self._retries if when <= now]
        self._retries = [(when, envelope) for when, envelope in self._retries if when > now]
        return due

    # Dead letters

    async def is_poison(self, envelope: Envelope) -> bool:
        """Count, durably, that a recovered input is about to run; tell whether it has been begun too often.

        Its turn may be what killed the earlier runs of the node.

        Raises:
          Fenced: another owner has the partition.

        """
        services, item = self._services, envelope.item
        match item:
            case inputs.Accepted(entry=entry):
                key = f"inbox:{entry.seq}"
            case inputs.Fired(timer=timer):
                key = f"timer:{self._cell.user}:{timer.name}:{timer.generation}"
            case _:
                return False
        fence = services.fences.get(self._cell.partition)
        if fence is None:
            raise Fenced("this node does not own the partition any more")
        begun = await services.read(lambda: services.store.attempt(fence, key))
        envelope.recovered = False
        if begun <= services.policy.max_attempts:
            return False
        envelope.attempts = begun - 1
        return True

    async def poisoned(self, envelope: Envelope, state: SessionState) -> Computed:
        """Give up an input that was begun too often; a window closes all the same, without the app's hook."""
        item = envelope.item
        if isinstance(item, inputs.Fired) and item.timer.name in {WINDOW_TIMER, RETENTION_TIMER}:
            _log.error("the hook of %s was begun in several runs of the node", item.timer.name)
            return await self._turns.compute(item, state, hooks=False)
        return self.buried(envelope, state)

    def buried(
        self, envelope: Envelope, state: SessionState, error: Exception | None = None
    ) -> Computed:
        """Consume an accepted input or timer and keep it as a dead letter."""
        services, item = self._services, envelope.item
        turn = Computed(state, state)
        match item:
            case inputs.Accepted(entry=entry):
                kind, body = entry.kind, entry.body
                turn.inbox_done = (entry.seq,)
            case inputs.Fired(timer=timer):
                if not machine.is_current(state, timer):
                    return turn
                kind, body = f"timer:{timer.name}", timer.payload
                turn.state = machine.fire(state, timer)
            case _:
                raise TypeError("only accepted inputs and timers become dead letters")
        now = services.clock.now()
        letter = DeadLetter(
            id=f"{int(now * 1_000_000):016x}-{services.entropy.token(4).hex()}",
            user=self._cell.user,
            kind=kind,
            body=body,
            error=_trace(error),
            at=now,
            attempts=envelope.attempts + 1,
        )
        turn.dead_letters = (letter,)
        if state.phase is Phase.NEW:  # a user without a record does not get one by failing
            self._turns.lifecycle.leave_none(turn)
        cause = "Poison" if error is None else type(error).__name__
        metadata = {"user": self._cell.user, "kind": inputs.kind_of(item), "error": cause}
        turn.signals.append(("dead_letter.added", {"attempts": letter.attempts}, metadata))
        return turn

    # Inputs that do not run

    def expired(self, envelope: Envelope) -> None:
        """Drop an input whose deadline passed before its turn began."""
        if envelope.reply_to is not None:
            envelope.reply_to.error(
                ErrorCode.TIMEOUT, "the deadline passed before the turn began; not applied"
            )
        if not isinstance(envelope.item, Control):
            kind = inputs.kind_of(envelope.item)
            telemetry.emit("turn.dropped", {}, {"user": self._cell.user, "kind": kind})

    async def repeat(
        self, digest: Digest, state: SessionState, waiting: Iterable[Turn]
    ) -> Computed:
        """Answer a repeat with the first one's reply, which may still wait at the gate."""
        kept = [
            consumed.reply
            for turn in waiting
            if turn.change is not None
            for consumed in turn.change.consumed
            if consumed.digest == digest
        ]
        if kept:  # the last one: the reply may have come in a turn after the input's
            return _repeated(state, kept[-1])
        store, cell = self._services.store, self._cell
        reply = await self._services.read(lambda: store.reply(cell.user, cell.partition, digest))
        return _repeated(state, reply)

    def runs_while_draining(self, envelope: Envelope) -> bool:
        """Tell whether an input still runs while the node drains; answers those that do not and cannot wait.

        Clients of websockets repeat what was not answered when they come back; accepted inputs and timers are in
        the store.
        """
        item = envelope.item
        ours = inputs.Leave | inputs.Stop | inputs.Settled | inputs.DeliverySettled | inputs.Unseen
        if isinstance(item, ours):
            return True
        asked = inputs.HookCall | inputs.Send | inputs.RollBack | inputs.Incoming
        asks = isinstance(item, asked) or (isinstance(item, inputs.Said) and item.waits_seconds > 0)
        if asks and envelope.reply_to is not None:
            envelope.reply_to.error(ErrorCode.DRAINING, "the server is being stopped", 1.0)
        return False

    def account_failed(self, error: Exception) -> None:
        """Turn everybody in the mailbox who waits away for now; accepted inputs, timers and leaves stay in it."""
        self.report(error, "load_user")
        about = {"user": self._cell.user, "error": type(error).__name__}
        telemetry.emit("account.failed", {}, about)
        mailbox = self._cell.mailbox
        waiting = [one for one in mailbox.snapshot() if one.reply_to is not None]
        mailbox.remove(waiting)
        for envelope in waiting:
            if envelope.reply_to is not None:
                envelope.reply_to.error(
                    ErrorCode.UNAVAILABLE, "the user cannot be loaded now", _ACCOUNT_SECONDS
                )


def _repeated(state: SessionState, reply: bytes | None) -> Computed:
    return Computed(
        state, state, effects=(Reply(reply if reply is not None else b'{"duplicate":true}'),)
    )


def _reply_error(error: Exception) -> ReplyError:
    if isinstance(error, Refused):
        return ReplyError(error.code, error.message, error.retry_after)
    if isinstance(error, NotHandedOn):
        return ReplyError(ErrorCode.UNAVAILABLE, str(error), _HANDED_ON_SECONDS)
    if isinstance(error, HandlerTimeout):
        return ReplyError(ErrorCode.TIMEOUT, "the handler took too long; nothing was applied")
    return ReplyError(ErrorCode.HANDLER_FAILED, "the handler failed; nothing was applied")


def _trace(error: Exception | None) -> str:
    if error is None:
        return "begun in several runs of the node, none of which finished it"
    text = "".join(traceback.format_exception(error))
    told = f"{text}\n{CAUSE}{cause_of(error)}"[-_TRACEBACK_CHARS:]
    # Half a character has no place in a store.
    return told.encode(errors="backslashreplace").decode()
