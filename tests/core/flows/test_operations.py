"""A forgotten ``await``: noticed whatever the flow does next, and named by its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.flows.faults import ForgottenAwait
from tests.core.flows.playing import begin, line_after, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessiond.core.flows.conversation import Conversation


async def then_asks(c: Conversation) -> None:
    c.ask("a", "A?")  # type: ignore[unused-awaitable]  # then_asks
    await c.ask("b", "B?")


async def then_ends(c: Conversation) -> None:
    c.say("Thank you!")  # type: ignore[unused-awaitable]  # then_ends


async def in_a_condition(c: Conversation) -> None:
    if c.confirm("sure", "Sure?"):  # in_a_condition
        await c.say("Done.")  # type: ignore[unreachable]


async def in_a_loop(c: Conversation) -> None:
    number = 0
    while c.confirm(f"more-{number}", "More?"):  # in_a_loop
        number += 1  # type: ignore[unreachable]


async def before_a_detour(c: Conversation) -> None:
    c.say("Bye")  # type: ignore[unused-awaitable]  # before_a_detour
    await c.end()


async def swallowed(c: Conversation) -> None:
    c.say("lost")  # type: ignore[unused-awaitable]  # swallowed
    try:
        await c.ask("b", "B?")
    except Exception:  # noqa: BLE001 -- authors do this
        return


async def late(c: Conversation) -> None:
    a = c.ask("a", "A?")  # late
    b = c.ask("b", "B?")
    await a
    await b


FORGETFUL = [
    then_asks,
    then_ends,
    in_a_condition,
    in_a_loop,
    before_a_detour,
    swallowed,
    late,
]


@pytest.mark.parametrize("flow", FORGETFUL, ids=lambda flow: flow.__name__)
def test_a_forgotten_await_fails_the_flow_and_names_the_line(flow: Callable[..., Any]) -> None:
    """The line is the one that forgot, not the one where it was noticed."""
    line = line_after(flow.__name__, __file__)

    with pytest.raises(ForgottenAwait, match=rf"{re.escape(__file__)}:{line}: await is missing"):
        begin(flow)


def test_awaiting_the_same_question_twice_is_an_error() -> None:
    """One call asks once."""

    async def flow(c: Conversation) -> None:
        question = c.ask("a", "A?")
        await question
        await question

    with pytest.raises(Exception, match="a flow awaits only its conversation"):
        play(flow, "x")


def test_a_question_may_be_asked_in_a_function_of_its_own() -> None:
    """Helpers are ordinary coroutines."""

    async def name_of(c: Conversation) -> str:
        return await c.ask("name", "Your name?")

    async def flow(c: Conversation) -> str:
        return await name_of(c)

    assert b'"Ama"' == play(flow, "Ama")[1].result
