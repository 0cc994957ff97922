"""Metrics in OpenMetrics form: a telemetry listener feeds METRICS, callables are asked for GAUGES.

Each node has its own registry; nothing is global, so that several nodes can live in one process (tests).
Labels are bounded: after MAX_LABEL_VALUES different values of one label (MAX_FLOWS of ``flow``) the next ones count
as ``other``, because an app's exception classes, or an attacker, must not grow our memory and the scraper's disk.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Final, TypeVar, cast

import prometheus_client
import trio
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition
from prometheus_client.registry import Collector

from sessiond import telemetry
from sessiond.observability.counters import Count, Counter
from sessiond.observability.histograms import Histogram
from sessiond.observability.metric_rows import FAST, GaugeRow, MetricKind, MetricRow
from sessiond.observability.metric_table import GAUGES, METRICS
from sessiond.telemetry import Measurements, Metadata

__all__ = ["MAX_FLOWS", "MAX_LABEL_VALUES", "Metrics", "sample_loop_lag"]

#: More than any closed set of ours has (codes, kinds, reasons), few enough for two labels on one metric.
MAX_LABEL_VALUES: Final = 32

#: Flows have the names of an app's functions: more than fit on a screen, fewer than grow.
MAX_FLOWS: Final = 256
_BOUNDS: Final[Mapping[str, int]] = MappingProxyType({"flow": MAX_FLOWS})

#: An exception's class name fits.
MAX_LABEL_TEXT: Final = 64

OTHER: Final = "other"
NAMESPACE: Final = "sessiond"

Reading = float | Mapping[str, float]
"""A gauge's value, or one value per value of its label."""

# The library has no annotation here.
_encode: Final[Callable[[prometheus_client.CollectorRegistry], bytes]] = exposition.generate_latest

_log: Final = logging.getLogger(__name__)

M = TypeVar("M")


class Metrics:
    """The metrics of one node. Attach it to telemetry with ``open``, and ask it with ``render``."""

    def __init__(self) -> None:
        self._registry = prometheus_client.CollectorRegistry(auto_describe=False)
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.PlatformCollector(registry=self._registry)
        prometheus_client.GCCollector(registry=self._registry)
        self._gauges = _Gauges()
        self._registry.register(cast("Collector", self._gauges))  # it only asks for `collect`
        # A listener for each row: one that dispatched would be a second loop on the hot path.
        self._feeds = [(row.event, _feed(row, self._registry)) for row in METRICS]
        self._lag = _histogram(
            "event_loop_lag_seconds",
            "How late a task wakes that slept for a set time.",
            (),
            FAST,
            self._registry,
        ).labels()

    def open(self) -> telemetry.Detach:
        """Listen to telemetry until the returned function is called."""
        detachments = [telemetry.attach(feed, [event]) for event, feed in self._feeds]

        def close() -> None:
            for detach in detachments:
                detach()

        return close

    def watch(self, name: str, read: Callable[[], Reading]) -> None:
        """Ask *read* for the gauge *name* of GAUGES at each fetch: a number, or a mapping when it has a label.

        *read* is called in the task that renders and must not block; when it raises, the gauge is left out.

        Raises:
          ValueError: GAUGES has no such row.

        """
        self._gauges.watch(name, read)

    def observe_lag(self, seconds: float) -> None:
        """Record how late the event loop was."""
        self._lag.observe(seconds)

    def render(self) -> tuple[str, bytes]:
        """Return the content type and the body of an answer to ``GET /metrics``."""
        return exposition.CONTENT_TYPE_LATEST, _encode(self._registry)


async def sample_loop_lag(observe: Callable[[float], None], *, interval: float = 1.0) -> None:
    """Sleep for *interval* seconds again and again and tell *observe* how many seconds too late it woke.

    Runs until cancelled; cancelling loses at most one sample.
    """
    while True:
        due = trio.current_time() + interval
        await trio.sleep_until(due)
        observe(max(0.0, trio.current_time() - due))


