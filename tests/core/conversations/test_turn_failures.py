"""Flows that fail, and code that changes (sessiond/core/conversations/turn.py)."""

from typing import Any

import pytest
import trio

from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import FlowMismatch, InvalidAnswer
from sessiond.core.flows.flow import Flow, OnMismatch
from sessiond.core.flows.texts import FlowTexts
from tests.core.conversations.talking import Person

FAILED = FlowTexts().failed
UNAVAILABLE = FlowTexts().unavailable
BUSY = FlowTexts().busy


def reserve(*_args: object) -> str:
    raise AssertionError("a test settles runs by hand")


async def order(c: Conversation) -> str:
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    count = await c.ask("count", "How many?", parse=int)
    await c.say(f"{count} of {size}.")
    return "done"


async def stock(c: Conversation) -> None:
    await c.ask("what", "What?")
    await c.say("I will look.")
    found = await c.run("look", reserve)
    await c.say(f"Found {found}.")
    name = await c.ask("name", "Your name?")
    await c.say(f"Bye, {name}.")


async def fragile(c: Conversation) -> None:
    text = await c.ask("text", "Say it.", check=_check)
    if text == "raise":
        raise LookupError("the secret")
    await c.say("good")


def _check(text: str) -> str | None:
    if text == "check":
        raise TypeError("the secret")
    if text == "no":
        raise InvalidAnswer("not that")
    return None


@pytest.mark.parametrize("text", ["raise", "check"])
def test_a_flow_that_raises_leaves_the_question(text: str) -> None:
    """The person is told, the author finds the line, nothing is stored, and the next answer is taken."""
    person = Person(fragile)
    person.say("fragile")
    before = person.stored
    taken = person.say(text)

    assert FAILED == person.reads
    assert person.stored is before
    assert taken.error is not None
    assert __file__ in str(taken.error)
    (told,) = person.told_with("flow.execution.error")
    assert "test_turn_failures.py" in told.error
    assert "secret" not in told.error
    person.say("fine")
    assert "good" == person.reads


def test_a_flow_that_raises_at_its_start() -> None:
    """There is no conversation, and what it says goes in the flow's own words."""

    async def broken(c: Conversation) -> None:
        await c.say("so far")
        raise LookupError

    person = Person(Flow(name="broken", function=broken, texts=FlowTexts(failed="Oh no.")))
    taken = person.say("broken")

    assert ("Oh no.", {}) == (person.reads, person.stored)
    assert taken.error is not None
    assert "broken" == taken.flow


def test_a_flow_that_raises_at_its_opener() -> None:
    """A dial that answers the first question wrongly is one act: there is no conversation."""
    person = Person(fragile, platform="ussd")
    person.say("raise")

    assert (FAILED, {}) == (person.reads, person.stored)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_flow_that_raises_after_its_function(restarts: bool) -> None:
    """The result is kept: the function is not called again, and fixed code goes on from there."""
    broken = True

    async def late(c: Conversation) -> None:
        found = await c.run("look", reserve)
        if broken:
            raise LookupError
        name = await c.ask("name", f"{found}. Your name?")
        await c.say(f"Bye, {name}.")

    person = Person(late)
    person.say("late")
    taken = person.settle("two pairs")
    assert taken is not None
    assert (FAILED, True, None) == (person.reads, taken.is_push, taken.run)
    assert person.record.waiting is None
    if restarts:
        person.restart()
    person.say("hello?")
    assert FAILED == person.reads
    assert [] == person.resume()
    broken = False
    person.say("again?")
    assert "two pairs. Your name?" == person.reads
    person.say("Ama")

    assert "Bye, Ama." == person.reads


def test_a_failure_that_nobody_saw() -> None:
    """Where we cannot speak first it is kept, and the question after it can be reached."""

    async def late(c: Conversation) -> None:
        await c.run("look", reserve)
        raise LookupError

    person = Person(late, platform="http", waits=5.0)
    person.say("late")
    person.settle(1, waits=0.0)
    assert "" == person.reads
    person.say("hello?")

    assert FAILED in person.reads


def test_a_flow_that_is_gone() -> None:
    """The person is told; a reset word starts something else; nothing was forgotten before that."""
    person = Person(order)
    person.say("order")
    before = dict(person.stored)
    person.code(fragile)
    person.say("s")
    assert (UNAVAILABLE, before) == (person.reads, person.stored)
    assert (UNAVAILABLE, before) == ((person.remind(), person.reads)[1], person.stored)
    person.say("menu")

    assert "Say it." == person.reads


