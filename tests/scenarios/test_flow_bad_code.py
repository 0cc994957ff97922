"""What flows must not do: a clear error that names the line, one person told, and every other user unharmed."""

from __future__ import annotations

import asyncio  # noqa: TID251 -- what flows must not await
import logging
import math
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import FlowLimits, OnMismatch
from sessiond.core.session.limits import SessionLimits
from sessiond.testing.world import World, open_world
from tests.scenarios.talks import Person, Stock, shop, texts_of

FAILED = ["Sorry, something went wrong. Please try again.", "[failed]"]
UNAVAILABLE = ["We cannot go on with this at the moment. Please come back later.", "[failed]"]
BRIEF = SessionLimits(window_seconds=1.0, linger_seconds=1.0)
FlowFunction = Callable[[Conversation], Awaitable[Any]]

lock = trio.Lock()
event = trio.Event()
limiter = trio.CapacityLimiter(1)


# Each flow asks, then does what it must not do on the line that is marked.


async def raises(c: Conversation) -> None:
    """Plain bug."""
    await c.ask("one", "One?")
    raise RuntimeError("0241234567 cannot pay")  # here


async def raises_first(c: Conversation) -> None:
    """Before any question."""
    raise RuntimeError("0241234567 cannot pay")  # here


async def exits(c: Conversation) -> None:
    """Ends the process, if it could."""
    await c.ask("one", "One?")
    raise SystemExit(3)  # here


async def loops(c: Conversation) -> None:
    """Talks to itself."""
    await c.ask("one", "One?")
    while True:
        await c.say("again")  # here


async def sleeps(c: Conversation) -> None:
    """Foreign: time."""
    await c.ask("one", "One?")
    await trio.sleep(1)  # here


async def waits_for_event(c: Conversation) -> None:
    """Foreign: an event."""
    await c.ask("one", "One?")
    await event.wait()  # here


async def locks(c: Conversation) -> None:
    """Foreign: a lock."""
    await c.ask("one", "One?")
    async with lock:  # here
        await c.ask("two", "Two?")


async def opens_nursery(c: Conversation) -> None:
    """Foreign: a nursery."""
    await c.ask("one", "One?")
    async with trio.open_nursery() as nursery:  # here
        nursery.start_soon(trio.sleep, 1)


async def uses_thread(c: Conversation) -> None:
    """Foreign: a thread."""
    await c.ask("one", "One?")
    await trio.to_thread.run_sync(print)  # here


async def limits(c: Conversation) -> None:
    """Foreign: a capacity limiter."""
    await c.ask("one", "One?")
    async with limiter:  # here
        await c.ask("two", "Two?")


async def checkpoints(c: Conversation) -> None:
    """Foreign: a bare checkpoint."""
    await c.ask("one", "One?")
    await trio.lowlevel.checkpoint()  # here


async def sleeps_elsewhere(c: Conversation) -> None:
    """Foreign: another library."""
    await c.ask("one", "One?")
    await asyncio.sleep(1)  # here


async def forgets_await(c: Conversation) -> None:
    """A question that nobody asks."""
    await c.ask("one", "One?")
    c.ask("two", "Two?")  # type: ignore[unused-awaitable]  # here
    await c.ask("three", "Three?")


async def forgets_last_await(c: Conversation) -> None:
    """The same at the end."""
    await c.ask("one", "One?")
    c.say("Bye.")  # type: ignore[unused-awaitable]  # here


async def swallows_its_errors(c: Conversation) -> None:
    """Tries what cannot work until it works."""
    await c.ask("one", "One?")
    while True:
        try:
            await c.ask("one", "One?")  # here
        except Exception:  # noqa: BLE001 -- this is what it does
            continue


async def repeats_key(c: Conversation) -> None:
    """One key for two questions."""
    await c.ask("one", "One?")
    await c.ask("one", "One?")  # here


async def returns_nonsense(c: Conversation) -> object:
    """What has no JSON."""
    await c.ask("one", "One?")
    return object()


async def answers_nonsense(c: Conversation) -> None:
    """An answer that has no JSON."""
    await c.ask("one", "One?", transform=lambda text: datetime(2024, 1, 1, tzinfo=UTC))  # here


async def answers_no_number(c: Conversation) -> None:
    """An answer that is not a number."""
    await c.ask("one", "One?", transform=lambda text: math.nan)  # here


