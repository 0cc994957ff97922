"""A flow of a passive user costs no memory: its coroutine is closed, and nothing of it waits for the collector."""

from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import CoroutineType

import pytest
import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.core.conversations.conversations import Conversations
from sessiond.core.conversations.live_flows import LiveFlows
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.driver import FlowDriver
from sessiond.core.flows.engine import LiveFlow
from sessiond.core.session.limits import SessionLimits
from sessiond.testing.world import World, open_world
from tests.scenarios.talks import Person, Stock, shop

BRIEF = SessionLimits(window_seconds=1.0, linger_seconds=1.0)
PER_FLOW = (Conversation, Conversations, FlowDriver, LiveFlow, LiveFlows)

Leave = Callable[[World, Person], Awaitable[None]]


async def stay_away(world: World, person: Person) -> None:
    """Until the session has left memory."""
    person.leave()
    await trio.sleep(60)
    assert not world.is_resident(person.name)


async def hibernate(world: World, person: Person) -> None:
    """The session stays, its actor does not."""
    person.leave()
    await trio.sleep(0.5)
    assert world.is_resident(person.name)


async def crash(world: World, person: Person) -> None:
    """The node goes."""
    world.crash()
    await world.settle()


async def drain(world: World, person: Person) -> None:
    """The node leaves."""
    await world.drain()


async def end(world: World, person: Person) -> None:
    """The flow comes to its end, while its user stays."""
    for text in ("Large", "2"):
        await person.say(text)
        await person.wait(10)
    await person.say("no")


async def cancel(world: World, person: Person) -> None:
    """A reset word."""
    await person.say("cancel")


async def expire(world: World, person: Person) -> None:
    """An operator ends the session."""
    await world.operations.stop_session(person.phone.user, reason="over", erase=True)  # type: ignore[union-attr]
    await trio.sleep(1)


LEAVES = [stay_away, hibernate, crash, drain, end, cancel, expire]


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def coroutines() -> int:
    """How many coroutines of the flow are in memory."""
    return sum(
        isinstance(one, CoroutineType) and one.__name__ == "order" for one in gc.get_objects()
    )


@pytest.mark.parametrize("leave", LEAVES)
async def test_nothing_of_a_flow_is_left(leave: Leave, autojump_clock: MockClock) -> None:
    """Whatever ended it: neither the coroutine nor what drove it is in memory, and none of it is in a cycle."""
    async with open_world(shop(Stock()), limits=BRIEF) as world:
        person = Person(world)
        with without_collector():
            await person.say("menu")
            assert 1 == coroutines()
            await leave(world, person)
            left = [one for one in gc.get_objects() if type(one) in PER_FLOW[2:4]]

            assert 0 == coroutines()
            assert [] == left


def with_finally(ended: list[str]) -> App:
    """A flow with a ``finally`` around its questions."""
    app = App()

    @app.flow("order", starts_on=["menu"])
    async def order(c: Conversation) -> None:
        try:
            await c.ask("one", "One?")
            await c.ask("two", "Two?")
        finally:
            ended.append("finally")

    return app


@pytest.mark.parametrize("leave", [stay_away, hibernate, crash, drain, cancel])
async def test_the_finally_of_a_flow_runs_when_it_is_put_away(
    leave: Leave, autojump_clock: MockClock
) -> None:
    """Once for each coroutine, in time."""
    ended: list[str] = []
    async with open_world(with_finally(ended), limits=BRIEF) as world:
        person = Person(world)
        await person.say("menu")
        await person.say("1")
        before = list(ended)
        await leave(world, person)

        assert [] == before
        assert ["finally"] == ended


async def test_many_users_leave_no_trace(autojump_clock: MockClock) -> None:
    """Fifty people in the middle of a conversation, and after a while none of it is in memory."""
    async with open_world(shop(Stock()), limits=BRIEF) as world:
        people = [Person(world, f"user{number}") for number in range(50)]
        with without_collector():
            for person in people:
                await person.say("menu")
                await person.say("1")
            live = coroutines()
            for person in people:
                person.leave()
            await trio.sleep(60)
            left = [type(one).__name__ for one in gc.get_objects() if type(one) in PER_FLOW]

            assert 50 == live
            assert 0 == coroutines()
            assert [] == left


async def test_a_flow_that_is_rebuilt_replaces_the_one_before(autojump_clock: MockClock) -> None:
    """Never two coroutines of one conversation."""
    async with open_world(shop(Stock())) as world:
        person = Person(world)
        with without_collector():
            await person.say("menu")
            for text in ("menu", "Large", "none", "-1"):
                await person.say(text)

                assert 1 == coroutines()


async def test_a_run_holds_its_arguments_only_while_it_runs(autojump_clock: MockClock) -> None:
    """What a function was called with, and the function itself, are let go of with its result."""
    app = App()
    held: list[weakref.ref[object]] = []

    @app.flow("order", starts_on=["menu"])
    async def order(c: Conversation) -> None:
        class Basket:
            def fill(self) -> int:
                return 1

        basket = Basket()
        held.append(weakref.ref(basket))
        await c.run("fill", basket.fill)
        del basket
        await c.ask("more", "More?")

    async with open_world(app) as world:
        person = Person(world)
        await person.say("menu")
        await person.wait(1)
        gc.collect()

        assert "More?" in person.saw
        assert [None] == [one() for one in held]


def test_a_flow_is_a_plain_coroutine_function() -> None:
    """So what is counted above is what an author wrote."""
    assert inspect.iscoroutinefunction(shop(Stock()).flows["order"].function)
