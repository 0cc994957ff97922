"""The dialogue: turns of conversations as an actor makes them, for doors that wait and doors that push."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.core.conversations.inputs import Said, Settled
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import Refused
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.ids import Partition, UserId, input_digest, partition_of
from sessiond.core.session.limits import SessionLimits
from sessiond.runtime.dialogue import CONVERSATIONS_TIMER, RUNS_TIMER
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.scenarios.talks import Person, Stock, shop, texts_of

ANN = UserId("ann")
HOME = Partition(partition_of(ANN))
DIAL = ChannelFacts(platform="ussd", gateway="nalo", request_id="dial-1", user_id="ann")


def said(text: str = "", *, waits: float = 0.0, **more: Any) -> Said:
    return Said(DIAL, Answer(text=text), waits_seconds=waits, **more)


async def ask(world: World, item: Said | Settled) -> Any:
    """What a waiting door is answered."""
    return msgspec.json.decode(await world.ref("ann").ask(item, timeout=60))


async def timers(world: World) -> dict[str, float]:
    loaded = await world.store.load(ANN, HOME)
    assert loaded is not None
    return {timer.name: timer.due - world.clock.now() for timer in loaded.timers if timer.due}


async def test_a_door_waits_for_what_comes_of_a_function(autojump_clock: MockClock) -> None:
    """Within its budget: one answer, of the turn that the result made."""
    stock = Stock(seconds=2.0)
    async with open_world(shop(stock)) as world:
        for text in ("menu", "1"):
            await ask(world, said(text, waits=5.0))
        began = trio.current_time()
        shown = await ask(world, said("2", waits=5.0))

    assert ["Order 2 s?"] == texts_of(shown)
    assert 2.0 == trio.current_time() - began


async def test_a_door_whose_time_is_over_is_told_that_it_is_pending(
    autojump_clock: MockClock,
) -> None:
    """What comes later waits for the next input: this platform is not spoken to first. No function is called twice."""
    stock = Stock(seconds=20.0)
    async with open_world(shop(stock)) as world:
        phone = await world.join("ann")
        for text in ("menu", "1"):
            await ask(world, said(text))
        began = trio.current_time()
        pending = await ask(world, said("2", waits=5.0))
        waited = trio.current_time() - began
        busy = await ask(world, said("hello?", waits=5.0))
        await trio.sleep(30)
        shown = await ask(world, said(reminds=True))
        done = await ask(world, said("yes"))

    assert ["One moment, please.", "[pending]"] == texts_of(pending)
    assert 5.0 == waited
    assert ["One moment, please.", "[busy]"] == texts_of(busy)
    assert ["Order 2 s?"] == texts_of(shown)
    assert "[returned]" in texts_of(done)
    assert [] == phone.pushes
    assert 1 == len(stock.calls)


async def test_what_is_shown_to_a_door_reaches_it_however_slow_the_store(
    autojump_clock: MockClock,
) -> None:
    """Its time ends while the turn that answers it is written: it gets the question, which nobody else will see."""
    store = FaultyStore(MemoryStore())
    async with open_world(shop(Stock(seconds=4.9)), store=store) as world:
        for text in ("menu", "1"):
            await ask(world, said(text))
        shown: list[Any] = []

        async def wait_for_it() -> None:
            shown.append(await ask(world, said("2", waits=5.0)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_it)
            await trio.sleep(1)
            store.hold("commit")
            await store.wait_held("commit")
            await trio.sleep(0.5)
            store.let_go("commit")

    assert ["Order 2 s?"] == texts_of(shown[0])


async def test_what_was_not_seen_is_not_answered(autojump_clock: MockClock) -> None:
    """The first input after it shows it; the question that it shows is for the next."""
    async with open_world(shop(Stock(seconds=3.0))) as world:
        for text in ("menu", "1", "2"):
            await ask(world, said(text))
        await trio.sleep(10)
        first = await ask(world, said("yes"))
        second = await ask(world, said("yes"))

    assert ["Order 2 s?"] == texts_of(first)
    assert "[returned]" in texts_of(second)


async def test_who_speaks_meanwhile_does_not_wait(autojump_clock: MockClock) -> None:
    """One door waits for the function; another is told at once that it runs."""
    async with open_world(shop(Stock(seconds=4.0))) as world:
        for text in ("menu", "1"):
            await ask(world, said(text))
        shown: list[Any] = []

        async def wait_for_it() -> None:
            shown.append(await ask(world, said("2", waits=10.0)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_it)
            await trio.sleep(1)
            began = trio.current_time()
            busy = await ask(world, said("hello?", waits=10.0))
            waited = trio.current_time() - began

    assert 0.0 == waited
    assert ["One moment, please.", "[busy]"] == texts_of(busy)
    assert ["Order 2 s?"] == texts_of(shown[0])


async def test_the_end_of_the_node_answers_who_waits(autojump_clock: MockClock) -> None:
    """A drain does not wait for functions."""
    async with open_world(shop(Stock(seconds=20.0))) as world:
        for text in ("menu", "1"):
            await ask(world, said(text))
        shown: list[Any] = []

        async def wait_for_it() -> None:
            shown.append(await ask(world, said("2", waits=30.0)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_it)
            await trio.sleep(1)
            await world.drain()

    assert ["One moment, please.", "[pending]"] == texts_of(shown[0])


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_repeat_of_an_input_whose_door_waited(
    autojump_clock: MockClock, restarts: bool
) -> None:
    """Its answer came in a later turn, and may have been the last one: the repeat reads the same."""
    async with open_world(courier()) as world:
        digest = input_digest("chat", "m-1")
        first = await ask(world, said("fetch", waits=25.0, digest=digest))
        if restarts:
            await world.restart()
        again = await ask(world, said("fetch", waits=25.0, digest=digest))

    assert ["Here is a parcel.", "[returned]"] == texts_of(first)
    assert first == again


async def test_a_repeat_while_the_function_runs(autojump_clock: MockClock) -> None:
    """Or after the door had given up: the repeat is told that it is one, and nothing is called twice."""
    stock = Stock(seconds=20.0)
    async with open_world(shop(stock)) as world:
        for text in ("menu", "1"):
            await ask(world, said(text))
        digest = input_digest("chat", "m-1")
        first = await ask(world, said("2", waits=5.0, digest=digest))
        during = await ask(world, said("2", waits=5.0, digest=digest))
        await trio.sleep(30)
        after = await ask(world, said("2", waits=5.0, digest=digest))
        seen = await ask(world, said(reminds=True))

    assert ["One moment, please.", "[pending]"] == texts_of(first)
    assert {"duplicate": True} == during == after
    assert ["Order 2 s?"] == texts_of(seen)
    assert 1 == len(stock.calls)


async def test_a_result_that_nobody_waits_for_changes_nothing(autojump_clock: MockClock) -> None:
    """Of another conversation, of an earlier run, or of a user who has no record: answered, and no write is made."""
    async with open_world(shop(Stock())) as world:
        nobody = await ask(world, Settled("key", "run", b"1"))
        record = await world.store.load(ANN, HOME)
        key = (await ask(world, said("menu")))["conversation"]
        before = await world.store.load(ANN, HOME)
        stale = await ask(world, Settled(key, "run", RunFailed("Late", "too late")))
        after = await world.store.load(ANN, HOME)

    assert {} == nobody == stale
    assert record is None
    assert before == after


async def test_a_missing_fact_is_the_doors_mistake(autojump_clock: MockClock) -> None:
    """A key cannot be made, or the flow is unknown: refused, and nothing is kept."""
    async with open_world(shop(Stock())) as world:
        with pytest.raises(Refused, match="request_id") as missing:
            await ask(
                world, Said(ChannelFacts(platform="ussd", gateway="nalo"), Answer(text="menu"))
            )
        with pytest.raises(Refused, match="there is no flow 'nothing'") as unknown:
            await ask(world, said(flow="nothing"))

        assert await world.store.load(ANN, HOME) is None
    assert {"bad_request"} == {missing.value.code, unknown.value.code}


async def test_an_app_without_flows(autojump_clock: MockClock) -> None:
    """Says so."""
    async with open_world(App()) as world:
        with pytest.raises(Refused, match="this app has no flows") as refused:
            await ask(world, said("menu"))

    assert "unknown_event" == refused.value.code


# Timers


async def test_the_timers_follow_the_conversations(autojump_clock: MockClock) -> None:
    """One for the first that expires, one while a function runs, none without conversations."""
    async with open_world(shop(Stock(seconds=5.0))) as world:
        await ask(world, said("menu"))
        talking = await timers(world)
        await ask(world, said("1"))
        await ask(world, said("2"))
        running = await timers(world)
        await trio.sleep(10)
        asked = await timers(world)
        await ask(world, said(reminds=True))
        await ask(world, said("yes"))
        over = await timers(world)

    assert {CONVERSATIONS_TIMER} == talking.keys() == asked.keys()
    assert {CONVERSATIONS_TIMER, RUNS_TIMER} == running.keys()
    assert {} == over


async def test_the_first_expiry_counts(autojump_clock: MockClock) -> None:
    """A conversation that is kept for a short time does not wait for one that is kept for long."""
    app = shop(Stock(), on_expire="It is over.")
    limits = FlowSessionLimits(ttl_seconds={"ussd": 60.0}, default_ttl_seconds=3000.0)
    async with open_world(app, limits=SessionLimits(window_seconds=1.0)) as world:
        world.flow_sessions = limits
        await world.restart()
        person = Person(world)
        await person.say("menu")
        long = await timers(world)
        await ask(world, said("menu"))
        short = await timers(world)
        await person.wait(100)
        late = await timers(world)
        answered = await person.say("1")

    assert 3000 == pytest.approx(long[CONVERSATIONS_TIMER], abs=1)
    assert 60 == pytest.approx(short[CONVERSATIONS_TIMER], abs=1)
    assert 2900 == pytest.approx(late[CONVERSATIONS_TIMER], abs=5)
    assert ["How many?"] == texts_of(answered)


# Failures


def faulty() -> App:
    """A flow whose function returns what makes it fail, each time it is told."""
    app = App()

    @app.flow("fail", starts_on=["fail"])
    async def fail(c: Conversation) -> None:
        await c.run("nothing", lambda: None)
        raise ZeroDivisionError

    return app


async def test_a_flow_that_fails_with_a_result_is_told_once(autojump_clock: MockClock) -> None:
    """The person hears of it, the function is not called again, and a new word starts anew."""
    async with open_world(faulty()) as world:
        person = Person(world)
        await person.say("fail")
        await person.wait(60)
        left = await timers(world)
        again = await person.say("hello")
        reset = await person.say("cancel")

    assert [
        "[pending]",
        "Sorry, something went wrong. Please try again.",
        "[failed]",
    ] == person.saw[:3]
    assert RUNS_TIMER not in left
    assert ["Sorry, something went wrong. Please try again.", "[failed]"] == texts_of(again)
    assert ["Cancelled."] == texts_of(reset)


async def test_a_result_that_leads_to_what_cannot_be_sent(autojump_clock: MockClock) -> None:
    """That is the flow's failure as well: the function is called once, whatever its flow makes of it."""
    app, calls = App(), list[float]()

    async def charge() -> None:
        calls.append(trio.current_time())

    @app.flow("pay", starts_on=["pay"])
    async def pay(c: Conversation) -> None:
        await c.run("charge", charge)
        await c.select("receipt", "Receipt?", {"y": "\ud800"})

    async with open_world(app) as world:
        person = Person(world)
        await person.say("pay")
        await person.wait(120)

    assert [0.0] == calls
    assert "[failed]" == person.saw[-1]


