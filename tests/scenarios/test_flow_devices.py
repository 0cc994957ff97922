"""One conversation, several devices; inputs that come twice, at once or too late; conversations whose time is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.snapshot import decode_snapshot
from sessiond.testing.connections import WorldError
from sessiond.testing.world import World, open_world
from tests.scenarios.talks import Person, Stock, shop, texts_of

ANN = UserId("ann")
HOME = Partition(partition_of(ANN))
MINUTES = 600.0


async def conversations(world: World) -> dict[str, bytes]:
    loaded = await world.store.load(ANN, HOME)
    return {} if loaded is None else dict(decode_snapshot(loaded.snapshot).conversations)


async def talking(world: World) -> list[str]:
    """The flows that run."""
    stored = (await conversations(world)).values()
    records = [decode_conversation(raw).flow_record for raw in stored]
    return [record.flow for record in records if record is not None]


# Devices


async def test_two_devices_answer_at_once(autojump_clock: MockClock) -> None:
    """The first answer counts. The tap of the other device belongs to a screen that is past, and is not taken."""
    async with open_world(shop(Stock())) as world:
        phone, laptop = Person(world), Person(world, device="laptop")
        screen = (await phone.say("menu"))["prompt"]["screen"]
        tap = {"choice": "l", "screen": screen}
        one, two = await phone.come(), await laptop.come()
        first, second = one.send("flow:say", tap), two.send("flow:say", tap)
        taken, refused = await first.get(), await second.get()
        await phone.say("3")
        await phone.wait(5)
        await phone.say("yes")

    assert ["How many?"] == texts_of(taken)
    assert ["! That choice belongs to an earlier question.", "How many?"] == texts_of(refused)
    assert refused["rejected"]
    assert taken["prompt"]["screen"] == refused["prompt"]["screen"]


async def test_every_device_sees_what_comes_of_a_function(autojump_clock: MockClock) -> None:
    """Nobody waits for it, so it is pushed to all; any of them may answer, once."""
    async with open_world(shop(Stock())) as world:
        phone, laptop = Person(world), Person(world, device="laptop")
        await laptop.come()
        for text in ("menu", "1", "2"):
            await phone.say(text)
        await laptop.wait(5)
        phone.look()
        answered = await laptop.say("yes")
        late = await phone.say("yes")

    assert "Order 2 s?" == phone.saw[-1]
    assert "Order 2 s?" in laptop.saw
    assert "[returned]" in texts_of(answered)
    assert {} == late, "nothing runs, and nothing takes it"


async def test_a_device_that_comes_later_asks_for_the_question(autojump_clock: MockClock) -> None:
    """It has seen nothing of the conversation."""
    async with open_world(shop(Stock())) as world:
        phone, laptop = Person(world), Person(world, device="laptop")
        await phone.say("menu")
        asked = await phone.say("1")
        shown = await laptop.push("flow:remind", {})

    assert asked == shown


# Repeats


async def test_a_repeat_gets_the_stored_reply(autojump_clock: MockClock) -> None:
    """The same id says nothing again: the question that came next is shown once more, also after a crash."""
    async with open_world(shop(Stock())) as world:
        phone = await world.join("ann")
        await phone.say("menu")
        first = await phone.push("flow:say", {"text": "1"}, input_id="m-1")
        again = await phone.push("flow:say", {"text": "1"}, input_id="m-1")
        other = await phone.push("flow:say", {"text": "something else"}, input_id="m-1")
        await world.restart()
        phone = await world.join("ann")
        late = await phone.push("flow:say", {"text": "1"}, input_id="m-1")
        shown = await phone.push("flow:remind", {})

    assert first == again == other == late == shown


async def test_a_start_that_is_repeated_starts_once(autojump_clock: MockClock) -> None:
    """The answers in between are not lost."""
    async with open_world(shop(Stock())) as world:
        phone = await world.join("ann")
        first = await phone.push("flow:start", {"flow": "order"}, input_id="m-1")
        await phone.say("1")
        again = await phone.push("flow:start", {"flow": "order"}, input_id="m-1")
        shown = await phone.push("flow:remind", {})

    assert first == again
    assert ["How many?"] == texts_of(shown)


async def test_a_refused_input_leaves_its_id_free(autojump_clock: MockClock) -> None:
    """It was not applied, so it can come again when it is right."""
    async with open_world(shop(Stock())) as world:
        phone = await world.join("ann")
        with pytest.raises(WorldError, match="there is no flow 'nothing'"):
            await phone.push("flow:start", {"flow": "nothing"}, input_id="m-1")
        shown = await phone.push("flow:start", {"flow": "order"}, input_id="m-1")

    assert ["Welcome.", "What size?"] == texts_of(shown)


# Expiry


@asynccontextmanager
async def open_brief_world(app: App) -> AsyncIterator[World]:
    """A world in which conversations are kept for ten minutes."""
    async with open_world(app) as world:
        world.flow_sessions = FlowSessionLimits(default_ttl_seconds=MINUTES)
        await world.restart()
        yield world


def timed(text: str | None) -> App:
    """A flow that waits, and says *text* when it has waited too long."""
    app = App()

    @app.flow("offer", starts_on=["offer"], on_expire=text)
    async def offer(c: Conversation) -> None:
        await c.ask("price", "Your price?")

    return app


async def test_an_expired_conversation_says_so_once(autojump_clock: MockClock) -> None:
    """When its time is over, not before, whether anybody listens or not; then nothing is left of it."""
    async with open_brief_world(timed("Your offer has lapsed.")) as world:
        person = Person(world)
        await person.say("offer")
        await person.wait(MINUTES - 60)
        early = list(person.saw)
        kept = await talking(world)
        await person.wait(120)
        late = list(person.saw)
        left = await talking(world)
        await person.wait(3 * MINUTES)
        nothing = await conversations(world)

    assert ["Your price?"] == early
    assert ["offer"] == kept
    assert ["Your price?", "Your offer has lapsed.", "[expired]"] == late == person.saw
    assert [] == left
    assert {} == nothing


async def test_an_expired_conversation_of_somebody_away(autojump_clock: MockClock) -> None:
    """It ends while he is not in memory, and over a crash; the word starts a new one."""
    async with open_brief_world(timed("Your offer has lapsed.")) as world:
        person = Person(world)
        await person.say("offer")
        person.leave()
        await trio.sleep(MINUTES / 2)
        await world.restart()
        await trio.sleep(MINUTES)
        left = await talking(world)
        resident = world.is_resident("ann")
        shown = await person.say("offer")

    assert [] == left
    assert not resident
    assert ["Your price?"] == texts_of(shown)


async def test_each_answer_gives_more_time(autojump_clock: MockClock) -> None:
    """Expiry counts from what was said last; nothing is shown when there is nothing to say."""
    async with open_brief_world(shop(Stock())) as world:
        person = Person(world)
        for text in ("menu", "nothing that fits", "Large"):
            await person.say(text)
            await person.wait(MINUTES - 60)
        saw = list(person.saw)
        await person.wait(120)

        assert [] == await talking(world)
    assert saw == person.saw
    assert "How many?" == saw[-1]


async def test_an_answer_at_the_last_moment(autojump_clock: MockClock) -> None:
    """Who speaks when the time is over speaks to nobody, even if the timer has not come yet."""
    async with open_brief_world(timed(None)) as world:
        person = Person(world)
        await person.say("offer")
        world.clock.jump(MINUTES + 1)
        shown = await person.say("100")

        assert [] == await talking(world)
    assert {} == shown


# Bounds


def long_talk() -> App:
    """A flow that remembers everything that is said."""
    app = App()

    @app.flow("talk", starts_on=["talk"])
    async def talk(c: Conversation) -> None:
        for number in range(50):
            await c.ask(f"word{number}", f"Word {number}?")

    return app


async def test_a_flow_whose_record_would_be_too_large_fails(autojump_clock: MockClock) -> None:
    """The person hears it; the record is as before, and a shorter answer is taken."""
    limits = SessionLimits(snapshot_bytes=8192)
    async with open_world(long_talk(), limits=limits) as world:
        person = Person(world)
        await person.say("talk")
        await person.say("a" * 4000)
        await person.say("b" * 3000)
        before = await conversations(world)
        failed = await person.say("c" * 4000)
        after = await conversations(world)
        shown = await person.push("flow:remind", {})
        taken = await person.say("d")
        await world.restart()
        again = await person.push("flow:remind", {})

    assert [FlowTexts().failed, "[failed]"] == texts_of(failed)
    assert before == after
    assert ["Word 2?"] == texts_of(shown)
    assert ["Word 3?"] == texts_of(taken) == texts_of(again)


def growing(calls: list[int]) -> App:
    """A function whose result does not fit beside the answer; another that is too large in any case."""
    app = App()

    def fetch(size: int) -> str:
        calls.append(size)
        return "x" * size

    @app.flow("fetch", starts_on=["fetch"])
    async def flow(c: Conversation) -> None:
        size = await c.ask("size", "How much?", parse=int)
        try:
            await c.run("fetch", fetch, size)
        except RunFailed as error:
            await c.say(error.kind)
        await c.ask("more", "Enough?")

    return app


@pytest.mark.parametrize("size", [5_000, 70_000])
async def test_a_result_that_does_not_fit_is_a_failed_run(
    size: int, autojump_clock: MockClock
) -> None:
    """The function is not called again for it: the flow is told instead of the result."""
    calls: list[int] = []
    async with open_world(growing(calls), limits=SessionLimits(snapshot_bytes=4096)) as world:
        person = Person(world)
        await person.say("fetch")
        await person.say(str(size))
        await person.wait(120)

    assert [size] == calls
    assert ["ResultTooLarge", "Enough?"] == person.saw[-2:]


async def test_flows_remember_no_more_than_they_may(autojump_clock: MockClock) -> None:
    """A session of a flow has a bound of its own, below that of the record."""
    assert FlowSessionLimits().max_bytes < SessionLimits().snapshot_bytes
    app = App()

    @app.flow("hoard", starts_on=["hoard"])
    async def hoard(c: Conversation) -> None:
        c.session.set("all", "x" * 40_000)
        await c.ask("more", "More?")

    async with open_world(app) as world:
        person = Person(world)
        shown = await person.say("hoard")

        assert {} == await conversations(world)
    assert ["Sorry, something went wrong. Please try again.", "[failed]"] == texts_of(shown)
