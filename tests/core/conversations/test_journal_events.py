"""The names of the journal (sessiond/core/conversations/journal_events.py)."""

import re
from pathlib import Path

import pytest

from sessiond.core.conversations import journal_events
from sessiond.core.conversations.journal_events import (
    ALIASES,
    JournalEvent,
    JournalStatus,
    canonical_event,
)


def test_names_have_one_form() -> None:
    """FlowChat's with dots, the Flow Framework's with underscores; stored for years, so they are fixed."""
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", event) for event in JournalEvent)
    assert {
        "flow.execution.start",
        "flow.execution.end",
        "flow.execution.error",
        "session.created",
        "session.destroyed",
        "message.received",
        "message.sent",
        "pagination.triggered",
        "step_start",
        "validation_error",
    } <= {event.value for event in JournalEvent}
    assert ["in_progress", "success", "failure", "interrupted"] == list(JournalStatus)


def test_aliases_name_what_has_no_name_of_its_own() -> None:
    """No alias hides an event."""
    assert not ALIASES.keys() & {event.value for event in JournalEvent}


#: The event types of the Flow Framework that are about flows, and FlowChat's of flows, sessions and messages.
REFERENCE = """
    initialization initialization_error step_start process_input validation validation_error process_error get_state
    get_state_error set_state_error complete completion_start completion_success completion_error flow_start_attempt
    flow_start_success flow_start_error flow_init flow_error flow_complete state_update_start state_update_attempt
    state_update_success state_update_complete state_update_error state_validation_error state_retrieval
    state_retrieval_error state_recovery cleanup cleanup_error reset reset_error input_processing input_processing_error
    message_processing message_processing_error greeting
    flow.execution.start flow.execution.end flow.execution.error context.created session.created session.destroyed
    message.received message.sent message.status message.delivery_failed media.upload pagination.triggered
"""


@pytest.mark.parametrize("name", REFERENCE.split())
def test_a_query_may_use_the_names_of_the_reference(name: str) -> None:
    """Each of them is one of the journal's events, or another name of one."""
    assert canonical_event(name) in set(JournalEvent)


def test_every_event_is_told_somewhere() -> None:
    """The list is no promise that no code keeps."""
    table = Path(journal_events.__file__)
    told = set()
    for path in table.parents[2].rglob("*.py"):
        if path != table and path.name != "flow_signals.py":  # which counts what was told
            told |= set(re.findall(r"JournalEvent\.([A-Z_]+)", path.read_text(encoding="utf-8")))

    assert JournalEvent.__members__.keys() - told == set()


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("complete", "flow.execution.end"),
        ("flow.execution.end", "flow.execution.end"),
        ("process_input", "step_start"),
        ("offer_sent", "offer_sent"),
    ],
)
def test_every_happening_has_one_name(name: str, event: str) -> None:
    """Other systems' names are understood; an app's own stay."""
    assert event == canonical_event(name)
