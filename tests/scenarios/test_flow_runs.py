"""Functions that flows run: called at least once and taken once, whatever happens to the node or the user meanwhile."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.prompts import Retries
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.ports import Store
from sessiond.core.session.limits import SessionLimits
from sessiond.runtime.cell import Standing
from sessiond.stores.memory import MemoryStore
from sessiond.testing.world import World, open_world
from tests.scenarios.talks import Person, Stock, shop, texts_of

ANN = UserId("ann")
HOME = Partition(partition_of(ANN))
BRIEF = SessionLimits(window_seconds=1.0, linger_seconds=1.0)
THANKS = "Thank you! Your reference is R-1."


async def order(person: Person) -> None:
    """Talk up to the function."""
    for text in ("menu", "1", "2"):
        await person.say(text)


async def timers_of(store: Store) -> dict[str, float | None]:
    loaded = await store.load(ANN, HOME)
    assert loaded is not None
    return {timer.name: timer.due for timer in loaded.timers}


def standing(world: World) -> Standing | None:
    cell = world.node.registry.get(ANN)
    return None if cell is None else cell.standing


# The node goes


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_function_that_a_crash_cut_off_is_called_again(
    comes_back: bool, autojump_clock: MockClock
) -> None:
    """With the same id, at the user's next activation, or by its timer when he does not come; taken once."""
    stock = Stock(seconds=10.0)
    async with open_world(shop(stock)) as world:
        person = Person(world)
        await order(person)
        await person.wait(5)
        await world.restart()
        if comes_back:
            await person.come()
            await person.wait(11)
            assert 2 == len(stock.calls)
        await trio.sleep(60)
        await person.come()
        await person.push("flow:remind", {})
        await person.say("yes")

    assert 2 == len(stock.calls)
    assert 1 == len(set(stock.calls)) == len(stock.reserved)
    assert THANKS in person.saw


async def test_many_crashes_during_one_function(autojump_clock: MockClock) -> None:
    """However often it is cut off: one id, one effect, one answer, and nobody is put into quarantine for it."""
    stock = Stock(seconds=10.0)
    async with open_world(shop(stock)) as world:
        person = Person(world)
        await order(person)
        for seconds in (1, 5, 9, 16, 3, 30, 2, 1):
            await trio.sleep(seconds)
            await world.restart()
        await trio.sleep(60)
        await person.come()
        await person.push("flow:remind", {})
        await person.say("yes")
        letters = await world.dead_letters()

    assert 1 == len(set(stock.calls)) == len(stock.reserved)
    assert THANKS in person.saw
    assert () == letters


async def test_a_result_that_was_not_durable_when_the_node_went(autojump_clock: MockClock) -> None:
    """The function has returned, but nobody knows: it is called again and gives the same."""
    stock = Stock()
    async with open_world(shop(stock)) as world:
        person = Person(world)
        await order(person)
        await trio.sleep(stock.seconds)
        await stock.returned.wait()
        world.crash()
        await world.restart()
        await person.come()
        await person.wait(5)
        await person.say("yes")

    assert 1 == len(set(stock.calls)) == len(stock.reserved)
    assert THANKS in person.saw
    assert 1 == person.saw.count("Order 2 s?")


async def test_a_drain_in_the_middle_of_a_function(autojump_clock: MockClock) -> None:
    """Nothing waits for it; the next node calls it again."""
    stock = Stock(seconds=20.0)
    async with open_world(shop(stock)) as world:
        person = Person(world)
        await order(person)
        await person.wait(5)
        report = await world.drain()
        await world.restart()
        await person.come()
        await person.wait(21)
        await person.say("yes")

    assert report.is_released
    assert () == report.unsaved
    assert 2 == len(stock.calls)
    assert 1 == len(set(stock.calls))
    assert THANKS in person.saw
    assert 1 == person.saw.count("Order 2 s?")


# The user goes


async def test_a_result_wakes_whoever_is_not_in_memory(autojump_clock: MockClock) -> None:
    """The function was called once; what the flow said then is there when the person comes."""
    stock = Stock(seconds=25.0)
    async with open_world(shop(stock), limits=BRIEF) as world:
        person = Person(world)
        await order(person)
        person.leave()
        await trio.sleep(10)
        gone = standing(world)
        await trio.sleep(30)
        await person.come()
        await person.wait(1)
        await person.say("yes")

    assert gone is None
    assert 1 == len(stock.calls)
    assert ["Order 2 s?", THANKS, "[returned]"] == person.saw[-3:]


