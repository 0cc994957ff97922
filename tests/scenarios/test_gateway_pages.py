"""Screens that are out of date: what a phone shows was answered elsewhere, and is not open any more."""

from pathlib import Path

from sessiond import App, Conversation
from tests.scenarios.dialling import SomePhone, accounts_of
from tests.scenarios.live import open_live

ANYWHERE = 'shorthands = ["cross_platform"]'
NUMBER = "233244123456"


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
