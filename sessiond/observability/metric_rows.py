"""What a row of the table of metrics is, and the buckets that rows share."""

from enum import StrEnum
from typing import Final, NamedTuple

__all__ = [
    "BATCH",
    "FAST",
    "FRAMES",
    "LIFE",
    "SLOW",
    "C",
    "G",
    "GaugeRow",
    "H",
    "MetricKind",
    "MetricRow",
]


class MetricKind(StrEnum):
    """What a metric does with an event."""

    COUNTER = "counter"
    """Counts events, or adds up their measurement."""
    HISTOGRAM = "histogram"
    """Sorts the measurement into buckets."""
    GAUGE = "gauge"
    """Keeps the last measurement."""


class MetricRow(NamedTuple):
    """One metric that an event feeds."""

    name: str
    kind: MetricKind
    doc: str
    event: str
    measurement: str | None = None
    """``None``: count the events."""
    labels: tuple[str, ...] = ()
    """Metadata fields of the event."""
    buckets: tuple[float, ...] = ()


class GaugeRow(NamedTuple):
    """One gauge that is read from the server when the metrics are fetched."""

    name: str
    doc: str
    label: str | None = None


C, H, G = MetricKind.COUNTER, MetricKind.HISTOGRAM, MetricKind.GAUGE

#: From the 15 ms that a gated turn may take at the 99th percentile, both ways; a handler may take seconds.
FAST: Final = (
    0.0001,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.015,
    0.025,
    0.05,
    0.1,
    0.25,
    1,
    2.5,
    10,
)
#: What people or the world take their time for.
SLOW: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43_200)
#: Flows last from a dial of seconds to a week.
LIFE: Final = (1, 5, 15, 60, 300, 1800, 7200, 43_200, 172_800, 604_800)
#: Batches are bounded at 256 users (runtime/committer.py).
BATCH: Final = (1, 2, 4, 8, 16, 32, 48, 64, 128, 256)
#: An outbox is bounded at 256 frames.
FRAMES: Final = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
