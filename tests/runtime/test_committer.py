"""Group commit: one commit per user in flight, batches without timers, and the retry rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.records import Fence, UserCommit, Verdict, VerdictStatus
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.committer import Committer, Ledger
from sessiond.runtime.entropy import SeededEntropy
from tests.runtime.hearing import hearing
from tests.runtime.lossy_store import LossyStore, owned


class Book:
    """A ledger whose turns are numbers; a commit's snapshot is how many there were."""

    def __init__(self, user: str) -> None:
        self.user = UserId(user)
        self.partition = partition_of(self.user)
        self.turns = 0
        self.taken = 0
        self.version = 0
        self.verdicts: list[Verdict] = []

    def add(self, turns: int = 1) -> Book:
        self.turns += turns
        return self

    def has_pending(self) -> bool:
        return self.turns > self.taken

    def take(self) -> UserCommit | None:
        if not self.has_pending():
            return None
        self.taken = self.turns
        return UserCommit(
            user=self.user,
            partition=self.partition,
            commit_id=f"{self.user}{self.taken}".encode().ljust(16),
            expected_version=self.version,
            snapshot=b"%d" % self.taken,
        )

    def decided(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        self.version = verdict.version


def same_lane(count: int, lanes: int = 4) -> list[str]:
    names = (f"u{number}" for number in range(10_000))
    return [name for name in names if partition_of(UserId(name)) % lanes == 0][:count]


class Scene:
    def __init__(
        self, store: LossyStore, fences: dict[Partition, Fence], lanes: int, batch: int
    ) -> None:
        self.store = store
        self.fences = fences
        self.committer = Committer(
            store,
            fences,
            clock=SystemClock(),
            entropy=SeededEntropy(1),
            lanes=lanes,
            batch=batch,
        )


@asynccontextmanager
async def committing(*users: str, lanes: int = 4, batch: int = 64) -> AsyncIterator[Scene]:
    store = LossyStore()
    scene = Scene(store, await owned(store, *users), lanes, batch)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: scene.committer.run(task_status=task_status))
        yield scene
        nursery.cancel_scope.cancel()


async def test_an_idle_lane_writes_at_once(autojump_clock: MockClock) -> None:
    """A single commit waits for nothing but the store: no timer passes."""
    async with committing("ann") as scene:
        book = Book("ann").add()
        scene.committer.submit(book)
        await scene.committer.wait_idle()

        assert [Verdict(VerdictStatus.APPLIED, 1)] == book.verdicts
        assert trio.current_time() == 0


async def test_several_turns_of_a_user_are_one_write() -> None:
    """Submitting again and again queues a ledger once, and the commit takes everything there is by then."""
    async with committing("ann") as scene:
        book = Book("ann")
        for _ in range(5):
            scene.committer.submit(book.add())
        await scene.committer.wait_idle()

        assert [[b"5"]] == [[commit.snapshot for commit in batch] for batch in scene.store.commits]


async def test_what_comes_during_a_write_is_the_next_batch() -> None:
    """One batch per lane is in flight; meanwhile the next one grows."""
    users = same_lane(10)
    async with committing(*users) as scene:
        scene.store.gate = trio.Event()
        books = [Book(user).add() for user in users]
        scene.committer.submit(books[0])
        await wait_all_tasks_blocked()
        for book in books:
            scene.committer.submit(book.add())
        await wait_all_tasks_blocked()
        assert (1, 1) == (len(scene.store.commits), scene.store.most_in_flight)
        scene.store.gate.set()
        await scene.committer.wait_idle()

        assert [1, 10] == [len(batch) for batch in scene.store.commits]
        assert all(book.verdicts[-1].status is VerdictStatus.APPLIED for book in books)


async def test_a_ledger_with_more_is_queued_again() -> None:
    """Turns computed while a commit was in flight are written without being asked for."""
    async with committing("ann") as scene:
        scene.store.gate = trio.Event()
        book = Book("ann").add()
        scene.committer.submit(book)
        await wait_all_tasks_blocked()
        book.add(3)
        scene.store.gate.set()
        await scene.committer.wait_idle()

        assert [1, 2] == [verdict.version for verdict in book.verdicts]


async def test_batches_are_bounded() -> None:
    """More than a batch holds goes into the next ones, in order."""
    users = same_lane(7)
    async with committing(*users, batch=3) as scene:
        for user in users:
            scene.committer.submit(Book(user).add())
        await scene.committer.wait_idle()

        assert [3, 3, 1] == [len(batch) for batch in scene.store.commits]
        assert users == [commit.user for batch in scene.store.commits for commit in batch]


async def test_lanes_do_not_wait_for_each_other() -> None:
    """A write that hangs holds up its own lane only."""
    users = [f"u{number}" for number in range(40)]
    async with committing(*users, lanes=4) as scene:
        scene.store.gate = trio.Event()
        for user in users:
            scene.committer.submit(Book(user).add())
        await wait_all_tasks_blocked()

        assert scene.store.most_in_flight == 4
        assert scene.committer.backlog() == 40


