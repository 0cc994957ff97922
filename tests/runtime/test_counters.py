"""What a node counts."""

from __future__ import annotations

from trio.testing import MockClock

from sessiond import App, Session
from sessiond.runtime.counters import Counters
from sessiond.testing.world import open_world


async def test_a_node_counts_turns_and_commits(autojump_clock: MockClock) -> None:
    """A turn that changes nothing is a turn and no commit; a failed one is both a turn and a failure."""
    app = App()

    @app.on("count")
    async def count(session: Session) -> None:
        session.data["n"] = 1

    @app.on("fail")
    async def fail(session: Session) -> None:
        raise RuntimeError

    async with open_world(app) as world:
        phone = await world.join("ann")
        await phone.push("count")
        await phone.push("count")
        await phone.send("fail").refusal()

        assert world.node.counters == Counters(turns=4, failed_turns=1, committed_turns=2)
