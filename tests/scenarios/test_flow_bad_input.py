"""What people say that a flow cannot use: the question stays, in clear words, and nothing else happens."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Busy
from sessiond.core.ids import UserId, partition_of
from sessiond.testing.world import open_world
from tests.scenarios.talks import Person, Stock, shop, texts_of

ANN = UserId("ann")
HUGE = "x" * 1_000_000
ASKED = "What size?"
INVALID = "! Invalid selection:"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"text": "Medium"}, INVALID),
        ({"text": "3"}, INVALID),
        ({"text": "0"}, INVALID),
        ({"text": "-1"}, INVALID),
        ({"text": "1.5"}, INVALID),
        ({"text": "9" * 5000}, "! Please write at most 4096 characters."),
        ({"choice": "xl"}, INVALID),
        ({"choice": ""}, INVALID),
        ({"attachment": {"kind": "image", "id": "m1"}}, INVALID),
        ({"location": {"latitude": 0, "longitude": 0}}, INVALID),
    ],
)
async def test_a_wrong_choice(
    answer: dict[str, Any], error: str, autojump_clock: MockClock
) -> None:
    """The error, and the question again on the same screen; the right choice is taken after it."""
    async with open_world(shop(Stock())) as world:
        person = Person(world)
        first = await person.say("menu")
        shown = await person.push("flow:say", answer)
        taken = await person.say("Large")

    assert [error, ASKED] == texts_of(shown)
    assert shown["rejected"]
    assert first["prompt"]["screen"] == shown["prompt"]["screen"]
    assert first["prompt"]["choices"] == shown["prompt"]["choices"]
    assert ["How many?"] == texts_of(taken)


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u200b\u200e", "\x00\x07"])
async def test_an_empty_answer(text: str, autojump_clock: MockClock) -> None:
    """Nothing, or nothing that can be seen, is no choice and no text."""
    async with open_world(names()) as world:
        person = Person(world)
        await person.say("name")
        asked = await person.push("flow:say", {"text": text})
        await person.say("Ama")
        chosen = await person.push("flow:say", {"text": text})

    assert ["! Please write an answer.", "Your name?"] == texts_of(asked)
    assert [INVALID, "Colour?"] == texts_of(chosen)


async def test_a_megabyte_of_text(autojump_clock: MockClock) -> None:
    """Refused by its length, whatever the question is; nothing of it is kept, and it starts nothing."""
    async with open_world(names()) as world:
        person = Person(world)
        before = await person.say(HUGE)
        await person.say("name")
        asked = await person.say(HUGE)
        await person.say("Ama")
        chosen = await person.say(HUGE)
        loaded = await world.store.load(ANN, partition_of(ANN))
        await person.say("red")

    assert {} == before
    for shown, question in ((asked, "Your name?"), (chosen, "Colour?")):
        assert ["! Please write at most 4096 characters.", question] == texts_of(shown)
    assert loaded is not None
    assert len(loaded.snapshot) < 5000
    assert "Ama likes r." in person.saw


def names() -> App:
    """A flow with a text and a choice."""
    app = App()

    @app.flow("name", starts_on=["name"])
    async def name(c: Conversation) -> str:
        who = await c.ask("who", "Your name?")
        colour = await c.select("colour", "Colour?", {"r": "Red", "b": "Bleu ciel"})
        await c.say(f"{who} likes {colour}.")
        return who

    return app


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("A\x00m\x07a\x1b[2J", "Ama[2J"),
        ("Ama\r\nMensah", "Ama\nMensah"),
        ("  Ama\u00a0 ", "Ama"),
        ("Ame\u0301lie", "Am\u00e9lie"),
        (
            "Ama \U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fe",
            "Ama \U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fe",
        ),
        (
            "\u202b\u0639\u0628\u062f \u0627\u0644\u0644\u0647\u202c",
            "\u202b\u0639\u0628\u062f \u0627\u0644\u0644\u0647\u202c",
        ),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("{c.session} %s {0}", "{c.session} %s {0}"),
    ],
)
async def test_control_characters_emoji_and_right_to_left(
    typed: str, kept: str, autojump_clock: MockClock
) -> None:
    """What nobody meant to write is dropped, what belongs to a language or an emoji stays, also over a restart."""
    async with open_world(names()) as world:
        person = Person(world)
        await person.say("name")
        await person.say(typed)
        await world.restart()
        shown = await person.say("1")

    assert f"{kept} likes r." == shown["messages"][0]["text"]
    assert kept == shown["result"]


@pytest.mark.parametrize(
    "typed", ["２", "٢", "2\ufe0f\u20e3", " 2. ", "BLEU  CIEL", "\u200fbleu\u00a0ciel", "B"]
)
async def test_a_choice_however_it_is_typed(typed: str, autojump_clock: MockClock) -> None:
    """Digits of other scripts, keycaps, marks of direction, case and blanks: it is the second."""
    async with open_world(names()) as world:
        person = Person(world)
        await person.say("name")
        await person.say("Ama")
        await person.say(typed)

    assert "Ama likes b." in person.saw


def two_choices() -> App:
    """Two questions with other choices each."""
    app = App()

    @app.flow("two", starts_on=["two"])
    async def two(c: Conversation) -> None:
        await c.select("one", "One?", ["a", "b", "c"])
        await c.select("other", "Other?", ["x", "y"])
        await c.say("Done.")

    return app


async def test_a_number_of_the_screen_before(autojump_clock: MockClock) -> None:
    """A number counts on the screen that is shown now, or is none; a tap knows its own screen."""
    async with open_world(two_choices()) as world:
        person = Person(world)
        screen = (await person.say("two"))["prompt"]["screen"]
        await person.say("3")
        typed = await person.say("3")
        tapped = await person.say(choice="x", screen=screen)
        unknown = await person.say(choice="a")
        await person.say("2")

    assert [INVALID, "Other?"] == texts_of(typed) == texts_of(unknown)
    assert ["! That choice belongs to an earlier question.", "Other?"] == texts_of(tapped)
    assert "Done." == person.saw[-2]


async def test_two_inputs_at_once(autojump_clock: MockClock) -> None:
    """They are taken one after the other: the second is an answer to what the first one led to."""
    async with open_world(two_choices()) as world:
        phone = await Person(world).come()
        replies = [phone.send("flow:say", {"text": text}) for text in ("two", "1", "3", "2")]
        shown = [await reply.get() for reply in replies]

    assert [["One?"], ["Other?"], [INVALID, "Other?"], ["Done.", "[returned]"]] == [
        texts_of(one) for one in shown
    ]


async def test_an_input_after_the_end(autojump_clock: MockClock) -> None:
    """Nothing runs, so it starts something or does nothing; it is no answer to the flow that was."""
    async with open_world(two_choices()) as world:
        person = Person(world)
        for text in ("two", "1", "1"):
            await person.say(text)
        after = await person.say("1")
        reminded = await person.push("flow:remind", {})
        again = await person.say("two")

    assert {} == after == reminded
    assert ["One?"] == texts_of(again)


@pytest.mark.parametrize(
    ("busy", "shown"),
    [
        (Busy.SAY, ["One moment, please.", "[busy]"]),
        (Busy.IGNORE, ["[busy]"]),
        (Busy.QUEUE, ["[queued]"]),
    ],
)
async def test_an_input_while_a_function_runs(
    busy: Busy, shown: list[str], autojump_clock: MockClock
) -> None:
    """The flow's policy decides: it is told to wait, passed over, or answers the question that comes next."""
    stock = Stock(seconds=5.0)
    async with open_world(shop(stock, busy=busy)) as world:
        person = Person(world)
        for text in ("menu", "1", "2"):
            await person.say(text)
        during = [await person.say("yes"), await person.say("what?")]
        await person.wait(10)
        left = await person.push("flow:remind", {})

    assert [shown, shown] == [texts_of(one) for one in during]
    assert 1 == len(stock.calls)
    if busy is Busy.QUEUE:
        assert "Thank you! Your reference is R-1." in person.saw
        assert "prompt" not in left
    else:
        assert ["Order 2 s?"] == texts_of(left)