async def test_a_batch_holds_a_user_once() -> None:
    """A crashed actor's ledger and its successor's are written one after the other."""
    users = same_lane(2)
    async with committing(*users) as scene:
        old, other, new = Book(users[0]).add(), Book(users[1]).add(), Book(users[0]).add(2)
        new.version = 1
        for book in (old, new, other):
            scene.committer.submit(book)
        await scene.committer.wait_idle()

        sent = [[commit.user for commit in batch] for batch in scene.store.commits]
        assert [[users[0], users[1]], [users[0]]] == sent
        assert new.verdicts[0].version == 2


async def test_waiting_for_a_users_commits() -> None:
    """A new actor can wait until nothing of the old one is under way."""
    async with committing("ann", "bob") as scene:
        await scene.committer.wait_decided(UserId("ann"), partition_of(UserId("ann")))
        scene.store.gate = trio.Event()
        book = Book("ann").add()
        scene.committer.submit(book)
        with trio.move_on_after(0) as early:
            await scene.committer.wait_decided(book.user, book.partition)
        assert early.cancelled_caught
        scene.store.gate.set()
        await scene.committer.wait_decided(book.user, book.partition)

        assert len(book.verdicts) == 1


async def test_a_store_that_is_away_decides_nothing(autojump_clock: MockClock) -> None:
    """The same commits go again until there is an answer; then work goes on by itself."""
    async with committing("ann") as scene:
        scene.store.is_away = True
        book = Book("ann").add()
        with hearing("store.away", "store.back", "commit.retried") as heard:
            scene.committer.submit(book)
            await trio.sleep(10)
            meanwhile = scene.committer.availability.available
            assert [] == book.verdicts
            book.add()
            scene.store.is_away = False
            await scene.committer.wait_idle()

        first, *again, last = [batch[0] for batch in scene.store.commits]
        assert {first} == set(again)
        assert (b"1", b"2") == (first.snapshot, last.snapshot)
        assert [1, 2] == [verdict.version for verdict in book.verdicts]
        assert [False, True] == [meanwhile, scene.committer.availability.available]
        names = [name for name, _, _ in heard]
        assert names[0] == "store.away"
        assert names[-1] == "store.back"
        assert 6 <= names.count("commit.retried") <= 16


async def test_a_lost_answer_is_applied_once(autojump_clock: MockClock) -> None:
    """The commit id tells the store that it has this one already."""
    async with committing("ann") as scene:
        scene.store.lose_answers = 2
        book = Book("ann").add()
        scene.committer.submit(book)
        await scene.committer.wait_idle()

        assert [Verdict(VerdictStatus.APPLIED, 1)] == book.verdicts
        assert len(scene.store.commits) == 3


async def test_a_partition_that_is_not_ours_is_fenced_without_asking() -> None:
    """Once ownership is gone nothing is even sent; others of the batch are."""
    mine, lost = same_lane(2)
    async with committing(mine, lost) as scene:
        if partition_of(UserId(mine)) == partition_of(UserId(lost)):
            pytest.fail("choose other names")
        del scene.fences[partition_of(UserId(lost))]
        books = [Book(lost).add(), Book(mine).add()]
        for book in books:
            scene.committer.submit(book)
        await scene.committer.wait_idle()

        statuses = [book.verdicts[0].status for book in books]
        assert [VerdictStatus.FENCED, VerdictStatus.APPLIED] == statuses


class Torn(Book):
    """A ledger with a bug."""

    def take(self) -> UserCommit | None:
        raise ZeroDivisionError


async def test_one_ledgers_bug_does_not_stop_its_lane() -> None:
    """The crash is reported to whoever asked for it; neighbours are written."""
    users = same_lane(2)
    store = LossyStore()
    crashed: list[tuple[Ledger, str]] = []
    committer = Committer(
        store,
        await owned(store, *users),
        clock=SystemClock(),
        entropy=SeededEntropy(1),
        on_crash=lambda ledger, error: crashed.append((ledger, type(error).__name__)),
    )
    torn, well = Torn(users[0]).add(), Book(users[1]).add()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(committer.run)
        committer.submit(torn)
        committer.submit(well)
        await committer.wait_idle()
        nursery.cancel_scope.cancel()

    assert [(torn, "ZeroDivisionError")] == crashed
    assert well.verdicts[0].status is VerdictStatus.APPLIED


class Broken(LossyStore):
    async def commit(self, batch: object, fences: object) -> tuple[Verdict, ...]:
        await trio.lowlevel.checkpoint()
        raise LookupError("a bug in the store")


async def test_a_programming_error_of_the_store_stops_the_run() -> None:
    """Only being away is waited out; anything else would be repeated for ever."""
    store = Broken()
    committer = Committer(
        store, await owned(store, "ann"), clock=SystemClock(), entropy=SeededEntropy(1)
    )
    committer.submit(Book("ann").add())
    with pytest.RaisesGroup(LookupError, flatten_subgroups=True):
        await committer.run()


async def test_cancelling_tells_nobody_anything(autojump_clock: MockClock) -> None:
    """A batch in flight when the node stops is not decided, in mid-write as well as between two tries."""
    for away in (False, True):
        store = LossyStore()
        store.is_away = away
        store.gate = trio.Event()
        committer = Committer(
            store, await owned(store, "ann"), clock=SystemClock(), entropy=SeededEntropy(1)
        )
        book = Book("ann").add()
        committer.submit(book)
        with trio.move_on_after(5):
            await committer.run()

        assert [] == book.verdicts
        assert committer.availability.available
