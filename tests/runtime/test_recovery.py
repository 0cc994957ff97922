"""Refused commits: fenced, overtaken, too large."""

from __future__ import annotations

import msgspec
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.codes import CloseCode
from sessiond.core.errors import StoreError
from sessiond.core.ids import NodeId, Partition, UserId, partition_of
from sessiond.core.ports import Store
from sessiond.core.records import UserCommit, VerdictStatus
from sessiond.core.session.snapshot import decode_snapshot, encode_snapshot
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.runtime.hearing import hearing

ANN = UserId("ann")

app = App()


@app.on("add")
async def add(session: Session, payload: dict) -> dict:
    session.data.setdefault("items", []).append(payload["item"])
    session.push("added", payload)
    return {"items": len(session.data["items"])}


@app.on("relaxed", durability="relaxed")
async def relaxed(session: Session, payload: dict) -> None:
    session.data["relaxed"] = payload["item"]


@app.on_webhook("add")
async def hooked(session: Session, payload: dict) -> None:
    session.data.setdefault("items", []).append(payload["item"] * payload.get("times", 1))


async def write_behind_its_back(world: World, store: Store, **data: object) -> None:
    """Write *data* as a second writer with the right fence would."""
    loaded = await store.load(ANN, partition_of(ANN))
    assert loaded is not None
    snapshot = replace(decode_snapshot(loaded.snapshot), data=msgspec.json.encode(data))
    commit = UserCommit(
        user=ANN,
        partition=partition_of(ANN),
        commit_id=b"foreign commit..",
        expected_version=loaded.version,
        snapshot=encode_snapshot(snapshot),
    )
    (verdict,) = await store.commit([commit], world.node.ownership.fences)
    assert verdict.status is VerdictStatus.APPLIED


async def take_over(store: Store) -> None:
    """Own Ann's partition under another nonce, as a second process of the same name would."""
    await store.acquire(
        NodeId("world"),
        "another process",
        [Partition(partition_of(ANN))],
        now=0.0,
        window_seconds=30.0,
        lease_seconds=3600.0,
    )


async def test_a_fenced_actor_drops_everything(autojump_clock: MockClock) -> None:
    """Another owner: connections close with 4201, nothing of the turn leaves, who waits hears ``gone``."""
    store = MemoryStore()
    async with open_world(app, store=store) as world:
        phone, other = await world.join("ann"), await world.join("bob")
        heard = len(phone.got)
        await take_over(store)
        with hearing("commit.fenced") as events:
            answers = [phone.send("add", {"item": n}) for n in range(8)]
            assert {await answer.refusal() for answer in answers} == {"gone"}

        assert phone.closed is CloseCode.MOVED
        assert phone.pushes == []
        assert len(phone.got) == heard + len(answers) + 1
        assert len(events) == 1
        assert await world.data("ann") == {}
        assert not world.is_resident("ann")
        assert await other.push("add", {"item": 1}) == {"items": 1}


async def test_a_conflict_while_the_actor_leaves_is_dealt_with_at_once(
    autojump_clock: MockClock,
) -> None:
    """Nobody is connected, and nothing else comes: the input is applied to what is there, and who waits is answered."""
    store = FaultyStore(MemoryStore())
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("add", {"item": 1})
        phone.drop()
        await trio.sleep(600)
        assert not world.is_resident("ann")
        store.hold("commit")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.operations.roll_back, ANN)
            await store.wait_held("commit")
            await write_behind_its_back(world, store.inner, items=["foreign"])
            store.let_go("commit")
            began = trio.current_time()

        assert trio.current_time() - began < 1
        assert await world.data("ann") == {"items": [1]}
        assert not world.is_resident("ann")


async def test_after_a_conflict_the_inputs_are_applied_to_what_is_there(
    autojump_clock: MockClock,
) -> None:
    """A foreign write: the record is read again, clients come back to a new epoch, inputs run once, in order."""
    store = FaultyStore(MemoryStore())
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("add", {"item": 0})
        await write_behind_its_back(world, store.inner, items=["foreign"])
        with hearing("commit.conflict") as events:
            answers = [phone.send("add", {"item": n}) for n in range(1, 7)]
            assert [await answer.get() for answer in answers] == [{"items": n} for n in range(2, 8)]

        assert len(events) == 1
        assert phone.closed is CloseCode.RESTARTED
        assert await world.data("ann") == {"items": ["foreign", 1, 2, 3, 4, 5, 6]}
        again = world.connect("ann")
        welcome = await again.join(resume=phone)
        assert (welcome["recovered"], welcome["reason"]) == (False, "epoch")


async def test_a_conflict_with_a_removed_record_begins_anew(autojump_clock: MockClock) -> None:
    """The record is gone: the session starts again, without a trace of the old one."""
    store = FaultyStore(MemoryStore())
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("add", {"item": 0})
        loaded = await store.load(ANN, partition_of(ANN))
        assert loaded is not None
        commit = UserCommit(
            user=ANN,
            partition=partition_of(ANN),
            commit_id=b"foreign commit..",
            expected_version=loaded.version,
            delete=True,
        )
        await store.commit([commit], world.node.ownership.fences)
        answer = phone.send("add", {"item": 1})
        assert await answer.refusal() == "ended"
        await world.settle()

        assert await world.data("ann") is None
        assert not world.is_resident("ann")
        assert (await world.connect("ann").join())["offset"] == 0


