"""Messages to people while providers, the store and the node fail: how often each is sent, and what is told of it."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
from attrs import evolve
from trio.testing import MockClock
from typing_extensions import override

from sessiond import App, DeliveryUpdate, Session
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.core.gateways.port import ScreenLimits
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.providers import Exchange, answer, open_provider
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import ANN, NUMBER, deliveries
from tests.scenarios.server_process import ServerProcess
from tests.scenarios.test_gateways import said, write

Act = Callable[[], Awaitable[ProviderResponse]]


class Meta:
    """A provider: it does what is scripted, then takes what comes; *took*: every message that it has, in order."""

    def __init__(self, *script: Act) -> None:
        self.script = deque(script)
        self.took: list[str] = []

    async def __call__(self, call: ProviderCall, seconds: float) -> ProviderResponse:
        self.took.append(msgspec.json.decode(call.body)["text"]["body"])
        return await (self.script.popleft() if self.script else taken)()


async def taken() -> ProviderResponse:
    return ProviderResponse(status=200, body=b'{"messages":[{"id":"wamid.1"}]}')


async def taken_late() -> ProviderResponse:
    await trio.sleep(60)
    return await taken()


async def taken_in_other_words() -> ProviderResponse:
    return ProviderResponse(status=200, body=b"<html>Thank you</html>")


def news(updates: list[str]) -> App:
    """An app that sends what a webhook says, and notes what becomes of it."""
    app = App()

    @app.on_webhook("news")
    async def send(session: Session, texts: list[str]) -> None:
        for text in texts:
            session.send(text, via="shop", to=NUMBER)

    @app.on_delivery
    async def on_delivery(session: Session, update: DeliveryUpdate) -> None:
        updates.append(update.state)

    return app


class AlwaysOpen(WhatsApp):
    """A number that people may be written to at any time."""

    @property
    @override
    def limits(self) -> ScreenLimits:
        return evolve(super().limits, window_seconds=None)


SHOP = Account(
    "shop",
    AccountSettings(gateway="whatsapp"),
    AlwaysOpen(
        WhatsAppSettings(
            phone_number_id="1", access_token="t", verify_token="v", app_secrets=("s",)
        )
    ),
)


@asynccontextmanager
async def open_shop(
    meta: Meta, updates: list[str], store: FaultyStore | None = None
) -> AsyncIterator[World]:
    app = news(updates)
    with trio.fail_after(7 * 86_400):
        async with open_world(app, accounts=(SHOP,), call=meta, store=store) as world:
            yield world


async def until_sent(world: World) -> None:
    """Let more time pass than eight tries take."""
    await trio.sleep(600)
    assert [] == await deliveries(world)


async def test_a_crash_between_the_answer_and_our_commit_sends_once_more(
    autojump_clock: MockClock,
) -> None:
    """That message alone, and once: at least once, and no oftener than there are such crashes. The order stays."""
    updates: list[str] = []
    store = FaultyStore(MemoryStore())

    async def taken_while_the_store_stands_still() -> ProviderResponse:
        store.hold("commit")
        return await taken()

    meta = Meta(taken, taken_while_the_store_stands_still)
    async with open_shop(meta, updates, store) as world:
        await world.webhook(ANN, ["one", "two", "three"], name="news")
        await store.wait_held("commit")
        before = list(meta.took)
        world.crash()
        store.let_go("commit")
        await world.restart()
        await until_sent(world)

    assert ["one", "two"] == before
    assert ["one", "two", "two", "three"] == meta.took
    # The second one's handler ran in both, and only the last is durable.
    assert 3 <= updates.count("sent") <= 4


async def test_a_server_killed_before_it_commits_the_answer_sends_once_more(
    short_tmp_path: Path,
) -> None:
    """``kill -9`` of a real process: the provider has the first message; the next server sends that one again."""
    async with open_provider() as provider:
        server = ServerProcess(
            f"sqlite:///{short_tmp_path}/store.db",
            short_tmp_path,
            module="tests.scenarios.gateway_server",
            arguments=[provider.url],
        )
        killed = trio.Event()

        async def taken_by_the_provider_alone(exchange: Exchange) -> None:
            server.send_signal(signal.SIGSTOP)
            await answer(200, {"messages": [{"id": "wamid.1"}]})(exchange)
            server.kill()
            killed.set()

        provider.script(taken_by_the_provider_alone)
        try:
            with trio.fail_after(60):
                await server.start()
                assert 200 == (await write(server, "hi", "wamid.a"))[0]
                await killed.wait()
                await server.start()
                assert 200 == (await write(server, "hi", "wamid.a"))[0]  # Meta repeats it
                assert 200 == (await write(server, "Ann", "wamid.b"))[0]
                asked = await provider.wait_calls(4)
        finally:
            server.kill()

    assert ["Welcome.", "Welcome.", "What is your name?", "Is it Ann?"] == [
        said(one.body) for one in asked
    ]


async def test_an_answer_that_comes_after_our_time_is_none(autojump_clock: MockClock) -> None:
    """The provider had it: the person gets it twice, the app hears of it once, and what follows stays behind it."""
    updates: list[str] = []
    meta = Meta(taken_late)
    async with open_shop(meta, updates) as world:
        await world.webhook(ANN, ["one", "two"], name="news")
        await until_sent(world)

    assert ["one", "one", "two"] == meta.took
    assert ["sent", "sent"] == updates


async def test_a_provider_that_answers_nothing_we_can_read_does_not_flood_a_person(
    autojump_clock: MockClock,
) -> None:
    """It says 200 each time: after eight the message is a dead letter, which an operator may send again."""
    updates: list[str] = []
    meta = Meta(*[taken_in_other_words] * 8)
    async with open_shop(meta, updates) as world:
        await world.webhook(ANN, ["one", "two"], name="news")
        await until_sent(world)
        (letter,) = await world.dead_letters()
        count = len(meta.took)
        await world.operations.retry_dead_letter(letter.id)
        await until_sent(world)

    assert ["one"] * 8 + ["two"] == meta.took[:count]
    assert ["one"] == meta.took[count:]
    assert "200: accepted, but the answer cannot be read; sent 8 times" == letter.error
    assert ["failed", "sent", "sent"] == updates


@pytest.mark.parametrize("restarts", [False, True])
async def test_nothing_of_a_stopped_account_is_lost(
    restarts: bool, autojump_clock: MockClock
) -> None:
    """Also what is asked for meanwhile; it leaves in order once an operator says so, or the node is new."""
    updates: list[str] = []

    async def refused() -> ProviderResponse:
        return ProviderResponse(status=401, body=b'{"error":{"code":190}}')

    meta = Meta(refused)
    async with open_shop(meta, updates) as world:
        await world.webhook(ANN, ["one"], name="news")
        await trio.sleep(60)
        await world.webhook(ANN, ["two", "three"], name="news")
        await trio.sleep(3600)
        (row,) = world.operations.gateways()
        tried = list(meta.took)
        if restarts:
            await world.restart()
        else:
            world.operations.resume_gateway("shop")
        await until_sent(world)

    assert ["one"] == tried
    assert (row.waiting, "190" in row.stopped) == (3, True)
    assert ["one", "one", "two", "three"] == meta.took
    assert ["sent"] * 3 == updates
