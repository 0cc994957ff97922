"""ChatterKeep's conversation over ``POST /chat``, with a real ``sessiond serve`` behind it, on both stores."""

from pathlib import Path

import pytest
import trio

from tests.redis_server import RedisServers
from tests.scenarios.chatting import AMA, KOFI, Chat, serving

INVALID = "Invalid initial input, please say hello."
NAME = "What is your name?"
THANKS = "Thank you for using the chatbot!"


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, redis_servers: RedisServers, short_tmp_path: Path) -> str:
    """A store that survives the server."""
    if request.param == "sqlite":
        return f"sqlite:///{short_tmp_path}/chat.db"
    return str(redis_servers.start(appendonly="yes", appendfsync="always").url)


async def test_the_whole_conversation(store: str, short_tmp_path: Path) -> None:
    """Every reply of ChatterKeep, byte for byte; the end is the end."""
    async with serving(Chat(store, short_tmp_path)) as chat:
        replies = [
            await chat.say(AMA, text)
            for text in (
                "hi",
                "hello there",
                "  HeLLo ",
                "Ama",
                "Sweet Mother",
                "hello",
                "menu",
                "anything",
            )
        ]

    assert [
        INVALID,
        INVALID,
        NAME,
        "Hello Ama, what is your favorite song?",
        "Playing Sweet Mother",
        THANKS,
        THANKS,
        THANKS,
    ] == replies


async def test_every_text_is_a_name_and_a_song(store: str, short_tmp_path: Path) -> None:
    """Words that are commands elsewhere, numbers, markup, SQL."""
    async with serving(Chat(store, short_tmp_path)) as chat:
        for n, text in enumerate(
            ("hello", "menu", "cancel", "0", "<b>x</b>", "'; DROP TABLE users;--", "{c.end}", "%s")
        ):
            phone = f"+23324412340{n}"
            await chat.say(phone, "hello")
            assert f"Hello {text}, what is your favorite song?" == await chat.say(phone, text)
            assert f"Playing {text}" == await chat.say(phone, text)


async def test_the_conversation_goes_on_after_a_kill(store: str, short_tmp_path: Path) -> None:
    """``kill -9`` before every message: each question is still waiting for its answer."""
    chat = Chat(store, short_tmp_path)
    replies = []
    for text in ("hello", "Ama", "Sweet Mother", "again"):
        async with serving(chat):
            replies.append(await chat.say(AMA, text))

    assert [
        NAME,
        "Hello Ama, what is your favorite song?",
        "Playing Sweet Mother",
        THANKS,
    ] == replies


async def test_people_do_not_meet(store: str, short_tmp_path: Path) -> None:
    """Twenty at the same time, each in a conversation of his own; a person is one however the number is written."""
    spellings = (
        "+233244123456",
        "233244123456",
        "00233244123456",
        "0244123456",
        "+233 24 412 3456",
        "+233-24-412-3456",
        "+233.24.412.3456",
        "(024) 412 3456",
        " 024/4123456",
        "+２３３２４４１２３４５６",
    )
    heard: dict[str, list[str]] = {}
    async with serving(Chat(store, short_tmp_path)) as chat:

        async def talk(n: int) -> None:
            phone = f"+2332055555{n:02}"
            heard[phone] = [
                await chat.say(phone, text) for text in ("hello", f"N{n}", f"S{n}", "bye")
            ]

        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(talk, n)
        assert NAME == await chat.say(KOFI, "hello")
        one = [await chat.say(spelling, "hello") for spelling in spellings]
        assert "Hello Kofi, what is your favorite song?" == await chat.say(KOFI, "Kofi")

    for n in range(20):
        assert heard[f"+2332055555{n:02}"] == [
            NAME,
            f"Hello N{n}, what is your favorite song?",
            f"Playing S{n}",
            THANKS,
        ]
    assert [NAME, "Hello hello, what is your favorite song?", "Playing hello"] == one[:3]
    assert {THANKS} == set(one[3:])


async def test_one_person_at_two_places_at_once(store: str, short_tmp_path: Path) -> None:
    """Two inputs at the same time are two turns, one after the other: one is the name, one the song."""
    replies: dict[str, str] = {}
    async with serving(Chat(store, short_tmp_path)) as chat:
        await chat.say(AMA, "hello")

        async def say(text: str) -> None:
            replies[text] = await chat.say(AMA, text)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(say, "one")
            nursery.start_soon(say, "two")

    assert sorted(replies.values()) in (
        ["Hello one, what is your favorite song?", "Playing two"],
        ["Hello two, what is your favorite song?", "Playing one"],
    )


async def test_a_repeat_is_answered_as_before(store: str, short_tmp_path: Path) -> None:
    """With the same key nothing is said twice: not at once, not by ten at the same time, not after ``kill -9``."""
    chat = Chat(store, short_tmp_path)
    async with serving(chat):
        await chat.say(AMA, "hello", "one")
        first = [await chat.say(AMA, "Ama", "two") for _ in range(3)]
    async with serving(chat):
        replies: list[str] = []

        async def repeat(phone: str, text: str, key: str) -> None:
            replies.append(await chat.say(phone, text, key))

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(repeat, "0244123456", "Ama", "two")
        song = await chat.say(AMA, "Sweet Mother", "three")
        again = await chat.say(AMA, "hello", "one")
        other = await chat.say(KOFI, "hello", "two")

    assert {"Hello Ama, what is your favorite song?"} == {*first, *replies}
    assert "Playing Sweet Mother" == song
    assert NAME == again, "the answer of then, wherever the conversation is now"
    assert NAME == other, "keys are each person's own"


async def test_the_store_goes_away_and_comes_back(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """Nothing is answered that is not kept: an error, and, sent again with the same key, the answer, once."""
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    chat = Chat(redis.url, short_tmp_path, chat_settings="rate_burst = 1000\nwait_seconds = 1\n")
    async with serving(chat):
        await chat.say(AMA, "hello", "one")
        redis.kill()
        refused: list[tuple[int, object]] = []

        async def send(phone: str, text: str, key: str) -> None:
            refused.append(await chat.send(phone, text, key))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, AMA, "Ama", "two")
            nursery.start_soon(send, KOFI, "hello", "one")
        redis.start()
        while (answer := await chat.send(AMA, "Ama", "two"))[0] != 200:
            assert answer[0] in {503, 504}
            await trio.sleep(0.05)
        song = await chat.say(AMA, "Sweet Mother", "three")

    assert {status for status, _ in refused} <= {503, 504}, refused
    assert "Hello Ama, what is your favorite song?" == answer[1]["bot_message"]
    assert "Playing Sweet Mother" == song


async def test_the_store_is_away_at_the_start(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """503 with the time to come back; when the store is there, the conversation begins."""
    redis = redis_servers.start(appendonly="yes")
    chat = Chat(redis.url, short_tmp_path)
    redis.kill()
    chat.server.spawn()
    try:
        with trio.fail_after(30):
            while not chat.server.listens():  # noqa: ASYNC110 -- a process sets no event
                await trio.sleep(0.05)
            status, headers, body = await chat.post(
                b'{"user_phone":"+233244123456","user_message":"hello"}'
            )
            redis.start()
            await chat.server.wait_ready()
            assert NAME == await chat.say(AMA, "hello")
    finally:
        chat.server.kill()

    assert 503 == status
    assert int(headers["retry-after"]) > 0
    assert body.startswith(b'{"error":"')
