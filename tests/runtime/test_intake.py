"""Accepting: durable before it is acknowledged, told in order, told once, whatever the store and the actor do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused, StoreUnavailable
from sessiond.core.ids import Partition, UserId, input_digest, partition_of
from sessiond.core.records import Arrival, Fence, ReceiptStatus, UserCommit
from sessiond.core.session.inputs import Accepted
from sessiond.runtime.availability import Availability
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.intake import Intake
from sessiond.runtime.registry import Registry
from tests.runtime.lossy_store import LossyStore, owned

ANN = UserId("ann")
HOME = partition_of(ANN)


class Desk:
    """An intake over a lossy store; the test plays the actor."""

    def __init__(self, store: LossyStore, fences: dict[Partition, Fence], **limits: int) -> None:
        clock = SystemClock()
        self.store = store
        self.fences = fences
        self.registry = Registry()
        self.availability = Availability(clock)
        self.deadlines = Deadlines(clock)
        self.intake = Intake(
            store,
            fences,
            self.registry,
            self,
            clock=clock,
            deadlines=self.deadlines,
            entropy=SeededEntropy(1),
            availability=self.availability,
            user_backlog=limits.get("user_backlog", 1024),
            waiting=limits.get("waiting", 4096),
        )

    def activate(self, user: UserId) -> Cell:
        cell = self.registry.get(user)
        if cell is None:
            cell = Cell(user)
            self.registry.add(cell)
        return cell

    @property
    def cell(self) -> Cell:
        return self.activate(ANN)

    async def accept(self, number: int) -> ReceiptStatus:
        digest = input_digest("hook:x", str(number))
        return (await self.intake.accept(ANN, "hook:x", b"%d" % number, digest)).status

    async def left_by_an_earlier_run(self, *numbers: int) -> None:
        await self.store.accept(
            [
                Arrival(ANN, HOME, input_digest("hook:x", str(n)), "hook:x", b"%d" % n, 0.0)
                for n in numbers
            ],
            self.fences,
        )

    def take_all(self) -> list[tuple[int, bool]]:
        """Take what the mailbox holds, as (number, recovered)."""
        return [
            (int(one.item.entry.body), one.recovered)
            for one in self.cell.mailbox.clear()
            if isinstance(one.item, Accepted)
        ]

    def numbers(self) -> list[int]:
        return [number for number, _ in self.take_all()]


@asynccontextmanager
async def desk(**limits: int) -> AsyncIterator[Desk]:
    store = LossyStore()
    one = Desk(store, dict(await owned(store, ANN)), **limits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.deadlines.run)
        await nursery.start(lambda task_status: one.intake.run(task_status=task_status))
        yield one
        nursery.cancel_scope.cancel()


async def test_what_is_accepted_is_durable_and_told() -> None:
    """The receipt, the inbox entry and the actor's message: all there when accept returns."""
    async with desk() as here:
        assert await here.accept(1) is ReceiptStatus.ACCEPTED

        assert len(await here.store.pending(HOME)) == 1
        assert [(1, False)] == here.take_all()


async def test_a_duplicate_is_told_to_nobody() -> None:
    """A platform's retry gets the same answer and has no effect."""
    async with desk() as here:
        await here.accept(1)

        assert await here.accept(1) is ReceiptStatus.DUPLICATE
        assert [1] == here.numbers()


async def test_many_at_once_are_few_writes_in_order() -> None:
    """What comes while a batch is written forms the next one."""
    async with desk() as here:
        here.store.gate = trio.Event()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(here.accept, number)
                await wait_all_tasks_blocked()
            here.store.gate.set()

        assert [1, 19] == [len(batch) for batch in here.store.accepts]
        assert list(range(20)) == here.numbers()


async def test_a_store_known_to_be_away_refuses_at_once(autojump_clock: MockClock) -> None:
    """The platform gets its 503 without waiting, and tries again later."""
    async with desk() as here:
        here.availability.away("lane", StoreUnavailable("away"))
        with pytest.raises(StoreUnavailable, match="away"):
            await here.accept(1)

        assert trio.current_time() == 0
        assert [] == here.store.accepts


async def test_a_store_that_does_not_answer_is_given_up_on(autojump_clock: MockClock) -> None:
    """After the bound the door answers 503; when the store is back, what it did write reaches the actor."""
    async with desk() as here:
        here.store.is_away = True
        with pytest.raises(StoreUnavailable, match="in time"):
            await here.accept(1)
        assert trio.current_time() == 5
        here.store.is_away = False
        await here.availability.wait_available()
        await here.intake.wait_idle()

        assert await here.accept(1) is ReceiptStatus.DUPLICATE
        assert [1] == here.numbers()


