"""What a flow shows is checked in its own turn: what no door could send, or no store bring back, is its failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.engine import expired
from sessiond.core.flows.faults import InvalidAnswer, NotStorable
from sessiond.core.flows.prompts import Media, Option
from tests.core.flows.playing import begin, make, play

#: Half of a pair: what ``os.fsdecode`` makes of a file name. It has no JSON.
HALF = "\ud800"


def refuse(_: object) -> str:
    raise InvalidAnswer(HALF)


def noted() -> None:
    """What ``c.run`` calls."""


ASKED: dict[str, Callable[[Conversation], Awaitable[Any]]] = {
    "text": lambda c: c.ask("x", HALF),
    "key": lambda c: c.ask(HALF, "X?"),
    "label": lambda c: c.select("x", "X?", {"a": HALF}),
    "choice": lambda c: c.select("x", "X?", {HALF: "A"}),
    "description": lambda c: c.select("x", "X?", {"a": Option("A", object())}),  # type: ignore[arg-type]
    "description that is no text": lambda c: c.select("x", "X?", {"a": Option("A", 5)}),  # type: ignore[arg-type]
    "address": lambda c: c.ask("x", "X?", media=Media(url=5)),  # type: ignore[arg-type]
    "run": lambda c: c.run(HALF, noted),
}


@pytest.mark.parametrize("what", ASKED)
def test_a_question_that_cannot_be_sent(what: str) -> None:
    """It names the line that asked, and not what it would have shown."""

    async def flow(c: Conversation) -> None:
        await ASKED[what](c)

    with pytest.raises(
        NotStorable, match=r"test_engine_shown.py:\d+: what the flow shows"
    ) as error:
        begin(flow)
    assert HALF not in str(error.value)


async def say_it(c: Conversation) -> None:
    await c.ask("name", "Name?")
    await c.say(HALF)


async def refuse_it(c: Conversation) -> None:
    await c.ask("name", "Name?", check=refuse)


@pytest.mark.parametrize("flow", [say_it, refuse_it])
def test_an_answer_to_what_cannot_be_sent(flow: Callable[[Conversation], Any]) -> None:
    """A word, or why an answer is none: the record is what it was before."""
    live, _ = begin(flow)
    before = live.record

    with pytest.raises(NotStorable, match="what the flow shows cannot be sent"):
        play_on(live)
    assert before == live.record
    assert not live.is_alive


def play_on(live: Any) -> None:
    live.answer(Answer(text="Ama"))


def test_last_words_that_cannot_be_sent() -> None:
    """Of a conversation whose time is over."""
    live, _ = play(say_it)

    with pytest.raises(NotStorable, match="what the flow shows cannot be sent"):
        expired(make(say_it, on_expire=HALF), live.record)
