"""The contract suite finds stores that break a promise: each saboteur fails the checks that are about it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import evolve
from msgspec.structs import replace

from sessiond.core.ids import Digest, NodeId, Partition, UserId
from sessiond.core.records import (
    NO_DELIVERY,
    Acquired,
    Arrival,
    Delivery,
    DueTimer,
    Fence,
    InboxEntry,
    Loaded,
    Receipt,
    UserCommit,
    Verdict,
)
from sessiond.stores.memory import MemoryStore
from sessiond.testing.stores import STORE_CHECKS, open_rig

LIMIT = 64 * 1024


class TakesAnyCommitForItsOwn(MemoryStore):
    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        return await super().commit([replace(c, commit_id=b"") for c in batch], fences)


class IgnoresTheNonce(MemoryStore):
    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        held = {p: evolve(f, nonce=self._fences.get(p, f).nonce) for p, f in fences.items()}
        return await super().commit(batch, held)


class AppliesTwice(MemoryStore):
    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        stored = self._people.copy()
        now = [
            replace(c, expected_version=stored[c.user].record.version)  # type: ignore[union-attr]
            if c.user in stored and stored[c.user].record
            else c
            for c in batch
        ]
        return await super().commit(now, fences)


class LosesTheJournal(MemoryStore):
    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        return await super().commit([replace(c, journal=()) for c in batch], fences)


class HasABoundOfItsOwnForJournals(MemoryStore):
    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        return await super().commit([replace(c, journal_limit=1000) for c in batch], fences)


class StopsAtTheFirstRefusal(MemoryStore):
    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        verdicts: list[Verdict] = []
        for change in batch:
            refused = bool(verdicts) and verdicts[-1].status != "applied"
            known = {} if refused else fences
            verdicts += await super().commit([change], known)
        return tuple(verdicts)


class KeepsNoIds(MemoryStore):
    async def accept(
        self, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
    ) -> tuple[Receipt, ...]:
        return await super().accept([replace(a, keep_seconds=-1) for a in batch], fences)


class ShowsUnrunIds(MemoryStore):
    async def load(self, user: UserId, partition: Partition) -> Loaded | None:
        loaded = await super().load(user, partition)
        known = tuple((d, i.at or 0.0) for d, i in self._people[user].ids.items()) if loaded else ()
        return loaded and evolve(loaded, window=known)


class NeverDatesWindows(MemoryStore):
    def _take(self, node: NodeId, nonce: str, partition: Partition, window_due: float) -> Acquired:
        before = {user: dict(person.timers) for user, person in self._people.items()}
        acquired = super()._take(node, nonce, partition, window_due)
        for user, timers in before.items():
            self._people[user].timers = timers
        return acquired


class TakesFromTheLiving(MemoryStore):
    def _refuse_held_by_others(self, node: NodeId, partitions: Sequence[Partition]) -> None:
        pass


class CutsTheNextDueTime(MemoryStore):
    async def due(
        self, partition: Partition, now: float, limit: int
    ) -> tuple[tuple[DueTimer, ...], float | None]:
        timers, next_due = await super().due(partition, now, limit)
        return timers, None if next_due is not None and next_due <= now else next_due


class IgnoresTheCursor(MemoryStore):
    async def pending(
        self,
        partition: Partition,
        *,
        after: int = 0,
        limit: int = 256,
        user: UserId | None = None,
    ) -> tuple[InboxEntry, ...]:
        return await super().pending(partition, after=0, limit=limit, user=user)


class ReadsDeliveriesFromTheStart(MemoryStore):
    async def deliveries(
        self, partition: Partition, *, after: tuple[str, UserId] = NO_DELIVERY, limit: int = 256
    ) -> tuple[tuple[UserId, Delivery], ...]:
        return await super().deliveries(partition, limit=limit)


class KeepsLargeReplies(MemoryStore):
    async def reply(self, user: UserId, partition: Partition, digest: Digest) -> bytes | None:
        found = await super().reply(user, partition, digest)
        record = await self.load(user, partition)
        return b"large" if found is None and record and record.window else found


SABOTEURS = {
    TakesAnyCommitForItsOwn: "another_version_is_a_conflict",
    AppliesTwice: "the_same_commit_again_is_applied_once",
    IgnoresTheNonce: "another_fence_nonce_is_refused",
    LosesTheJournal: "the_journal_is_read_newest_last",
    HasABoundOfItsOwnForJournals: "a_journal_keeps_as_many_entries_as_it_is_told",
    StopsAtTheFirstRefusal: "verdicts_are_per_user_and_in_order",
    KeepsNoIds: "a_repeat_is_a_duplicate",
    ShowsUnrunIds: "an_unrun_id_is_not_in_the_loaded_window",
    NeverDatesWindows: "acquiring_dates_the_windows_once",
    TakesFromTheLiving: "what_a_live_node_holds_is_not_taken",
    CutsTheNextDueTime: "a_limit_cuts_what_is_due",
    IgnoresTheCursor: "pending_is_read_in_pages",
    ReadsDeliveriesFromTheStart: "deliveries_are_read_page_by_page",
    KeepsLargeReplies: "a_reply_too_large_is_not_kept",
}


async def _broken(kind: type[MemoryStore]) -> set[str]:
    @asynccontextmanager
    async def open_store() -> AsyncIterator[MemoryStore]:
        yield kind(max_commit_bytes=LIMIT)

    broken = set()
    for check in STORE_CHECKS:
        try:
            with trio.fail_after(10):
                async with open_rig(open_store, max_commit_bytes=LIMIT) as rig:
                    await check(rig)
        except (AssertionError, ExceptionGroup):
            broken.add(check.__name__)
    return broken


@pytest.mark.parametrize("kind", SABOTEURS, ids=lambda kind: kind.__name__)
async def test_a_saboteur_is_found(kind: type[MemoryStore]) -> None:
    """The check that is about the broken promise fails."""
    assert SABOTEURS[kind] in await _broken(kind)


async def test_an_honest_store_is_not() -> None:
    """The checks fail for no other reason than a broken promise."""
    assert await _broken(MemoryStore) == set()


def test_each_check_says_what_is_true() -> None:
    """A failing check explains the promise by its docstring."""
    assert [check.__name__ for check in STORE_CHECKS if not check.__doc__] == []
