"""What was accepted and has not run, of one user, over pages."""

from __future__ import annotations

from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.ids import UserId, input_digest
from sessiond.runtime.unrun import list_unrun
from sessiond.testing.world import open_world

ANN = UserId("ann")


async def test_all_of_a_users_inputs_are_listed_in_order(autojump_clock: MockClock) -> None:
    """More than a page; none of anybody else."""
    app = App()

    @app.on_webhook("never")
    async def never(session: Session, payload: dict) -> None:
        raise ValueError("no")

    async with open_world(app) as world:
        for n in range(300):
            await world.node.intake.accept(
                ANN, "hook:never", b"%d" % n, input_digest("hook:never", str(n))
            )
        await world.webhook("bob", {}, name="never")
        found = await list_unrun(world.store, ANN)

    assert [entry.body for entry in found] == [b"%d" % n for n in range(300)]
