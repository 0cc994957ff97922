"""Screens that are out of date: what a phone shows was answered elsewhere, and is not open any more."""

from pathlib import Path
from typing import Any

from sessiond import App, Conversation
from tests.scenarios.dialling import SomePhone, accounts_of
from tests.scenarios.live import Live, open_live

ANYWHERE = 'shorthands = ["cross_platform"]'
NUMBER, OTHER = "233244123456", "233244123457"


def long_questions() -> App:
    """An app that asks two questions of several pages."""
    app = App()

    @app.flow("ask", takes_everything=True)
    async def ask(c: Conversation) -> None:
        first = await c.ask("first", " ".join(f"first{number}" for number in range(60)))
        second = await c.ask("second", " ".join(f"second{number}" for number in range(60)))
        await c.say(f"{first}, {second}.")

    return app


async def test_pages_of_a_question_that_was_answered_elsewhere(tmp_path: Path) -> None:
    """Turning one shows the question that waits; so does an answer, which is for nobody."""
    async with open_live(long_questions(), tmp_path, **accounts_of(tmp_path, ANYWHERE)) as live:
        here = SomePhone("nalo", live.port, NUMBER)
        there = SomePhone("nsano", live.port, NUMBER)
        for typed in ("#", "old"):
            assert (await here.dial())[0].startswith("first0 ")
            assert (await there.dial())[0].startswith("first0 ")
            assert (await there.press("new"))[0].startswith("second0 ")
            assert (await here.press(typed))[0].startswith("second0 "), typed
            assert (await here.press("#"))[0].startswith("second")
            assert ("new, here.", False) == await here.press("here")


async def test_an_answer_to_what_ended_elsewhere(tmp_path: Path) -> None:
    """There is nothing left to answer: it is as if he had dialled."""
    async with open_live(long_questions(), tmp_path, **accounts_of(tmp_path, ANYWHERE)) as live:
        here = SomePhone("nalo", live.port, NUMBER)
        there = SomePhone("nsano", live.port, NUMBER)
        await here.dial()
        await there.dial()
        await there.press("1")
        assert ("1, 2.", False) == await there.press("2")
        assert (await here.press("#"))[0].startswith("first0 ")
        assert (await here.press("3"))[0].startswith("second0 ")
        assert ("3, 4.", False) == await here.press("4")


def linkable() -> App:
    """An app whose people can be one, by two phones; what is answered is told at the end."""
    app = App()

    @app.flow("greet", takes_everything=True)
    async def greet(c: Conversation) -> None:
        first = await c.ask("first", "First?")
        if first == "offer":
            await c.say(c.offer_link())
            return
        if first.startswith("redeem "):
            c.redeem_link(first[7:])
            await c.say("Linked.")
            return
        second = await c.ask("second", f"{first}. Second?")
        await c.say(f"{first}, {second}.")

    return app


async def linked(live: Live) -> tuple[SomePhone, SomePhone]:
    """Two phones of one user on one account, which is the first one's."""
    one, other = SomePhone("nalo", live.port, NUMBER), SomePhone("nalo", live.port, OTHER)
    await one.dial()
    code, _ = await one.press("offer")
    await other.dial()
    await other.press(f"redeem {code}")
    while not any(row["aliases"] for row in await everybody(live)):
        pass
    return one, other


async def everybody(live: Live) -> list[Any]:
    """What operators see of all people; records of links end by themselves, also between the list and the look."""
    rows = (await live.admin("sessions.list"))["rows"]
    people = [row["user"] for row in rows if not row["user"].startswith("$")]
    return [await live.admin("sessions.inspect", user=user) for user in people]


async def test_two_phones_of_one_user_in_one_conversation(tmp_path: Path) -> None:
    """What is typed on one is no answer to the question that only the other one shows."""
    accounts = accounts_of(tmp_path, 'shorthands = ["durable"]\nidentifier = "user_id"')
    async with open_live(linkable(), tmp_path, **accounts) as live:
        one, other = await linked(live)
        assert ("First?", True) == await one.dial()
        assert ("First?", True) == await other.dial()
        assert ("b. Second?", True) == await other.press("b")
        assert ("b. Second?", True) == await one.press("a")
        assert ("b, c.", False) == await one.press("c")
        assert ("First?", True) == await other.press("d")


async def test_two_phones_of_one_user_have_their_own_repeats(tmp_path: Path) -> None:
    """A request that comes again gets the screen of its own phone; the other dial is not met a second time."""
    accounts = accounts_of(tmp_path, resume_seconds=300)
    async with open_live(linkable(), tmp_path, **accounts) as live:
        one, other = await linked(live)
        assert ("First?", True) == await one.dial()
        menu = await other.dial()
        assert "1. Continue" in menu[0]
        assert ("First?", True) == await one.again()
        assert menu == await other.again()
        assert ("First?", True) == await other.press("1")
        assert ("b. Second?", True) == await other.press("b")
        assert menu == await one.press("1")


async def test_two_phones_of_one_user_wait_for_functions(tmp_path: Path) -> None:
    """What comes of it is shown by the phone that waited, and goes on there."""
    app = linkable()

    async def look() -> str:
        return "7"

    @app.flow("look", starts_on=["look"], interrupts=True)
    async def flow(c: Conversation) -> None:
        more = await c.ask("more", f"Found {await c.run('look', look)}. More?")
        await c.say(f"Done: {more}.")

    async with open_live(app, tmp_path, **accounts_of(tmp_path)) as live:
        _, other = await linked(live)
        await other.dial()
        assert ("Found 7. More?", True) == await other.press("look")
        assert ("Done: no.", False) == await other.press("no")
        assert ("Done: no.", False) == await other.again()
