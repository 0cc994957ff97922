"""The outlet: what happens when a turn is durable. Its effects leave, telemetry is emitted, timers are noted."""

from collections.abc import Iterable

from sessiond import telemetry
from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import MailboxFull, Refused
from sessiond.core.ids import ConnectionId
from sessiond.core.ports import Connection, ReplyTo
from sessiond.core.session import inputs
from sessiond.core.session.changes import Change
from sessiond.core.session.effects import HandOn, StartRun, StopAccount
from sessiond.runtime.cell import Cell
from sessiond.runtime.gate import Turn
from sessiond.runtime.mailbox import Envelope
from sessiond.runtime.perform import perform
from sessiond.runtime.services import Services

__all__ = ["Outlet"]


class Outlet:
    """The way out of one user's actor: his connections, and the shared parts that learn what was committed."""

    __slots__ = ("_cell", "_services", "connections")

    def __init__(self, services: Services, cell: Cell) -> None:
        self._services = services
        self._cell = cell
        self.connections: dict[ConnectionId, Connection] = {}

    def release(self, turn: Turn) -> None:
        """Let a turn's effects go, in order. Synchronous; nothing in it raises."""
        envelope = turn.envelope
        reply_to = None if envelope is None else envelope.reply_to
        perform(
            turn.effects,
            self.connections,
            reply_to,
            self._start_run,
            self._hand_on,
            self._stop_account,
        )
        for signal in turn.signals:
            telemetry.emit(*signal)
        counters = self._services.counters
        if turn.change is not None:
            counters.committed_turns += 1
            counters.dead_letters += len(turn.change.dead_letters)
            self._note_timers(turn.change)
            self._note_deliveries(turn.change)
        if envelope is not None and isinstance(envelope.item, inputs.Fired):
            timer = envelope.item.timer
            self._services.timers.settled(self._cell.user, timer.name, timer.generation)

    def _start_run(self, effect: StartRun, reply_to: ReplyTo | None) -> None:
        self._services.runs.start(self._cell.user, effect, reply_to)

    def _hand_on(self, effect: HandOn, reply_to: ReplyTo | None) -> None:
        code: str
        retry_after: float | None = 1.0
        try:
            self._services.tell(effect.user, effect.item, reply_to)
            return
        except MailboxFull as error:
            code, text = ErrorCode.OVERLOADED, str(error)
        except Refused as error:
            code, text, retry_after = error.code, error.message, error.retry_after
        if reply_to is not None:
            reply_to.error(code, text, retry_after)

    def _stop_account(self, effect: StopAccount) -> None:
        if self._services.deliveries is not None:
            self._services.deliveries.stop_account(effect.account, effect.reason)

    def keep(self, attached: Iterable[ConnectionId]) -> None:
        """Forget connections that are not *attached*: call it when their last effects (a close) are out."""
        for gone in self.connections.keys() - set(attached):
            del self.connections[gone]

    def abandon(self, envelopes: Iterable[Envelope | None]) -> None:
        """Answer whoever waits for what will never be released; make clients that are still here come back."""
        self.close_all(CloseCode.RESTARTED)
        for envelope in envelopes:
            if envelope is not None and envelope.reply_to is not None:
                envelope.reply_to.error(ErrorCode.GONE, "the session was stopped", 1.0)

    def close_all(self, code: CloseCode) -> None:
        """Close every connection and forget it."""
        for connection in self.connections.values():
            connection.close(code)
        self.connections.clear()

    def _note_timers(self, change: Change) -> None:
        if change.before.timers is change.after.timers:
            return
        for name, timer in change.after.timers.items():
            if timer.due is not None and change.before.timers.get(name) != timer:
                self._services.timers.note(self._cell.partition, timer.due)

    def _note_deliveries(self, change: Change) -> None:
        deliveries = self._services.deliveries
        if deliveries is None:
            return
        if change.erase:
            deliveries.forget(self._cell.user)
        elif change.deliveries or change.deliveries_done:
            deliveries.note(self._cell.user, change.deliveries, change.deliveries_done)