async def test_what_was_queued_survives_a_crash(autojump_clock: MockClock) -> None:
    """It was acknowledged."""
    stock = Stock(seconds=5.0)
    async with open_world(shop(stock, busy=Busy.QUEUE)) as world:
        person = Person(world)
        for text in ("menu", "1", "2", "yes"):
            await person.say(text)
        await world.restart()
        await person.come()
        await person.wait(10)

    assert "Thank you! Your reference is R-1." in person.saw
    assert 1 == len(set(stock.calls)) == len(stock.reserved)


async def test_a_flood_while_a_function_runs(autojump_clock: MockClock) -> None:
    """A bounded number is kept; the rest is told to wait."""
    stock = Stock(seconds=5.0)
    async with open_world(shop(stock, busy=Busy.QUEUE)) as world:
        person = Person(world)
        for text in ("menu", "1", "2"):
            await person.say(text)
        kinds = [texts_of(await person.say("what?"))[-1] for _ in range(30)]
        await person.wait(10)
        await person.say("yes")

    assert 16 == kinds.count("[queued]")
    assert 14 == kinds.count("[busy]")
    assert "Thank you! Your reference is R-1." in person.saw


async def test_others_are_served_while_one_sends_nonsense(autojump_clock: MockClock) -> None:
    """A megabyte at a time, of whoever likes."""
    async with open_world(names()) as world:
        noisy, other = Person(world), Person(world, "bob")
        await noisy.say("name")
        line = await noisy.come()
        for _ in range(20):
            line.send("flow:say", {"text": HUGE})
        with trio.fail_after(1):
            await other.say("name")
            await other.say("Kofi")
            await other.say("Red")

    assert "Kofi likes r." in other.saw
