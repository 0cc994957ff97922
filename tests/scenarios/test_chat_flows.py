"""Flows that are slow or broken, behind ``POST /chat`` of a real server; and what of a person is kept where."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from tests.cli.conftest import Ctl, run
from tests.scenarios.chatting import AMA, KOFI, TOKEN, Chat, serving
from tests.scenarios.hooks import get

BUSY = "One moment, please."
SORRY = "Sorry, something went wrong. Please try again."
TAKE = "Take B-7?\n\n1. Yes\n2. No"


@pytest.fixture
def chat(short_tmp_path: Path) -> Chat:
    """A server that waits 0.3 s for functions."""
    return Chat(
        f"sqlite:///{short_tmp_path}/chat.db",
        short_tmp_path,
        "tests.scenarios.chat_app:app",
        chat_settings="wait_seconds = 0.3\nrate_burst = 1000\n",
    )


async def shown_at_last(chat: Chat, text: str = "and?", key: str = "") -> str:
    """Say something, now and then, until the flow is not busy any more; everything that was shown."""
    shown = ""
    while (said := await chat.say(AMA, text, key)).endswith(BUSY):
        shown += said.removesuffix(BUSY)
        await trio.sleep(0.1)
    return shown + said


def everything_in(folder: Path) -> str:
    """The store's files, the write-ahead log too."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.glob("chat.db*"))


async def test_a_function_within_the_time_is_waited_for(chat: Chat) -> None:
    """One request, one answer: what was said before, and what came of it."""
    async with serving(chat):
        assert "How long may it take?" == await chat.say(AMA, "order")
        assert f"Booking.\n\n{TAKE}" == await chat.say(AMA, "0.01")
        assert "B-7 is yours." == await chat.say(AMA, "1")


async def test_a_slow_function_is_shown_at_the_next_request(chat: Chat) -> None:
    """Meanwhile he is told to wait; what he says then is no answer to a question he has not seen."""
    async with serving(chat):
        await chat.say(AMA, "order")
        assert BUSY == await chat.say(AMA, "1")
        assert f"Booking.\n\n{TAKE}" == await shown_at_last(chat)
        assert "B-7 is yours." == await chat.say(AMA, "Yes")


async def test_a_question_that_was_not_seen_is_not_answered(chat: Chat) -> None:
    """Also when nothing but the question came of the function."""
    async with serving(chat):
        assert BUSY == await chat.say(AMA, "silent")
        assert "Your name?" == await shown_at_last(chat)
        assert "Hello Ama." == await chat.say(AMA, "Ama")


async def test_a_slow_function_is_called_again_after_a_kill(chat: Chat) -> None:
    """It is pending in the store; the next request finds what came of it."""
    async with serving(chat):
        await chat.say(AMA, "order")
        assert BUSY == await chat.say(AMA, "1")
    async with serving(chat):
        said = await shown_at_last(chat)

    assert f"Booking.\n\n{TAKE}" == said


async def test_a_repeat_of_what_was_not_answered_in_time(chat: Chat) -> None:
    """It is not said again; the answer is where the conversation is now."""
    async with serving(chat):
        await chat.say(AMA, "order", "one")
        assert BUSY == await chat.say(AMA, "1", "two")
        assert f"Booking.\n\n{TAKE}" == await shown_at_last(chat, "1", "two")
        assert TAKE == await chat.say(AMA, "1", "two")
        assert "B-7 is yours." == await chat.say(AMA, "1", "three")


async def test_a_flow_that_raises(chat: Chat) -> None:
    """200 with the sorry text: the person may try again; the author is told the line, and nobody else anything."""
    async with serving(chat):
        assert "Say yes." == await chat.say(AMA, "raise")
        assert SORRY == await chat.say(AMA, "no")
        assert SORRY == await chat.say(AMA, "never")
        assert "Say yes." == await chat.say(KOFI, "raise"), "others notice nothing"
        assert "Thank you." == await chat.say(AMA, "yes")

    assert "chat_app.py" in chat.server.log


async def test_what_nothing_claims_is_answered_with_nothing(chat: Chat) -> None:
    """An app without a text for it."""
    async with serving(chat):
        assert "" == await chat.say(AMA, "what is this?")


async def test_choices_are_numbered(chat: Chat) -> None:
    """Numbers, titles and keys are taken; what is none is said with the question."""
    async with serving(chat):
        assert "What size?\n\n1. Small\n2. Large" == await chat.say(AMA, "size")
        wrong = await chat.say(AMA, "3")
        assert "Size l." == await chat.say(AMA, "2")

    assert "Invalid selection:\n\nWhat size?\n\n1. Small\n2. Large" == wrong


async def test_a_number_is_nowhere_in_clear(chat: Chat, short_tmp_path: Path) -> None:
    """Not in the store, the log, the metrics, or what operators see; nor is the token."""
    ctl = Ctl(short_tmp_path / "node-1.sock")
    async with serving(chat):
        for text in ("raise", "no", "order", "1"):
            await chat.say("024 412 3456", text, f"key-{text}")
        await chat.send("0244123456", "x" * 5000)
        metrics = (await get(chat.port, "/metrics"))[2].decode()

        listed = await trio.to_thread.run_sync(ctl, "--json", "ls")
        (user,) = [row["user"] for row in listed.json["rows"]]
        named = await trio.to_thread.run_sync(
            run,
            "sessiond.cli",
            ["caller", "0244123456", "--config", "chatterkeep.toml"],
            short_tmp_path,
        )
        words = ("show", "journal", "export")
        seen = [await trio.to_thread.run_sync(ctl, word, user) for word in words]
    with closing(sqlite3.connect(short_tmp_path / "chat.db")) as db:
        stored = "\n".join(db.iterdump())
    files = await trio.to_thread.run_sync(everything_in, short_tmp_path)

    assert user == named.out.strip(), "whoever has the number and the secret finds the user"
    assert all(done.code == 0 for done in seen), seen
    places = [listed.out, metrics, chat.server.log, stored, files]
    places += [done.out + done.err for done in seen]
    assert [place for place in places if "244123456" in place or "412 3456" in place] == []
    assert [place for place in places if TOKEN in place] == []
