"""Activation: users who are unknown, users who cannot be loaded, records that cannot be read."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.errors import Refused
from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import UserCommit
from sessiond.core.session.snapshot import SNAPSHOT_VERSION
from sessiond.runtime.activation import ACCOUNT_SECONDS
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, WorldError, open_world
from tests.runtime.hearing import hearing

ANN = UserId("ann")


class Crm:
    """A user source that can be away."""

    def __init__(self) -> None:
        self.users: dict[str, object] = {"bob": {"name": "Bob"}}
        self.is_away = False
        self.hangs = False
        self.asked = 0
        app = self.app = App()
        app.load_user(self.load)

        @app.on("name")
        async def name(session: Session) -> object:
            return session.account["name"]

        @app.on("set")
        async def set_(session: Session, payload: dict) -> None:
            session.data.update(payload)

        @app.on_webhook("job")
        async def job(session: Session, payload: dict) -> None:
            session.data.setdefault("jobs", []).append(payload["n"])

    async def load(self, user: str) -> object:
        self.asked += 1
        if self.hangs:
            await trio.sleep_forever()
        if self.is_away:
            raise ConnectionError("the database is away")
        return self.users.get(user)


async def test_a_known_user_is_loaded_once(autojump_clock: MockClock) -> None:
    """Handlers see what the source returned; it is asked once per activation."""
    crm = Crm()
    async with open_world(crm.app) as world:
        phone = await world.join("bob")
        assert await phone.push("name") == await phone.push("name") == "Bob"

        assert crm.asked == 1


async def test_an_unknown_user_is_refused_and_leaves_nothing(autojump_clock: MockClock) -> None:
    """The join says ``unknown_user``; no restart, no record, no actor stays."""
    crm = Crm()
    async with open_world(crm.app) as world:
        with hearing("supervisor.restarted") as restarts:
            for _ in range(10):
                assert await world.connect("ann").start_join().refusal() == "unknown_user"
            await world.settle()

        assert restarts == []
        assert not world.is_resident("ann")
        assert await world.data("ann") is None
        with pytest.raises(Refused) as refused:
            await world.call_webhook("ann", {}, name="job")
        assert refused.value.code == "unknown_user"


async def test_what_was_accepted_for_an_unknown_user_is_a_dead_letter(
    autojump_clock: MockClock,
) -> None:
    """Acknowledged inputs do not vanish: an operator sees them. Nothing else is kept of the user."""
    crm = Crm()
    async with open_world(crm.app) as world:
        await world.webhook("ann", {"n": 1}, name="job")
        await world.webhook("ann", {"n": 2}, name="job")
        await trio.sleep(5)

        assert [letter.body for letter in await world.dead_letters()] == [b'{"n":1}', b'{"n":2}']
        assert await world.data("ann") is None
        assert not world.is_resident("ann")
        assert await world.store.pending(partition_of(ANN)) == ()


async def test_a_user_who_was_removed_from_the_source_is_refused(autojump_clock: MockClock) -> None:
    """His record stays; he is turned away from the next activation on."""
    crm = Crm()
    async with open_world(crm.app) as world:
        phone = await world.join("bob")
        await phone.push("set", {"a": 1})
        phone.drop()
        await trio.sleep(60)
        crm.users.clear()

        assert await world.connect("bob").start_join().refusal() == "unknown_user"
        assert await world.data("bob") == {"a": 1}


@pytest.mark.parametrize("trouble", ["is_away", "hangs"])
async def test_a_source_that_is_away_says_nothing_about_its_users(
    autojump_clock: MockClock, trouble: str
) -> None:
    """Who waits is told ``unavailable``; accepted inputs wait and are applied when the source is back."""
    crm = Crm()
    setattr(crm, trouble, True)
    async with open_world(crm.app) as world:
        await world.webhook("bob", {"n": 1}, name="job")
        joining = world.connect("bob").start_join()
        await trio.sleep(ACCOUNT_SECONDS / 2 if trouble == "hangs" else 0.05)
        setattr(crm, trouble, False)
        assert await joining.refusal() == "unavailable"
        await trio.sleep(5)

        assert await world.data("bob") == {"jobs": [1]}
        await world.join("bob")


async def test_a_source_that_stays_away_costs_its_users_nothing(
    autojump_clock: MockClock,
) -> None:
    """Joins are told when to come back, nothing is counted as a crash, what was accepted runs once it is back."""
    crm = Crm()
    crm.is_away = True
    async with open_world(crm.app) as world:
        with hearing("supervisor.restarted", "supervisor.quarantined", "account.failed") as heard:
            await world.webhook("bob", {"n": 1}, name="job")
            await trio.sleep(300)
            with pytest.raises(WorldError) as refused:
                await world.connect("bob").join()
        assert (refused.value.code, refused.value.retry_after) == ("unavailable", 2.0)
        assert {name for name, _, _ in heard} == {"account.failed"}
        assert heard[0][2] == {"user": "bob", "error": "ConnectionError"}
        assert 300 / 6 < crm.asked < 300
        assert await world.dead_letters() == ()
        assert world.operations.stats().restarts == 0
        assert world.node.not_ready() == []
        crm.is_away = False
        await trio.sleep(10)

        assert await world.data("bob") == {"jobs": [1]}
        assert await (await world.join("bob")).push("name") == "Bob"


async def test_a_source_that_is_away_is_not_asked_for_nobody(autojump_clock: MockClock) -> None:
    """When nothing waits any more the user leaves memory; each join asks once."""
    crm = Crm()
    crm.is_away = True
    async with open_world(crm.app) as world:
        for _ in range(20):
            assert await world.connect("bob").start_join().refusal() == "unavailable"
        await trio.sleep(600)

        assert crm.asked == 20
        assert not world.is_resident("bob")
        crm.is_away = False
        await world.join("bob")


async def test_a_source_that_is_away_does_not_hold_up_a_drain(autojump_clock: MockClock) -> None:
    """What was accepted stays in the store for the next run."""
    crm = Crm()
    crm.is_away = True
    async with open_world(crm.app) as world:
        await world.webhook("bob", {"n": 1}, name="job")
        await trio.sleep(60)
        report = await world.drain()
        assert (report.unsaved, report.is_released) == ((), True)
        assert report.seconds < 10
        crm.is_away = False
        await world.restart()
        await trio.sleep(1)

        assert await world.data("bob") == {"jobs": [1]}


# Records that cannot be read


async def damage(world: World, snapshot: bytes) -> None:
    """Replace Ann's stored snapshot while she is away."""
    loaded = await world.store.load(ANN, partition_of(ANN))
    assert loaded is not None
    commit = UserCommit(
        user=ANN,
        partition=partition_of(ANN),
        commit_id=b"damage" + b"." * 10,
        expected_version=loaded.version,
        snapshot=snapshot,
    )
    await world.store.commit([commit], world.node.ownership.fences)


