"""The chat door over days and seconds that pass at once: expiry, patience, repeats, a node that stops."""

import json
import runpy
from typing import Any

import trio
from trio.testing import MockClock

from sessiond import App
from sessiond.edges.http.chat import ChatDoor, ChatSettings
from sessiond.edges.http.router import Router
from sessiond.net.messages import Request, Response
from sessiond.runtime.entropy import SeededEntropy
from sessiond.testing.world import World, open_world
from tests.scenarios.chat_app import app as slow_app
from tests.scenarios.chat_server import EXAMPLES
from tests.scenarios.chatting import AMA

INVALID = "Invalid initial input, please say hello."
BUSY = "One moment, please."
WEEK = 7 * 86400.0


def chatterkeep() -> App:
    app: Any = runpy.run_path(str(EXAMPLES / "chatterkeep.py"))["app"]
    assert isinstance(app, App)
    return app


class Backend:
    """Carries what Ama says to the chat door of *world*."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def post(self, text: str, key: str = "") -> Response:
        """Send a message to whatever node there is now."""
        door = ChatDoor(
            ChatSettings(open=True),
            keys=self.world.session_keys,
            directory=self.world.node.directory,
            clock=self.world.clock,
            entropy=SeededEntropy(1),
        )
        headers = [("content-type", "application/json"), ("host", "localhost")]
        if key:
            headers.append(("idempotency-key", key))
        body = json.dumps({"user_phone": AMA, "user_message": text}).encode()
        request = Request(
            method="POST", target="/chat", path="/chat", headers=tuple(headers), body=body
        )
        return await Router(door.routes(), self.world.clock)(request)

    async def say(self, text: str, key: str = "") -> str:
        answer = await self.post(text, key)
        assert answer.status == 200, answer.body
        said: str = json.loads(answer.body)["bot_message"]
        return said


async def test_a_conversation_expires(autojump_clock: MockClock) -> None:
    """A day after the last word, in the middle as after the end; ChatterKeep's ended for good and never expired."""
    async with open_world(chatterkeep()) as world:
        ama = Backend(world)
        await ama.say("hello")
        world.clock.jump(WEEK - 60)
        assert "Hello Ama, what is your favorite song?" == await ama.say("Ama")
        world.clock.jump(WEEK + 60)
        assert INVALID == await ama.say("Sweet Mother")
        for text in ("hello", "Ama", "Sweet Mother"):
            await ama.say(text)
        assert "Thank you for using the chatbot!" == await ama.say("hello")
        world.clock.jump(WEEK + 60)
        assert "What is your name?" == await ama.say("hello")


async def test_two_days_and_another_node_later(autojump_clock: MockClock) -> None:
    """What remembers the conversation is the store, as long as it lives."""
    async with open_world(chatterkeep()) as world:
        ama = Backend(world)
        await ama.say("hello")
        world.clock.jump(WEEK / 2)
        await world.restart()
        await ama.say("Ama")
        world.clock.jump(WEEK / 2)
        await world.restart()

        assert "Playing Sweet Mother" == await ama.say("Sweet Mother")


async def test_patience_has_an_end(autojump_clock: MockClock) -> None:
    """Eight seconds, to the second; then the next request, and what came of it, which is shown once."""
    async with open_world(slow_app) as world:
        ama = Backend(world)
        await ama.say("order")
        began = trio.current_time()
        assert BUSY == await ama.say("20")
        assert 8.0 == round(trio.current_time() - began, 1)
        assert f"Booking.\n\n{BUSY}" == await ama.say("well?")
        await trio.sleep(15)
        assert "Take B-7?\n\n1. Yes\n2. No" == await ama.say("well?")
        assert "B-7 is yours." == await ama.say("1")


async def test_a_function_that_is_quick_enough_costs_what_it_takes(
    autojump_clock: MockClock,
) -> None:
    """Not a second more."""
    async with open_world(slow_app) as world:
        ama = Backend(world)
        await ama.say("order")
        began = trio.current_time()
        assert "Booking.\n\nTake B-7?\n\n1. Yes\n2. No" == await ama.say("7.5")

        assert 7.5 == round(trio.current_time() - began, 1)


async def test_a_drained_node_sends_people_away(autojump_clock: MockClock) -> None:
    """503, and when to come back; the next node goes on."""
    async with open_world(chatterkeep()) as world:
        ama = Backend(world)
        await ama.say("hello")
        await world.drain()
        refused = await ama.post("Ama")
        await world.restart()
        went_on = await ama.say("Ama")

    assert 503 == refused.status
    assert list(json.loads(refused.body)) == ["error"]
    assert int(dict(refused.headers)["retry-after"]) > 0
    assert "Hello Ama, what is your favorite song?" == went_on


async def test_whoever_waits_when_the_node_stops_may_ask_again(autojump_clock: MockClock) -> None:
    """He is told to wait, for the function is called again; with the same key his message counts once."""
    async with open_world(slow_app) as world:
        ama = Backend(world)
        await ama.say("order")
        heard: list[str] = []

        async def wait() -> None:
            heard.append(await ama.say("4", "one"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(1)
            await world.restart()
            again = await ama.say("4", "one")
            await trio.sleep(20)
        shown = await ama.say("4", "one")

    assert [BUSY] == heard
    assert again.endswith(BUSY)
    assert shown.endswith("Take B-7?\n\n1. Yes\n2. No")


async def test_an_answer_too_large_to_be_kept_is_answered_by_a_reminder(
    autojump_clock: MockClock,
) -> None:
    """The message counts once; the repeat shows the question that waits."""
    async with open_world(chatterkeep()) as world:
        ama = Backend(world)
        await ama.say("hello")
        long = "ж" * 4000
        first = await ama.say(long, "one")
        repeated = await ama.say(long, "one")
        played = await ama.say("Sweet Mother", "two")

    assert first == repeated == f"Hello {long}, what is your favorite song?"
    assert "Playing Sweet Mother" == played
