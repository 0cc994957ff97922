"""Hibernation: a session that waits for its client has no task, and nothing that is told to it is lost."""

from __future__ import annotations

import gc
import tracemalloc
from functools import partial

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.errors import ActorGone, Refused
from sessiond.core.ids import UserId
from sessiond.core.session.inputs import Leave, Send, Stop
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.phases import Phase
from sessiond.core.session_listing import SessionQuery
from sessiond.runtime.actor import SessionActor
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.drain import DrainSettings
from sessiond.runtime.node import NodePolicy
from sessiond.runtime.restart import RestartPolicy
from sessiond.runtime.services import ActorPolicy
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import Connection, World, open_world
from tests.runtime.hearing import hearing
from tests.runtime.test_recovery import take_over

ANN = UserId("ann")


class Desk:
    """An app that counts, and notes how often a window closed."""

    def __init__(self) -> None:
        self.closed = 0
        app = self.app = App(timeout=5)

        @app.on("add")
        async def add(session: Session) -> int:
            session.data["n"] = session.data.get("n", 0) + 1
            return int(session.data["n"])

        @app.on("remind")
        async def remind(session: Session, payload: dict) -> None:
            session.set_timer("later", after=payload["after"])

        @app.on("jot", durability="relaxed")
        async def jot(session: Session) -> None:
            session.data["jotted"] = True

        @app.on_timer("later")
        async def later(session: Session) -> None:
            session.push("reminded", {})

        @app.on_webhook("add")
        async def hooked(session: Session, payload: dict) -> None:
            if payload.get("fails"):
                raise RuntimeError("fails")
            await trio.sleep(payload.get("seconds", 0))
            session.data.setdefault("seen", []).append(payload["n"])
            session.push("added", payload)

        @app.on_window_expired
        async def expired(_session: Session) -> None:
            self.closed += 1
            await trio.sleep(3)


def policy(*, resident: int = 100_000) -> NodePolicy:
    return NodePolicy(
        session=SessionLimits(),
        actor=ActorPolicy(),
        restart=RestartPolicy(),
        drain=DrainSettings(),
        resident_sessions=resident,
    )


def cell_of(world: World, user: str = "ann") -> Cell:
    cell = world.node.registry.get(UserId(user))
    assert cell is not None
    return cell


def hibernates(world: World, user: str = "ann") -> bool:
    cell = cell_of(world, user)
    assert (cell.standing is Standing.HIBERNATED) is (cell.hibernated is not None)
    return cell.hibernated is not None and cell.actor is None


async def hibernating(world: World, user: str = "ann") -> Connection:
    """Have *user* join, do something and lose his connection; return what he had."""
    phone = await world.join(user, device="phone")
    await phone.push("add")
    phone.drop()
    await world.settle()
    assert hibernates(world, user)
    return phone


