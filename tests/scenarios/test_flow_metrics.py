"""What an operator reads of flows, from the doors to ``GET /metrics``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sessiond import App, Conversation
from sessiond.core.flows.prompts import Retries
from sessiond.observability.metrics import Metrics
from sessiond.testing.world import World, open_world

if TYPE_CHECKING:
    from trio.testing import MockClock

WAY = {"platform": "websocket", "gateway": "websocket"}


class Read:
    """What a scraper has read."""

    def __init__(self, metrics: Metrics) -> None:
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(  # type: ignore[no-untyped-call]
                metrics.render()[1].decode()
            )
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        key = (f"sessiond_{name}", frozenset(labels.items()))
        return float(self.samples.get(key, 0.0))


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    metrics = Metrics()
    detach = metrics.open()
    yield metrics
    detach()


def pay(count: int) -> str:
    if count > 100:
        raise ValueError("no such stock")
    return "paid"


def shop() -> App:
    app = App()

    @app.flow("order", takes_everything=True)
    async def order(c: Conversation) -> None:
        count = await c.ask("count", "How many?", parse=int)
        c.session.set("last", count)
        await c.run("pay", pay, count, retries=Retries(attempts=1))
        again = await c.confirm("again", "Paid. Remember it?")
        if not again:
            c.session.destroy()

    return app


async def say(world: World, *texts: str) -> Any:
    phone = await world.join("ama")
    shown: Any = None
    for text in texts:
        shown = await phone.say(text)
        await world.settle()
    return shown


async def test_a_flow_from_its_start_to_its_end(
    autojump_clock: MockClock, metrics: Metrics
) -> None:
    """Begun, an answer refused, a function called, ended after a minute; each counted once, with its way."""
    async with open_world(shop()) as world:
        await say(world, "hello", "a few", "2")
        await trio.sleep(60)
        await say(world, "no")

    read = Read(metrics)
    assert read("flows_started_total", flow="order", platform="websocket") == 1
    assert read("flows_ended_total", flow="order", outcome="completed") == 1
    assert read("flow_seconds_count", flow="order") == 1
    assert 60 <= read("flow_seconds_sum", flow="order") < 61
    assert read("answers_refused_total", flow="order") == 1
    assert read("messages_received_total", **WAY, type="text") == 4
    assert read("messages_sent_total", **WAY, type="prompt") == 3
    assert read("runs_total", outcome="success") == 1
    assert read("run_seconds_count", flow="order") == 1
    assert read("flow_sessions_created_total", **WAY) == 1
    assert read("flow_sessions_destroyed_total", **WAY) == 1
    assert read("flows_failed_total", flow="order", error="RunFailed") == 0


async def test_a_flow_that_fails_is_reset_or_expires(
    autojump_clock: MockClock, metrics: Metrics
) -> None:
    """A failure by its class; a reset word, and time, end what runs."""
    async with open_world(shop()) as world:
        await say(world, "hello", "1000")
        await say(world, "menu")
        world.clock.jump(8 * 86_400)
        await trio.sleep(60)

    read = Read(metrics)
    assert read("runs_total", outcome="failure") == 1
    assert read("flows_failed_total", flow="order", error="RunFailed") >= 1
    assert read("conversations_reset_total", platform="websocket") == 1
    assert read("flows_ended_total", flow="order", outcome="reset") == 1
    assert read("flows_ended_total", flow="order", outcome="expired") == 1
    assert read("conversations_expired_total", platform="websocket") >= 1
    assert read("flow_seconds_bucket", flow="order", le="172800.0") == 1


async def test_another_life_and_other_code(autojump_clock: MockClock, metrics: Metrics) -> None:
    """After a crash a flow is rebuilt; when its code has changed, it begins anew."""
    async with open_world(shop()) as world:
        await say(world, "hello")
        world.crash()
        await world.restart()
        await say(world, "2")
        read = Read(metrics)
        assert read("flows_rebuilt_total", flow="order") == 1
        assert read("flows_restarted_total", flow="order") == 0

        changed = App()

        @changed.flow("order", takes_everything=True)
        async def order(c: Conversation) -> None:
            await c.ask("color", "What color?")

        world.crash()
        world.app = changed
        await world.restart()
        shown = await say(world, "yes")
        assert shown["prompt"]["text"] == "What color?"

    read = Read(metrics)
    assert read("flows_restarted_total", flow="order") == 1
    assert read("flows_started_total", flow="order", platform="websocket") == 1


async def test_what_was_rolled_back_is_not_counted(
    autojump_clock: MockClock, metrics: Metrics
) -> None:
    """Telemetry leaves with the turn's other effects: not before it is durable."""
    async with open_world(shop()) as world:
        await say(world, "hello")
        phone = await world.join("ama")
        phone.send("flow:say", {"text": "2"})
        world.crash()
        await world.settle()

        assert Read(metrics)("messages_received_total", **WAY, type="text") == 1