async def test_failing_flows_put_nobody_into_quarantine(autojump_clock: MockClock) -> None:
    """However often: no restart of the actor, no dead letter."""
    app = App()

    @app.flow("fail", starts_on=["fail"])
    async def fail(c: Conversation) -> None:
        raise ZeroDivisionError

    async with open_world(app) as world:
        person = Person(world)
        for _ in range(40):
            shown = await person.say("fail")
            assert shown["failed"]
        cell = world.node.registry.get(ANN)
        letters = await world.dead_letters()

    assert cell is not None
    assert 0 == cell.restarts
    assert () == letters


# Who is away


def courier() -> App:
    """A flow whose function takes its time, and which ends with what it brings."""
    app = App()

    async def ride() -> str:
        await trio.sleep(20)
        return "a parcel"

    @app.flow("fetch", starts_on=["fetch"])
    async def fetch(c: Conversation) -> str:
        brought = await c.run("ride", ride)
        await c.say(f"Here is {brought}.")
        return "fetched"

    return app


async def test_what_came_while_the_person_was_away(autojump_clock: MockClock) -> None:
    """Hours later, to a client that knows nothing: a reminder shows the text and the end, until he speaks."""
    async with open_world(courier()) as world:
        person = Person(world)
        await person.say("fetch")
        person.leave()
        await person.wait(7200)
        phone = await world.join("ann", device="another")
        first = await phone.push("flow:remind", {})
        phone.drop()
        await world.restart()
        person = Person(world, device="a third")
        again = await person.push("flow:remind", {})
        await person.say("thanks")
        later = await person.push("flow:remind", {})

    assert ["Here is a parcel.", "[returned]"] == texts_of(first)
    assert ("fetch", "fetched") == (first["flow"], first["result"])
    assert first == again
    assert {} == later