BAD: list[tuple[Any, str]] = [
    (raises, "the flow raised RuntimeError"),
    (exits, "the flow raised SystemExit"),
    (loops, "took more than 100 steps in one turn"),
    (sleeps, "a flow awaits only its conversation"),
    (waits_for_event, "a flow awaits only its conversation"),
    (locks, "a flow awaits only its conversation"),
    (opens_nursery, "a flow awaits only its conversation"),
    (uses_thread, "a flow awaits only its conversation"),
    (limits, "a flow awaits only its conversation"),
    (checkpoints, "a flow awaits only its conversation"),
    (sleeps_elsewhere, "a flow awaits only its conversation"),
    (forgets_await, "await is missing"),
    (forgets_last_await, "await is missing"),
    (swallows_its_errors, "the flow went on after 100 errors"),
    (repeats_key, "the key 'one' is used twice in one run"),
    (answers_nonsense, "the answer to 'one' is of type datetime"),
    (answers_no_number, "the answer to 'one' is not a finite number"),
]


def line_of(function: Callable[..., Any]) -> str:
    """File and number of the line of *function* that is marked."""
    first = function.__code__.co_firstlineno
    source = Path(__file__).read_text().splitlines()
    number = next(n for n in range(first, len(source)) if source[n - 1].endswith("# here"))
    return f"{Path(__file__).name}:{number}"


def app_with(function: Any, **options: Any) -> App:
    """The bad flow, beside a good one."""
    app = shop(Stock())
    app.flow("bad", starts_on=["bad"], **options)(function)
    return app


async def others_go_on(world: World, bad: Person, text: str) -> Any:
    """Let the bad flow do its worst while others talk; what the bad one shows."""
    others = [Person(world, f"user{number}") for number in range(3)]
    for other in others:
        await other.say("menu")
    line = await bad.come()
    reply = line.send("flow:say", {"text": text})
    for other in others:
        assert ["How many?"] == texts_of(await other.say("1"))
    shown = await reply.get()
    for other in others:
        await other.say("2")
    await others[0].wait(5)
    for other in others:
        assert "[returned]" in texts_of(await other.say("yes"))
    cell = world.node.registry.get(line.user)
    assert cell is not None
    assert 0 == cell.restarts
    return shown


