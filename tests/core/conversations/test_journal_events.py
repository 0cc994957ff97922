"""The names of the journal (sessiond/core/conversations/journal_events.py)."""

import re

import pytest

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
