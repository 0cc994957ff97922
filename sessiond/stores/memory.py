"""The store in memory: the reference implementation of the port, and the fake that tests trust.

Everything is decided in synchronous code after one checkpoint: a cancelled call was not applied, and no two
calls interleave. Nothing survives the process. Leases are timed by Trio's clock, so they move with MockClock.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import trio
from attrs import define, evolve, field
from msgspec.structs import replace

from sessiond.core.errors import Fenced, StoreInUse
from sessiond.core.ids import Digest, NodeId, Partition, UserId
from sessiond.core.records import (
    EMPTY_STREAM,
    NO_DELIVERY,
    WINDOW_TIMER,
    Acquired,
    Arrival,
    DeadLetter,
    Delivery,
    DueTimer,
    Fence,
    Frame,
    InboxEntry,
    Loaded,
    Receipt,
    ReceiptStatus,
    StoredUser,
    StreamMark,
    Timer,
    UserCommit,
    Verdict,
    VerdictStatus,
)
from sessiond.core.store_rules import (
    MAX_COMMIT_BYTES,
    Attempts,
    attempt_slot,
    count_attempt,
    kept_reply,
    timer_slot,
    verdict_on_other_version,
    verdict_on_size,
)

__all__ = ["MemoryStore"]


@define
class _Id:
    """An input id: *at* when it was consumed (and is in the window), *keep_until* when it was accepted."""

    at: float | None = None
    keep_until: float | None = None
    reply: bytes | None = None


@define
class _Record:
    version: int = 0
    commit_id: bytes = b""
    snapshot: bytes | None = None
    previous: bytes | None = None
    stream: StreamMark = EMPTY_STREAM
    frames: dict[int, Frame] = field(factory=dict)
    journal: list[bytes] = field(factory=list)


@define
class _Person:
    """Everything beside the inbox and the dead letters; ids may come before the record."""

    partition: Partition
    record: _Record | None = None
    ids: dict[Digest, _Id] = field(factory=dict)
    timers: dict[str, Timer] = field(factory=dict)
    deliveries: dict[str, Delivery] = field(factory=dict)


class MemoryStore:
    """A ``Store`` whose data is gone with the object.

    *max_commit_bytes* is the size limit of one user's commit.
    """

    def __init__(self, *, max_commit_bytes: int = MAX_COMMIT_BYTES) -> None:
        self._max_commit_bytes = max_commit_bytes
        self._people: dict[UserId, _Person] = {}
        self._inbox: dict[int, tuple[Partition, InboxEntry]] = {}
        self._last_seq = 0
        self._attempts: dict[tuple[Partition, str], Attempts] = {}
        self._dead_letters: dict[str, DeadLetter] = {}
        self._fences: dict[Partition, Fence] = {}
        self._owners: dict[Partition, NodeId] = {}
        self._leases: dict[NodeId, tuple[str, float]] = {}  # nonce, end

    @property
    def continuity(self) -> str:
        """Nothing acknowledged is ever lost here."""
        return ""

    async def acquire(
        self,
        node: NodeId,
        nonce: str,
        partitions: Sequence[Partition],
        *,
        now: float,
        window_seconds: float,
        lease_seconds: float,
    ) -> tuple[Acquired, ...]:
        await trio.lowlevel.checkpoint()
        self._refuse_held_by_others(node, partitions)
        self._leases[node] = (nonce, trio.current_time() + lease_seconds)
        return tuple(self._take(node, nonce, p, now + window_seconds) for p in partitions)

    def _refuse_held_by_others(self, node: NodeId, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            owner = self._owners.get(partition, node)
            lease = self._leases.get(owner)
            if owner != node and lease and lease[1] > trio.current_time():
                raise StoreInUse(
                    f"partition {partition} is held by the live node {owner!r}, until it stops or its lease ends"
                )

    def _take(self, node: NodeId, nonce: str, partition: Partition, window_due: float) -> Acquired:
        held = self._fences.get(partition)
        fence = Fence(partition, held.number + 1 if held else 1, nonce)
        self._fences[partition] = fence
        self._owners[partition] = node
        for _, person in self._people_of(partition):
            window = person.timers.get(WINDOW_TIMER)
            if window and window.due is None:
                person.timers[WINDOW_TIMER] = evolve(window, due=window_due)
        dated = self._dated(partition)
        return Acquired(
            fence,
            next_due=dated[0].timer.due if dated else None,
            has_pending=any(p == partition for p, _ in self._inbox.values()),
        )

    async def renew(self, node: NodeId, nonce: str, *, lease_seconds: float) -> None:
        await trio.lowlevel.checkpoint()
        held = self._leases.get(node)
        if held and held[0] != nonce:
            raise Fenced(f"the lease of node {node!r} is held by a later run")
        self._leases[node] = (nonce, trio.current_time() + lease_seconds)

    async def release(self, node: NodeId, nonce: str) -> None:
        await trio.lowlevel.checkpoint()
        held = self._leases.get(node)
        if held and held[0] == nonce:
            del self._leases[node]
        for partition, fence in self._fences.items():
            if fence.nonce == nonce and self._owners.get(partition) == node:
                self._fences[partition] = evolve(fence, nonce="")
                del self._owners[partition]

    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        await trio.lowlevel.checkpoint()
        return tuple(self._commit_one(commit, fences.get(commit.partition)) for commit in batch)

    def _commit_one(self, commit: UserCommit, fence: Fence | None) -> Verdict:
        if not self._holds(commit.partition, fence):
            return Verdict(VerdictStatus.FENCED)
        person = self._people.get(commit.user)
        record = person.record if person else None
        version = record.version if record else 0
        if version != commit.expected_version:
            return verdict_on_other_version(commit, version, record.commit_id if record else b"")
        if refusal := verdict_on_size(commit, version, self._max_commit_bytes):
            return refusal
        self._consume_inbox(commit)
        self._dead_letters |= {letter.id: letter for letter in commit.dead_letters}
        if commit.delete:
            self._delete(commit.user)
            return Verdict(VerdictStatus.APPLIED, 0)
        person = self._people.setdefault(commit.user, _Person(commit.partition))
        person.record = record or _Record()
        _apply_to_record(person.record, commit)
        _apply_ids(person.ids, commit)
        self._apply_timers(person, commit)
        person.deliveries |= {delivery.id: delivery for delivery in commit.deliveries}
        for done in commit.deliveries_done:
            person.deliveries.pop(done, None)
        return Verdict(VerdictStatus.APPLIED, person.record.version)

    def _consume_inbox(self, commit: UserCommit) -> None:
        for seq in commit.inbox_done:
            entry = self._inbox.get(seq)
            if entry and entry[1].user == commit.user:
                del self._inbox[seq]
            self._attempts.pop((commit.partition, f"inbox:{seq}"), None)

    def _apply_timers(self, person: _Person, commit: UserCommit) -> None:
        for change in commit.timers:
            self._attempts.pop((commit.partition, timer_slot(commit.user, change.name)), None)
            if change.timer is None:
                person.timers.pop(change.name, None)
            else:
                person.timers[change.name] = change.timer

    def _delete(self, user: UserId) -> None:
        person = self._people.pop(user, None)
        if person is None:
            return
        for name in person.timers:
            self._attempts.pop((person.partition, timer_slot(user, name)), None)
        unrun = {entry.digest for _, entry in self._inbox.values() if entry.user == user}
        if kept := {digest: person.ids[digest] for digest in unrun & person.ids.keys()}:
            self._people[user] = _Person(person.partition, ids=kept)

    def _holds(self, partition: Partition, fence: Fence | None) -> bool:
        return fence is not None and self._fences.get(partition) == fence and fence.nonce != ""

    async def accept(
        self, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
    ) -> tuple[Receipt, ...]:
        await trio.lowlevel.checkpoint()
        return tuple(self._accept_one(arrival, fences.get(arrival.partition)) for arrival in batch)

    def _accept_one(self, arrival: Arrival, fence: Fence | None) -> Receipt:
        if not self._holds(arrival.partition, fence):
            return Receipt(ReceiptStatus.FENCED)
        person = self._people.setdefault(arrival.user, _Person(arrival.partition))
        _drop_expired(person.ids, arrival.at)
        known = person.ids.get(arrival.digest)
        if known:
            return Receipt(ReceiptStatus.DUPLICATE, reply=known.reply)
        person.ids[arrival.digest] = _Id(keep_until=arrival.at + arrival.keep_seconds)
        self._last_seq += 1
        a = arrival
        entry = InboxEntry(self._last_seq, a.user, a.digest, a.kind, a.body, a.at)
        self._inbox[entry.seq] = (arrival.partition, entry)
        return Receipt(ReceiptStatus.ACCEPTED, entry)

    async def pending(
        self,
        partition: Partition,
        *,
        after: int = 0,
        limit: int = 256,
        user: UserId | None = None,
    ) -> tuple[InboxEntry, ...]:
        await trio.lowlevel.checkpoint()
        found = (
            replace(entry, attempts=known.count)
            if (known := self._attempts.get((partition, f"inbox:{seq}")))
            else entry
            for seq, (owner, entry) in self._inbox.items()
            if owner == partition and seq > after and user in {None, entry.user}
        )
        return tuple(islice(found, limit))

    async def attempt(self, fence: Fence, key: str) -> int:
        await trio.lowlevel.checkpoint()
        slot, generation = attempt_slot(key)
        if not self._holds(fence.partition, fence):
            raise Fenced(f"partition {fence.partition} has another owner")
        counted = count_attempt(self._attempts.get((fence.partition, slot)), generation, fence)
        self._attempts[fence.partition, slot] = counted
        return counted.count

    async def load(self, user: UserId, partition: Partition) -> Loaded | None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        person = self._people.get(user)
        if person is None or person.record is None:
            return None
        record = person.record
        window = [
            (digest, known.at) for digest, known in person.ids.items() if known.at is not None
        ]
        return Loaded(
            version=record.version,
            snapshot=record.snapshot or b"",
            previous=record.previous,
            stream=record.stream,
            window=tuple(sorted(window, key=lambda item: item[1])),
            timers=tuple(person.timers[name] for name in sorted(person.timers)),
        )

    async def frames(self, user: UserId, partition: Partition, after: int) -> tuple[Frame, ...]:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        person = self._people.get(user)
        stored = person.record.frames if person and person.record else {}
        return tuple(stored[offset] for offset in sorted(stored) if offset > after)

    async def reply(self, user: UserId, partition: Partition, digest: Digest) -> bytes | None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        person = self._people.get(user)
        known = person.ids.get(digest) if person else None
        return known.reply if known else None

    async def due(
        self, partition: Partition, now: float, limit: int
    ) -> tuple[tuple[DueTimer, ...], float | None]:
        await trio.lowlevel.checkpoint()
        dated = self._dated(partition)
        ready = [item for item in dated if item.timer.due is not None and item.timer.due <= now]
        ready = ready[:limit]
        return tuple(ready), dated[len(ready)].timer.due if len(dated) > len(ready) else None

    async def deliveries(
        self, partition: Partition, *, after: tuple[str, UserId] = NO_DELIVERY, limit: int = 256
    ) -> tuple[tuple[UserId, Delivery], ...]:
        await trio.lowlevel.checkpoint()
        people = self._people_of(partition)
        keys = [(id_, user) for user, person in people for id_ in person.deliveries]
        found = sorted(key for key in keys if key > after)[:limit]
        return tuple((user, self._people[user].deliveries[id_]) for id_, user in found)

    async def journal(
        self,
        user: UserId,
        partition: Partition,  # noqa: ARG002
        *,
        limit: int = 100,
    ) -> tuple[bytes, ...]:
        await trio.lowlevel.checkpoint()
        person = self._people.get(user)
        entries = person.record.journal if person and person.record else []
        return tuple(entries[max(0, len(entries) - limit) :])

    async def dead_letters(
        self, *, user: UserId | None = None, after: str = "", limit: int = 100
    ) -> tuple[DeadLetter, ...]:
        await trio.lowlevel.checkpoint()
        found = (
            self._dead_letters[key]
            for key in sorted(self._dead_letters)
            if key > after and user in {None, self._dead_letters[key].user}
        )
        return tuple(islice(found, limit))

    async def drop_dead_letter(self, dead_letter_id: str) -> DeadLetter | None:
        await trio.lowlevel.checkpoint()
        return self._dead_letters.pop(dead_letter_id, None)

    async def users(self, *, after: str = "", limit: int = 100) -> tuple[StoredUser, ...]:
        await trio.lowlevel.checkpoint()
        found = (
            StoredUser(user, person.record.version, len(person.record.snapshot or b""))
            for user, person in sorted(self._people.items())
            if person.record and user > after
        )
        return tuple(islice(found, limit))

    async def check(self) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        return ("the store is in memory: everything is lost when the process ends",)

    def _people_of(self, partition: Partition) -> Iterator[tuple[UserId, _Person]]:
        return ((u, p) for u, p in self._people.items() if p.partition == partition)

    def _dated(self, partition: Partition) -> list[DueTimer]:
        dated = (
            (timer.due, user, timer.name, timer)
            for user, person in self._people_of(partition)
            for timer in person.timers.values()
            if timer.due is not None
        )
        return [DueTimer(user, timer) for _, user, _, timer in sorted(dated, key=lambda t: t[:3])]


def _apply_to_record(record: _Record, commit: UserCommit) -> None:
    record.version += 1
    record.commit_id = commit.commit_id
    if commit.snapshot is not None:
        record.previous, record.snapshot = record.snapshot, commit.snapshot
    if commit.stream is not None and commit.stream.epoch != record.stream.epoch:
        record.frames.clear()
    record.stream = commit.stream or record.stream
    record.frames |= {frame.offset: frame for frame in commit.frames}
    for offset in [offset for offset in record.frames if offset <= record.stream.floor]:
        del record.frames[offset]
    if commit.journal:
        record.journal += commit.journal
        del record.journal[: max(0, len(record.journal) - commit.journal_limit)]


def _apply_ids(ids: dict[Digest, _Id], commit: UserCommit) -> None:
    for consumed in commit.consumed:
        known = ids.setdefault(consumed.digest, _Id())
        known.at, known.reply = consumed.at, kept_reply(consumed.reply)
    for digest in commit.forgotten:
        known = ids.get(digest, _Id())
        known.at = None
        if known.keep_until is None:
            ids.pop(digest, None)


def _drop_expired(ids: dict[Digest, _Id], now: float) -> None:
    for digest, known in list(ids.items()):
        if known.keep_until is not None and known.keep_until <= now:
            del ids[digest]
