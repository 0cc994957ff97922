"""Turns: repeats of an input, relaxed durability, timers, and what hooks return."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.codes import CloseCode
from sessiond.core.errors import Refused
from sessiond.core.ids import UserId, partition_of
from sessiond.core.session.inputs import RollBack
from sessiond.core.session.limits import SessionLimits
from sessiond.runtime.mailbox import Control
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import open_world
from tests.runtime.hearing import hearing

ANN = UserId("ann")


def diary_app() -> App:
    """An app with one handler per kind of wish."""
    app = App()

    @app.on("add")
    async def add(session: Session, payload: dict) -> dict:
        if payload.get("fail"):
            raise RuntimeError
        session.data["n"] = session.data.get("n", 0) + 1
        return {"n": session.data["n"], "filler": "x" * payload.get("filler", 0)}

    @app.on("note", durability="relaxed")
    async def note(session: Session, payload: dict) -> None:
        session.data["note"] = payload["note"]
        if "push" in payload:
            session.push("noted", {}, durable=payload["push"] == "durable")
        if "timer" in payload:
            session.set_timer("t", after=payload["timer"])
        if "end" in payload:
            session.end("noted")

    @app.on("timer")
    async def timer(session: Session, payload: dict) -> None:
        if "after" in payload:
            session.set_timer("t", after=payload["after"], payload=payload.get("payload"))
        elif "at" in payload:
            session.set_timer("t", at=payload["at"])
        else:
            session.cancel_timer("t")

    @app.on_timer("t")
    async def fired(session: Session, payload: object) -> None:
        session.data.setdefault("fired", []).append([session.now, payload])
        if payload == "again":
            session.set_timer("t", after=10, payload="again")

    @app.on("where")
    async def where(session: Session) -> dict:
        return {"user": session.user_id, "unread": session.unread, "id": session.connection_id}

    @app.on("kick")
    async def kick(session: Session, payload: dict) -> None:
        session.unread = 3
        session.kick(session.connection_id if payload.get("me") else None)

    @app.on_webhook("wait", wait=True)
    async def wait(session: Session, payload: dict) -> dict:
        session.data["n"] = session.data.get("n", 0) + 1
        return {"n": session.data["n"]}

    return app


# Repeats


async def test_a_repeat_gets_the_first_reply(autojump_clock: MockClock) -> None:
    """The same id runs once, also after the user was away and after a restart."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        first = await phone.push("add", input_id="a")
        assert await phone.push("add", input_id="a") == first
        assert (await phone.push("add", input_id="b"))["n"] == 2
        await world.restart()
        phone = await world.join("ann")

        assert await phone.push("add", input_id="a") == first
        assert await world.data("ann") == {"n": 2}


async def test_a_repeat_in_flight_waits_for_the_first(autojump_clock: MockClock) -> None:
    """While the first one's commit is under way its repeat is not answered; then both say the same."""
    store = FaultyStore(MemoryStore())
    async with open_world(diary_app(), store=store) as world:
        phone = await world.join("ann")
        store.hold("commit")
        first, repeat = (phone.send("add", input_id="a") for _ in range(2))
        await store.wait_held("commit")
        await world.settle()
        assert not repeat.is_answered
        store.let_go("commit")

        assert await first.get() == await repeat.get() == {"n": 1, "filler": ""}


async def test_a_failed_first_leaves_the_id_free(autojump_clock: MockClock) -> None:
    """Nothing was applied, so the same id may be tried again."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        assert await phone.send("add", {"fail": True}, input_id="a").refusal() == "handler_failed"

        assert (await phone.push("add", input_id="a"))["n"] == 1


async def test_a_large_reply_is_not_kept(autojump_clock: MockClock) -> None:
    """The repeat of a reply over 4 KiB is told that it is one."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        assert (await phone.push("add", {"filler": 5000}, input_id="a"))["n"] == 1

        assert await phone.push("add", {"filler": 5000}, input_id="a") == {"duplicate": True}


async def test_the_window_of_ids_is_bounded(autojump_clock: MockClock) -> None:
    """The oldest id beyond the bound is forgotten, and runs again."""
    async with open_world(diary_app(), limits=SessionLimits(window_ids=2)) as world:
        phone = await world.join("ann")
        for name in "abc":
            await phone.push("add", input_id=name)
        assert (await phone.push("add", input_id="c"))["n"] == 3

        assert (await phone.push("add", input_id="a"))["n"] == 4


async def test_a_repeated_waiting_webhook_gets_the_first_answer(autojump_clock: MockClock) -> None:
    """Also when its session was not in memory."""
    async with open_world(diary_app(), limits=SessionLimits(linger_seconds=1)) as world:
        first = await world.call_webhook("ann", {}, name="wait", input_id="w")
        await trio.sleep(5)
        assert not world.is_resident("ann")

        assert await world.call_webhook("ann", {}, name="wait", input_id="w") == first


