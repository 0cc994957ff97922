"""Draining: in phases, within a deadline, and honest about what was not saved."""

from __future__ import annotations

import trio
from attrs import evolve
from trio.testing import MockClock

from sessiond.core.codes import CloseCode
from sessiond.core.errors import StoreUnavailable
from sessiond.core.ids import ConnectionId, NodeId, UserId
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.drain import Drain, DrainReport, DrainSettings
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.mailbox import Control
from sessiond.runtime.registry import Registry
from tests.runtime.hearing import hearing


class Socket:
    unsent_bytes = 0

    def __init__(self, house: House, number: int) -> None:
        self.id = ConnectionId(number)
        self.house = house

    def push(self, message: bytes) -> None:
        raise AssertionError("nothing is pushed while draining")

    def close(self, code: CloseCode, message: str = "") -> None:
        assert code is CloseCode.DRAINING
        self.house.closed.append(trio.current_time())


class House:
    """What there is to drain; notes the order of the phases."""

    def __init__(self, *, users: int = 3, sockets: int = 0) -> None:
        self.registry = Registry()
        for number in range(users):
            self.registry.add(Cell(UserId(f"u{number}")))
        self.sockets = [Socket(self, number) for number in range(sockets)]
        self.phases: list[str] = []
        self.closed: list[float] = []
        self.stuck: set[UserId] = set()
        self.release_error: Exception | None = None
        self.release_seconds = 0.0
        self.settings = DrainSettings()

    async def actors(self) -> None:
        """Play the actors: those who got the message and are not stuck leave."""
        self.phases.append("actors")
        for cell in self.registry:
            told = [one.item for one in cell.mailbox.clear()]
            if cell.standing is Standing.QUARANTINED:
                assert told == []
            elif cell.user not in self.stuck:
                assert told == [Control.DRAIN]
                assert cell.is_draining
                assert self.registry.leave(cell)
        if self.stuck:
            await trio.sleep_forever()

    async def flush(self) -> None:
        self.phases.append("flush")
        await trio.lowlevel.checkpoint()

    async def release(self) -> None:
        self.phases.append("release")
        await trio.sleep(self.release_seconds)
        if self.release_error is not None:
            raise self.release_error

    def connections(self) -> list[Socket]:
        self.phases.append("close")
        return self.sockets

    async def drain(self) -> DrainReport:
        drain = Drain(
            NodeId("n1"),
            self.registry,
            stops=[lambda: self.phases.append("doors"), lambda: self.phases.append("intake")],
            wait_actors=self.actors,
            flush=self.flush,
            release=self.release,
            connections=self.connections,
            clock=SystemClock(),
            entropy=SeededEntropy(1),
            settings=self.settings,
        )
        return await drain.run()


async def test_the_phases_come_in_order(autojump_clock: MockClock) -> None:
    """Nothing new, actors leave, everything is written, the lease goes back, then sockets close."""
    house = House(sockets=1)
    with hearing("node.draining", "node.drained") as heard:
        report = await house.drain()

    assert ["doors", "intake", "actors", "flush", "release", "close"] == house.phases
    assert DrainReport(3, 1, (), is_released=True, seconds=0.0) == report
    assert [
        ("node.draining", {"sessions": 3}, {"node": "n1"}),
        ("node.drained", {"duration": 0.0, "sessions": 3, "unsaved": 0}, {"node": "n1"}),
    ] == heard


async def test_what_was_not_saved_by_the_deadline_is_said(autojump_clock: MockClock) -> None:
    """A turn that hangs costs the deadline and is reported; the phases after it still happen."""
    house = House(sockets=1)
    house.stuck = {UserId("u1")}
    report = await house.drain()

    assert report.unsaved == ("u1",)
    assert report.seconds == house.settings.save_seconds
    assert ["release", "close"] == house.phases[-2:]


async def test_quarantined_users_have_nothing_to_save(autojump_clock: MockClock) -> None:
    """They have no actor: nothing is sent to them and nothing is missing."""
    house = House()
    (cell, *_) = house.registry
    cell.standing = Standing.QUARANTINED
    report = await house.drain()

    assert report.unsaved == ()


async def test_hibernated_users_leave_without_being_told(autojump_clock: MockClock) -> None:
    """Nothing of them is unwritten: no actor is started to say so."""
    house = House()
    (cell, *_) = house.registry
    cell.standing = Standing.HIBERNATED
    with hearing("session.passivated") as heard:
        report = await house.drain()

    assert report.sessions == 3
    assert [("u0", "drain")] == [(about["user"], about["reason"]) for _, _, about in heard]
    assert house.registry.get(cell.user) is None


async def test_a_backlog_in_the_store_does_not_hold_a_user_back(autojump_clock: MockClock) -> None:
    """Accepted inputs stay in the inbox for the next owner."""
    house = House()
    for cell in house.registry:
        cell.hold_back()
    report = await house.drain()

    assert report.unsaved == ()


async def test_sockets_close_in_jittered_batches(autojump_clock: MockClock) -> None:
    """A thousand clients do not come back in one instant."""
    house = House(users=0, sockets=1000)
    report = await house.drain()
    instants = sorted(set(house.closed))

    assert report.connections == 1000
    assert len(instants) == 10
    assert 0.45 <= instants[-1] <= 1.35


async def test_closing_has_its_own_deadline(autojump_clock: MockClock) -> None:
    """When batches take too long, the rest closes at once: the node stops in time."""
    house = House(users=0, sockets=1000)
    house.settings = evolve(house.settings, close_batch=1, close_seconds=1.0)
    report = await house.drain()

    assert report.connections == 1000
    assert report.seconds <= 1.2


async def test_a_store_that_is_away_does_not_keep_the_node(autojump_clock: MockClock) -> None:
    """The lease then runs out by itself; the report says so."""
    for house in (House(), House()):
        house.release_error = StoreUnavailable("away")
        assert not (await house.drain()).is_released
    slow = House(sockets=1)
    slow.release_seconds = 60.0
    report = await slow.drain()

    assert not report.is_released
    assert (report.seconds, report.connections) == (2.0, 1)


async def test_a_cancelled_drain_stops_where_it_is(autojump_clock: MockClock) -> None:
    """A second signal ends it: no later phase happens."""
    house = House(sockets=1)
    house.stuck = {UserId("u1")}
    with trio.move_on_after(5) as scope:
        await house.drain()

    assert scope.cancelled_caught
    assert ["doors", "intake", "actors"] == house.phases


async def test_many_actors_are_told_without_holding_up_the_node(autojump_clock: MockClock) -> None:
    """Other tasks get a turn between every five hundred."""
    house = House(users=2000)
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(len(house.phases))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await house.drain()
        nursery.cancel_scope.cancel()

    assert turns.count(2) >= 3
