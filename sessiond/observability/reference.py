"""Reference pages made from the tables: telemetry events and metrics, as Markdown.

``docs/reference/telemetry.md`` and ``docs/reference/metrics.md`` hold what these functions return.
"""

import logging
from collections.abc import Iterable, Mapping

from sessiond.observability.log_events import LEVELS
from sessiond.observability.metric_rows import MetricKind
from sessiond.observability.metric_table import GAUGES, METRICS
from sessiond.observability.metrics import NAMESPACE
from sessiond.telemetry import EVENTS

__all__ = ["metrics_markdown", "telemetry_markdown"]


def telemetry_markdown() -> str:
    """List every telemetry event with its fields and the level of its log line."""
    rows = (
        (
            f"`{event.name}`",
            event.doc,
            _fields(event.measurements),
            _fields(event.metadata),
            _level(event.name),
        )
        for event in EVENTS.values()
    )
    return _table(("Event", "When", "Measurements", "Metadata", "Log"), rows)


def metrics_markdown() -> str:
    """List every metric as it appears under ``GET /metrics``."""
    fed = (
        (
            f"`{NAMESPACE}_{row.name}{'_total' if row.kind is MetricKind.COUNTER else ''}`",
            row.kind.value,
            row.doc,
            ", ".join(f"`{label}`" for label in row.labels),
            f"`{row.event}`",
        )
        for row in METRICS
    )
    lag = ("`sessiond_event_loop_lag_seconds`", "histogram", "Lateness of a sleeping task.", "", "")
    read = (
        (f"`{NAMESPACE}_{row.name}`", "gauge", row.doc, f"`{row.label}`" if row.label else "", "")
        for row in GAUGES
    )
    return _table(("Metric", "Kind", "What", "Labels", "Event"), (*fed, lag, *read))


def _fields(declared: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}`: {kind}".replace("|", "\\|") for name, kind in declared.items())


def _level(name: str) -> str:
    level = LEVELS.get(name)
    return "" if level is None else logging.getLevelName(level).lower()


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
