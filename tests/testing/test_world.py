"""The world in which apps are tested: what its clients see, and that its crashes are crashes."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, InvalidInput, Session
from sessiond.core.codes import CloseCode
from sessiond.testing.world import Closed, Pushed, Reply, WorldError, open_world

app = App()


@app.on("set")
async def set_data(session: Session, payload: dict) -> dict:
    session.data.update(payload)
    session.push("changed", payload)
    return {"keys": sorted(session.data)}


@app.on("end")
async def end(session: Session) -> None:
    session.end("over")


@app.on_webhook("sum", wait=True)
async def add(session: Session, payload: list) -> int:
    return sum(payload)


async def test_a_client_sees_replies_pushes_and_closes_in_order(autojump_clock: MockClock) -> None:
    """A connection writes down everything it was sent, in the order in which it came."""
    async with open_world(app) as world:
        phone = world.connect("ann", device="phone")
        welcome = await phone.join()
        assert await phone.push("set", {"a": 1}) == {"keys": ["a"]}
        await phone.push("end")
        await world.settle()

        joined, pushed, replied, ended, closed = phone.got
        assert isinstance(joined, Reply)
        assert welcome["user_id"] == "ann"
        assert pushed == Pushed("changed", {"_offset": 1, "a": 1})
        assert isinstance(replied, Reply)
        assert isinstance(ended, Reply)
        assert closed == Closed(CloseCode.ENDED)
        assert not phone.is_open


async def test_an_error_is_raised_with_its_code(autojump_clock: MockClock) -> None:
    """A request that is turned down raises, and ``refusal`` gives the code alone."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        with pytest.raises(WorldError, match="unknown_event") as raised:
            await phone.push("nonsense")
        assert raised.value.code == "unknown_event"
        assert await phone.send("nonsense").refusal() == "unknown_event"
        with pytest.raises(AssertionError, match="expected an error"):
            await phone.send("set", {}).refusal()


async def test_webhooks_reach_the_session(autojump_clock: MockClock) -> None:
    """An accepting door is answered when it is durable, a waiting one with the handler's answer."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        receipt = await world.webhook("ann", {"type": "paid", "n": 1}, input_id="w1")
        again = await world.webhook("ann", {"type": "paid", "n": 1}, input_id="w1")
        await world.settle()

        assert (receipt.status, again.status) == ("accepted", "duplicate")
        assert phone.pushes == [("paid", {"_offset": 1, "type": "paid", "n": 1})]
        assert await world.call_webhook("ann", [1, 2, 3], name="sum") == 6


async def test_a_crash_tells_nobody_and_keeps_the_store(autojump_clock: MockClock) -> None:
    """After a crash clients hear nothing more; the next run has what was acknowledged, and resumes."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        await phone.push("set", {"a": 1})
        heard = len(phone.got)
        world.crash()
        await trio.sleep(1)

        assert (phone.is_open, phone.closed, len(phone.got)) == (False, None, heard)
        with pytest.raises(InvalidInput, match="restart it first"):
            world.connect("ann")
        await world.restart()
        assert await world.data("ann") == {"a": 1}
        again = world.connect("ann")
        assert (await again.join(resume=phone))["recovered"] is True


async def test_a_restart_alone_crashes_first(autojump_clock: MockClock) -> None:
    """``restart`` of a running world is a crash and a start."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        await world.restart()

        assert not phone.is_open
        assert not world.is_resident("ann")
        assert await world.data("bob") is None


async def test_a_dropped_connection_leaves(autojump_clock: MockClock) -> None:
    """Losing a connection opens the window, as with a real socket; what comes then is not seen."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        phone.drop()
        phone.drop()
        await world.webhook("ann", {"n": 1})
        await world.settle()

        assert phone.pushes == []
        laptop = world.connect("ann")
        assert (await laptop.join(resume=phone))["recovered"] is True
        await world.settle()
        assert laptop.pushes == [("webhook", {"_offset": 1, "n": 1})]


async def test_a_drain_closes_and_saves(autojump_clock: MockClock) -> None:
    """A drained world says what it did; the next run goes on."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        await phone.push("set", {"a": 1})
        report = await world.drain()

        assert phone.closed is CloseCode.DRAINING
        assert (report.connections, report.unsaved, report.is_released) == (1, (), True)
        await world.restart()
        assert await world.data("ann") == {"a": 1}


async def test_a_failed_assertion_comes_out_as_itself(autojump_clock: MockClock) -> None:
    """What a test raises is not wrapped in a group."""
    with pytest.raises(ZeroDivisionError):
        async with open_world(app):
            raise ZeroDivisionError


async def test_a_second_answer_is_a_failure(autojump_clock: MockClock) -> None:
    """Every request is answered once."""
    reply = Reply()
    assert repr(reply) == "Reply(waiting)"
    reply.ok(b"{}")
    assert repr(reply) == "Reply({})"
    with pytest.raises(AssertionError, match="second time"):
        reply.error("gone", "again")


async def test_time_passes_virtually(autojump_clock: MockClock) -> None:
    """Hours take no time, and the wall clock goes with them."""
    async with open_world(app) as world:
        before = world.clock.now()
        await trio.sleep(3600)

        assert world.clock.now() - before == 3600
