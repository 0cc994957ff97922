"""The driver: detours, loops, and how a flow is put away."""

from __future__ import annotations

import contextlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.flows.faults import FlowEvicted, FlowFailed, FlowLoops, ForgottenAwait
from sessiond.core.flows.flow import FlowLimits
from sessiond.core.flows.prompts import End
from tests.core.flows.playing import begin, body, line_after, make, messages, play, rebuild, said

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sessiond.core.flows.conversation import Conversation

# Detours


async def three(c: Conversation) -> None:
    one = await c.ask("one", "One?")
    two = await c.ask("two", f"{one}, two?")
    await c.say("Nearly there.")
    what = await c.select("what", f"{one}, {two}?", ["on", "back", "first", "again", "stop"])
    match what:
        case "back":
            await c.say("Going back.")
            await c.go_back()
        case "first":
            await c.go_back("one")
        case "again":
            await c.restart()
        case "stop":
            await c.say("Stopped.")
            await c.end()
        case _:
            await c.say("Finished.")


def test_going_back_asks_the_question_before_the_last() -> None:
    """Answers before it stay; what was said before turning back is shown."""
    live, output = play(three, "a", "b", "back")

    assert ["Going back."] == messages(output)
    assert "a, two?" == body(output)
    assert {"one": "a"} == live.record.answers()
    assert "a, c?" == body(live.answer(said("c")))


def test_going_back_to_a_question_forgets_it_and_what_followed() -> None:
    """Any earlier question can be named."""
    live, output = play(three, "a", "b", "first")

    assert "One?" == body(output)
    assert {} == live.record.answers()


def test_going_back_survives_a_restart_of_the_server() -> None:
    """The record after a detour is replayed like any other."""
    live, _ = play(three, "a", "b", "back", "c", "back")
    live, nothing = rebuild(live, three)

    assert nothing is None
    assert "a, two?" == body(live.remind())
    assert ["Finished."] == messages(play_on(live, "d", "on"))


def play_on(live: Any, *texts: str) -> Any:
    outputs = [live.answer(said(text)) for text in texts]
    return outputs[-1]


def test_where_there_is_no_way_back_the_flow_goes_on() -> None:
    """``False``, in the live flow and on replay."""

    async def flow(c: Conversation) -> None:
        await c.ask("one", "One?")
        ways = [await c.go_back(), await c.go_back("nowhere")]
        await c.ask("two", f"{ways}")
        await c.ask("three", "Three?")

    live, output = play(flow, "a")
    assert "[False, False]" == body(output)
    live.answer(said("b"))

    assert "Three?" == body(rebuild(live, flow)[0].remind())


def test_a_restart_forgets_every_answer() -> None:
    """The same conversation, from its first line."""
    live, output = play(three, "a", "b", "again")

    assert "One?" == body(output)
    assert () == live.record.entries
    assert "x, two?" == body(live.answer(said("x")))


def test_an_end_is_terminal_and_the_rest_does_not_run() -> None:
    """``c.end`` never returns."""
    output = play(three, "a", "b", "stop")[1]

    assert (["Stopped."], End.ENDED) == (messages(output), output.end)


def test_an_end_without_a_word_is_an_unexpected_end() -> None:
    """Whoever waits gets a reply."""

    async def flow(c: Conversation) -> None:
        await c.end()

    assert ["Unexpected end of flow."] == messages(begin(flow)[1])


def test_a_tap_on_a_screen_of_before_the_detour_is_stale() -> None:
    """After going back the question stands on a new screen."""
    live, output = play(three, "a")
    assert output.prompt is not None
    old = output.prompt.screen
    output = play_on(live, "b", "back")

    assert output.prompt.key == "two"
    assert old != output.prompt.screen


# Loops


def test_a_flow_that_loops_in_one_turn_is_stopped() -> None:
    """A hundred new steps in a turn are a loop; the turn is rolled back."""

    async def talks(c: Conversation) -> None:
        while True:
            await c.say("and again")

    async def restarts(c: Conversation) -> None:
        await c.restart()

    async def looks_at_the_clock(c: Conversation) -> None:
        while c.now():
            pass

    async def swallows(c: Conversation) -> None:
        for _ in range(10_000):
            with contextlib.suppress(Exception):
                c.id()

    for flow in (talks, restarts, looks_at_the_clock, swallows):
        with pytest.raises(
            FlowLoops, match=r"test_driver.py:\d+: .* more than 100 steps in one turn"
        ):
            begin(flow)


def test_the_steps_of_a_turn_are_a_setting() -> None:
    """And exactly that many are fine."""

    async def flow(c: Conversation) -> None:
        for _ in range(4):
            await c.say("x")
        await c.ask("it", "What?")

    assert "What?" == body(begin(make(flow, limits=FlowLimits(steps_per_turn=5)))[1])
    with pytest.raises(FlowLoops):
        begin(make(flow, limits=FlowLimits(steps_per_turn=4)))


def test_a_long_conversation_is_no_loop() -> None:
    """Replayed steps do not count: three hundred answers are rebuilt."""

    async def flow(c: Conversation) -> None:
        for number in range(301):
            await c.say("So far so good.")
            await c.ask(f"q{number}", f"Question {number}?")

    live, output = play(flow, *("x" for _ in range(300)))

    assert "Question 300?" == body(output)
    assert "Question 300?" == body(rebuild(live, flow)[0].remind())


# Putting away


def test_putting_a_flow_away_runs_its_finally() -> None:
    """The coroutine is closed; the record stays, and the flow goes on from it elsewhere."""
    events: list[str] = []

    async def flow(c: Conversation) -> None:
        try:
            await c.ask("it", "What?")
            events.append("went on")
        finally:
            events.append("finally")

    live, _ = begin(flow)
    assert live.put_away() is None
    assert live.put_away() is None
    assert ["finally"] == events

    live, _ = rebuild(live, flow)
    live.answer(said("x"))
    assert ["finally", "went on", "finally"] == events


