"""The outlet: what happens when a turn is durable."""

from __future__ import annotations

from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.codes import CloseCode
from sessiond.core.ids import UserId
from sessiond.runtime.actor import SessionActor
from sessiond.testing.world import open_world

app = App()


@app.on("later")
async def later(session: Session) -> None:
    session.set_timer("t", after=77)


async def test_a_committed_timer_is_known_to_the_node(autojump_clock: MockClock) -> None:
    """Its due time is noted when its turn is released, so that nobody has to look for it."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        assert world.node.timers.next_due() is None  # the window of an attached user has no time
        await phone.push("later")

        assert world.node.timers.next_due() == world.clock.now() + 77
        assert world.node.counters.committed_turns == 2


async def test_connections_that_left_are_forgotten_after_their_close(
    autojump_clock: MockClock,
) -> None:
    """A replaced connection gets its close first; then the actor holds no more than who is attached."""
    async with open_world(app) as world:
        old, new = await world.join("ann", device="d"), await world.join("ann", device="d")
        cell = world.node.registry.get(UserId("ann"))
        assert cell is not None
        actor = cell.actor
        assert isinstance(actor, SessionActor)

        assert old.closed is CloseCode.REPLACED
        assert set(actor.outlet.connections) == {new.id}
        actor.outlet.close_all(CloseCode.MOVED)
        assert new.closed is CloseCode.MOVED
        assert actor.outlet.connections == {}
