"""Code that changes while people are in the flow: what each policy makes of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sessiond.core.flows.faults import FlowMismatch
from sessiond.core.flows.flow import Flow, OnMismatch
from sessiond.core.flows.prompts import End
from sessiond.core.flows.record import encode_record
from tests.core.flows.playing import begin, body, make, messages, play, rebuild, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessiond.core.flows.conversation import Conversation


async def old(c: Conversation) -> None:
    """Three questions, of which two are answered."""
    name = await c.ask("name", "Your name?")
    await c.say(f"Hello {name}.")
    c.now()
    age = await c.ask("age", "Your age?", parse=int)
    await c.ask("town", f"{name} ({age}), your town?")


async def reworded(c: Conversation) -> None:
    name = await c.ask("name", "What are you called?", check=lambda _: "never right")
    age = await c.ask("age", f"And how old, at {c.now()}?", parse=int)
    await c.ask("town", f"Where do you live, {name}, {age}?")


async def inserted(c: Conversation) -> None:
    name = await c.ask("name", "Your name?")
    mail = await c.ask("mail", f"Your mail, {name}?")
    c.now()
    age = await c.ask("age", "Your age?", parse=int)
    await c.ask("town", f"{name} ({age}, {mail}), your town?")


async def removed(c: Conversation) -> None:
    name = await c.ask("name", "Your name?")
    c.now()
    await c.ask("town", f"{name}, your town?")


async def reordered(c: Conversation) -> None:
    age = await c.ask("age", "Your age?", parse=int)
    name = await c.ask("name", "Your name?")
    c.now()
    await c.ask("town", f"{name} ({age}), your town?")


async def renamed(c: Conversation) -> None:
    name = await c.ask("name", "Your name?")
    c.now()
    age = await c.ask("age", "Your age?", parse=int)
    await c.ask("city", f"{name} ({age}), your city?")


async def other_kind(c: Conversation) -> None:
    name = await c.ask("name", "Your name?")
    c.now()
    age = await c.select("age", f"{name}, your age?", {1: "old", 2: "young"})
    await c.ask("town", f"{name} ({age}), your town?")


async def shorter(c: Conversation) -> None:
    name = await c.ask("name", "Your name?")
    await c.say(f"That is all, {name}.")


async def clockless(c: Conversation) -> None:
    name = await c.ask("name", "Your name?")
    age = await c.ask("age", "Your age?", parse=int)
    c.id()
    await c.ask("town", f"{name} ({age}), your town?")


async def pay() -> str:
    return "never called by the engine"


CHANGED = [inserted, removed, reordered, renamed, other_kind, shorter, clockless]


def changed(function: Callable[..., Any], policy: OnMismatch) -> Any:
    """Two answers to the old code, then the new code; returns the flow and what it shows."""
    live, _ = play(old, "Ama", "30")
    return rebuild(live, make(function, on_mismatch=policy))


def test_texts_and_checks_may_change_freely() -> None:
    """Kind and key are compared, and nothing is checked again."""
    live, output = changed(reworded, OnMismatch.FAIL)

    assert output is None
    assert "Where do you live, Ama, 30?" == body(live.remind())


@pytest.mark.parametrize("function", CHANGED, ids=lambda f: f.__name__)
def test_failing_keeps_the_record(function: Callable[..., Any]) -> None:
    """Somebody puts the old code back, and the conversation goes on."""
    live, _ = play(old, "Ama", "30")
    before = encode_record(live.record)

    with pytest.raises(FlowMismatch, match="no longer fits the record") as caught:
        rebuild(live, make(function, on_mismatch=OnMismatch.FAIL))

    assert "Ama" not in str(caught.value)
    live, output = rebuild(live, old)
    assert output is None
    assert before == encode_record(live.record)


@pytest.mark.parametrize("function", CHANGED, ids=lambda f: f.__name__)
def test_restarting_says_so_and_begins_anew(function: Callable[..., Any]) -> None:
    """The default: nobody answers a question that he was not asked."""
    live, output = changed(function, OnMismatch.RESTART)

    assert output.restarted
    assert ["This conversation has changed in the meantime. Let us start again."] == messages(
        output
    )
    assert () == live.record.entries
    assert body(begin(function)[1]) == body(output)


def test_a_mismatch_names_what_was_found() -> None:
    """An operator reads which question changed."""
    with pytest.raises(FlowMismatch, match="it holds now '' where the code has ask 'mail'"):
        changed(inserted, OnMismatch.FAIL)
    with pytest.raises(FlowMismatch, match="it waits on ask 'town' where the code has ask 'city'"):
        changed(renamed, OnMismatch.FAIL)


def test_continuing_asks_what_is_new_and_keeps_the_rest() -> None:
    """A question was put in between: only that one is asked, then the others are answered already."""
    flow = make(inserted, on_mismatch=OnMismatch.CONTINUE)
    live, output = changed(inserted, OnMismatch.CONTINUE)
    assert output.restarted
    assert ["This conversation has changed in the meantime."] == messages(output)
    assert "Your mail, Ama?" == body(output)

    live, nothing = rebuild(live, flow)
    assert nothing is None
    assert "Ama (30, a@b), your town?" == body(live.answer(said("a@b")))
    assert () == live.record.kept
    assert {"name": "Ama", "mail": "a@b", "age": 30} == live.record.answers()


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (removed, "Ama, your town?"),
        (reordered, "Ama (30), your town?"),
        (clockless, "Ama (30), your town?"),
    ],
    ids=["removed", "reordered", "clockless"],
)
def test_continuing_finds_the_waiting_question_again(
    function: Callable[..., Any], shown: str
) -> None:
    """It still waits for the same answer: the input that wakes it is that answer."""
    live, output = changed(function, OnMismatch.CONTINUE)

    assert output is None
    assert shown == body(live.remind())
    assert not live.answer(said("Accra")).rejected


def test_continuing_asks_anew_what_was_renamed_or_is_of_another_kind() -> None:
    """An answer counts only for its own question."""
    _, output = changed(renamed, OnMismatch.CONTINUE)
    assert "Ama (30), your city?" == body(output)

    _, output = changed(other_kind, OnMismatch.CONTINUE)
    assert "Ama, your age?" == body(output)


def test_continuing_ends_where_the_flow_now_ends() -> None:
    """Nothing is left to ask; what the code says at its end is shown."""
    live, output = changed(shorter, OnMismatch.CONTINUE)

    assert (["That is all, Ama."], End.RETURNED) == (messages(output), output.end)
    assert not live.is_alive


def test_a_function_that_ran_is_not_run_again_when_its_place_changes() -> None:
    """Continuing keeps results too: nobody pays twice."""

    async def before(c: Conversation) -> None:
        await c.run("pay", pay)
        await c.ask("one", "One?")

    async def after(c: Conversation) -> None:
        await c.ask("zero", "Zero?")
        paid = await c.run("pay", pay)
        await c.ask("one", f"{paid}?")

    live, output = begin(before)
    assert output.run is not None
    assert live.settle(output.run.run_id, b'"paid"')
    live.proceed()
    live, shown = rebuild(live, make(after, on_mismatch=OnMismatch.CONTINUE))
    assert "Zero?" == body(shown)

    assert "paid?" == body(live.answer(said("x")))


def test_an_answer_that_the_code_now_reads_as_another_type_does_not_fit() -> None:
    """The type is part of what is compared."""

    async def dated(c: Conversation) -> None:
        name = await c.ask("name", "Your name?", parse=int, as_type=list[int])
        await c.ask("age", f"{name}")

    _, output = changed(dated, OnMismatch.RESTART)
    assert output.restarted
    _, output = changed(dated, OnMismatch.CONTINUE)
    assert "Your name?" == body(output)


class Adult(msgspec.Struct):
    """What an author made of a number, and has become stricter about."""

    age: int

    def __post_init__(self) -> None:
        if self.age < 18:
            raise LookupError


def test_an_answer_that_the_authors_class_now_refuses_does_not_fit() -> None:
    """With whatever it raises: the policy decides."""

    async def before(c: Conversation) -> None:
        await c.ask("age", "Your age?", transform=lambda text: {"age": int(text)})
        await c.ask("town", "Your town?")

    async def after(c: Conversation) -> None:
        await c.ask("age", "Your age?", transform=lambda text: Adult(int(text)), as_type=Adult)
        await c.ask("town", "Your town?")

    live, _ = play(before, "7")
    _, output = rebuild(live, after)

    assert output is not None
    assert output.restarted
    assert "Your age?" == body(output)


def test_a_flow_that_is_not_the_same_twice_is_a_mismatch_not_a_crash() -> None:
    """Chance that is not ``c.random()`` leads to another question on replay."""
    tosses = iter([True, False, False])

    async def flow(c: Conversation) -> None:
        await c.ask("heads" if next(tosses) else "tails", "?")
        await c.ask("then", "Then?")

    live, _ = play(flow, "x")
    _, output = rebuild(live, flow)

    assert output is not None
    assert output.restarted


def test_a_mismatch_that_the_flow_swallows_is_still_one() -> None:
    """``except BaseException`` around a recorded time cannot hide it."""

    async def swallowing(c: Conversation) -> None:
        with contextlib.suppress(BaseException):
            c.now()
        await c.ask("name", "Your name?")

    with pytest.raises(FlowMismatch):
        changed(swallowing, OnMismatch.FAIL)


def test_a_policy_may_change_with_the_code() -> None:
    """What was kept for later under one policy does not stop the next."""
    live, _ = changed(inserted, OnMismatch.CONTINUE)
    strict = Flow(name="test", function=inserted, on_mismatch=OnMismatch.FAIL)
    live, nothing = rebuild(live, strict)

    assert nothing is None
    assert "Ama (30, a@b), your town?" == body(live.answer(said("a@b")))