def test_a_question_in_a_finally_is_an_eviction() -> None:
    """``c`` is dead while the flow is put away: nothing in a finally or except can talk to the person."""
    seen: list[str] = []

    async def flow(c: Conversation) -> None:
        try:
            await c.ask("it", "What?")
        finally:
            try:
                await c.say("Good bye")
            except Exception:  # noqa: BLE001 -- shows that it is none
                seen.append("an exception")
            except FlowEvicted:
                seen.append("evicted")
                raise

    live, _ = begin(flow)

    assert live.put_away() is None
    assert ["evicted"] == seen


def test_a_finally_that_raises_is_told_and_harms_nothing() -> None:
    """Nobody waits when a flow is put away: what went wrong is returned, for telemetry."""

    async def flow(c: Conversation) -> None:
        try:
            await c.ask("it", "What?")
        finally:
            raise ValueError("secret")

    live, _ = begin(flow)
    problem = live.put_away()

    assert problem is not None
    assert "test_driver.py" in problem.where
    assert "raised ValueError" in str(problem)
    assert "secret" not in str(problem)


def test_a_flow_that_swallows_its_closing_is_closed_again() -> None:
    """``except BaseException`` around a question does not keep a flow in memory."""
    tries: list[str] = []

    async def flow(c: Conversation) -> None:
        for _ in range(3):
            try:
                await c.ask("it", "What?")
            except BaseException as error:  # noqa: BLE001 -- authors do this
                tries.append(type(error).__name__)

    live, _ = begin(flow)

    assert live.put_away() is None
    assert ["FlowEvicted", "FlowEvicted", "FlowEvicted"] == tries


async def chosen(c: Conversation, events: list[str]) -> AsyncGenerator[str, None]:
    """Ask for one thing after the other."""
    try:
        for number in range(3):
            yield await c.ask(f"it{number}", f"Number {number}?")
    finally:
        events.append("finally")


@pytest.mark.parametrize("answers", [0, 1])
def test_an_async_generator_is_put_away_with_its_flow(answers: int) -> None:
    """While it asks, and while the flow does; rebuilt, it goes on where it was, and what it is told is the same."""
    events: list[str] = []

    async def flow(c: Conversation) -> None:
        async with aclosing(chosen(c, events)) as things:
            async for thing in things:
                events.append(thing)
                if thing == "last":
                    break
                await c.ask(f"size of {thing}", f"Size of {thing}?")
        await c.say("Done.")

    live, _ = begin(flow)
    for number in range(answers):
        live.answer(said(f"hat{number}"))
    shown = live.remind()

    assert live.put_away() is None
    assert "finally" == events.pop()
    again, output = rebuild(live, flow)
    assert output is None
    assert shown == again.remind()
    for text in ("hat0", "small", "last")[answers:]:
        output = again.answer(said(text))
    assert output is not None
    assert ["Done."] == messages(output)
    assert ["last", "finally"] == events[-2:]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_generator_that_is_left_half_way_may_not_await() -> None:
    """It is closed at once, and nobody hears what it says: the flow fails on that line, and is told the remedy."""

    async def things(c: Conversation) -> AsyncGenerator[str, None]:
        try:
            yield await c.ask("it", "What?")
        finally:
            await c.say("Bye.")  # never heard

    async def flow(c: Conversation) -> None:
        async for _ in things(c):
            break
        await c.ask("after", "After?")

    live, _ = begin(flow)
    line = line_after("never heard", __file__)
    with pytest.raises(ForgottenAwait, match=rf":{line}: .*contextlib.aclosing"):
        live.answer(said("a hat"))


def test_ctrl_c_while_a_flow_is_put_away_goes_through() -> None:
    """The operator's interrupt is nobody's failure."""

    async def flow(c: Conversation) -> None:
        try:
            await c.ask("it", "What?")
        finally:
            raise KeyboardInterrupt

    live, _ = begin(flow)

    with pytest.raises(KeyboardInterrupt):
        live.put_away()


def test_an_ended_flow_is_closed_too() -> None:
    """A detour or an end runs the finally of what it leaves, once."""
    events: list[str] = []

    async def flow(c: Conversation) -> None:
        try:
            if await c.confirm("again", "Again?"):
                await c.restart()
            await c.end()
        finally:
            events.append("finally")

    live, _ = play(flow, "yes")
    assert ["finally"] == events
    live.answer(said("no"))
    assert ["finally", "finally"] == events


def test_a_finally_that_raises_on_a_detour_fails_the_turn() -> None:
    """Here somebody waits, and the record is as before."""

    async def flow(c: Conversation) -> None:
        try:
            await c.ask("it", "What?")
            await c.restart()
        finally:
            raise ValueError

    live, _ = begin(flow)
    with pytest.raises(FlowFailed, match="raised ValueError"):
        live.answer(said("x"))

    assert () == live.record.entries


@pytest.mark.parametrize(
    "function",
    [print, lambda: None, lambda c: c],
    ids=["print", "takes nothing", "plain"],
)
def test_what_is_no_async_function_is_named(function: Any) -> None:
    """A plain function, or one that takes nothing."""
    with pytest.raises(FlowFailed):
        begin(make(function))


def test_an_async_generator_is_no_flow() -> None:
    """A ``yield`` in a flow is a mistake."""

    async def flow(c: Conversation) -> Any:
        yield c

    with pytest.raises(FlowFailed, match="is not an async function"):
        begin(flow)