async def test_a_result_wakes_whoever_hibernates(autojump_clock: MockClock) -> None:
    """In the reconnection window; the push is replayed to the connection that comes back."""
    stock = Stock(seconds=10.0)
    async with open_world(shop(stock)) as world:
        person = Person(world)
        await order(person)
        person.leave()
        await trio.sleep(5)
        asleep = standing(world)
        await trio.sleep(10)
        await person.come()
        await person.wait(1)
        await person.say("yes")

    assert Standing.HIBERNATED is asleep
    assert 1 == len(stock.calls)
    assert ["Order 2 s?", THANKS, "[returned]"] == person.saw[-3:]


async def test_who_was_away_for_long_is_asked_on_demand(autojump_clock: MockClock) -> None:
    """Pushes are not kept for ever; the conversation is."""
    async with open_world(shop(Stock()), limits=BRIEF) as world:
        person = Person(world)
        await order(person)
        person.leave()
        await trio.sleep(3600)
        phone = await person.come()
        shown = await person.push("flow:remind", {})
        await person.say("yes")

    assert [] == phone.pushes
    assert ["Order 2 s?"] == texts_of(shown)
    assert THANKS in person.saw


# The timer behind it


async def test_the_timer_stands_behind_a_function_as_long_as_it_runs(
    autojump_clock: MockClock,
) -> None:
    """It is set anew when it finds the function under way, calls nothing twice, and is gone with the result."""
    stock, store = Stock(seconds=28.0), MemoryStore()
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        await person.say("menu")
        before = await timers_of(store)
        await person.say("1")
        await person.say("2")
        first = await timers_of(store)
        await person.wait(20)
        second = await timers_of(store)
        await person.wait(10)
        after = await timers_of(store)
        world.crash()

    assert "$runs" not in before
    assert first["$runs"] is not None
    assert second["$runs"] is not None
    assert 14 < second["$runs"] - first["$runs"] < 17
    assert "$runs" not in after
    assert 1 == len(stock.calls)


async def test_the_timer_wakes_nobody_for_good(autojump_clock: MockClock) -> None:
    """A user whose function takes long is looked after, and put away again."""
    stock = Stock(seconds=29.0)
    async with open_world(shop(stock), limits=BRIEF) as world:
        person = Person(world)
        await order(person)
        person.leave()
        await trio.sleep(20)
        assert not world.is_resident("ann")
        await trio.sleep(60)
        assert not world.is_resident("ann")

    assert 1 == len(stock.calls)


# The conversation goes


@pytest.mark.parametrize("word", ["cancel", "menu"])
async def test_a_result_that_nobody_waits_for_any_more(
    word: str, autojump_clock: MockClock
) -> None:
    """A reset word ended the flow, or it was begun anew: the result is dropped, and the new one goes its way."""
    stock, store = Stock(seconds=10.0), MemoryStore()
    async with open_world(shop(stock, interrupts=True), store=store) as world:
        person = Person(world)
        await order(person)
        await person.say(word)
        phone = await person.come()
        await person.wait(20)
        timers = await timers_of(store)

    assert [] == phone.pushes
    assert "$runs" not in timers
    assert 1 == len(stock.calls)


async def test_a_result_after_everything_was_erased(autojump_clock: MockClock) -> None:
    """The person asked to be forgotten: no record comes back, and nothing is left of the conversation."""
    stock, store = Stock(seconds=10.0), MemoryStore()
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        await order(person)
        await world.operations.stop_session(ANN, reason="forget me", erase=True)
        erased = await store.load(ANN, HOME)
        journal = await store.journal(ANN, HOME)
        await trio.sleep(60)
        late = await store.load(ANN, HOME)
        resident = world.is_resident("ann")

    assert 1 == len(stock.reserved)
    assert erased is None
    assert () == journal
    assert late is None
    assert not resident