def test_a_flow_that_is_gone_during_a_run() -> None:
    """Every input says so, and the function is not called."""
    person = Person(stock)
    person.say("stock")
    person.say("shoes")
    run = person.taken.run
    person.code(order)
    taken = person.say("hello?")

    assert (UNAVAILABLE, None) == (person.reads, taken.run)
    assert [None] == [one.output for one in person.resume()]
    assert person.settle("x", run=run) is not None
    assert UNAVAILABLE == person.reads


def test_a_flow_that_has_another_name_now() -> None:
    """What runs goes on under the new one."""
    person = Person(order)
    person.say("order")
    person.code(Flow(name="purchase", function=order, formerly=("order",)))
    person.say("s")

    assert "How many?" == person.reads


def test_code_that_no_longer_fits() -> None:
    """By the flow's policy: it begins anew and says so, or fails and keeps its record."""

    async def other(c: Conversation) -> None:
        await c.ask("color", "What color?")

    person = Person(order)
    person.say("order")
    person.code(Flow(name="order", function=other))
    person.say("s")
    assert person.reads.endswith("Let us start again.\n\nWhat color?")
    assert "flow.execution.restart" in person.told()

    strict = Person(order)
    strict.say("order")
    before = dict(strict.stored)
    strict.code(Flow(name="order", function=other, on_mismatch=OnMismatch.FAIL))
    taken = strict.say("s")
    assert (UNAVAILABLE, before) == (strict.reads, strict.stored)
    assert isinstance(taken.error, FlowMismatch)


def test_a_flow_that_fails_when_it_is_rebuilt_during_a_run() -> None:
    """Whoever speaks is told; nothing is lost, and code that works again goes on."""
    broken = False

    async def fragile_run(c: Conversation) -> None:
        if broken:
            raise LookupError
        found = await c.run("look", reserve)
        await c.say(f"Found {found}.")

    person = Person(fragile_run)
    person.say("fragile_run")
    run, before = person.taken.run, person.stored
    broken = True
    person.restart()
    taken = person.say("hello?")
    assert (FAILED, None, False) == (person.reads, taken.run, taken.busy)
    assert person.stored is before
    broken = False
    person.settle("it", run=run)

    assert "Found it." == person.reads


# Flows that do what no flow may


async def loops(c: Conversation) -> None:
    while True:
        await c.say("again")


async def sleeps(_c: Conversation) -> None:
    await trio.sleep(1)


async def waits_for_an_event(_c: Conversation) -> None:
    await trio.Event().wait()


async def opens_a_nursery(_c: Conversation) -> None:
    async with trio.open_nursery():
        pass


async def takes_a_thread(_c: Conversation) -> None:
    await trio.to_thread.run_sync(print)


async def forgets_to_await(c: Conversation) -> None:
    c.say("lost")  # type: ignore[unused-awaitable]
    await c.ask("x", "X?")


async def asks_twice(c: Conversation) -> None:
    await c.say("first")
    for _ in range(2):
        await c.run("same", reserve)


async def returns_what_cannot_be_kept(_c: Conversation) -> object:
    return object()


async def returns_at_once(_c: Conversation) -> None:
    pass


async def waits_in_finally(c: Conversation) -> None:
    try:
        raise LookupError
    finally:
        await c.ask("x", "X?")


async def exits(_c: Conversation) -> None:
    raise SystemExit


BAD = [
    loops, sleeps, waits_for_an_event, opens_a_nursery, takes_a_thread, forgets_to_await,
    returns_what_cannot_be_kept, exits,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_flows_that_do_what_no_flow_may(bad: Any) -> None:
    """The person is told, the author finds flow and line, and the next flow runs as if nothing had been."""
    person = Person(order, bad)
    taken = person.say(bad.__name__)

    assert (FAILED, {}) == (person.reads, person.stored)
    assert taken.error is not None
    assert any(known in str(taken.error) for known in (__file__, bad.__name__))
    person.say("order")
    assert person.reads.startswith("What size?")


def test_a_flow_that_asks_one_key_twice() -> None:
    """It fails when it does, not before."""
    person = Person(asks_twice)
    person.say("asks_twice")
    assert "first" == person.reads
    person.settle(1)

    assert FAILED == person.reads


def test_a_flow_that_says_nothing() -> None:
    """The person is told that it has ended."""
    person = Person(returns_at_once)
    person.say("returns_at_once")

    assert (FlowTexts().unexpected_end, {}) == (person.reads, person.stored)


def test_a_question_in_a_finally() -> None:
    """It is asked; when the flow is put away there, that is said and harms nobody else."""
    person = Person(waits_in_finally, order)
    person.say("waits_in_finally")
    assert "X?" == person.reads
    person.say("menu")
    person.say("order", flow="order")
    person.restart()

    assert person.conversations.put_away() == []
    assert person.say("s").error is None
