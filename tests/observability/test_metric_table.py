"""The table of metrics."""

import pytest

from sessiond.observability.metric_rows import MetricKind, MetricRow
from sessiond.observability.metric_table import GAUGES, METRICS
from sessiond.telemetry import EVENTS
from tests.sources import said_outside


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_every_metric_is_fed_by_fields_that_exist(row: MetricRow) -> None:
    """Its event is declared, so are the measurement and the labels, and the unit is in the name."""
    event = EVENTS[row.event]

    assert set(row.labels) <= set(event.metadata)
    assert row.measurement is None or row.measurement in event.measurements
    if row.kind is not MetricKind.COUNTER:
        assert row.measurement is not None
        unit = event.measurements[row.measurement]
        assert row.name.endswith("_seconds") == (unit == "seconds")


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_buckets_belong_to_histograms(row: MetricRow) -> None:
    """Nothing else has any."""
    assert bool(row.buckets) == (row.kind is MetricKind.HISTOGRAM)


def test_no_label_names_what_grows() -> None:
    """Users, connections, partitions and timer names are never labels."""
    labels = {label for row in METRICS for label in row.labels}

    assert labels.isdisjoint({"user", "connection", "partition", "name", "uid"})


def test_names_are_unique() -> None:
    """No two rows make the same metric."""
    names = [row.name for row in METRICS] + [row.name for row in GAUGES]

    assert len(names) == len(set(names))


def test_every_gauge_has_a_reader() -> None:
    """What the reference lists can be fetched: the server reads each of them."""
    said = said_outside("observability/metric_table.py")

    assert [row.name for row in GAUGES if row.name not in said] == []