def _feed(row: MetricRow, registry: prometheus_client.CollectorRegistry) -> telemetry.Listener:
    """Make the metric of *row* and return what brings an event into it."""
    match row.kind:
        case MetricKind.COUNTER:
            counter = Counter(f"{NAMESPACE}_{row.name}", row.doc, row.labels)
            registry.register(cast("Collector", counter))  # it only asks for `collect`
            return _count(_children(counter.labels, row), row.measurement)
        case MetricKind.HISTOGRAM:
            histogram = _histogram(row.name, row.doc, row.labels, row.buckets, registry)
            tally = _children(histogram.labels, row)
            measured = row.measurement or ""
            return lambda _name, numbers, about: tally(about).observe(numbers[measured])
        case MetricKind.GAUGE:
            gauge = prometheus_client.Gauge(
                row.name, row.doc, namespace=NAMESPACE, registry=registry
            )
            last = row.measurement or ""
            return lambda _name, numbers, _about: gauge.set(numbers[last])


def _count(child: Callable[[Metadata], Count], measurement: str | None) -> telemetry.Listener:
    if measurement is not None:

        def add(_name: str, numbers: Measurements, about: Metadata) -> None:
            child(about).value += numbers[measurement]

        return add

    def count(_name: str, _numbers: Measurements, about: Metadata) -> None:
        child(about).value += 1

    return count


def _histogram(
    name: str,
    doc: str,
    labels: tuple[str, ...],
    bounds: Iterable[float],
    registry: prometheus_client.CollectorRegistry,
) -> Histogram:
    histogram = Histogram(f"{NAMESPACE}_{name}", doc, labels, bounds)
    registry.register(cast("Collector", histogram))  # it only asks for `collect`
    return histogram


def _children(make: Callable[..., M], row: MetricRow) -> Callable[[Metadata], M]:
    """Return what finds the child of an event; *make* makes one for given label values."""
    if not row.labels:
        only = make()
        return lambda _about: only
    children = _Children(make, row.labels)
    key_of = itemgetter(*row.labels)

    def child(about: Metadata) -> M:
        return children[key_of(about)]

    return child


class _Children(dict[object, M]):
    """The children of a labelled metric by label values, with a bound on the values of each label."""

    def __init__(self, make: Callable[..., M], labels: tuple[str, ...]) -> None:
        super().__init__()
        self._make = make
        self._values: tuple[set[str], ...] = tuple(set() for _ in labels)
        self._bounds = tuple(_BOUNDS.get(label, MAX_LABEL_VALUES) for label in labels)

    def __missing__(self, key: object) -> M:
        things = key if isinstance(key, tuple) else (key,)
        texts = tuple(map(_label_text, things))
        bounded = tuple(map(_admit, self._values, texts, self._bounds))
        child = self._make(*bounded)
        if bounded == texts:  # or else the keys would grow without bound although the labels do not
            self[key] = child
        return child


def _admit(values: set[str], text: str, bound: int) -> str:
    if text in values:
        return text
    if len(values) >= bound:
        return OTHER
    values.add(text)
    return text


def _label_text(thing: object) -> str:
    """Print a label's value: bounded in length, JSON's words for booleans and nothing."""
    match thing:
        case None:
            return "none"
        case bool():
            return "true" if thing else "false"
        case _:
            return str(thing)[:MAX_LABEL_TEXT]


class _Gauges:
    """Asks the server for its gauges at each fetch; one that fails is left out, the others are shown."""

    def __init__(self) -> None:
        self._rows: dict[str, GaugeRow] = {row.name: row for row in GAUGES}
        self._reads: dict[str, Callable[[], Reading]] = {}

    def watch(self, name: str, read: Callable[[], Reading]) -> None:
        if name not in self._rows:
            raise ValueError(f"no gauge {name!r}; there are {', '.join(self._rows)}")
        self._reads[name] = read

    def collect(self) -> Iterable[Metric]:
        """Yield what can be read now (called by the registry)."""
        for name, read in self._reads.items():
            try:
                yield _family(self._rows[name], read())
            except Exception as error:  # noqa: BLE001 -- one broken gauge must not blind the operator
                _log.warning("gauge %s could not be read: %s", name, type(error).__name__)


def _family(row: GaugeRow, reading: Reading) -> Metric:
    labels = () if row.label is None else (row.label,)
    family = GaugeMetricFamily(f"{NAMESPACE}_{row.name}", row.doc, labels=labels)
    if isinstance(reading, Mapping):
        for value, number in list(reading.items())[:MAX_LABEL_VALUES]:
            family.add_metric((_label_text(value),), number)
    else:
        family.add_metric((), reading)
    return family