async def test_a_detached_session_has_no_task(autojump_clock: MockClock) -> None:
    """Once its leaving is durable there is nothing to do: the state is kept, the phase stays."""
    store = FaultyStore(MemoryStore())
    async with open_world(Desk().app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("add")
        store.hold("commit")
        phone.drop()
        await world.settle()
        assert not hibernates(world)
        store.let_go("commit")
        with hearing("session.passivated") as heard:
            await world.settle()

        assert hibernates(world)
        assert world.node.supervisor.running == 0
        assert world.node.deadlines.statistics().open == 0
        assert heard == []


async def test_operators_see_a_detached_session(autojump_clock: MockClock) -> None:
    """Counting, listing and describing it show what an actor would show, and do not wake it."""
    async with open_world(Desk().app) as world:
        await hibernating(world)
        (row,) = (await world.operations.sessions(SessionQuery())).rows
        detail = await world.operations.session(ANN)

        assert world.operations.stats().sessions == {Phase.DETACHED: 1}
        assert (row.phase, row.connections) == (Phase.DETACHED, 0)
        assert detail.row == row
        assert (detail.data, detail.turns, detail.version) == ({"n": 1}, 3, 3)
        assert hibernates(world)


async def test_coming_back_within_the_window_needs_no_load(autojump_clock: MockClock) -> None:
    """The client resumes, gets what it missed, and the session goes on from its state."""
    store = FaultyStore(MemoryStore())
    async with open_world(Desk().app, store=store) as world:
        phone = await hibernating(world)
        await world.webhook("ann", {"n": 7}, name="add")
        await world.settle()
        assert hibernates(world)
        loads = store.calls["load"]
        again = world.connect("ann", device="phone")
        with hearing("session.activated") as heard:
            welcome = await again.join(resume=phone)

        assert welcome["recovered"] is True
        assert again.pushes == [("added", {"_offset": 1, "n": 7})]
        assert await again.push("add") == 2
        assert store.calls["load"] == loads
        assert heard == []


async def test_messages_that_race_with_hibernation_are_kept(autojump_clock: MockClock) -> None:
    """At whatever moment of its falling asleep a message comes: it is run, once, in order."""
    for moment in range(12):
        async with open_world(Desk().app) as world:
            phone = await world.join("ann")
            await phone.push("add")
            phone.drop()
            for _ in range(moment):
                await trio.lowlevel.checkpoint()
            ref = world.ref("ann")
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(partial(ref.ask, Send("n", {"n": number}), timeout=5))
            await world.webhook("ann", {"n": 1}, name="add")
            await world.webhook("ann", {"n": 2}, name="add")
            await world.settle()

            assert (await world.data("ann"))["seen"] == [1, 2]
            assert hibernates(world)
            assert cell_of(world).hibernated.state.stream.head == 5  # type: ignore[union-attr]


async def test_every_door_wakes_it(autojump_clock: MockClock) -> None:
    """An operator's push, a webhook, a timer of the app: each runs, and it hibernates again."""
    async with open_world(Desk().app) as world:
        phone = await world.join("ann", device="phone")
        await phone.push("remind", {"after": 5})
        phone.drop()
        await world.settle()
        with hearing("session.activated", "turn.stop") as heard:
            await world.ref("ann").ask(Send("n", {}), timeout=1)
            await world.webhook("ann", {"n": 1}, name="add")
            await trio.sleep(6)

        assert [about.get("kind") for _, _, about in heard] == ["send", "accepted", "timer"]
        assert hibernates(world)
        again = world.connect("ann", device="phone")
        await again.join(resume=phone)
        assert [event for event, _ in again.pushes] == ["n", "added", "reminded"]


async def test_its_window_closes_once(autojump_clock: MockClock) -> None:
    """The timer's message wakes it, is told once however long the hook takes, and puts it away."""
    desk = Desk()
    async with open_world(desk.app) as world:
        await hibernating(world)
        with hearing("timer.fired", "timer.stale", "session.passivated") as heard:
            await trio.sleep(120)

        assert desk.closed == 1
        assert [name for name, _, _ in heard] == ["timer.fired", "session.passivated"]
        assert heard[1][2]["reason"] == "window"
        assert not world.is_resident("ann")


async def test_a_retry_and_a_relaxed_change_are_waited_for(autojump_clock: MockClock) -> None:
    """It does not hibernate while an acknowledged input waits for its retry, or something is unwritten."""
    async with open_world(Desk().app) as world:
        await hibernating(world)
        await world.webhook("ann", {"fails": True}, name="add")
        await world.settle()
        assert not hibernates(world)
        await trio.sleep(2)
        assert hibernates(world)
        assert len(await world.dead_letters("ann")) == 1

        again = await world.join("ann", device="phone")
        await again.push("jot")
        again.drop()
        await trio.sleep(2)
        assert hibernates(world)
        assert (await world.data("ann"))["jotted"] is True


async def test_a_crash_after_waking_starts_from_the_store(autojump_clock: MockClock) -> None:
    """What it hibernated with is used once; the message that came is run by the next incarnation."""
    store = FaultyStore(MemoryStore())
    async with open_world(Desk().app, store=store) as world:
        await hibernating(world)
        loads = store.calls["load"]
        cell = cell_of(world)
        await world.webhook("ann", {"n": 1, "seconds": 2}, name="add")
        await world.settle()
        assert isinstance(cell.actor, SessionActor)
        cell.actor.gate.crash = RuntimeError("ours")
        await trio.sleep(10)

        assert (cell.restarts, cell.incarnation) == (1, 1)
        assert store.calls["load"] == loads + 1
        assert (await world.data("ann"))["seen"] == [1]
        assert hibernates(world)


async def test_a_store_that_is_away_does_not_matter_to_it(autojump_clock: MockClock) -> None:
    """Asleep it asks nothing of the store; woken, what it computes waits at the gate as ever."""
    store = FaultyStore(MemoryStore())
    async with open_world(Desk().app, store=store) as world:
        phone = await hibernating(world)
        store.go_away("load", "commit")
        again = world.connect("ann", device="phone")
        joining = again.start_join(resume=phone)
        await trio.sleep(5)
        assert not joining.is_answered
        store.come_back()

        assert (await joining.get())["recovered"] is True


async def test_a_late_leave_wakes_nobody(autojump_clock: MockClock) -> None:
    """It has no connection that could leave."""
    async with open_world(Desk().app) as world:
        phone = await hibernating(world)
        world.ref("ann").tell(Leave(phone.wire.id))
        await world.settle()

        assert hibernates(world)
        assert world.node.supervisor.running == 0


async def test_stopping_ends_it(autojump_clock: MockClock) -> None:
    """An operator's stop wakes it and removes its record."""
    async with open_world(Desk().app) as world:
        await hibernating(world)
        await world.ref("ann").ask(Stop("operator", erase=True), timeout=1)
        await world.settle()

        assert not world.is_resident("ann")
        assert await world.data("ann") is None


async def test_a_drain_puts_it_away_without_waking_it(autojump_clock: MockClock) -> None:
    """Nothing of it is unwritten; what the store holds is what it was, and it is told nothing any more."""
    store = FaultyStore(MemoryStore())
    async with open_world(Desk().app, store=store) as world:
        await hibernating(world)
        phone = await world.join("bob")
        ref, commits = world.ref("ann"), store.calls["commit"]
        with hearing("session.passivated") as heard:
            report = await world.drain()

        assert {about["user"] for _, _, about in heard} == {"ann", "bob"}
        assert {about["reason"] for _, _, about in heard} == {"drain"}
        assert (report.sessions, report.unsaved) == (2, ())
        assert store.calls["commit"] == commits
        assert not phone.is_open
        with pytest.raises(Refused, match="being stopped"):
            ref.tell(Send("n", {}))
        await world.restart()
        assert (await world.join("ann")).position is not None


async def test_while_draining_nothing_wakes_it(autojump_clock: MockClock) -> None:
    """Whatever would start an actor is refused: also what may still be told to those who run."""
    async with open_world(Desk().app) as world:
        await hibernating(world)
        world.node.directory.stop_accepting()
        with pytest.raises(Refused, match="being stopped"):
            world.ref("ann").tell(Stop("operator"))

        assert hibernates(world)


async def test_at_the_cap_it_leaves_memory_at_once(autojump_clock: MockClock) -> None:
    """It is not woken for that, and keeps its window: the next message loads it."""
    async with open_world(Desk().app, policy=policy(resident=3)) as world:
        await hibernating(world)
        for user in "bcd":
            await trio.sleep(0.1)
            await world.join(user)
        with hearing("session.activated") as heard:
            assert not world.is_resident("ann")
            await world.webhook("ann", {"n": 1}, name="add")
            await world.settle()

        assert len(heard) == 1
        assert (await world.data("ann")) == {"n": 1, "seen": [1]}


async def test_of_a_partition_that_was_lost_it_goes(autojump_clock: MockClock) -> None:
    """What wakes it finds out at its commit: nothing leaves, who waits is told, the state is forgotten."""
    store = MemoryStore()
    async with open_world(Desk().app, store=store) as world:
        await hibernating(world)
        await take_over(store)
        with pytest.raises(ActorGone):
            await world.ref("ann").ask(Send("n", {}), timeout=5)

        assert not world.is_resident("ann")


async def test_a_quarantine_forgets_what_it_hibernated_with(autojump_clock: MockClock) -> None:
    """An operator may change the record before he releases the user."""
    async with open_world(Desk().app) as world:
        await hibernating(world)
        cell = cell_of(world)
        assert cell.hibernated is not None
        cell.hibernated = evolve(cell.hibernated, state=None)  # type: ignore[arg-type]
        await world.webhook("ann", {"n": 1}, name="add")
        await trio.sleep(10)

        assert cell.restarts == 1
        assert (await world.data("ann")) == {"n": 1, "seen": [1]}


async def test_what_it_takes(autojump_clock: MockClock) -> None:
    """A hibernated session is its cell and its state: a few objects, no task, no queue."""
    async with open_world(Desk().app) as world:

        async def visit(first: int) -> None:
            for number in range(first, first + 50):
                await hibernating(world, f"u{number}")

        await visit(0)
        gc.collect()
        tracemalloc.start()
        try:
            await visit(50)
            gc.collect()
            snapshot = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
        runtime = snapshot.filter_traces(
            [
                tracemalloc.Filter(inclusive=False, filename_pattern="*/stores/*"),
                tracemalloc.Filter(inclusive=False, filename_pattern="*/testing/*"),
            ]
        )
        assert sum(one.size for one in runtime.statistics("filename")) / 50 < 4096
