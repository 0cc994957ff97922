"""The flow of the page about linked users says what it says it does (docs/howto/link-identities.md)."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from sessiond import App
from sessiond.testing.world import open_world
from tests.docs.pages import captioned
from tests.runtime.gateway_worlds import USSD, accept, ask, deliveries, heard, told, whatsapp
from tests.runtime.test_linking import WEB, say, until_quiet

PAGE = "howto/link-identities.md"
WRONG = "That code is wrong, was used, or is older than ten minutes."


@pytest.fixture
def app() -> App:
    names: dict[str, Any] = {"__name__": "link"}
    exec(compile(captioned(PAGE, "link.py"), "link.py", "exec"), names)
    found: App = names["app"]
    return found


async def test_a_wrong_code_is_told_in_a_chat(app: App, autojump_clock: MockClock) -> None:
    """At once, as a message of its own."""
    shop = whatsapp()
    async with open_world(app, accounts=(shop,)) as world:
        for number, text in enumerate(("link", "2", "00000000")):
            await accept(world, heard(text, shop), "shop", f"m-{number}")
        await until_quiet(world)
        texts = [
            told(one)["text"]["body"] for one in await deliveries(world) if "text" in told(one)
        ]

    assert WRONG == texts[-1]
    assert "If it is right, you are one from your next message on." == texts[-2]


async def test_a_wrong_code_is_told_at_the_next_dial(app: App, autojump_clock: MockClock) -> None:
    """Nobody can be called there; what is to be said waits for him."""
    async with open_world(app, accounts=(USSD,)) as world:
        words = ("link", "2", "00000000")
        *_, last = [await ask(world, text, begins=text == "link") for text in words]
        await until_quiet(world)
        dialled = await ask(world, "*920#", session="dial-2", begins=True)

    assert last.text == "If it is right, you are one from your next message on."
    assert WRONG in dialled.text


async def test_a_wrong_code_is_told_in_a_browser(app: App, autojump_clock: MockClock) -> None:
    """On the websocket, which is no account."""
    async with open_world(app, accounts=(whatsapp(),)) as world:
        client = await world.join(WEB)
        for text in ("link", "2", "00000000"):
            await say(world, WEB, text)
        await until_quiet(world)

        assert () == await world.dead_letters()
        assert WRONG in str(client.pushes[-1])