async def test_a_lost_answer_is_found_again(autojump_clock: MockClock) -> None:
    """The repeated batch finds its own first try as a duplicate: the user's inbox is read, in order, nothing twice."""
    async with desk() as here:
        await here.accept(1)
        here.store.lose_answers = 1
        assert await here.accept(2) is ReceiptStatus.DUPLICATE
        await here.accept(3)
        assert [1] == here.numbers()
        await here.intake.refill(here.cell)

        assert [2, 3] == here.numbers()
        assert here.cell.backlog == 0


async def test_a_full_mailbox_keeps_the_order() -> None:
    """What does not fit stays in the store, and what comes later queues behind it although there is room again."""
    async with desk() as here:
        here.cell.mailbox.capacity = 2
        for number in range(4):
            await here.accept(number)
        assert [0, 1] == here.numbers()
        await here.accept(4)
        assert [] == here.numbers()
        await here.intake.refill(here.cell)

        assert [2, 3, 4] == here.numbers()
        assert here.cell.backlog == 0
        await here.accept(5)
        assert [5] == here.numbers()


async def test_a_quarantined_users_inputs_wait_in_the_store() -> None:
    """They are acknowledged, and told after the release."""
    async with desk() as here:
        here.cell.standing = Standing.QUARANTINED
        await here.accept(1)
        await here.accept(2)
        assert [] == here.numbers()
        here.cell.standing = Standing.STARTING
        await here.intake.refill(here.cell)

        assert [1, 2] == here.numbers()


async def test_a_long_backlog_is_read_in_pages() -> None:
    """A refill never floods the mailbox; the rest comes when that has been worked off."""
    async with desk() as here:
        here.cell.standing = Standing.QUARANTINED
        for number in range(100):
            await here.accept(number)
        here.cell.standing = Standing.RUNNING
        seen = []
        while here.cell.backlog:
            await here.intake.refill(here.cell)
            page = here.numbers()
            assert len(page) <= 64
            seen += page

        assert list(range(100)) == seen


async def test_a_crash_tells_again_what_no_commit_consumed() -> None:
    """Taken or not, an accepted input of a crashed actor comes back, before what was accepted since."""
    async with desk() as here:
        for number in range(3):
            await here.accept(number)
        first = here.cell.mailbox.get_nowait()
        assert first is not None
        here.cell.rewind()
        await here.accept(3)
        await here.intake.refill(here.cell)

        assert [0, 1, 2, 3] == here.numbers()


async def test_the_backlog_of_a_user_is_bounded() -> None:
    """Beyond it the platform has to hold its messages; others are served."""
    async with desk(user_backlog=2) as here:
        here.cell.standing = Standing.QUARANTINED
        await here.accept(1)
        await here.accept(2)
        with pytest.raises(Refused) as refused:
            await here.accept(3)

        assert refused.value.code == ErrorCode.OVERLOADED
        assert refused.value.retry_after


async def test_waiting_requests_are_bounded() -> None:
    """A slow store cannot pile up requests without end."""
    async with desk(waiting=1) as here:
        here.store.gate = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.accept, 1)
            await wait_all_tasks_blocked()
            with pytest.raises(Refused) as refused:
                await here.accept(2)
            here.store.gate.set()

        assert refused.value.code == ErrorCode.OVERLOADED


async def test_a_draining_node_accepts_nothing_more_and_tells_nothing() -> None:
    """New arrivals are refused; one that was under way is durable, answered, and left to the next owner."""
    async with desk() as here:
        here.store.gate = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.accept, 1)
            await wait_all_tasks_blocked()
            here.intake.stop_accepting()
            here.store.gate.set()
        with pytest.raises(Refused) as refused:
            await here.accept(2)

        assert refused.value.code == ErrorCode.DRAINING
        assert [] == here.numbers()
        assert len(await here.store.pending(HOME)) == 1


async def test_a_partition_that_is_not_ours_is_refused() -> None:
    """Nothing is written; the platform comes back to whoever owns it."""
    async with desk() as here:
        here.fences.clear()
        with pytest.raises(Refused) as refused:
            await here.accept(1)

        assert refused.value.code == ErrorCode.UNAVAILABLE
        assert [] == here.store.accepts


async def test_what_an_earlier_run_left_is_told_first() -> None:
    """Recovered inputs are marked as such and come before what is accepted meanwhile."""
    async with desk() as here:
        await here.left_by_an_earlier_run(1, 2)
        async with trio.open_nursery() as nursery:
            await nursery.start(
                lambda task_status: here.intake.recover([HOME], task_status=task_status)
            )
            nursery.start_soon(here.accept, 3)
        await here.accept(4)
        told = here.take_all()

        assert [1, 2, 3, 4] == [number for number, _ in told]
        assert [(1, True), (2, True), (4, False)] == [one for one in told if one[0] != 3]


