"""What the test kit shows is what the server shows: the same talk in both (sessiond/testing/conversations/line.py)."""

from typing import Any

import pytest
import trio
import trio.testing
from typing_extensions import override

from sessiond import App, Busy, Conversation, Retries, RoutingSettings, RunFailed
from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.journal import JournalSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.testing.connections import Connection
from sessiond.testing.conversations import play
from sessiond.testing.world import World, open_world
from sessiond_client import Shown

ONCE = Retries(attempts=1)


async def reserve(size: str, count: int) -> str:
    """Fail for more than there is."""
    await trio.lowlevel.checkpoint()
    if count > 9:
        raise LookupError("too many")
    return f"R-{size}{count}"


class BriefApp(App):
    """Its conversations end after a minute: days of a server's life take long, also on virtual time."""

    @override
    def book(
        self,
        keys: SessionKeySettings,
        sessions: FlowSessionLimits | None = None,
        journal: JournalSettings | None = None,
        calling: frozenset[str] = frozenset(),
    ) -> FlowBook | None:
        return super().book(keys, FlowSessionLimits(default_ttl_seconds=60.0), journal, calling)


def shop() -> App:
    """Choices, numbers, a session, two functions of which one fails, going back, failures, ends, expiry."""
    app = BriefApp(
        routing=RoutingSettings(after_end="text", ended_text="Bye.", unclaimed_text="What?")
    )

    @app.flow("order", starts_on=["order"], on_expire="Gone.", busy=Busy.QUEUE)
    async def order(c: Conversation) -> dict[str, object]:
        orders = c.session.get("orders", 0)
        await c.say(f"Order {orders + 1}.")
        size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
        count = await c.ask("count", "How many?", parse=int)
        if count == 0:
            await c.go_back()
        if count == 13:
            raise LookupError
        await c.say("Looking.")
        try:
            ref = await c.run("reserve", reserve, size, count, retries=ONCE)
        except RunFailed as error:
            await c.say(f"No: {error}.")
            await c.restart()
        c.session.set("orders", orders + 1)
        if await c.confirm("ok", f"{ref}?"):
            await c.run("pay", reserve, size, 1)
        return {"ref": ref}

    return app


TALKS = {
    "the short way": ["order", "Small", "2", "yes", "and now?", "order", "l", "1", "no"],
    "wrong answers": ["hi", "order", "XL", "9", "l", "many", "0", "1", "3", "maybe", "2"],
    "failures": ["order", "1", "13", "13", "12", "2", "10", "cancel", "order", "menu"],
    "restarts": ["order", "!", "1", "!", "2", "!", "yes", "!", "order", "!", "0"],
    "time": ["order", "1", "~", "3", "order", "2", "~", "~", "order"],
}


def in_the_kit(talk: list[str], *, restarts: bool) -> list[list[str]]:
    """What is shown after each line; ``!`` restarts, ``~`` lets time pass."""
    seen = []
    with play(shop(), raises=False, restarts=restarts) as phone:
        for line in talk:
            match line:
                case "!":
                    phone.restart()
                case "~":
                    phone.advance(seconds=100)
                case _:
                    phone.say(line)
            seen.append([shown.text for shown in phone.shown if shown.text])
    return seen


async def in_a_world(world: World, talk: list[str]) -> list[list[str]]:
    """The same, of a server."""
    seen = []
    phone = await world.join("ama")
    for line in talk:
        before, parts = len(phone.pushes), []
        if line == "!":
            world.crash()
            await world.restart()
            phone = await world.join("ama")
        elif line == "~":
            await trio.sleep(100)
        else:
            parts = [await phone.say(line)]
        await world.settle()
        parts += _pushed(phone, before if line != "!" else 0)
        seen.append([text for part in parts if (text := Shown.read(part).text)])
    return seen


def _pushed(phone: Connection, before: int) -> list[Any]:
    return [payload for event, payload in phone.pushes[before:] if event == "flow:output"]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("talk", list(TALKS))
async def test_the_kit_shows_what_the_server_shows(
    talk: str, restarts: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Text for text, also over crashes and after the expiry."""
    async with open_world(shop()) as world:
        expected = await in_a_world(world, TALKS[talk])

    assert expected == in_the_kit(TALKS[talk], restarts=restarts)