async def test_a_result_after_the_end_of_the_session(autojump_clock: MockClock) -> None:
    """An operator ended it; the conversation is kept with the record, and goes on when the person is back."""
    stock = Stock(seconds=10.0)
    async with open_world(shop(stock)) as world:
        person = Person(world)
        await order(person)
        await world.operations.stop_session(ANN, reason="over", erase=False)
        await trio.sleep(20)
        await person.come()
        await person.push("flow:remind", {})
        await person.say("yes")

    assert 1 == len(stock.calls)
    assert THANKS in person.saw


async def test_a_result_of_somebody_whom_the_app_does_not_know_any_more(
    autojump_clock: MockClock,
) -> None:
    """After a crash his function is called once more, its result is kept, and nothing is called again after that."""
    stock, known = Stock(seconds=10.0), {ANN}
    app = shop(stock)

    @app.load_user
    async def load(user: str) -> str | None:
        return user if user in known else None

    async with open_world(app, store=MemoryStore()) as world:
        await order(Person(world))
        known.clear()
        await trio.sleep(1)
        world.crash()
        await world.restart()
        await trio.sleep(600)
        known.add(ANN)
        person = Person(world)
        await person.push("flow:remind", {})
        await person.say("yes")

    assert 2 == len(stock.calls)
    assert THANKS in person.saw


async def test_a_version_without_flows_forgets_no_function(autojump_clock: MockClock) -> None:
    """A deploy was taken back for a while: no dead letter, and the function is called when its flow is there again."""
    stock, store, without = Stock(seconds=10.0), MemoryStore(), App()

    @without.on("ping")
    async def ping(_: object) -> None:
        """Make it an app."""

    async with open_world(shop(stock), store=store) as world:
        await order(Person(world))
        world.crash()
    async with open_world(without, store=store) as world:
        await trio.sleep(600)
        letters = await world.dead_letters()
    async with open_world(shop(stock), store=store) as world:
        await trio.sleep(3700)
        timers = await timers_of(store)
        person = Person(world)
        await person.push("flow:remind", {})
        await person.say("yes")

    assert () == letters
    assert 2 == len(stock.calls)
    assert "$runs" not in timers
    assert THANKS in person.saw


# Failing functions


def failing(policy: Retries, calls: list[float]) -> App:
    """An app whose function fails, and whose flow deals with it."""
    app = App()

    async def pay() -> None:
        calls.append(trio.current_time())
        raise OSError("0241234567 has no money")

    @app.flow("pay", starts_on=["pay"])
    async def flow(c: Conversation) -> None:
        try:
            await c.run("pay", pay, retries=policy)
        except RunFailed as error:
            await c.say(f"That did not work ({error.kind}).")
        await c.ask("again", "What now?")

    return app


async def test_a_function_that_fails_is_the_flows_to_deal_with(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """After all its attempts the flow is told, and goes on; the author finds the cause in the log, once."""
    calls: list[float] = []
    policy = Retries(attempts=3, first_wait_seconds=1.0)
    with caplog.at_level(logging.ERROR, "sessiond.app"):
        async with open_world(failing(policy, calls)) as world:
            person = Person(world)
            await person.say("pay")
            await person.wait(30)
            await world.restart()
            again = await person.push("flow:remind", {})

    assert 3 == len(calls)
    assert ["[pending]", "That did not work (OSError).", "What now?"] == person.saw[:3]
    assert "What now?" == texts_of(again)[-1]
    assert 1 == len(caplog.records)


async def test_a_function_that_knows_its_conversation_ends_nobody_else(
    autojump_clock: MockClock,
) -> None:
    """The flow handed it its conversation, and was put away: the function fails, the node lives."""
    app = App()

    async def misuse(c: Conversation) -> str:
        await trio.sleep(10)
        return c.user_id

    @app.flow("misuse", starts_on=["go"])
    async def flow(c: Conversation) -> None:
        try:
            await c.run("misuse", misuse, c, retries=Retries(attempts=1))
        except RunFailed as error:
            await c.say(error.kind)

    async with open_world(app, limits=BRIEF) as world:
        person = Person(world)
        await person.say("go")
        person.leave()
        await trio.sleep(60)
        other = Person(world, "bob")
        shown = await other.say("go")
        await person.come()
        await person.wait(1)

    assert ["[pending]"] == texts_of(shown)
    assert "FlowEvicted" in person.saw
