"""Counters of the hot path."""

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sessiond.observability.counters import Counter


def samples(counter: Counter) -> dict[tuple[str, str], float]:
    """What a scraper reads, by name and first label."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(counter)
    text = generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def test_a_counter_without_labels_begins_at_zero() -> None:
    """A scraper sees it before anything has happened, and when it began."""
    counter = Counter("beans", "Beans.", ())
    seen = samples(counter)
    assert seen["beans_total", ""] == 0
    assert seen["beans_created", ""] > 1_600_000_000

    counter.labels().value += 3
    assert samples(counter)["beans_total", ""] == 3


def test_a_labelled_counter_counts_each_set_of_values() -> None:
    """The same values are the same count; there is none before the first."""
    counter = Counter("beans", "Beans.", ("kind",))
    assert samples(counter) == {}
    counter.labels("red").value += 1
    counter.labels("red").value += 1
    counter.labels("white").value += 0.5

    assert counter.labels("red") is counter.labels("red")
    assert (samples(counter)["beans_total", "red"], samples(counter)["beans_total", "white"]) == (
        2,
        0.5,
    )
