"""Reference pages made from the tables."""

from sessiond.observability.metric_table import GAUGES, METRICS
from sessiond.observability.reference import metrics_markdown, telemetry_markdown
from sessiond.telemetry import EVENTS


def test_the_page_of_events_lists_each_once() -> None:
    """One row per event under the head, with fields, units and level."""
    lines = telemetry_markdown().splitlines()

    assert len(lines) == 2 + len(EVENTS)
    assert (
        "| `turn.failed` | A turn failed and was rolled back. | `duration`: seconds "
        "| `user`: user, `kind`: str, `error`: str | error |"
    ) in lines


def test_a_type_with_a_bar_does_not_split_its_cell() -> None:
    """Every row has the same number of cells."""
    for line in telemetry_markdown().splitlines():
        assert line.replace("\\|", "").count("|") == 6


def test_the_page_of_metrics_lists_each_once() -> None:
    """Names as a scraper sees them."""
    lines = metrics_markdown().splitlines()

    assert len(lines) == 2 + len(METRICS) + 1 + len(GAUGES)
    assert any(line.startswith("| `sessiond_turns_failed_total` | counter |") for line in lines)
    assert any(line.startswith("| `sessiond_sessions` | gauge |") for line in lines)
