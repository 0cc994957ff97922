"""Reading the journal of one user, from a store that commits wrote to."""

import pytest
import trio
from trio.testing import MockClock
from typing_extensions import override

from sessiond import App
from sessiond.core.conversations.journal import TurnJournal
from sessiond.core.conversations.journal_query import JournalQuery
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.operations import UnknownTarget
from sessiond.core.records import UserCommit
from sessiond.runtime.journals import journal_page
from sessiond.stores.memory import MemoryStore
from sessiond.testing.world import World, open_world

ANN, NOBODY = UserId("ann"), UserId("nobody")


async def tell(world: World, at: float, *steps: str, version: int = 0) -> None:
    """Commit a turn of ann's that tells of *steps*."""
    told = TurnJournal(at)
    for step in steps:
        told.add("transition", flow="order", step=step)
    commit = UserCommit(
        user=ANN,
        partition=partition_of(ANN),
        commit_id=b"%16d" % version,
        expected_version=version,
        snapshot=None,
        journal=told.encoded(),
        journal_limit=5000,
    )
    await world.store.commit([commit], world.node.ownership.fences)


async def test_operators_read_a_journal_in_pages(autojump_clock: MockClock) -> None:
    """Of somebody who is not in memory, and stays so; also after a crash of the node."""
    async with open_world(App()) as world:
        await tell(world, 1.0, "a", "b")
        await tell(world, 2.0, "c", version=1)
        first = await world.operations.journal(ANN, JournalQuery(limit=2))
        await world.restart()
        second = await world.operations.journal(ANN, JournalQuery(limit=2, cursor=first.cursor))

        assert ["c", "b"] == [entry.step for entry in first.entries]
        assert (["a"], None) == ([entry.step for entry in second.entries], second.cursor)
        assert not world.is_resident("ann")


async def test_nothing_told_is_not_nobody(autojump_clock: MockClock) -> None:
    """An empty page of a user with a record; an error for an id that nobody has."""
    async with open_world(App()) as world:
        (await world.join("ann")).drop()

        assert () == (await world.operations.journal(ANN, JournalQuery())).entries
        with pytest.raises(UnknownTarget):
            await world.operations.journal(NOBODY, JournalQuery())
        assert () == (await journal_page(world.store, NOBODY, JournalQuery())).entries


class Counting(MemoryStore):
    """Notes how many entries were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    @override
    async def journal(
        self, user: UserId, partition: Partition, *, limit: int = 100
    ) -> tuple[bytes, ...]:
        self.asked.append(limit)
        return await super().journal(user, partition, limit=limit)


async def test_the_newest_page_is_read_without_the_rest(autojump_clock: MockClock) -> None:
    """What most people look at costs no more for a long journal; damaged entries are passed over."""
    store = Counting()
    async with open_world(App(), store=store) as world:
        for number in range(10):
            await tell(world, float(number), "x", version=number)
        newest = await journal_page(store, ANN, JournalQuery(limit=3))
        asked = store.asked.copy()
        rest = await journal_page(store, ANN, JournalQuery(limit=20, cursor=newest.cursor))
        damage = UserCommit(
            user=ANN,
            partition=partition_of(ANN),
            commit_id=b"damage" + b"." * 10,
            expected_version=10,
            journal=(b"", b"damage"),
        )
        await store.commit([damage], world.node.ownership.fences)
        past_damage = await journal_page(store, ANN, JournalQuery(limit=3))

    assert [4] == asked
    assert [9.0, 8.0, 7.0] == [entry.at for entry in newest.entries]
    assert [float(at) for at in reversed(range(7))] == [entry.at for entry in rest.entries]
    assert newest.entries == past_damage.entries
    assert (newest.cursor, 2) == (past_damage.cursor, past_damage.unreadable)


async def test_a_long_journal_is_read_without_holding_others_up(autojump_clock: MockClock) -> None:
    """Another task gets its turn meanwhile."""
    async with open_world(App()) as world:
        for number in range(6):
            await tell(world, float(number), *["x"] * 200, version=number)
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            page = await world.operations.journal(ANN, JournalQuery(flow="nothing"))
            nursery.cancel_scope.cancel()

        assert (0, None) == (len(page.entries), page.cursor)
        assert turns > 1