async def test_inputs_are_not_lost_when_the_record_cannot_be_read_again(
    autojump_clock: MockClock,
) -> None:
    """After a conflict the read may fail: the actor is started again and the inputs run."""
    store = FaultyStore(MemoryStore())
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await write_behind_its_back(world, store.inner, items=["foreign"])
        store.fail("load", error=StoreError("a bug in the store"))
        answer = phone.send("add", {"item": 1})

        assert await answer.get() == {"items": 2}


async def test_relaxed_changes_do_not_survive_a_conflict(autojump_clock: MockClock) -> None:
    """What was not written when somebody else wrote is dropped with the memory it was in."""
    store = MemoryStore()
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("relaxed", {"item": 1})
        await write_behind_its_back(world, store, items=[])
        assert await phone.push("add", {"item": 1}) == {"items": 1}

        assert await world.data("ann") == {"items": [1]}


async def test_only_the_turn_that_is_too_large_fails(autojump_clock: MockClock) -> None:
    """Of turns that were merged into one refused commit the others are applied, in order."""
    store = FaultyStore(MemoryStore(max_commit_bytes=4000))
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        store.hold("commit")
        first = phone.send("add", {"item": "first"})
        await store.wait_held("commit")
        items = ["a", "b", "x" * 3000, "c"]
        answers = [phone.send("add", {"item": item}) for item in items]
        await world.settle()
        store.let_go("commit")
        with hearing("commit.too_large") as events:
            assert await answers[2].refusal() == "too_large"
            assert [await answers[n].get() for n in (0, 1, 3)] == [{"items": n} for n in (2, 3, 4)]

        assert first.is_answered
        assert [event[1]["size"] > 4000 for event in events] == [True] * len(events)
        assert await world.data("ann") == {"items": ["first", "a", "b", "c"]}
        assert [payload["item"] for _, payload in phone.pushes] == ["first", "a", "b", "c"]
        assert [payload["_offset"] for _, payload in phone.pushes] == [1, 2, 3, 4]


async def test_a_single_turn_that_is_too_large_fails_at_once(autojump_clock: MockClock) -> None:
    """One refused turn, and the next message is fine; an accepted input becomes a dead letter."""
    store = MemoryStore(max_commit_bytes=4000)
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        assert await phone.send("add", {"item": "x" * 5000}).refusal() == "too_large"
        assert await phone.push("add", {"item": 1}) == {"items": 1}
        await world.webhook("ann", {"item": "x", "times": 5000}, name="add")
        await world.settle()
        (letter,) = await world.dead_letters()

        assert letter.kind == "hook:add"
        assert await world.data("ann") == {"items": [1]}


async def test_a_dead_letter_that_is_too_large_is_no_endless_loop(
    autojump_clock: MockClock,
) -> None:
    """A limit below what doors let in: the user is quarantined, his input stays in the inbox."""
    store = MemoryStore(max_commit_bytes=4000)
    async with open_world(app, store=store) as world:
        await world.webhook("ann", {"item": "x" * 5000}, name="add")
        await trio.sleep(60)
        pending = await store.pending(partition_of(ANN))

        assert world.operations.stats().quarantined == 1
        assert [entry.user for entry in pending] == ["ann"]


async def test_a_leave_that_is_too_large_is_no_endless_loop(autojump_clock: MockClock) -> None:
    """Relaxed changes that no commit takes go with the actor, which is started anew: they may be lost."""
    store = MemoryStore(max_commit_bytes=4000)
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("add", {"item": 1})
        await phone.push("relaxed", {"item": "x" * 5000})
        with hearing("commit.too_large") as events, trio.fail_after(3600):
            phone.drop()
            await trio.sleep(60)

        assert len(events) < 10
        assert await world.data("ann") == {"items": [1]}
        assert not world.is_resident("ann")


async def test_relaxed_changes_survive_a_refused_turn(autojump_clock: MockClock) -> None:
    """What waited to be written with the refused commit is written with the next."""
    store = MemoryStore(max_commit_bytes=4000)
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("relaxed", {"item": "kept"})
        assert await phone.send("add", {"item": "x" * 5000}).refusal() == "too_large"
        await phone.push("add", {"item": 1})

        assert await world.data("ann") == {"relaxed": "kept", "items": [1]}


async def test_a_window_that_could_not_be_dated_is_dated_again(autojump_clock: MockClock) -> None:
    """The actor's own turns have no input that comes back; the one that opens the window is made again."""
    inner = MemoryStore(max_commit_bytes=4000)
    store = FaultyStore(inner)
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("add", {"item": 0})
        await write_behind_its_back(world, inner, items=[])
        # The conflict's own turns (window, new epoch) wait with this one, and all are refused together.
        answers = [phone.send("add", {"item": item}) for item in (1, "x" * 5000, 2)]
        assert await answers[1].refusal() == "too_large"
        assert await answers[2].get() == {"items": 2}
        with hearing("session.window_expired") as events:
            await trio.sleep(60)

        assert len(events) == 1
        assert not world.is_resident("ann")
