"""Histograms of our own count and print like the library's."""

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric

from sessiond.observability.histograms import Histogram, Tally

BOUNDS = (0.1, 1.0, 2.5)


def samples(family: Metric) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for one in family.samples
        if not one.name.endswith("_created")
    }


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 10)), max_size=30))
def test_what_is_scraped_is_what_the_library_would_say(seen: list[tuple[str, float]]) -> None:
    """Names, buckets, sums and counts are those of prometheus_client for the same observations."""
    registry = prometheus_client.CollectorRegistry()
    theirs = prometheus_client.Histogram("h", "doc", ["kind"], buckets=BOUNDS, registry=registry)
    ours = Histogram("h", "doc", ("kind",), BOUNDS)
    for kind, value in seen:
        theirs.labels(kind).observe(value)
        ours.labels(kind).observe(value)
    (family,) = ours.collect()
    (expected,) = registry.collect()
    assert samples(family) == samples(expected)


def test_a_histogram_without_labels_is_there_before_anything_was_seen() -> None:
    """A dashboard sees zero, not a gap."""
    (family,) = Histogram("h", "doc", (), BOUNDS).collect()
    assert samples(family)["h_count", ()] == 0


def test_a_value_on_a_bound_is_in_its_bucket() -> None:
    """``le`` means less or equal."""
    tally = Tally(BOUNDS)
    tally.observe(0.1)
    tally.observe(99)
    assert tally.counts == [1, 0, 0, 1]
