"""What comes of what a person said is too large to be kept: the flow fails, he hears it, its author reads the line."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.conversations.journal_query import JournalQuery
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.gateways.arrivals import StatusUpdate
from sessiond.core.gateways.outgoing import Outgoing
from sessiond.core.ids import UserId, partition_of
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.snapshot import decode_snapshot
from sessiond.runtime.journals import journal_page
from sessiond.stores.memory import MemoryStore
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import (
    ANN,
    NUMBER,
    USSD,
    accept,
    ask,
    deliveries,
    heard,
    told,
    whatsapp,
)
from tests.runtime.hearing import hearing
from tests.scenarios.talks import Person, texts_of
from tests.scenarios.test_commit_limits import Shrinking, messages

LIMIT = 6000
SMALL = SessionLimits(snapshot_bytes=4096)
FAILED = FlowTexts().failed
SHOP = whatsapp()


def telling(*, failed: str = FAILED, ends: bool = False) -> App:
    """A flow that keeps a name, and says as many letters as it is told to."""
    app = App()

    @app.flow("tell", starts_on=["tell"], texts=FlowTexts(failed=failed))
    async def flow(c: Conversation) -> None:
        await c.ask("name", "What?")
        size = await c.ask("size", "How much?", parse=int)
        await c.say("y" * size)
        if ends:
            return
        await c.ask("more", "Enough?")

    @app.flow("long")
    async def long(c: Conversation) -> None:
        c.session.set("all", "z" * 8000)
        await c.ask("more", "Long enough?")

    @app.on_webhook("begin", wait=True)
    async def begin(session: Session, payload: Any) -> None:
        session.start_flow(payload, via="shop", to=NUMBER)

    return app


def sent(outgoing: Sequence[Outgoing]) -> list[str]:
    """The texts of what is sent to the person, in order."""
    return [told(one)["text"]["body"] for one in outgoing if "text" in told(one)]


def line_of(text: str) -> str:
    """File and line of *telling* on which *text* is."""
    lines, first = inspect.getsourcelines(telling)
    (found,) = [first + index for index, line in enumerate(lines) if text in line]
    return f"{__file__}:{found}"


async def write(world: World, *texts: str, session: str = "m") -> None:
    """Send *texts* on WhatsApp, one after the other."""
    for text in texts:
        await accept(world, heard(text, SHOP), "shop", f"{session}-{text[:20]}")
        await world.settle()


async def errors_of(world: World, user: UserId = ANN) -> list[str]:
    """What the journal has of flows that failed."""
    page = await journal_page(world.store, user, JournalQuery())
    return [entry.error for entry in page.entries if entry.event == JournalEvent.FLOW_ERROR]


async def conversations(world: World) -> Any:
    loaded = await world.store.load(ANN, partition_of(ANN))
    return {} if loaded is None else decode_snapshot(loaded.snapshot).conversations


async def test_a_flow_that_says_too_much_for_a_commit_fails(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The person hears it, journal and log name the line it had come to, and he goes on from where he was."""
    store = MemoryStore(max_commit_bytes=LIMIT)
    async with open_world(telling(), accounts=(SHOP,), store=store) as world:
        await write(world, "tell", "Ann")
        with hearing("commit.too_large") as refused:
            await write(world, "5900")
            await trio.sleep(120)
        (error,) = await errors_of(world)
        letters = await world.dead_letters(ANN)
        await world.restart()
        await trio.sleep(120)
        await write(world, "7")
        said = sent(await deliveries(world))

    assert ["What?", "How much?", FAILED, "yyyyyyy", "Enough?"] == said
    assert error.startswith(f"{line_of('Enough?')}: ")
    assert error.endswith(f" bytes; the bound is {LIMIT})")
    assert f"flow failed: {error}" in messages(caplog)
    assert (1, ()) == (len(refused), letters)


async def test_a_flow_that_ends_with_too_much_fails_where_it_begins(
    autojump_clock: MockClock,
) -> None:
    """It waits at no line any more; its question stays."""
    store = MemoryStore(max_commit_bytes=LIMIT)
    async with open_world(telling(ends=True), accounts=(SHOP,), store=store) as world:
        await write(world, "tell", "Ann", "5900", "7")
        (error,) = await errors_of(world)
        said = sent(await deliveries(world))

    assert ["What?", "How much?", FAILED, "yyyyyyy"] == said
    assert error.startswith(f"{line_of('starts_on=')}: ")


