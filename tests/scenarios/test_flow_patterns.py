"""A pattern starts a flow, and hands it what its groups have matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessiond import App, Conversation
from sessiond.testing.world import open_world

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_what_a_pattern_matched_is_told_and_survives(autojump_clock: MockClock) -> None:
    """``pay 20 to kofi`` begins the flow with both words, after a crash too; other texts begin nothing."""
    app = App()

    @app.flow("pay", patterns=[r"pay (?P<amount>\d+) to (?P<name>\w+)"])
    async def pay(c: Conversation) -> None:
        amount, name = c.matched["amount"], c.matched["name"]
        if await c.confirm("sure", f"Pay {amount} to {name}?"):
            await c.say(f"Paid {amount} to {name}.")

    async with open_world(app) as world:
        phone = await world.join("ama")
        assert await phone.say("pay much to kofi") == {}
        shown = await phone.say("Pay  20 to Kofi")
        assert shown["prompt"]["text"] == "Pay 20 to Kofi?"
        world.crash()
        await world.restart()
        phone = await world.join("ama")
        shown = await phone.say("yes")
        assert [message["text"] for message in shown["messages"]] == ["Paid 20 to Kofi."]
