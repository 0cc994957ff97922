"""Calls of the app, and what they leave in the turn."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.session.limits import SessionLimits
from sessiond.testing.world import open_world
from tests.runtime.hearing import hearing

app = App()


@app.on_connect
async def connected(session: Session) -> None:
    session.data["connects"] = session.data.get("connects", 0) + 1
    session.push("welcome", {}, durable=False, to=session.connection_id)


@app.on("flood")
async def flood(session: Session, payload: dict) -> None:
    for n in range(payload["n"]):
        session.push("n", {"n": n})


async def test_what_a_hook_asks_for_happens_with_its_turn(autojump_clock: MockClock) -> None:
    """Data and pushes of a connect hook; the push goes to the one that joined, after its welcome."""
    async with open_world(app) as world:
        first = await world.join("ann")
        second = await world.join("ann")

        assert first.pushes == second.pushes == [("welcome", {})]
        assert await world.data("ann") == {"connects": 2}


async def test_an_overflowing_outbox_is_told(autojump_clock: MockClock) -> None:
    """The bound drops the oldest, operators see how many, the client is told on resume."""
    async with open_world(app, limits=SessionLimits(outbox_frames=10)) as world:
        phone = await world.join("ann")
        with hearing("outbox.overflowed", "resume.refused", "resume.recovered") as heard:
            await phone.push("flood", {"n": 5})
            phone.drop()
            laptop = await world.join("ann")
            await laptop.push("flood", {"n": 25})
            await trio.sleep(1)
            again = world.connect("ann")
            assert (await again.join(resume=phone))["reason"] == "overflow"
            last = world.connect("ann")
            assert (await last.join(resume=laptop))["recovered"] is True

        assert [(name, measured) for name, measured, _ in heard] == [
            ("outbox.overflowed", {"frames": 20}),
            ("resume.refused", {}),
            ("resume.recovered", {"replayed": 0}),
        ]
