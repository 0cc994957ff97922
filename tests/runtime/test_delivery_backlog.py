"""What stays in the store is read when there is room, in order, and nothing twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.gateways.port import Sent
from sessiond.core.ids import PARTITIONS, NodeId, Partition, UserId, partition_of
from sessiond.core.records import NO_DELIVERY, Delivery
from sessiond.runtime.availability import Availability
from sessiond.runtime.clock import SteadyClock
from sessiond.runtime.delivery_backlog import UNREADABLE, DeliveryBacklog, account_of
from sessiond.runtime.entropy import SeededEntropy
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from tests.runtime.delivering import ANN, NOW, Actors, account, message, open_office

PARTITION = partition_of(ANN)


def neighbours(count: int) -> list[UserId]:
    """Users of Ann's partition."""
    found = (UserId(f"n{number}") for number in range(100_000))
    same = (user for user in found if partition_of(user) == PARTITION)
    return [next(same) for _ in range(count)]


class Shelf:
    """Memory for as many as *room* deliveries of each account."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.taken: list[tuple[str, UserId, Delivery]] = []

    def has_room(self, account: str) -> bool:
        return self.room > 0

    def offer(self, account: str, user: UserId, delivery: Delivery) -> bool:
        if self.room <= 0:
            return False
        if (account, user, delivery) not in self.taken:
            self.room -= 1
            self.taken.append((account, user, delivery))
        return True

    @property
    def names(self) -> list[str]:
        return [delivery.id for _, _, delivery in self.taken]


class OneShelfFull(Shelf):
    """Room for all accounts but one, of which it is found out late."""

    def has_room(self, account: str) -> bool:
        return account != "shop" or not self.taken

    def offer(self, account: str, user: UserId, delivery: Delivery) -> bool:
        self.taken.append((account, user, delivery))
        return account != "shop"


class LateStore(FaultyStore):
    """A store whose pages are on their way until *opens* is set."""

    opens: trio.Event | None = None

    async def deliveries(
        self, partition: Partition, *, after: tuple[str, UserId] = NO_DELIVERY, limit: int = 256
    ) -> tuple[tuple[UserId, Delivery], ...]:
        page = await super().deliveries(partition, after=after, limit=limit)
        if self.opens is not None:
            await self.opens.wait()
        return page


class Case:
    """A backlog over a store that the test writes to."""

    def __init__(self, accounts: tuple[str, ...], shelf: Shelf, store: FaultyStore) -> None:
        self.store = store
        self.shelf = shelf
        self.actors = Actors(self.store)
        self.backlog = DeliveryBacklog(
            self.store,
            accounts,
            self.shelf,
            availability=Availability(SteadyClock(NOW)),
            entropy=SeededEntropy(1),
        )

    async def write(self, user: UserId, *numbers: int, account: str = "shop") -> None:
        await self.actors.commit(user, tuple(message(n, user, account) for n in numbers))


@asynccontextmanager
async def case(
    *accounts: str, shelf: Shelf | None = None, store: FaultyStore | None = None
) -> AsyncIterator[Case]:
    one = Case(accounts or ("shop",), shelf or Shelf(), store or FaultyStore(MemoryStore()))
    every = [Partition(number) for number in range(PARTITIONS)]
    acquired = await one.store.acquire(
        NodeId("n"), "run", every, now=NOW, window_seconds=30, lease_seconds=1e9
    )
    one.actors.fences = {each.fence.partition: each.fence for each in acquired}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.backlog.run)
        yield one
        nursery.cancel_scope.cancel()


async def test_what_an_earlier_run_left_is_read(autojump_clock: MockClock) -> None:
    """More than a page, of several users: each user's in the order of his turns; then there is no gap any more."""
    async with case() as one:
        users = neighbours(3)
        for user in users:
            await one.write(user, *range(150))
        one.backlog.open([PARTITION])
        assert one.backlog.has_gap(PARTITION, "shop")
        await wait_all_tasks_blocked()

        for user in users:
            mine = [delivery.id for _, owner, delivery in one.shelf.taken if owner == user]
            assert mine == [message(n, user).id for n in range(150)]
        assert not one.backlog.has_any("shop")


async def test_a_new_one_does_not_overtake_what_is_still_unread(autojump_clock: MockClock) -> None:
    """It is read with the rest, also when its commit came while a page was being read."""
    async with case() as one:
        await one.write(ANN, 1)
        one.store.hold("deliveries")
        one.backlog.open([PARTITION])
        await wait_all_tasks_blocked()
        (bob,) = neighbours(1)
        await one.write(ANN, 2)
        await one.write(bob, 0)
        one.backlog.leave(ANN, "shop", message(2))
        one.backlog.leave(bob, "shop", message(0, bob))
        one.store.let_go("deliveries")
        await wait_all_tasks_blocked()

    assert set(one.shelf.names) == {message(1).id, message(2).id, message(0, bob).id}
    assert one.shelf.names.index(message(1).id) < one.shelf.names.index(message(2).id)
    assert not one.backlog.has_any("shop")


