"""What operators see of conversations, and how they end them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from sessiond import App, Conversation
from sessiond.core.conversations.details import conversation_details
from sessiond.core.ids import UserId
from sessiond.core.operations import UnknownTarget
from sessiond.testing.world import open_world

if TYPE_CHECKING:
    from trio.testing import MockClock

AMA = UserId("ama")


def shop() -> App:
    app = App()

    @app.flow("order", starts_on=["hi"])
    async def order(c: Conversation) -> None:
        await c.ask("name", "Your name?")
        await c.run("charge", trio.sleep, 3600.0)

    return app


async def test_operators_see_where_a_conversation_is(autojump_clock: MockClock) -> None:
    """Flow, question, number of answers; nothing of what was said. Of a passive user too, without waking him."""
    async with open_world(shop()) as world:
        phone = await world.join("ama")
        await phone.say("hi")
        (asked,) = (await world.operations.session(AMA)).conversations
        await phone.say("Ama the secret")
        (charged,) = (await world.operations.session(AMA)).conversations
        await world.restart()
        (passive,) = (await world.operations.session(AMA)).conversations

        assert ("order", "ask name", 0) == (asked.flow, asked.waits_for, asked.answers)
        assert ("order", "run charge", 1) == (charged.flow, charged.waits_for, charged.answers)
        assert passive == charged
        assert "secret" not in repr(charged)
        assert not world.is_resident("ama")


async def test_operators_end_conversations(autojump_clock: MockClock) -> None:
    """The next word is routed as if there had been none, and a function that still runs changes nothing."""
    async with open_world(shop()) as world:
        phone = await world.join("ama")
        await phone.say("hi")
        await phone.say("Ama")
        with pytest.raises(UnknownTarget):
            await world.operations.end_conversations(AMA, "another")
        assert 1 == await world.operations.end_conversations(AMA, None)
        assert 0 == await world.operations.end_conversations(AMA, None)
        assert () == (await world.operations.session(AMA)).conversations
        assert {} == await phone.say("still there?")
        await trio.sleep(4000)
        assert [] == phone.pushes
        assert "Your name?" == (await phone.say("hi"))["prompt"]["text"]
        with pytest.raises(UnknownTarget):
            await world.operations.end_conversations(UserId("nobody"), None)


def test_one_that_cannot_be_read_says_so() -> None:
    """The others are told all the same."""
    (broken,) = conversation_details({"k": b"{"})

    assert ("k", "", True) == (broken.key, broken.flow, bool(broken.unreadable))
