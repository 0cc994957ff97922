"""What is told of flows beside the journal: telemetry, for listeners and metrics, and the one log line of a failure.

Step by step detail (which question, what was accepted) is for the journal alone; these are the events that are worth
counting over all users. Nothing is built for an event that nobody listens to.

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


def signals_of(happenings: Iterable[Happening], user: UserId) -> list[Signal]:
    """Name, measurements and metadata of the events to emit when the turn is released, of those somebody listens to."""
    signals: list[Signal] = []
    for happening in happenings:
        row = SIGNALS.get(happening.event)
        if row is not None and row.emitter.listeners:
            signals.append(_signal(row, happening, user))
    return signals


def _signal(row: SignalRow, happening: Happening, user: UserId) -> Signal:
    channel = happening.channel
    about: dict[str, Any] = {
        "user": user,
        "flow": happening.flow,
        "platform": channel.platform,
        "gateway": channel.gateway,
    }
    for fact in row.facts:
        about[fact] = happening.facts[fact]
    numbers: Any = _NO_NUMBERS
    if row.number == _LENGTH:
        numbers = {_LENGTH: happening.size}
    elif row.number:
        numbers = {row.number: happening.facts[row.number]}
    return row.emitter.event.name, numbers, about


def log_failure(flow: str, error: Exception, user: UserId) -> None:
    """Log, once, that *flow* failed: file and line in the message, then the traceback of what its code raised.

    The frames between the actor and the flow are ours and help no author.
    """
    raised = error.__cause__ if isinstance(error, FlowFailed) else error
    about = {"user": user, "flow": flow}
    _log.error("flow failed: %s", error, exc_info=raised, extra={"fields": about})