# Relaxed durability


async def test_a_relaxed_turn_is_answered_before_it_is_written(autojump_clock: MockClock) -> None:
    """It is written within a second; until then a crash loses it, afterwards not."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        await phone.push("note", {"note": "lost"})
        await trio.sleep(0.5)
        assert await world.data("ann") == {}
        await world.restart()
        assert await world.data("ann") == {}

        phone = await world.join("ann")
        await phone.push("note", {"note": "kept"})
        await trio.sleep(1.1)
        await world.restart()
        assert await world.data("ann") == {"note": "kept"}


async def test_a_relaxed_change_goes_with_the_next_commit(autojump_clock: MockClock) -> None:
    """A commit turn writes what was left behind."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        await phone.push("note", {"note": "a"})
        await phone.push("add")

        assert await world.data("ann") == {"n": 1, "note": "a"}


@pytest.mark.parametrize(
    ("more", "input_id"),
    [({"push": "durable"}, None), ({"timer": 9}, None), ({"end": True}, None), ({}, "id")],
)
async def test_a_relaxed_turn_that_must_be_durable_is(
    autojump_clock: MockClock, more: dict[str, object], input_id: str | None
) -> None:
    """A durable push, a timer, the end or an id makes it a commit turn."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        await phone.push("note", {"note": "a", **more}, input_id=input_id)

        assert await world.data("ann") == {"note": "a"}


async def test_an_ephemeral_push_of_a_relaxed_turn_waits_for_nothing(
    autojump_clock: MockClock,
) -> None:
    """No commit is needed for it to leave."""
    store = FaultyStore(MemoryStore())
    async with open_world(diary_app(), store=store) as world:
        phone = await world.join("ann")
        store.hold("commit")
        await phone.push("note", {"note": "a", "push": "ephemeral"})

        assert phone.pushes == [("noted", {})]


async def test_relaxed_changes_are_written_before_the_session_is_put_away(
    autojump_clock: MockClock,
) -> None:
    """Passivation loses nothing."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        await phone.push("note", {"note": "a"})
        phone.drop()
        await trio.sleep(29.5)
        await phone.push("note", {"note": "b"})
        await trio.sleep(0.6)

        assert not world.is_resident("ann")
        assert await world.data("ann") == {"note": "b"}


# Acknowledgements


async def test_acknowledged_pushes_are_forgotten(autojump_clock: MockClock) -> None:
    """An ack trims the outbox, within a second; one of what was never sent is refused."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        for n in range(3):
            await phone.push("note", {"note": n, "push": "durable"})
        phone.ack(2)
        phone.ack(99)
        await trio.sleep(2)
        loaded = await world.store.load(ANN, partition_of(ANN))

        assert loaded is not None
        assert (loaded.stream.floor, loaded.stream.head) == (2, 3)
        phone.ack()
        await trio.sleep(2)
        assert await world.store.frames(ANN, partition_of(ANN), 0) == ()


# Timers


async def test_a_timer_fires_once_with_its_payload(autojump_clock: MockClock) -> None:
    """At its time, also when nobody is in memory."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        began = world.clock.now()
        await phone.push("timer", {"after": 500, "payload": [1]})
        phone.drop()
        await trio.sleep(400)
        assert not world.is_resident("ann")
        await trio.sleep(400)

        ((at, payload),) = (await world.data("ann"))["fired"]
        assert payload == [1]
        assert 500 <= at - began <= 502


async def test_a_timer_survives_restarts_and_fires_once_when_overdue(
    autojump_clock: MockClock,
) -> None:
    """The node was down at its time: it fires at the start, once."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        await phone.push("timer", {"after": 100})
        world.crash()
        await trio.sleep(1000)
        await world.restart()
        await trio.sleep(100)

        assert len((await world.data("ann"))["fired"]) == 1


async def test_a_timer_that_was_set_anew_fires_at_its_new_time(autojump_clock: MockClock) -> None:
    """The earlier setting has no effect any more; a cancelled timer never fires."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        began = world.clock.now()
        await phone.push("timer", {"after": 10})
        await phone.push("timer", {"after": 30})
        await trio.sleep(40)
        ((at, _),) = (await world.data("ann"))["fired"]
        assert at - began >= 30

        await phone.push("timer", {"after": 10})
        await phone.push("timer", {})
        await trio.sleep(40)
        assert len((await world.data("ann"))["fired"]) == 1


