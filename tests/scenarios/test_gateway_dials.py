"""What a USSD provider sends again, since it saw no answer in time: the same screen, and nothing is said twice."""

from pathlib import Path

import pytest

from sessiond import App, Conversation
from sessiond.config.settings import StoreSettings
from tests.redis_server import RedisServers
from tests.scenarios.dialling import TOKEN, SomePhone, accounts_of, greeter, of_kinds
from tests.scenarios.live import open_live
from tests.scenarios.server_process import ServerProcess

FIRST = ("Welcome.\n\nFirst?", True)


@pytest.mark.parametrize("resume_seconds", [0, 300])
async def test_the_first_request_again(tmp_path: Path, resume_seconds: int) -> None:
    """The very same screen, and no second dial: neither a menu whether to go on, nor an answer of nothing."""
    accounts = accounts_of(tmp_path, resume_seconds=resume_seconds)
    async with open_live(greeter(), tmp_path, **accounts) as live:
        for phone in of_kinds(live.port):
            shown = [await phone.dial(), await phone.again(), await phone.again()]
            assert [FIRST] * 3 == shown, phone.kind
            assert ("Second?", True) == await phone.press("a"), phone.kind


async def test_the_first_request_again_after_a_crash(tmp_path: Path) -> None:
    """The server that answered it is gone: its successor gives the same answer."""
    accounts = accounts_of(tmp_path, resume_seconds=300)
    async with open_live(greeter(), tmp_path, **accounts) as live:
        phones = of_kinds(live.port)
        for phone in phones:
            await phone.dial()
    async with open_live(greeter(), tmp_path, **accounts) as live:
        for phone in phones:
            phone.port = live.port
            assert FIRST == await phone.again(), phone.kind
            assert ("Second?", True) == await phone.press("a"), phone.kind


async def test_requests_again_after_a_sigkill(short_tmp_path: Path) -> None:
    """The first and the last request of a dial: their answers were durable when they were given."""
    store = f"sqlite:///{short_tmp_path}/dials.db"
    module = "tests.scenarios.link_server"
    server = ServerProcess(store, short_tmp_path, module=module, arguments=[TOKEN])
    await server.start()
    phone = SomePhone("nalo", server.port, account="line")
    first = await phone.dial()
    server.kill()
    await server.start()
    assert first == await phone.again()
    for text in ("1", "Tea"):
        await phone.press(text)
    assert ("3 Tea.", False) == await phone.press("3")
    server.kill()
    await server.start()
    assert ("3 Tea.", False) == await phone.again()
    server.kill()


@pytest.mark.parametrize("resume_seconds", [0, 300])
async def test_requests_of_a_dial_that_another_one_replaced(
    tmp_path: Path, resume_seconds: int
) -> None:
    """They were overtaken: the phone is at the new dial's screen, which they neither end nor answer."""
    accounts = accounts_of(tmp_path, resume_seconds=resume_seconds)
    async with open_live(greeter(), tmp_path, **accounts) as live:
        for phone in of_kinds(live.port):
            await phone.dial()
            await phone.press("a")
            shown = await phone.dial()
            assert shown == await phone.again(0), phone.kind
            assert shown == await phone.again(1), phone.kind
            assert "?" in (await phone.press("2"))[0], phone.kind
            shown = await phone.press("b")
            assert shown[0] in {"Second?", "Third?"}, phone.kind


async def test_a_session_that_nobody_knows(tmp_path: Path) -> None:
    """Where the provider says that it began before, what is typed in it answers a screen that is gone."""
    async with open_live(greeter(), tmp_path, **accounts_of(tmp_path)) as live:
        phone = SomePhone("nalo", live.port, session="lost")
        assert FIRST == await phone.press("1")
        assert ("Second?", True) == await phone.press("2")


async def test_the_first_request_again_when_the_person_has_gone_on(tmp_path: Path) -> None:
    """It is late: he gets the screen that waits for him, and it is no answer to it."""
    accounts = accounts_of(tmp_path, resume_seconds=300)
    async with open_live(greeter(), tmp_path, **accounts) as live:
        for phone in of_kinds(live.port):
            await phone.dial()
            await phone.press("a")
            if phone.kind != "nsano":  # an empty text is all that its first request has
                assert ("Second?", True) == await phone.again(0), phone.kind
            assert ("Third?", True) == await phone.press("b"), phone.kind
            assert ("a, b, c.", False) == await phone.press("c"), phone.kind


async def test_the_last_request_again(tmp_path: Path) -> None:
    """The end is shown again, however often, and begins nothing; the next dial does."""
    accounts = accounts_of(tmp_path)
    async with open_live(greeter(), tmp_path, **accounts) as live:
        for phone in of_kinds(live.port):
            await phone.dial()
            for text in ("a", "b"):
                await phone.press(text)
            end = [await phone.press("c"), await phone.again(), await phone.again()]
            assert [("a, b, c.", False)] * 3 == end, phone.kind
            assert FIRST == await phone.dial(), phone.kind


async def test_an_end_that_came_too_late_is_shown_by_a_repeat_and_by_no_dial(
    redis_servers: RedisServers, tmp_path: Path
) -> None:
    """The store stood still; the request that comes again shows what came of it, and the next dial begins anew."""
    redis = redis_servers.start(appendonly="yes")
    accounts = accounts_of(tmp_path, 'shorthands = ["durable"]', answer_seconds=1)
    store = StoreSettings(url=redis.url)
    async with open_live(greeter(), tmp_path, **accounts, store=store) as live:
        for phone in of_kinds(live.port):
            await phone.dial()
            for text in ("a", "b"):
                await phone.press(text)
            redis.pause()
            late = await phone.press("c")
            redis.resume()
            shown = [late, await phone.again(), await phone.dial()]
            wait_text = accounts["gateways"][phone.kind].account.wait_text
            assert [(wait_text, False), ("a, b, c.", False), FIRST] == shown, phone.kind


async def test_an_answer_behind_the_end(tmp_path: Path) -> None:
    """Its session is over: the end is shown again, and nothing begins in it."""
    async with open_live(greeter(), tmp_path, **accounts_of(tmp_path)) as live:
        for phone in of_kinds(live.port):
            await phone.dial()
            for text in ("a", "b", "c"):
                await phone.press(text)
            assert ("a, b, c.", False) == await phone.press("d"), phone.kind
            assert FIRST == await phone.dial(), phone.kind


async def test_what_came_of_a_function_is_answered_and_repeated(tmp_path: Path) -> None:
    """The dial goes on behind it, whatever was kept for repeats while the function ran."""
    app = App()

    async def look() -> str:
        return "7"

    @app.flow("look", takes_everything=True)
    async def flow(c: Conversation) -> None:
        name = await c.ask("name", "Name?")
        more = await c.ask("more", f"Found {await c.run('look', look)}. More?")
        await c.say(f"{name}, {more}.")

    async with open_live(app, tmp_path, **accounts_of(tmp_path)) as live:
        for phone in of_kinds(live.port):
            assert ("Name?", True) == await phone.dial()
            assert ("Found 7. More?", True) == await phone.press("Ann")
            if phone.kind == "africastalking":
                assert ("Found 7. More?", True) == await phone.again()
            assert ("Ann, no.", False) == await phone.press("no"), phone.kind
            assert ("Ann, no.", False) == await phone.again(), phone.kind
