"""The page about watching flows is true."""

import re
from typing import Any

import pytest
from trio.testing import MockClock

from sessiond import App, Conversation, telemetry
from sessiond.observability.metric_rows import MetricKind
from sessiond.observability.metric_table import METRICS
from sessiond.observability.metrics import MAX_FLOWS, MAX_LABEL_VALUES
from sessiond.testing.world import open_world
from tests.docs.pages import DOCS, captioned

PAGE = "howto/flow-metrics.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")

#: What a scraper makes of a histogram.
PARTS = ("_bucket", "_count", "_sum", "")


def scraped() -> set[str]:
    """Every name that ``GET /metrics`` may show, as queries write it."""
    names = set()
    for row in METRICS:
        name = f"sessiond_{row.name}"
        match row.kind:
            case MetricKind.COUNTER:
                names.add(f"{name}_total")
            case MetricKind.HISTOGRAM:
                names |= {name + part for part in PARTS}
            case MetricKind.GAUGE:
                names.add(name)
    return names


def test_every_metric_on_the_page_exists() -> None:
    """Also those in queries, with the labels that they have."""
    used = set(re.findall(r"\bsessiond_[a-z_]+", TEXT))

    assert used - scraped() == set()
    labels = {label for row in METRICS for label in row.labels} | {"le"}
    assert set(re.findall(r"\{(\w+)=", TEXT)) <= labels


def test_every_event_on_the_page_exists() -> None:
    """The right column of the table of events names nothing else; every event of flows is on the page."""
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", TEXT.split("| FlowChat's counter")[0], re.MULTILINE)
    named = {name for _, ours in rows for name in re.findall(r"`([a-z]+\.[a-z_]+)`", ours)}

    assert named <= telemetry.EVENTS.keys()
    flows = ("flow.", "message.", "answer.", "conversation.", "run.", "pagination.", "media.")
    assert {name for name in telemetry.EVENTS if name.startswith(flows)} <= named


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    """32 values of a label, 256 of flow."""
    assert f"after {MAX_LABEL_VALUES} values of a label ({MAX_FLOWS} of" in TEXT


async def test_the_listener_hears_what_it_says(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints a line for an answer that was refused."""
    app = App()

    @app.flow("order", takes_everything=True)
    async def order(c: Conversation) -> None:
        await c.ask("count", "How many?", parse=int)

    names: dict[str, Any] = {}
    exec(captioned(PAGE, "refused.py"), names)
    try:
        async with open_world(app) as world:
            phone = await world.join("ama")
            await phone.say("hello")
            await phone.say("a few")
    finally:
        names["detach"]()

    assert capsys.readouterr().out == "refused in order on websocket\n"