async def test_a_stale_timer_has_no_effect(autojump_clock: MockClock) -> None:
    """One that was already on its way when it was replaced is told apart by its generation."""
    store = FaultyStore(MemoryStore())
    async with open_world(diary_app(), store=store) as world:
        phone = await world.join("ann")
        await phone.push("timer", {"after": 10})
        cell = world.node.registry.get(ANN)
        assert cell is not None
        await trio.sleep(9.9)
        store.hold("commit")
        answers = [phone.send("add") for _ in range(4)]  # the actor waits for the store
        replaced = phone.send("timer", {"after": 50})
        await trio.sleep(5)
        assert any(not isinstance(one.item, Control) for one in cell.mailbox.snapshot())
        with hearing("timer.stale", "timer.fired") as heard:
            store.let_go("commit")
            await replaced.get()
            await trio.sleep(5)

        assert [answer.is_answered for answer in answers] == [True] * 4
        assert [name for name, _, _ in heard] == ["timer.stale"]
        assert "fired" not in await world.data("ann")


async def test_a_timer_may_set_itself_again(autojump_clock: MockClock) -> None:
    """A repeating timer that was overdue fires once, not as a flood."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        await phone.push("timer", {"after": 10, "payload": "again"})
        await trio.sleep(45)
        assert len((await world.data("ann"))["fired"]) == 4
        world.crash()
        await trio.sleep(1000)
        await world.restart()
        await trio.sleep(5)

        assert len((await world.data("ann"))["fired"]) == 5


async def test_a_jump_of_the_wall_clock_strands_no_timer(autojump_clock: MockClock) -> None:
    """Forward: it fires at once. Backward: what is set then still fires after its time."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")
        await phone.push("timer", {"after": 5000})
        world.clock.jump(6000)
        await trio.sleep(2)
        assert len((await world.data("ann"))["fired"]) == 1

        world.clock.jump(-10_000)
        await phone.push("timer", {"after": 10})
        await trio.sleep(12)
        assert len((await world.data("ann"))["fired"]) == 2


# The rest


async def test_a_kick_closes_after_the_reply(autojump_clock: MockClock) -> None:
    """Only the connection itself, or all of them; what the turn changed is kept."""
    async with open_world(diary_app()) as world:
        phone, laptop = await world.join("ann"), await world.join("ann")
        await phone.push("kick", {"me": True})
        assert (phone.closed, laptop.closed) == (CloseCode.KICKED, None)
        await laptop.push("kick")
        assert laptop.closed is CloseCode.KICKED

        assert (await world.connect("ann").join())["unread"] == 3


async def test_a_handler_knows_whose_input_it_is(autojump_clock: MockClock) -> None:
    """User, connection and unread count are the session's."""
    async with open_world(diary_app()) as world:
        phone = await world.join("ann")

        assert await phone.push("where") == {"user": "ann", "unread": 0, "id": phone.id}


async def test_what_a_hook_returns_answers_nobody(autojump_clock: MockClock) -> None:
    """A hook that returns something does not answer a second time (the world would say so)."""
    app = App()
    for register in (app.on_start, app.on_connect, app.on_disconnect, app.on_idle):

        @register
        async def hook(session: Session) -> str:
            return "nobody asked"

    @app.on_end
    async def end(session: Session, reason: str) -> str:
        return reason

    @app.on("bye")
    async def bye(session: Session) -> str:
        session.end("bye")
        return "good bye"

    async with open_world(app) as world:
        phone = await world.join("ann")
        assert await phone.push("bye") == "good bye"
        await world.join("ann")
        await world.operations.stop_session(ANN, reason="stopped", erase=False)


async def test_a_roll_back_goes_to_the_snapshot_before(autojump_clock: MockClock) -> None:
    """After everything before it is written; clients come back to a new epoch."""
    store = FaultyStore(MemoryStore())
    async with open_world(diary_app(), store=store) as world:
        phone = await world.join("ann")
        await phone.push("add")
        store.hold("commit")
        pending = phone.send("add")
        await store.wait_held("commit")

        async def roll_back() -> None:
            await world.ref("ann").ask(RollBack(), timeout=5)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(roll_back)
            await trio.sleep(1)
            store.let_go("commit")
        assert (await pending.get())["n"] == 2

        assert phone.closed is CloseCode.RESTARTED
        assert await world.data("ann") == {"n": 1}
        again = world.connect("ann")
        assert (await again.join(resume=phone))["reason"] == "epoch"
        assert (await again.push("add"))["n"] == 2


async def test_nothing_before_means_no_roll_back(autojump_clock: MockClock) -> None:
    """A first snapshot has none before it."""
    async with open_world(diary_app()) as world:
        with pytest.raises(Refused):
            await world.ref("bob").ask(RollBack(), timeout=5)
