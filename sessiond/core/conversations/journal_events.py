"""The names of what the journal of a user tells, and the other names they are known by.

One happening has one name here; where FlowChat has one it is FlowChat's (dotted), else the Flow Framework's. The other
names of the same happening are aliases, so that a query written for either finds it. Apps may add names of their own.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["ALIASES", "JournalEvent", "JournalStatus", "canonical_event"]


class JournalStatus(StrEnum):
    """How what is told ended."""

    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    INTERRUPTED = "interrupted"


class JournalEvent(StrEnum):
    """What sessiond itself tells."""

    FLOW_START = "flow.execution.start"
    """A flow began."""
    FLOW_END = "flow.execution.end"
    """A flow came to its end; *interrupted*: it was ended by a reset word, an operator or its expiry."""
    FLOW_RESTART = "flow.execution.restart"
    """The code no longer fitted the record: the flow began anew, or went on elsewhere."""
    FLOW_ERROR = "flow.execution.error"
    """A flow raised, or its record no longer fits its code."""
    SESSION_CREATED = "session.created"
    """A flow's session was written for the first time."""
    SESSION_DESTROYED = "session.destroyed"
    """A flow's session was taken away."""
    MESSAGE_RECEIVED = "message.received"
    """An input of the person."""
    MESSAGE_SENT = "message.sent"
    """What the person was shown."""
    MESSAGE_STATUS = "message.status"
    """What the provider says became of a message."""
    NOTICE = "gateway.notice"
    """A provider told something that is no message."""
    DELIVERY_FAILED = "message.delivery_failed"
    """A message was given up."""
    PAGINATION = "pagination.triggered"
    """A text was shown in pages."""
    MEDIA_UPLOAD = "media.upload"
    """A file was given to the provider."""
    MEDIA_DOWNLOAD = "media.download"
    """A function of the flow fetched what the person sent."""
    STEP_START = "step_start"
    """A question got its input."""
    VALIDATION = "validation"
    """An input was accepted by its question."""
    VALIDATION_ERROR = "validation_error"
    """An input was refused by its question."""
    TRANSITION = "transition"
    """The flow went from one question to another, or from or to a function that it waits for."""
    RUN_START = "run.start"
    """A side effect is pending."""
    RUN_END = "run.end"
    """The result of a side effect is there."""
    RECOVERY = "state_recovery"
    """A flow was rebuilt from its record, as it was."""
    RESET = "reset"
    """A reset word ended what ran."""
    REDIAL = "dial.resumed"
    """A new dial met a conversation that another one began; *from*: the key that it had."""
    GREETING = "greeting"
    """A greeting began something."""
    CLEANUP = "cleanup"
    """An expired conversation was removed."""
    CUT = "journal.cut"
    """A turn told more than it may; the rest of it is not here."""


#: The reference systems' other names: the *attempt*, *success* and *error* of one happening are its statuses here. A
#: turn is one transaction, so that whatever failed in it is the failure of its flow.
ALIASES: Final[Mapping[str, JournalEvent]] = MappingProxyType(
    {
        "initialization": JournalEvent.FLOW_START,
        "flow_init": JournalEvent.FLOW_START,
        "flow_start_attempt": JournalEvent.FLOW_START,
        "flow_start_success": JournalEvent.FLOW_START,
        "complete": JournalEvent.FLOW_END,
        "flow_complete": JournalEvent.FLOW_END,
        "completion_success": JournalEvent.FLOW_END,
        "initialization_error": JournalEvent.FLOW_ERROR,
        "flow_start_error": JournalEvent.FLOW_ERROR,
        "flow_error": JournalEvent.FLOW_ERROR,
        "process_error": JournalEvent.FLOW_ERROR,
        "input_processing_error": JournalEvent.FLOW_ERROR,
        "message_processing_error": JournalEvent.FLOW_ERROR,
        "get_state_error": JournalEvent.FLOW_ERROR,
        "set_state_error": JournalEvent.FLOW_ERROR,
        "state_retrieval_error": JournalEvent.FLOW_ERROR,
        "state_update_error": JournalEvent.FLOW_ERROR,
        "cleanup_error": JournalEvent.FLOW_ERROR,
        "reset_error": JournalEvent.FLOW_ERROR,
        "process_input": JournalEvent.STEP_START,
        "input_processing": JournalEvent.STEP_START,
        "message_processing": JournalEvent.MESSAGE_RECEIVED,
        "state_validation_error": JournalEvent.VALIDATION_ERROR,
        "state_transition": JournalEvent.TRANSITION,
        "state_update_start": JournalEvent.TRANSITION,
        "state_update_attempt": JournalEvent.TRANSITION,
        "state_update_success": JournalEvent.TRANSITION,
        "state_update_complete": JournalEvent.TRANSITION,
        "completion_start": JournalEvent.RUN_START,
        "completion_error": JournalEvent.RUN_END,
        "get_state": JournalEvent.RECOVERY,
        "state_retrieval": JournalEvent.RECOVERY,
        "context.created": JournalEvent.SESSION_CREATED,
    }
)


_NAMES: Final[Mapping[str, str]] = {
    **{event.value: event.value for event in JournalEvent},
    **{alias: event.value for alias, event in ALIASES.items()},
}


def canonical_event(name: str) -> str:
    """Give the one name of a happening, for any of its names; unknown names are an app's own and stay."""
    return _NAMES.get(name, name)