@pytest.mark.parametrize(("flow", "words"), BAD, ids=[flow.__name__ for flow, _ in BAD])
async def test_a_flow_that_does_what_it_must_not(
    flow: Any, words: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The person is told, the log names the line; the question stays, and others notice nothing."""
    async with open_world(app_with(flow)) as world:
        person = Person(world)
        await person.say("bad")
        with caplog.at_level(logging.ERROR, "sessiond.app"):
            shown = await others_go_on(world, person, "0241234567")
        again = await person.push("flow:remind", {})
        reset = await person.say("cancel")
    (record,) = caplog.records

    assert FAILED == texts_of(shown)
    assert words in record.getMessage()
    assert line_of(flow) in record.getMessage()
    assert "0241234567" not in record.getMessage()
    assert ["One?"] == texts_of(again)
    assert ["Cancelled."] == texts_of(reset)


async def test_a_flow_that_fails_before_it_asks(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """No conversation begins; the next word starts whatever it starts."""
    async with open_world(app_with(raises_first)) as world:
        person = Person(world)
        with caplog.at_level(logging.ERROR, "sessiond.app"):
            shown = await person.say("bad")
        nothing = await person.push("flow:remind", {})
        fresh = await person.say("menu")

    assert FAILED == texts_of(shown)
    assert line_of(raises_first) in caplog.text
    assert {} == nothing
    assert ["Welcome.", "What size?"] == texts_of(fresh)


async def test_a_flow_that_returns_what_cannot_be_encoded(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It has not ended: its last question stays."""
    async with open_world(app_with(returns_nonsense)) as world:
        person = Person(world)
        await person.say("bad")
        with caplog.at_level(logging.ERROR, "sessiond.app"):
            shown = await others_go_on(world, person, "1")
        again = await person.push("flow:remind", {})

    assert FAILED == texts_of(shown)
    assert "what flow 'bad' returned is of type object" in caplog.text
    assert ["One?"] == texts_of(again)


async def test_a_flow_that_runs_for_ever_without_a_person(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is stopped after its bound, and told of once; nothing calls its function after that."""
    calls: list[int] = []

    async def spins(c: Conversation) -> None:
        await c.ask("one", "One?")
        for number in range(10_000):
            await c.run(f"spin{number}", calls.append, number)

    app = app_with(spins, limits=FlowLimits(turns_without_person=50))
    async with open_world(app) as world:
        person = Person(world)
        await person.say("bad")
        with caplog.at_level(logging.ERROR, "sessiond.app"):
            await others_go_on(world, person, "1")
        await person.wait(120)
        calls_now = len(calls)
        await person.wait(300)

    assert calls_now == len(calls) <= 51
    assert "50 turns without a person" in caplog.text
    assert 1 == person.saw.count(FAILED[0])


async def test_a_flow_that_never_asks(autojump_clock: MockClock) -> None:
    """It says what it has to say, and is over."""

    async def tells(c: Conversation) -> None:
        await c.say("We are closed.")

    async with open_world(app_with(tells)) as world:
        person = Person(world)
        first, second = await person.say("bad"), await person.say("bad")

    assert ["We are closed.", "[returned]"] == texts_of(first) == texts_of(second)


async def test_a_flow_that_ends_without_a_word(autojump_clock: MockClock) -> None:
    """The person is not left before an empty screen."""

    async def silent(c: Conversation) -> None:
        await c.ask("one", "One?")

    async with open_world(app_with(silent)) as world:
        person = Person(world)
        await person.say("bad")
        shown = await person.say("1")

    assert ["Unexpected end of flow.", "[returned]"] == texts_of(shown)


async def test_a_finally_around_a_question(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It runs whenever the flow is put away, may not talk, and harms nobody; the conversation goes on after it."""
    ended: list[str] = []

    async def clings(c: Conversation) -> None:
        try:
            await c.ask("one", "One?")
            await c.ask("two", "Two?")
        finally:
            ended.append("finally")
            await c.say("You cannot leave.")

    async with open_world(app_with(clings), limits=BRIEF) as world:
        person = Person(world)
        await person.say("bad")
        await person.say("1")
        person.leave()
        with caplog.at_level(logging.ERROR, "sessiond.app"):
            await trio.sleep(60)
        resident = world.is_resident("ann")
        again = await person.push("flow:remind", {})
        shown = await others_go_on(world, person, "2")

    assert not resident
    assert ["Two?"] == texts_of(again)
    assert ["You cannot leave.", "[returned]"] == texts_of(shown)
    assert ["finally"] * 2 == ended


# What Python says when such a coroutine is freed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_except_that_swallows_everything(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A flow that will not go is left to itself after a few attempts; the actor leaves, the conversation goes on."""
    is_over: list[bool] = []

    async def stubborn(c: Conversation) -> None:
        number = 0
        while True:
            number += 1
            try:
                await c.ask(f"q{number}", f"Question {number}?")
            except BaseException:
                if is_over:  # else Python would complain when it frees the coroutine
                    raise

    async with open_world(app_with(stubborn), limits=BRIEF) as world:
        person = Person(world)
        await person.say("bad")
        person.leave()
        await trio.sleep(60)
        resident = world.is_resident("ann")
        shown = await others_go_on(world, person, "1")

    assert not resident
    assert ["Question 2?"] == texts_of(shown)
    assert "awaits in a finally or except while it is put away" in caplog.text
    is_over.append(True)


# Code that changes while people are in it


async def v1(c: Conversation) -> None:
    """Name, size, colour."""
    name = await c.ask("name", "Name?")
    size = await c.ask("size", "Size?")
    colour = await c.ask("colour", "Colour?")
    await c.say(f"{name}, {size}, {colour}.")


async def v2(c: Conversation) -> None:
    """Size before name."""
    size = await c.ask("size", "Size?")
    name = await c.ask("name", "Name?")
    colour = await c.ask("colour", "Colour?")
    await c.say(f"{name}, {size}, {colour}.")


async def changed(
    before: Any, after: Any, policy: OnMismatch, said: list[str]
) -> tuple[Any, list[str]]:
    """Answer two questions of *before*, deploy *after*, answer again; what is shown then, and all that follows."""
    async with open_world(app_with(before)) as world:
        person = Person(world)
        for text in ("bad", "Ama", "Large"):
            await person.say(text)
        world.app = app_with(after, on_mismatch=policy)
        await world.restart()
        shown = await person.say(said[0])
        for text in said[1:]:
            await person.say(text)
        return shown, person.saw


async def test_a_flow_that_is_reordered_begins_again(autojump_clock: MockClock) -> None:
    """By default, and it says so; what woke it is no answer to the question that comes then."""
    shown, saw = await changed(v1, v2, OnMismatch.RESTART, ["red", "Small", "Esi", "blue"])

    restarted = "This conversation has changed in the meantime. Let us start again."
    assert [restarted, "Size?", "[restarted]"] == texts_of(shown)
    assert "Esi, Small, blue." in saw


async def test_a_flow_that_is_reordered_goes_on_where_it_fits(autojump_clock: MockClock) -> None:
    """With ``CONTINUE`` every answer is kept, wherever its question stands now."""
    shown, saw = await changed(v1, v2, OnMismatch.CONTINUE, ["red"])

    assert "Ama, Large, red." in saw
    assert "[returned]" in texts_of(shown)


async def test_a_flow_that_is_reordered_fails(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With ``FAIL`` the record stays until somebody brings the old code back."""
    async with open_world(app_with(v1)) as world:
        person = Person(world)
        for text in ("bad", "Ama", "Large"):
            await person.say(text)
        world.app = app_with(v2, on_mismatch=OnMismatch.FAIL)
        await world.restart()
        with caplog.at_level(logging.ERROR, "sessiond.app"):
            shown = await others_go_on(world, person, "red")
        world.app = app_with(v1)
        await world.restart()
        await person.say("red")

    assert UNAVAILABLE == texts_of(shown)
    assert "flow 'bad' no longer fits the record" in caplog.text
    assert "Ama, Large, red." in person.saw


def renamed(*formerly: str) -> App:
    """The same flow under another name."""
    app = App()
    app.flow("good", starts_on=["good"], formerly=formerly)(v1)
    return app


async def test_a_flow_that_is_renamed(autojump_clock: MockClock) -> None:
    """With its former name people go on in it; without, it counts as removed until the name is given."""
    async with open_world(app_with(v1)) as world:
        person = Person(world)
        for text in ("bad", "Ama"):
            await person.say(text)
        shown = []
        for app in (renamed(), renamed("bad"), renamed("worse", "bad")):
            world.app = app
            await world.restart()
            shown.append(texts_of(await person.say("Large")))

    assert [UNAVAILABLE, ["Colour?"], ["Ama, Large, Large.", "[returned]"]] == shown


async def test_a_flow_that_is_removed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """People in it are told so and can leave it, by any word that starts another; back they go on."""
    async with open_world(app_with(v1)) as world:
        staying, leaving, moving = Person(world), Person(world, "bob"), Person(world, "eve")
        for person in (staying, leaving, moving):
            for text in ("bad", "Ama", "Large"):
                await person.say(text)
        world.app = shop(Stock())
        await world.restart()
        with caplog.at_level(logging.ERROR, "sessiond.app"):
            gone = await others_go_on(world, staying, "red")
        reset = await leaving.say("cancel")
        other = await leaving.say("menu")
        moved = await moving.say("menu")
        world.app = app_with(v1)
        await world.restart()
        await staying.say("red")

    assert UNAVAILABLE == texts_of(gone)
    assert "there is no flow 'bad'" in caplog.text
    assert re.search(r"formerly=\('bad',\)", caplog.text)
    assert ["Cancelled."] == texts_of(reset)
    assert ["Welcome.", "What size?"] == texts_of(other) == texts_of(moved)
    assert "Ama, Large, red." in staying.saw


async def test_a_flow_that_is_removed_while_its_function_runs(autojump_clock: MockClock) -> None:
    """Its result has nowhere to go for now; when the flow is back the function is called again."""
    stock = Stock(seconds=20.0)
    async with open_world(shop(stock)) as world:
        person = Person(world)
        for text in ("menu", "1", "2"):
            await person.say(text)
        world.app = app_with(v1)
        del world.app.flows["order"]
        world.app.routes = [route for route in world.app.routes if route.flow != "order"]
        await world.restart()
        gone = await person.say("hello?")
        await person.wait(60)
        world.app = shop(stock)
        await world.restart()
        await person.come()
        await person.wait(60)
        await person.push("flow:remind", {})
        await person.say("yes")
        letters = await world.dead_letters()

    assert UNAVAILABLE == texts_of(gone)
    assert "Thank you! Your reference is R-1." in person.saw
    assert 1 == len(set(stock.calls))
    assert () == letters
