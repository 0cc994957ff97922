"""Rolling back a user whose actor cannot run."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.errors import Fenced, SnapshotCorrupt
from sessiond.core.ids import NodeId, Partition, UserId, partition_of
from sessiond.core.operations import UnknownTarget
from sessiond.core.records import UserCommit
from sessiond.runtime.quarantine import roll_back_quarantined
from sessiond.testing.world import World, open_world

ANN = UserId("ann")

app = App()


@app.on("set")
async def set_(session: Session, payload: dict) -> None:
    session.data.update(payload)
    session.push("changed", payload)


async def damage(world: World) -> int:
    """Make Ann's snapshot unreadable; the record's version after it."""
    loaded = await world.store.load(ANN, partition_of(ANN))
    assert loaded is not None
    commit = UserCommit(
        user=ANN,
        partition=partition_of(ANN),
        commit_id=bytes([loaded.version]) * 16,
        expected_version=loaded.version,
        snapshot=b"nonsense",
    )
    await world.store.commit([commit], world.node.ownership.fences)
    return loaded.version + 1


async def test_the_snapshot_before_comes_back_under_a_new_epoch(autojump_clock: MockClock) -> None:
    """Data as they were, frames gone, and a client that resumes is told why."""
    async with open_world(app) as world:
        phone = world.connect("ann", device="phone")
        await phone.join()
        await phone.push("set", {"a": 1})
        await world.restart()
        version = await damage(world)
        assert await roll_back_quarantined(world.node, ANN) == version + 1

        assert await world.data("ann") == {"a": 1}
        assert await world.store.frames(ANN, partition_of(ANN), 0) == ()
        again = world.connect("ann", device="phone")
        assert (await again.join(resume=phone))["reason"] == "epoch"


async def test_what_cannot_be_rolled_back_is_left_alone(autojump_clock: MockClock) -> None:
    """No record; no earlier snapshot; an earlier one that cannot be read either."""
    async with open_world(app) as world:
        with pytest.raises(UnknownTarget):
            await roll_back_quarantined(world.node, ANN)
        await world.join("ann")
        await world.restart()
        with pytest.raises(UnknownTarget):
            await roll_back_quarantined(world.node, ANN)
        await damage(world)
        await damage(world)
        with pytest.raises(SnapshotCorrupt):
            await roll_back_quarantined(world.node, ANN)


async def test_only_the_owner_rolls_back(autojump_clock: MockClock) -> None:
    """The write is fenced as any other."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        await phone.push("set", {"a": 1})
        await world.restart()
        await world.store.acquire(
            NodeId("world"),
            "another process",
            [Partition(partition_of(ANN))],
            now=0.0,
            window_seconds=30.0,
            lease_seconds=1000.0,
        )
        with pytest.raises(Fenced):
            await roll_back_quarantined(world.node, ANN)
