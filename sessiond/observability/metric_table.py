"""The table of metrics: which telemetry event feeds which, with what labels and buckets.

``docs/reference/metrics.md`` is generated from METRICS and GAUGES. A label never names a user, a connection or
anything else that grows; labels whose values come from the app or from outside are bounded (metrics.py).
"""

from typing import Final

from sessiond.observability.metric_rows import (
    BATCH,
    FAST,
    FRAMES,
    LIFE,
    SLOW,
    C,
    G,
    GaugeRow,
    H,
    MetricRow,
)

__all__ = ["GAUGES", "METRICS"]

METRICS: Final = (
    MetricRow(
        "lease_margin_seconds", G, "Left of the lease when last renewed.", "lease.renewed", "margin"
    ),
    MetricRow("leases_lost", C, "Leases that ran out or were taken.", "lease.lost"),
    MetricRow("partitions_acquired", C, "Partitions taken over.", "partition.acquired"),
    MetricRow("sessions_created", C, "Users seen for the first time.", "session.created"),
    MetricRow(
        "activation_seconds",
        H,
        "Starting an actor from its record.",
        "session.activated",
        "duration",
        (),
        FAST,
    ),
    MetricRow(
        "windows_expired", C, "Users who did not come back in time.", "session.window_expired"
    ),
    MetricRow("passivations", C, "Actors put away.", "session.passivated", None, ("reason",)),
    MetricRow("sessions_ended", C, "Sessions ended by the app or an operator.", "session.ended"),
    MetricRow("joins_refused", C, "Joins turned down.", "join.refused", None, ("code",)),
    MetricRow("resumes_recovered", C, "Clients that got all they had missed.", "resume.recovered"),
    MetricRow(
        "resume_replayed_frames",
        H,
        "Frames replayed to a client.",
        "resume.recovered",
        "replayed",
        (),
        FRAMES,
    ),
    MetricRow("resumes_refused", C, "Clients that could not.", "resume.refused", None, ("reason",)),
    MetricRow(
        "turn_seconds",
        H,
        "Computing a turn, commit excluded.",
        "turn.stop",
        "duration",
        ("kind",),
        FAST,
    ),
    MetricRow("turns_failed", C, "Turns rolled back.", "turn.failed", None, ("kind", "error")),
    MetricRow(
        "turns_dropped",
        C,
        "Inputs whose deadline passed in the mailbox.",
        "turn.dropped",
        None,
        ("kind",),
    ),
    MetricRow(
        "gate_wait_seconds", H, "Effects waiting for their commit.", "gate.opened", "wait", (), FAST
    ),
    MetricRow(
        "commit_seconds",
        H,
        "A batch's way to the store and back.",
        "commit.stop",
        "duration",
        (),
        FAST,
    ),
    MetricRow("commit_batch_users", H, "Users in a batch.", "commit.stop", "users", (), BATCH),
    MetricRow("commits_retried", C, "Batches sent again.", "commit.retried"),
    MetricRow("commits_fenced", C, "Commits refused: another owner.", "commit.fenced"),
    MetricRow("commits_conflicting", C, "Commits refused: foreign version.", "commit.conflict"),
    MetricRow("commits_too_large", C, "Commits refused: size.", "commit.too_large"),
    MetricRow("store_outages", C, "Times the store went away.", "store.away"),
    MetricRow("store_outage_seconds", H, "How long it was away.", "store.back", "outage", (), SLOW),
    MetricRow(
        "outbox_dropped_frames", C, "Unacknowledged pushes dropped.", "outbox.overflowed", "frames"
    ),
    MetricRow(
        "actor_restarts",
        C,
        "Actors started again after a crash.",
        "supervisor.restarted",
        None,
        ("error",),
    ),
    MetricRow(
        "account_failures", C, "Times the app's user source raised or hung.", "account.failed"
    ),
    MetricRow("quarantines", C, "Users put into quarantine.", "supervisor.quarantined"),
    MetricRow(
        "mailbox_refusals", C, "Inputs refused by a full mailbox.", "mailbox.full", None, ("kind",)
    ),
    MetricRow(
        "dead_letters", C, "Accepted inputs given up.", "dead_letter.added", None, ("kind", "error")
    ),
    MetricRow("flows_started", C, "Flows begun.", "flow.started", None, ("flow", "platform")),
    MetricRow(
        "flows_ended",
        C,
        "Flows that are over, and how.",
        "flow.ended",
        None,
        ("flow", "outcome"),
    ),
    MetricRow(
        "flow_seconds",
        H,
        "From the beginning of a flow to its end.",
        "flow.ended",
        "duration",
        ("flow",),
        LIFE,
    ),
    MetricRow(
        "flows_failed", C, "Turns in which a flow failed.", "flow.failed", None, ("flow", "error")
    ),
    MetricRow(
        "flows_restarted",
        C,
        "Flows whose code no longer fitted their record.",
        "flow.restarted",
        None,
        ("flow",),
    ),
    MetricRow(
        "flows_rebuilt", C, "Flows rebuilt from their record.", "flow.rebuilt", None, ("flow",)
    ),
    MetricRow(
        "flow_sessions_created",
        C,
        "Times a flow began to remember something.",
        "flow.session_created",
        None,
        ("platform", "gateway"),
    ),
    MetricRow(
        "flow_sessions_destroyed",
        C,
        "Times all that was remembered was taken away.",
        "flow.session_destroyed",
        None,
        ("platform", "gateway"),
    ),
    MetricRow(
        "conversations_expired",
        C,
        "Conversations removed when their time was over.",
        "conversation.expired",
        None,
        ("platform",),
    ),
    MetricRow(
        "conversations_reset",
        C,
        "Flows ended by a word, or for another flow.",
        "conversation.reset",
        None,
        ("platform",),
    ),
    MetricRow(
        "messages_received",
        C,
        "What people said to flows.",
        "message.received",
        None,
        ("platform", "gateway", "type"),
    ),
    MetricRow(
        "messages_sent",
        C,
        "What flows showed people.",
        "message.sent",
        None,
        ("platform", "gateway", "type"),
    ),
    MetricRow(
        "pages_shown",
        C,
        "Pages of texts that were longer than a screen.",
        "pagination.triggered",
        None,
        ("platform", "gateway", "navigation_action"),
    ),
    MetricRow(
        "answers_refused",
        C,
        "Answers that a question did not take.",
        "answer.refused",
        None,
        ("flow",),
    ),
    MetricRow(
        "runs",
        C,
        "Functions of flows that have returned or failed.",
        "run.stop",
        None,
        ("outcome",),
    ),
    MetricRow(
        "run_seconds",
        H,
        "A function of a flow, from the first attempt to its result.",
        "run.stop",
        "duration",
        ("flow",),
        SLOW,
    ),
    MetricRow(
        "timer_lateness_seconds",
        H,
        "Timers behind their due time.",
        "timer.fired",
        "lateness",
        (),
        SLOW,
    ),
    MetricRow("timers_stale", C, "Timers without effect.", "timer.stale"),
    MetricRow(
        "webhook_accept_seconds",
        H,
        "From request to durable.",
        "webhook.accepted",
        "duration",
        ("hook",),
        FAST,
    ),
    MetricRow(
        "webhooks_duplicate", C, "Webhooks delivered again.", "webhook.duplicate", None, ("hook",)
    ),
    MetricRow(
        "webhooks_refused", C, "Webhooks turned down.", "webhook.refused", None, ("hook", "code")
    ),
    MetricRow(
        "gateway_answer_seconds",
        H,
        "Answers on answering accounts.",
        "gateway.answered",
        "duration",
        ("account", "outcome"),
        FAST,
    ),
    MetricRow(
        "gateway_arrivals",
        C,
        "What providers sent, once it was durable.",
        "gateway.accepted",
        None,
        ("account", "type"),
    ),
    MetricRow("gateway_duplicates", C, "Sent again.", "gateway.duplicate", None, ("account",)),
    MetricRow(
        "gateway_refused",
        C,
        "Requests refused.",
        "gateway.refused",
        None,
        ("account", "code", "check"),
    ),
    MetricRow(
        "gateway_call_seconds",
        H,
        "Calls to providers.",
        "gateway.call",
        "duration",
        ("account", "outcome"),
        FAST,
    ),
    MetricRow(
        "media_upload_seconds",
        H,
        "Files given to providers.",
        "media.upload",
        "duration",
        ("platform", "outcome"),
        SLOW,
    ),
    MetricRow(
        "media_uploaded_bytes",
        C,
        "Bytes of files given to providers.",
        "media.upload",
        "size",
        ("platform",),
    ),
    MetricRow(
        "media_download_seconds",
        H,
        "Files of people fetched, until they were read.",
        "media.download",
        "duration",
        ("platform", "outcome"),
        SLOW,
    ),
    MetricRow(
        "media_downloaded_bytes",
        C,
        "Bytes of files of people that were fetched.",
        "media.download",
        "size",
        ("platform",),
    ),
    MetricRow(
        "gateways_held", C, "Times an account was held back.", "gateway.held", None, ("account",)
    ),
    MetricRow(
        "gateways_stopped",
        C,
        "Times a provider did not accept our credentials.",
        "gateway.stopped",
        None,
        ("account",),
    ),
    MetricRow(
        "deliveries",
        C,
        "Messages that have left the store.",
        "delivery.settled",
        None,
        ("account", "outcome"),
    ),
    MetricRow(
        "delivery_age_seconds",
        H,
        "Messages, from their turn to the end.",
        "delivery.settled",
        "age",
        ("account",),
        SLOW,
    ),
    MetricRow(
        "http_seconds", H, "HTTP requests.", "http.answered", "duration", ("route", "status"), FAST
    ),
    MetricRow(
        "handshake_seconds", H, "Websocket handshakes.", "connection.opened", "duration", (), FAST
    ),
    MetricRow(
        "connection_seconds", H, "Life of a websocket.", "connection.closed", "duration", (), SLOW
    ),
    MetricRow("connections_closed", C, "Websockets closed.", "connection.closed", None, ("code",)),
    MetricRow("slow_consumers", C, "Websockets closed for not reading.", "connection.slow"),
    MetricRow("rate_limited", C, "Requests over a limit.", "rate.limited", None, ("scope",)),
    MetricRow(
        "auth_refused",
        C,
        "Tokens and signatures refused.",
        "auth.refused",
        None,
        ("door", "reason"),
    ),
    MetricRow("admin_calls", C, "Calls of operators.", "admin.called", None, ("method", "ok")),
)
"""Fed by events. Names get the prefix ``sessiond_``; counters end in ``_total`` when they are fetched."""

GAUGES: Final = (
    GaugeRow("sessions", "Users known to this node's memory.", "phase"),
    GaugeRow("connections", "Open websockets."),
    GaugeRow("mailbox_depth", "Inputs waiting in all mailboxes."),
    GaugeRow("mailbox_depth_max", "Inputs waiting in the fullest mailbox."),
    GaugeRow("quarantined_users", "Users in quarantine."),
    GaugeRow("partitions_owned", "Partitions of this node."),
    GaugeRow("store_available", "1 while the store answers, else 0."),
    GaugeRow("conversations", "Conversations of the users in memory."),
    GaugeRow("runs_under_way", "Functions of flows that are being called."),
    GaugeRow("ready", "1 while the node takes new sessions, else 0."),
)
"""Read when fetched; one that the server does not provide is left out."""
