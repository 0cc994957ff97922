"""Flows in memory: those of whoever spoke last, and no more than so many."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from sessiond import App, Conversation
from sessiond.core.flows.engine import LiveFlow
from sessiond.core.session.limits import SessionLimits
from sessiond.runtime.awake import Awake
from sessiond.runtime.drain import DrainSettings
from sessiond.runtime.node import NodePolicy
from sessiond.runtime.restart import RestartPolicy
from sessiond.runtime.services import ActorPolicy
from sessiond.testing.world import open_world

if TYPE_CHECKING:
    from trio.testing import MockClock

POLICY = NodePolicy(
    session=SessionLimits(),
    actor=ActorPolicy(),
    restart=RestartPolicy(),
    drain=DrainSettings(),
    awake_dialogues=2,
)


class Dialogue:
    def __init__(self, awake: Awake) -> None:
        self.awake = awake
        self.is_awake = True

    def put_away(self) -> None:
        self.is_awake = False
        self.awake.forget(self)


def test_the_longest_silent_makes_room() -> None:
    """Who was touched again is not the longest silent any more."""
    awake = Awake(2)
    first, second, third = (Dialogue(awake) for _ in range(3))
    for one in (first, second, first, third):
        awake.touch(one)

    assert [True, False, True] == [first.is_awake, second.is_awake, third.is_awake]
    assert 2 == len(awake)
    awake.forget(third)
    awake.forget(third)
    assert 1 == len(awake)


def alive() -> int:
    gc.collect()
    return sum(isinstance(one, LiveFlow) and one.is_alive for one in gc.get_objects())


async def test_attached_users_keep_their_conversations(autojump_clock: MockClock) -> None:
    """Ten of them are in the middle of a flow, two coroutines are in memory, and everybody goes on where he was."""
    app = App()

    @app.flow("order", starts_on=["hi"])
    async def order(c: Conversation) -> None:
        name = await c.ask("name", "Who?")
        await c.ask("what", f"What, {name}?")

    before = alive()
    async with open_world(app, policy=POLICY) as world:
        phones = {name: await world.join(name) for name in "abcdefghij"}
        for phone in phones.values():
            await phone.say("hi")
        assert before + 2 == alive()
        for name, phone in phones.items():
            assert f"What, {name}?" == (await phone.say(name))["prompt"]["text"]
        assert before + 2 == alive()
    assert before == alive()