async def test_what_is_done_while_its_page_is_read_is_not_taken(autojump_clock: MockClock) -> None:
    """It would be sent a second time; nor what belongs to somebody who was erased."""
    late = LateStore(MemoryStore())
    async with case(store=late) as one:
        (bob,) = neighbours(1)
        await one.write(ANN, 1, 2)
        await one.write(bob, 1, 2)
        late.opens = trio.Event()
        one.backlog.open([PARTITION])
        await wait_all_tasks_blocked()
        one.backlog.settled(ANN, [message(1).id])
        one.backlog.forget(bob)
        late.opens.set()
        await wait_all_tasks_blocked()

    assert one.shelf.names == [message(2).id]


async def test_reading_stops_where_there_is_no_room(autojump_clock: MockClock) -> None:
    """And goes on there, as soon as there is."""
    async with case(shelf=Shelf(3)) as one:
        await one.write(ANN, *range(8))
        one.backlog.open([PARTITION])
        await wait_all_tasks_blocked()
        assert one.shelf.names == [message(n).id for n in range(3)]
        assert one.backlog.has_gap(PARTITION, "shop")
        one.shelf.room = 4
        one.backlog.room_made()
        await wait_all_tasks_blocked()
        assert one.shelf.names == [message(n).id for n in range(7)]
        one.shelf.room = 4
        one.backlog.room_made()
        await wait_all_tasks_blocked()

    assert one.shelf.names == [message(n).id for n in range(8)]
    assert not one.backlog.has_any("shop")


async def test_one_account_without_room_holds_up_no_other(autojump_clock: MockClock) -> None:
    """Its messages are passed over."""
    async with case("shop", "bank", shelf=OneShelfFull()) as one:
        await one.write(ANN, *range(4))
        await one.write(ANN, *range(4, 8), account="bank")
        one.backlog.open([PARTITION])
        await wait_all_tasks_blocked()

    assert [name for name, _, _ in one.shelf.taken] == ["shop", *["bank"] * 4]
    assert one.backlog.has_any("shop")
    assert not one.backlog.has_any("bank")


async def test_a_full_memory_opens_a_gap_where_it_stands(autojump_clock: MockClock) -> None:
    """What came before is in memory and is not read again; what comes behind it is read with it."""
    async with case(shelf=Shelf(0)) as one:
        await one.write(ANN, 1)
        await one.write(ANN, 2)
        one.backlog.leave(ANN, "shop", message(2))
        await one.write(ANN, 3)
        one.backlog.leave(ANN, "shop", message(3))
        one.shelf.room = 10
        one.backlog.room_made()
        await wait_all_tasks_blocked()

    assert one.shelf.names == [message(2).id, message(3).id]
    assert not one.backlog.has_any("shop")


async def test_a_store_that_is_away_is_asked_again(autojump_clock: MockClock) -> None:
    """Nothing is lost by that."""
    async with case() as one:
        await one.write(ANN, 1)
        one.store.fail("deliveries", times=5)
        one.backlog.open([PARTITION])
        await trio.sleep(60)

    assert one.shelf.names == [message(1).id]


async def test_messages_of_no_account_are_counted_and_told_once(autojump_clock: MockClock) -> None:
    """They stay in the store; so do those that a newer version wrote."""
    unreadable = Delivery("000000000009.ann", NOW, b'{"version":9}')
    left = {ANN: [message(1, account="gone"), message(2, account="gone"), unreadable, message(10)]}
    async with open_office(left=left) as office:
        await office.drained()
        rows = {row.account: row for row in office.deliveries.accounts()}
        stored = await office.store.deliveries(PARTITION)
        await office.actors.commit(ANN, (message(11, account="gone"),))

    assert office.actors.results == [Sent("m1")]
    assert {name: (row.waiting, row.sends) for name, row in rows.items()} == {
        "shop": (0, True),
        "gone": (2, False),
        UNREADABLE: (1, False),
    }
    assert len(stored) == 3
    assert [told["account"] for told in office.happened("gateway.unknown")] == ["gone", UNREADABLE]
    assert account_of(unreadable) == UNREADABLE


async def test_nothing_is_read_after_the_end(autojump_clock: MockClock) -> None:
    """The node drains: what is in the store stays there."""
    async with case() as one:
        await one.write(ANN, 1)
        one.backlog.end()
        one.backlog.open([PARTITION])
        await wait_all_tasks_blocked()

    assert one.shelf.names == []
    assert one.store.calls["deliveries"] == 0


def test_accounts_are_named() -> None:
    """By the message's own word."""
    assert account_of(message(1, account="bank")) == "bank"
    assert account().name == "shop"