async def away_with_data(world: World) -> None:
    phone = await world.join("ann")
    await phone.push("set", {"a": 1})
    phone.drop()
    await trio.sleep(60)
    assert not world.is_resident("ann")


def newer(snapshot: bytes) -> bytes:
    return snapshot[:2] + bytes([SNAPSHOT_VERSION + 1]) + snapshot[3:]


@pytest.mark.parametrize("kind", ["corrupt", "too new"])
async def test_a_record_that_cannot_be_read_quarantines_its_user_alone(
    autojump_clock: MockClock, kind: str
) -> None:
    """A few attempts, then quarantine: joins are told, inputs wait, others are served, nothing is overwritten."""
    crm = Crm()
    crm.users["ann"] = {"name": "Ann"}
    async with open_world(crm.app) as world:
        await away_with_data(world)
        loaded = await world.store.load(ANN, partition_of(ANN))
        assert loaded is not None
        broken = b"nonsense" if kind == "corrupt" else newer(loaded.snapshot)
        await damage(world, broken)
        with hearing("supervisor.restarted", "supervisor.quarantined") as heard:
            assert await world.connect("ann").start_join().refusal() == "quarantined"
        assert [name for name, _, _ in heard] == ["supervisor.restarted"] * 3 + [
            "supervisor.quarantined"
        ]
        with pytest.raises(Refused) as refused:
            world.connect("ann").start_join()
        assert refused.value.code == "quarantined"
        await world.webhook("ann", {"n": 1}, name="job")
        await trio.sleep(100)
        bob = await world.join("bob")
        assert await bob.push("name") == "Bob"

        still = await world.store.load(ANN, partition_of(ANN))
        assert still is not None
        assert still.snapshot == broken
        assert world.operations.stats().quarantined == 1
        row = (await world.operations.session(ANN)).row
        assert row.quarantined

        # An operator rolls back and releases: what waited runs.
        await world.operations.roll_back(ANN)
        await world.operations.release(ANN)
        await trio.sleep(1)
        assert await world.data("ann") == {"a": 1, "jobs": [1]}
        assert await (await world.join("ann")).push("name") == "Ann"


async def test_released_without_a_repair_it_is_quarantined_again(autojump_clock: MockClock) -> None:
    """A release gives a fresh budget, not a repaired record."""
    crm = Crm()
    crm.users["ann"] = {"name": "Ann"}
    async with open_world(crm.app) as world:
        await away_with_data(world)
        await damage(world, b"nonsense")
        await world.connect("ann").start_join().refusal()
        await world.operations.release(ANN)
        await trio.sleep(10)

        assert world.operations.stats().quarantined == 1
        assert (await world.operations.session(ANN)).restarts == 4


async def test_a_store_that_is_away_delays_activation(autojump_clock: MockClock) -> None:
    """No failure of the user: his actor waits and then serves him."""
    crm = Crm()
    store = FaultyStore(MemoryStore())
    async with open_world(crm.app, store=store) as world:
        store.go_away("load")
        joining = world.connect("bob").start_join()
        await trio.sleep(60)
        assert not joining.is_answered
        store.come_back()

        await joining.get()
        assert world.operations.stats().restarts == 0


async def test_a_window_left_undated_is_dated_at_activation(autojump_clock: MockClock) -> None:
    """An actor that crashed while clients were attached: the window opens for the next one, and closes once."""
    crm = Crm()
    async with open_world(crm.app) as world:
        await world.join("bob")
        cell = world.node.registry.get(UserId("bob"))
        assert cell is not None
        cell.actor.state = None  # type: ignore[attr-defined]
        cell.mailbox.wake()
        with hearing("session.window_expired", "session.activated") as heard:
            await trio.sleep(60)

        assert [name for name, _, _ in heard] == ["session.activated", "session.window_expired"]
        assert not cell.is_attached
        assert not world.is_resident("bob")
