"""What is told of flows beside the journal: telemetry, for listeners and metrics, and the one log line of a failure.

Step by step detail (which question, what was accepted) is for the journal alone; these are the events that are worth
counting over all users. Nothing is built for an event that nobody listens to: an answered question costs 2.8 µs with
metrics, 0.4 with no listener *(measured, its emitting included)*.

Here and not in the core, because only telemetry knows who listens.
"""

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sessiond import telemetry
from sessiond.core.conversations.happenings import Happening
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.ids import UserId
from sessiond.runtime.computed import Signal

__all__ = ["SIGNALS", "log_failure", "signals_of"]

_log: Final = logging.getLogger("sessiond.app")


class SignalRow(NamedTuple):
    """What one event of the journal is for telemetry; *facts* and *numbers* name facts of the happening."""

    emitter: telemetry.Emitter
    facts: tuple[str, ...] = ()
    number: str = ""
    """A fact that is a measurement; ``length`` is the happening's size."""


_NO_NUMBERS: Final[Mapping[str, float]] = MappingProxyType({})
_LENGTH: Final = "length"

#: ``run.start`` and ``run.stop`` are the executor's (runtime/runs.py): it alone knows when a function is called.
SIGNALS: Final[Mapping[JournalEvent, SignalRow]] = MappingProxyType(
    {
        JournalEvent.FLOW_START: SignalRow(telemetry.emitter("flow.started")),
        JournalEvent.FLOW_END: SignalRow(telemetry.emitter("flow.ended"), ("outcome",), "duration"),
        JournalEvent.FLOW_ERROR: SignalRow(telemetry.emitter("flow.failed"), ("error", "where")),
        JournalEvent.FLOW_RESTART: SignalRow(telemetry.emitter("flow.restarted")),
        JournalEvent.RECOVERY: SignalRow(telemetry.emitter("flow.rebuilt")),
        JournalEvent.SESSION_CREATED: SignalRow(telemetry.emitter("flow.session_created")),
        JournalEvent.SESSION_DESTROYED: SignalRow(telemetry.emitter("flow.session_destroyed")),
        JournalEvent.CLEANUP: SignalRow(telemetry.emitter("conversation.expired")),
        JournalEvent.RESET: SignalRow(telemetry.emitter("conversation.reset")),
        JournalEvent.MESSAGE_RECEIVED: SignalRow(
            telemetry.emitter("message.received"), ("type",), _LENGTH
        ),
        JournalEvent.MESSAGE_SENT: SignalRow(telemetry.emitter("message.sent"), ("type",), _LENGTH),
        JournalEvent.VALIDATION_ERROR: SignalRow(telemetry.emitter("answer.refused")),
    }
)


#: A look-up in a mapping proxy costs twice as much.
_ROWS: Final = dict(SIGNALS)


def signals_of(happenings: Iterable[Happening], user: UserId) -> list[Signal]:
    """Name, measurements and metadata of the events to emit when the turn is released, of those somebody listens to."""
    signals: list[Signal] = []
    for happening in happenings:
        row = _ROWS.get(happening.event)
        if row is None:
            continue
        emitter, kept, number = row
        if not emitter.listeners:
            continue
        channel, facts = happening.channel, happening.facts
        about: dict[str, Any] = {
            "user": user,
            "flow": happening.flow,
            "platform": channel.platform,
            "gateway": channel.gateway,
        }
        for fact in kept:
            about[fact] = facts[fact]
        numbers: Any = _NO_NUMBERS
        if number:
            numbers = {number: happening.size if number is _LENGTH else facts[number]}
        signals.append((emitter.event.name, numbers, about))
    return signals


def log_failure(flow: str, error: Exception, user: UserId) -> None:
    """Log, once, that *flow* failed: file and line in the message, then the traceback of what its code raised.

    The frames between the actor and the flow are ours and help no author.
    """
    raised = error.__cause__ if isinstance(error, FlowFailed) else error
    about = {"user": user, "flow": flow}
    _log.error("flow failed: %s", error, exc_info=raised, extra={"fields": about})