async def test_recovering_more_than_a_mailbox_holds(autojump_clock: MockClock) -> None:
    """A user with a thousand inputs left gets them all, in order, a mailbox at a time; still marked as recovered."""
    async with desk() as here:
        here.cell.mailbox.capacity = 50
        await here.left_by_an_earlier_run(*range(300))
        await here.intake.recover([HOME])
        told = here.take_all()
        assert len(told) == 50
        while here.cell.backlog:
            await here.intake.refill(here.cell)
            told += here.take_all()

        assert [(number, True) for number in range(300)] == told


async def test_recovery_waits_for_a_store_that_is_away(autojump_clock: MockClock) -> None:
    """It goes on by itself when the store is back; cancelled meanwhile, everything is still there."""
    async with desk() as here:
        await here.left_by_an_earlier_run(1)
        here.store.is_away = True
        with trio.move_on_after(10) as scope:
            await here.intake.recover([HOME])
        assert scope.cancelled_caught
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.intake.recover, [HOME])
            await trio.sleep(10)
            here.store.is_away = False

        assert [(1, True)] == here.take_all()


async def test_a_refill_waits_for_the_store_and_for_messages(autojump_clock: MockClock) -> None:
    """While the store is away the actor still gets its messages; then the refill goes on."""
    async with desk() as here:
        here.cell.standing = Standing.QUARANTINED
        await here.accept(1)
        here.store.is_away = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.intake.refill, here.cell)
            await trio.sleep(100)
            here.cell.mailbox.wake()
        with trio.move_on_after(1):
            await here.intake.refill(here.cell)
        here.store.is_away = False
        await here.intake.refill(here.cell)

        assert [1] == here.numbers()


async def test_a_cancelled_door_may_have_been_heard() -> None:
    """Its input is written and told although nobody waits for the receipt; one still queued is dropped."""
    async with desk() as here:
        here.store.gate = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.accept, 1)
            await wait_all_tasks_blocked()
            nursery.start_soon(here.accept, 2)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        here.store.gate.set()
        await here.intake.wait_idle()

        assert [1] == here.numbers()


def consume(seq: int, version: int) -> UserCommit:
    return UserCommit(
        user=ANN,
        partition=HOME,
        commit_id=bytes(16),
        expected_version=version,
        snapshot=b"s",
        inbox_done=(seq,),
    )


async def test_consumed_inputs_are_not_told_again() -> None:
    """What a commit consumed is gone for every later reading."""
    async with desk() as here:
        await here.left_by_an_earlier_run(1, 2)
        (first, _) = await here.store.pending(HOME)
        await here.store.commit([consume(first.seq, 0)], here.fences)
        await here.intake.recover([HOME])

        assert [2] == here.numbers()


def arrival(number: int, user: UserId = ANN) -> Arrival:
    digest = input_digest("hook:x", str(number))
    return Arrival(user, partition_of(user), digest, "hook:x", b"%d" % number, 0.0)


async def test_the_inputs_of_one_request_are_accepted_in_order() -> None:
    """One write for all of them, a receipt for each; a repeat of one of them is known beside the others."""
    async with desk() as here:
        await here.accept(2)
        assert [2] == here.numbers()
        receipts = await here.intake.accept_all([arrival(number) for number in (1, 2, 3, 3)])

        statuses = [receipt.status for receipt in receipts]
        new, known = ReceiptStatus.ACCEPTED, ReceiptStatus.DUPLICATE
        assert [new, known, new, known] == statuses
        assert [1, 4] == [len(batch) for batch in here.store.accepts]
        assert [1, 3] == here.numbers()


async def test_no_inputs_are_accepted_at_once() -> None:
    """A request that holds nothing for anybody writes nothing."""
    async with desk() as here:
        assert () == await here.intake.accept_all(())
        assert [] == here.store.accepts


async def test_the_inputs_of_one_request_have_one_bound(autojump_clock: MockClock) -> None:
    """Twenty do not wait twenty times as long; what the store is told later is nobody's any more."""
    async with desk() as here:
        here.store.is_away = True
        with pytest.raises(StoreUnavailable, match="in time"):
            await here.intake.accept_all([arrival(number) for number in range(20)])
        assert trio.current_time() == 5

        here.store.is_away = False
        await here.availability.wait_available()
        await here.intake.wait_idle()
        receipts = await here.intake.accept_all([arrival(number) for number in range(20)])
        assert {ReceiptStatus.ACCEPTED, ReceiptStatus.DUPLICATE} >= {r.status for r in receipts}
        await here.intake.refill(here.cell)
        assert list(range(20)) == here.numbers()


async def test_one_refused_user_refuses_the_request() -> None:
    """Before anything of it is written: the platform sends all of it again."""
    async with desk(user_backlog=1) as here:
        here.cell.standing = Standing.QUARANTINED
        await here.accept(1)
        others = [arrival(2, UserId("bob")), arrival(3)]
        with pytest.raises(Refused) as refused:
            await here.intake.accept_all(others)

        assert refused.value.code == ErrorCode.OVERLOADED
        assert [1] == [len(batch) for batch in here.store.accepts]
