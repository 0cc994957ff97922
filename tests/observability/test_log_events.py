"""Which telemetry events become log lines."""

import logging

from sessiond.observability.log_events import LEVELS, UNTHROTTLED
from sessiond.telemetry import EVENTS


def test_the_tables_name_events_that_exist() -> None:
    """A typo in a level or in an exception from throttling is found here."""
    assert set(LEVELS) <= set(EVENTS)
    assert set(LEVELS) >= UNTHROTTLED


def test_what_happens_with_every_message_is_no_log_line() -> None:
    """Turns, commits and gates are for metrics."""
    assert LEVELS.keys().isdisjoint({"turn.stop", "commit.stop", "gate.opened", "http.answered"})


def test_a_flow_that_fails_is_logged_in_one_place() -> None:
    """Its one line comes with the traceback (runtime/flow_signals.py); messages and refusals are for metrics."""
    assert LEVELS.keys().isdisjoint({"flow.failed", "message.received", "message.sent"})
    assert LEVELS["flow.restarted"] == logging.WARNING


def test_every_failure_is_seen_at_the_default_level() -> None:
    """What an operator must know is printed under ``info``."""
    for name in ("turn.failed", "store.away", "lease.lost", "dead_letter.added", "node.failed"):
        assert LEVELS[name] >= logging.ERROR
