"""A line to flows without a server (sessiond/testing/conversations/line.py)."""

import functools
from collections.abc import Callable

import pytest

from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.runtime.entropy import SeededEntropy
from sessiond.testing.conversations.calls import Called, Caller
from sessiond.testing.conversations.line import Event, Line, PlayClock, Shown, book_of


def one() -> int:
    return 1


async def two_runs(c: Conversation) -> None:
    await c.say("Begin.")
    await c.run("first", one)
    await c.say("Middle.")
    await c.run("second", one)
    await c.say("End.")


def line(flow: Callable[..., object] = two_runs, platform: str = "http", **options: bool) -> Line:
    facts = ChannelFacts(platform=platform, gateway="g", user_id="ama", msisdn="+233244123456")
    return Line(
        book_of(flow),
        facts,
        caller=Caller(),
        clock=PlayClock(5.0),
        entropy=SeededEntropy(0),
        **options,
    )


def told(events: list[Event]) -> list[str]:
    return [f"({one.key})" if isinstance(one, Called) else one.text for one in events]


@pytest.mark.parametrize(
    ("platform", "events"),
    [
        ("websocket", ["Begin.", "(first)", "Middle.", "(second)", "End."]),
        ("http", ["(first)", "(second)", "Begin.\n\nMiddle.\n\nEnd."]),
    ],
)
def test_what_happens_comes_back_in_order(platform: str, events: list[str]) -> None:
    """A platform that can be pushed to sees each part at its time, a waiting door all of it at the end."""
    assert ["", *events] == ["", *[e for e in told(line(platform=platform).say(Answer())) if e]]


def test_functions_that_are_held() -> None:
    """One after the other, when it is said."""
    held = line(platform="websocket", holds_runs=True)
    assert ["Begin."] == told(held.say(Answer()))
    assert ["first"] == [run.key for run in held.pending.values()]
    assert ["(first)", "Middle."] == told(held.settle())
    assert ["(second)", "End."] == told(held.settle())
    assert [] == held.settle()


def test_functions_are_found_again() -> None:
    """After a restart: those that are held stay so, the others are called."""
    held = line(platform="websocket", holds_runs=True)
    held.say(Answer())
    assert [] == held.restart()
    assert ["first"] == [run.key for run in held.pending.values()]
    held.holds_runs = False
    assert ["(first)", "Middle.", "(second)", "End."] == [e for e in told(held.restart()) if e]


def test_looking_changes_nothing() -> None:
    """What would be rebuilt is shown; what is stored stays."""

    async def asks(c: Conversation) -> None:
        await c.ask("x", "X?")

    talking = line(asks)
    talking.say(Answer())
    before = talking.stored
    taken = talking.probe()

    assert taken.output is not None
    assert "X?" == Shown(taken.output).text
    assert talking.stored is before


def test_what_can_be_played() -> None:
    """A function by its name, also a part of one; the secret of keys need not be given."""

    async def named(c: Conversation, greeting: str) -> None:
        await c.say(greeting)

    book = book_of(functools.partial(named, greeting="Hi."), SessionKeySettings(boundaries=()))

    assert ["named"] == list(book.flows)
    with pytest.raises(InvalidInput):
        book_of(7)  # type: ignore[arg-type]