async def test_a_conversation_beyond_the_bound_of_snapshots_fails(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is asked of the store for it; how large it was and what the bound is are told."""
    async with open_world(telling(), accounts=(SHOP,), limits=SMALL) as world:
        with hearing("commit.too_large") as refused:
            await write(world, "tell", "A" * 4090, "Ann", "7")
        (error,) = await errors_of(world)
        letters = await world.dead_letters(ANN)
        said = sent(await deliveries(world))

    assert ["What?", FAILED, "How much?", "yyyyyyy", "Enough?"] == said
    assert error.startswith(f"{line_of('How much?')}: ")
    assert error.endswith(" bytes; the bound is 4096)")
    assert f"flow failed: {error}" in messages(caplog)
    assert ([], ()) == (list(refused), letters)


async def test_of_two_inputs_that_wait_only_the_large_one_fails(autojump_clock: MockClock) -> None:
    """What the person said after it is taken as if he had heard that already."""
    store = Shrinking(MemoryStore(max_commit_bytes=LIMIT))
    async with open_world(telling(), accounts=(SHOP,), store=store) as world:
        await write(world, "tell", "Ann")
        store.hold("commit")
        for text in ("none", "5900", "7"):
            await accept(world, heard(text, SHOP), "shop", text)
        store.let_go("commit")
        await trio.sleep(120)
        letters = await world.dead_letters(ANN)
        left = await world.store.pending(partition_of(ANN))
        said = sent(await deliveries(world))

    assert FAILED in said
    assert ["yyyyyyy", "Enough?"] == said[said.index(FAILED) + 1 :]
    assert ((), ()) == (letters, left)


async def test_what_was_acknowledged_waits_for_room(autojump_clock: MockClock) -> None:
    """Where the store takes nothing at all the input stays, also over a restart, and its turn ends as any other's."""
    store = Shrinking(MemoryStore())
    async with open_world(telling(), accounts=(SHOP,), store=store) as world:
        await write(world, "tell", "Ann")
        store.largest = 40
        with hearing("commit.too_large") as refused:
            await write(world, "5900")
            await trio.sleep(300)
        quarantined = world.operations.stats().quarantined
        world.crash()
        store.largest = LIMIT
        await world.restart()
        await trio.sleep(120)
        letters = await world.dead_letters(ANN)
        said = sent(await deliveries(world))

    assert 1 == quarantined
    assert len(refused) < 50
    assert ["What?", "How much?", FAILED] == said
    assert () == letters


async def test_where_the_failure_does_not_fit_it_is_a_dead_letter(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the line all the same; the person goes on from where he was."""
    store = MemoryStore(max_commit_bytes=LIMIT)
    app = telling(failed="z" * LIMIT)
    async with open_world(app, accounts=(SHOP,), store=store) as world:
        await write(world, "tell", "Ann", "5900")
        await trio.sleep(120)
        (letter,) = await world.dead_letters(ANN)
        await write(world, "7")
        said = sent(await deliveries(world))

    assert ["What?", "How much?", "yyyyyyy", "Enough?"] == said
    assert "the session would be too large" in letter.error
    assert any(line_of("Enough?") in line for line in messages(caplog))


async def test_a_phone_is_shown_the_failure(autojump_clock: MockClock) -> None:
    """On the page that its dial waits for; the next dial goes on."""
    async with open_world(telling(), accounts=(USSD,), limits=SMALL) as world:
        await ask(world, "tell", begins=True)
        page = await ask(world, "A" * 4090)
        errors = await errors_of(world)

    assert (FAILED, True) == (page.text, page.ends)
    assert 1 == len(errors)


async def test_a_phone_is_shown_the_failure_of_a_commit(autojump_clock: MockClock) -> None:
    """Also where it was the store that refused."""
    store = MemoryStore(max_commit_bytes=LIMIT)
    async with open_world(telling(), accounts=(USSD,), store=store) as world:
        await ask(world, "tell", begins=True)
        await ask(world, "Ann")
        page = await ask(world, "5900")
        errors = await errors_of(world)

    assert (FAILED, True) == (page.text, page.ends)
    assert 1 == len(errors)


async def test_a_client_is_shown_the_failure_of_a_commit(autojump_clock: MockClock) -> None:
    """The reply to what he said is marked as failed, and the question that waited waits."""
    store = MemoryStore(max_commit_bytes=4000)
    async with open_world(telling(), store=store) as world:
        person = Person(world)
        await person.say("tell")
        failed = await person.say("A" * 4090)
        shown = await person.say("Ann")
        errors = await errors_of(world, UserId("ann"))

    assert [FAILED, "[failed]"] == texts_of(failed)
    assert ["How much?"] == texts_of(shown)
    assert 1 == len(errors)


async def test_a_flow_that_the_app_begins_fails_silently(autojump_clock: MockClock) -> None:
    """Nobody is told but its author, and everything is as it was."""
    async with open_world(telling(), accounts=(SHOP,), limits=SMALL) as world:
        await write(world, "tell")
        before = await conversations(world)
        await world.call_webhook(ANN, "long", name="begin")
        after = await conversations(world)
        (error,) = await errors_of(world)
        said = sent(await deliveries(world))

    assert ["What?"] == said
    assert before == after
    assert error.startswith(f"{line_of('Long enough?')}: ")


async def test_a_status_that_is_too_large_is_no_flows_failure(autojump_clock: MockClock) -> None:
    """What the app's hook makes of it is the hook's: a dead letter, after one call of it."""
    calls: list[str] = []
    app = telling()

    @app.on_delivery
    async def hook(session: Session, update: Any) -> None:
        calls.append(update.message_id)
        session.data["all"] = "x" * LIMIT

    store = MemoryStore(max_commit_bytes=LIMIT)
    async with open_world(app, accounts=(SHOP,), store=store) as world:
        await write(world, "tell")
        status = StatusUpdate(id="wamid.1", recipient=NUMBER, state="read")
        await accept(world, status, "shop", "status-1")
        await trio.sleep(120)
        letters = await world.dead_letters(ANN)
        errors = await errors_of(world)

    assert ["wamid.1"] == calls
    assert (1, []) == (len(letters), errors)
