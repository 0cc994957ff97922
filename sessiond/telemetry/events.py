"""The table of telemetry events: the names, what each means, its measurements and its metadata.

``docs/reference/telemetry.md`` is generated from EVENTS; in strict mode every emitted event is compared with it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sessiond.telemetry.event import Event

__all__ = ["EVENTS"]

_DURATION: Final = {"duration": "seconds"}
_USER: Final = {"user": "user"}
_NODE: Final = {"node": "str"}
_KIND: Final = _USER | {"kind": "str"}
_FAILURE: Final = _KIND | {"error": "str"}
_FLOW: Final = _USER | {"flow": "str", "platform": "str", "gateway": "str"}
_MESSAGE: Final = _FLOW | {"type": "str"}
_ARRIVED: Final = _USER | {"account": "str", "type": "str"}
_OF_ACCOUNT: Final = {"account": "str", "outcome": "str"}
_ON_ACCOUNT: Final = _USER | {"account": "str", "platform": "str", "gateway": "str"}
_MEDIA: Final = {"account": "str", "platform": "str", "outcome": "str"}
_RUN: Final = _USER | {"flow": "str", "run": "str"}

# ``kind`` is the kind of an input: join, leave, message, ack, hook, accepted, timer, send, stop.
# ``error`` is the class name of an exception, never its message. ``code`` is an ErrorCode's value or, of a
# connection, the number of its close code. ``flow`` is a flow's name (empty: no flow had part in it), ``platform`` and
# ``gateway`` are the door's own names: nothing that a client sent.
_TABLE: Final = (
    Event(
        "node.started",
        "The node has opened its store and its doors.",
        {},
        _NODE | {"version": "str"},
    ),
    Event("node.ready", "The node takes new sessions.", {}, _NODE),
    Event(
        "node.not_ready", "The node takes no new sessions for now.", {}, _NODE | {"reason": "str"}
    ),
    Event("node.draining", "The node was told to stop: no new work.", {"sessions": "count"}, _NODE),
    Event(
        "node.drained",
        "Everything that could be saved is saved; `unsaved` users had something that was not.",
        _DURATION | {"sessions": "count", "unsaved": "count"},
        _NODE,
    ),
    Event(
        "node.stopped",
        "The last event of a process.",
        {"uptime": "seconds"},
        _NODE | {"reason": "str"},
    ),
    Event(
        "node.failed",
        "An infrastructure task crashed; the node stops.",
        {},
        _NODE | {"error": "str"},
    ),
    Event(
        "lease.renewed",
        "The liveness lease was renewed with `margin` left.",
        {"margin": "seconds"},
        _NODE,
    ),
    Event("lease.lost", "The liveness lease ran out or was taken.", {}, _NODE | {"reason": "str"}),
    Event(
        "partition.acquired",
        "This node owns a partition; `pending` accepted inputs were left in it.",
        _DURATION | {"pending": "count"},
        {"partition": "int"},
    ),
    Event("partition.released", "This node gave a partition up.", {}, {"partition": "int"}),
    Event("session.created", "A user was seen for the first time.", {}, _USER),
    Event("session.activated", "A user's actor was started from its record.", _DURATION, _USER),
    Event("session.attached", "A connection joined a session.", {"connections": "count"}, _USER),
    Event(
        "session.detached",
        "The last connection left; the window opens.",
        {"window": "seconds"},
        _USER,
    ),
    Event("session.window_expired", "Nobody came back within the reconnection window.", {}, _USER),
    Event(
        "session.idle", "Attached but silent for the idle timeout.", {"silence": "seconds"}, _USER
    ),
    Event(
        "session.passivated",
        "The actor was put away (`reason`: window, linger, cap, drain).",
        _DURATION,
        _USER | {"reason": "str"},
    ),
    Event(
        "session.ended", "The app or an operator ended the session.", {}, _USER | {"reason": "str"}
    ),
    Event(
        "account.failed",
        "The app's user source (`load_user`) raised or hung: who waits is turned away for now, what was"
        " accepted waits.",
        {},
        _USER | {"error": "str"},
    ),
    Event("join.refused", "A join was turned down.", {}, {"user": "user | None", "code": "str"}),
    Event(
        "resume.recovered", "A client got everything it had missed.", {"replayed": "count"}, _USER
    ),
    Event(
        "resume.refused",
        "A client could not be given what it had missed.",
        {},
        _USER | {"reason": "str"},
    ),
    Event("turn.stop", "A turn was computed.", _DURATION, _KIND),
    Event("turn.failed", "A turn failed and was rolled back.", _DURATION, _FAILURE),
    Event("turn.dropped", "An input's deadline passed before its turn began.", {}, _KIND),
    Event(
        "gate.opened",
        "A turn's effects left; they had waited for their commit.",
        {"wait": "seconds"},
        _USER,
    ),
    Event(
        "commit.stop",
        "The store answered a batch.",
        _DURATION | {"users": "count"},
        {"lane": "int"},
    ),
    Event(
        "commit.retried",
        "A batch without an answer is sent again.",
        {"attempt": "count"},
        {"lane": "int"},
    ),
    Event("commit.fenced", "Another owner has the partition.", {}, _USER | {"partition": "int"}),
    Event("commit.conflict", "The record's version is not ours.", {}, _USER | {"partition": "int"}),
    Event("commit.too_large", "A record was refused for its size.", {"size": "bytes"}, _USER),
    Event(
        "store.away",
        "The store does not answer; gates stay shut.",
        {},
        {"store": "str", "error": "str", "reason": "str"},
    ),
    Event("store.back", "The store answers again.", {"outage": "seconds"}, {"store": "str"}),
    Event("outbox.overflowed", "Unacknowledged pushes were dropped.", {"frames": "count"}, _USER),
    Event(
        "supervisor.restarted",
        "An actor crashed outside a handler and is started again after `delay`.",
        {"failures": "count", "delay": "seconds"},
        _USER | {"error": "str"},
    ),
    Event(
        "supervisor.quarantined",
        "A user's actor crashed too often and is left alone.",
        {"failures": "count"},
        _USER | {"error": "str"},
    ),
    Event(
        "supervisor.systemic",
        "So many users crash at once that it is not their doing: restarts are delayed and not counted.",
        {"crashed": "count"},
    ),
    Event("supervisor.recovered", "Crashes are single ones again.", {"crashed": "count"}),
    Event("supervisor.released", "An operator released a user from quarantine.", {}, _USER),
    Event("mailbox.full", "A user's mailbox refused an input.", {"depth": "count"}, _KIND),
    Event("dead_letter.added", "An accepted input was given up.", {"attempts": "count"}, _FAILURE),
    Event("dead_letter.retried", "An operator sent a dead letter again.", {}, _USER),
    Event("dead_letter.dropped", "An operator dropped a dead letter.", {}, _USER),
    Event("flow.started", "A flow began.", {}, _FLOW),
    Event(
        "flow.ended",
        "A flow is over, so long after it began (`outcome`: completed, reset, expired).",
        _DURATION,
        _FLOW | {"outcome": "str"},
    ),
    Event(
        "flow.failed",
        "A flow raised, or its record no longer fits its code (`where`: file and line, when known).",
        {},
        _FLOW | {"error": "str", "where": "str"},
    ),
    Event(
        "flow.restarted",
        "The code no longer fitted the record: the flow began anew, or went on elsewhere.",
        {},
        _FLOW,
    ),
    Event("flow.rebuilt", "A flow that was not in memory was rebuilt from its record.", {}, _FLOW),
    Event(
        "flow.session_created", "What a flow remembers was written for the first time.", {}, _FLOW
    ),
    Event("flow.session_destroyed", "What a flow remembers was taken away.", {}, _FLOW),
    Event(
        "conversation.expired",
        "A conversation was removed: its time was over, or its user had too many.",
        {},
        _FLOW,
    ),
    Event("conversation.reset", "A word, or the start of another flow, ended what ran.", {}, _FLOW),
    Event(
        "message.received",
        "A person said something of `length` characters (`type`: text, choice, attachment, location, contact).",
        {"length": "count"},
        _MESSAGE,
    ),
    Event(
        "message.sent",
        "A person was shown something (`type`: prompt, terminal, message).",
        {"length": "count"},
        _MESSAGE,
    ),
    Event(
        "message.status",
        "What became of a message on an account (`state`: sent, delivered, read, held, failed).",
        {},
        _USER | {"account": "str", "state": "str"},
    ),
    Event(
        "pagination.triggered",
        "A text is shown in pages, or a page of it was turned (`navigation_action`: initial, next, back).",
        {
            "current_page": "count",
            "total_pages": "count",
            "content_length": "count",
            "page_limit": "count",
        },
        _ON_ACCOUNT | {"navigation_action": "str"},
    ),
    Event("answer.refused", "A question did not take an answer.", {}, _FLOW),
    Event("run.start", "A function that a flow runs is called.", {}, _RUN),
    Event(
        "run.stop",
        "It has returned, or failed for good (`outcome`: success, failure).",
        _DURATION,
        _RUN | {"outcome": "str"},
    ),
    Event("timer.fired", "A durable timer ran.", {"lateness": "seconds"}, _USER | {"name": "str"}),
    Event(
        "timer.lagging",
        "More timers are due than may run at once; `running` are on their way.",
        {"running": "count"},
    ),
    Event(
        "timer.stale",
        "A timer came that had been replaced or cancelled.",
        {},
        _USER | {"name": "str"},
    ),
    Event(
        "webhook.accepted",
        "A webhook is durable.",
        _DURATION | {"size": "bytes"},
        _USER | {"hook": "str"},
    ),
    Event("webhook.duplicate", "A webhook was delivered again.", {}, _USER | {"hook": "str"}),
    Event("webhook.refused", "A webhook was turned down.", {}, {"hook": "str", "code": "str"}),
    Event(
        "gateway.accepted",
        "What a provider sent about a user is durable (`type`: heard, status, notice).",
        {},
        _ARRIVED,
    ),
    Event("gateway.duplicate", "A provider sent it again.", {}, _ARRIVED),
    Event(
        "gateway.noted",
        "A provider told something about nobody we know, or about somebody without a session; it is not kept.",
        {},
        {"account": "str", "kind": "str"},
    ),
    Event(
        "gateway.answered",
        "A person on an answering account was answered (`outcome`: shown, repeated, wait, failed).",
        _DURATION,
        _USER | {"account": "str", "outcome": "str"},
    ),
    Event(
        "gateway.refused",
        "A provider's request, or what was in it, was turned down (`check`: at what, see below).",
        {},
        {"account": "str", "code": "str", "check": "str"},
    ),
    Event(
        "gateway.call",
        "A call to a provider has ended (`outcome`: sent, again, given_up, window_closed, stopped).",
        _DURATION,
        _OF_ACCOUNT,
    ),
    Event(
        "media.upload",
        "A file was given to a provider, or could not be (`outcome`: sent, again, given_up, stopped).",
        _DURATION | {"size": "bytes"},
        _MEDIA | {"mime_type": "str"},
    ),
    Event(
        "media.download",
        "What a person sent was fetched (`outcome`: whole; left, before its end; expired, too_large, unavailable, "
        "refused, unknown_account).",
        _DURATION | {"size": "bytes"},
        _MEDIA,
    ),
    Event(
        "gateway.held",
        "A provider is not called for a while: its rate limit, or nobody is there.",
        {"wait": "seconds"},
        {"account": "str", "reason": "str"},
    ),
    Event(
        "gateway.stopped",
        "A provider does not accept our credentials: nothing is sent until an operator resumes the account.",
        {},
        {"account": "str", "reason": "str"},
    ),
    Event("gateway.resumed", "An operator let an account send again.", {}, {"account": "str"}),
    Event(
        "gateway.unknown",
        "There are messages for an account on which nothing can be sent; they stay in the store.",
        {},
        {"account": "str"},
    ),
    Event(
        "delivery.put_off",
        "A message could not be delivered now and is tried again.",
        {"wait": "seconds", "attempts": "count"},
        _USER | {"account": "str", "reason": "str"},
    ),
    Event(
        "delivery.settled",
        "A message has left the store (`outcome`: sent, given_up, window_closed), `age` after its turn.",
        {"attempts": "count", "age": "seconds"},
        _USER | _OF_ACCOUNT,
    ),
    Event(
        "http.answered",
        "An HTTP request was answered (`route`: its pattern, a door's label; unmatched: there is nothing at its path; "
        "unrouted: before any door saw it).",
        _DURATION,
        {"route": "str", "status": "int"},
    ),
    Event(
        "door.failed",
        "Code of ours failed while serving one connection or request; only that one is affected.",
        {},
        {"door": "str", "error": "str"},
    ),
    Event(
        "listener.held",
        "A door could not accept (`reason`: limit, or the name of an error number).",
        {},
        {"reason": "str"},
    ),
    Event("connection.opened", "A websocket was accepted.", _DURATION, {"connection": "int"}),
    Event(
        "connection.closed",
        "A websocket is gone (1006: without a close frame).",
        _DURATION,
        {"connection": "int", "user": "user | None", "code": "int"},
    ),
    Event(
        "connection.slow",
        "A client does not read; it is closed with 4100.",
        {"queued": "bytes"},
        {"connection": "int", "user": "user | None"},
    ),
    Event(
        "rate.limited",
        "A token bucket is empty (`scope`: connection, user, gateway, node).",
        {},
        {"scope": "str", "user": "user | None"},
    ),
    Event(
        "auth.refused",
        "A token or signature was not accepted.",
        {},
        {"door": "str", "reason": "str"},
    ),
    Event("auth.keys_fetched", "The key set behind a URL was fetched.", {"keys": "count"}),
    Event(
        "auth.keys_away",
        "The key set could not be fetched; the last one stays in use.",
        {},
        {"reason": "str"},
    ),
    Event(
        "admin.called",
        "An operator called a method (`uid`: the peer's, `ok`: it was answered without an error).",
        _DURATION,
        {"method": "str", "uid": "int | None", "ok": "bool"},
    ),
    Event(
        "admin.revealed",
        "An operator looked at personal data (`user`: whose, none: of everybody).",
        {},
        {"method": "str", "uid": "int | None", "user": "user | None"},
    ),
)

EVENTS: Final[Mapping[str, Event]] = MappingProxyType({event.name: event for event in _TABLE})
"""Every event there is, by name, in the order of a node's life."""
