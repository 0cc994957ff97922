"""Which telemetry events become log lines, and how loud.

Not here: events that happen with every message; those are metrics. A session's ordinary life is for ``debug``.
``flow.failed`` is not here either: its one line, with the traceback, is runtime/flow_signals.py's.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["LEVELS", "UNTHROTTLED"]

LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "node.started": logging.INFO,
        "node.ready": logging.INFO,
        "node.not_ready": logging.WARNING,
        "node.draining": logging.INFO,
        "node.drained": logging.INFO,
        "node.stopped": logging.INFO,
        "node.failed": logging.CRITICAL,
        "lease.lost": logging.ERROR,
        "partition.acquired": logging.DEBUG,
        "partition.released": logging.DEBUG,
        "session.created": logging.DEBUG,
        "session.activated": logging.DEBUG,
        "session.attached": logging.DEBUG,
        "session.detached": logging.DEBUG,
        "session.window_expired": logging.DEBUG,
        "session.idle": logging.DEBUG,
        "session.passivated": logging.DEBUG,
        "session.ended": logging.INFO,
        "account.failed": logging.ERROR,
        "join.refused": logging.INFO,
        "resume.refused": logging.INFO,
        "turn.failed": logging.ERROR,
        "turn.dropped": logging.WARNING,
        "commit.retried": logging.WARNING,
        "commit.fenced": logging.ERROR,
        "commit.conflict": logging.ERROR,
        "commit.too_large": logging.ERROR,
        "store.away": logging.ERROR,
        "store.back": logging.WARNING,
        "outbox.overflowed": logging.INFO,
        "supervisor.restarted": logging.ERROR,
        "supervisor.quarantined": logging.CRITICAL,
        "supervisor.released": logging.WARNING,
        "supervisor.systemic": logging.CRITICAL,
        "supervisor.recovered": logging.WARNING,
        "mailbox.full": logging.WARNING,
        "dead_letter.added": logging.ERROR,
        "dead_letter.retried": logging.INFO,
        "dead_letter.dropped": logging.WARNING,
        "flow.started": logging.DEBUG,
        "flow.ended": logging.DEBUG,
        "flow.restarted": logging.WARNING,
        "conversation.expired": logging.DEBUG,
        "conversation.reset": logging.DEBUG,
        "timer.stale": logging.DEBUG,
        "webhook.duplicate": logging.DEBUG,
        "webhook.refused": logging.WARNING,
        "gateway.duplicate": logging.DEBUG,
        "gateway.noted": logging.INFO,
        "gateway.refused": logging.WARNING,
        "gateway.held": logging.WARNING,
        "gateway.stopped": logging.ERROR,
        "gateway.resumed": logging.WARNING,
        "gateway.unknown": logging.ERROR,
        "delivery.put_off": logging.INFO,
        "door.failed": logging.ERROR,
        "connection.opened": logging.DEBUG,
        "connection.closed": logging.DEBUG,
        "connection.slow": logging.INFO,
        "rate.limited": logging.WARNING,
        "auth.refused": logging.WARNING,
        "auth.keys_fetched": logging.DEBUG,
        "auth.keys_away": logging.ERROR,
        "admin.called": logging.INFO,
        "admin.revealed": logging.WARNING,
    }
)
"""Event to level; events that are not here are never logged."""

UNTHROTTLED: Final = frozenset(
    {
        "admin.called",
        "admin.revealed",
        "node.draining",
        "node.drained",
        "node.failed",
        "node.not_ready",
        "node.ready",
        "node.started",
        "node.stopped",
    }
)
"""Events of which every single line matters (the audit of operators, the life of a node)."""
