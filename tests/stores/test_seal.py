"""What is sealed is opened by the right key, for the same user and place, and by nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput, SnapshotCorrupt, SnapshotTooNew
from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import (
    DeadLetter,
    Delivery,
    ReceiptStatus,
    Timer,
    TimerChange,
    UserCommit,
)
from sessiond.stores.memory import MemoryStore
from sessiond.stores.seal import Kind, SealedStore, Sealer, SealKey
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.commits import everything
from sessiond.testing.stores.rig import NOW, USER, arrival, neighbours

PARTITION = partition_of(USER)
OLD, NEW = SealKey("old", b"o" * 32), SealKey("new", b"n" * 32)
SECRET = b"+233 24 000 0000 wants tea"


@given(data=st.binary(max_size=3000), kind=st.sampled_from(Kind))
@pytest.mark.parametrize("keys", [(), (NEW, OLD)], ids=["plain", "encrypted"])
def test_what_is_sealed_is_opened(keys: tuple[SealKey, ...], data: bytes, kind: Kind) -> None:
    """Any bytes survive, compressed or not."""
    sealer = Sealer(keys)

    assert sealer.open(USER, kind, sealer.seal(USER, kind, data)) == data


def test_large_snapshots_are_compressed() -> None:
    """Only snapshots, and only when it makes them smaller; noise is stored as it is."""
    sealer = Sealer()
    text = b'{"deal":"open"}' * 100

    assert len(sealer.seal(USER, Kind.SNAPSHOT, text)) < 100
    assert sealer.seal(USER, Kind.FRAME, text) == b"\xe5\0" + text
    assert sealer.seal(USER, Kind.SNAPSHOT, text[:100]) == b"\xe5\0" + text[:100]
    assert Sealer(compress_from=None).seal(USER, Kind.SNAPSHOT, text) == b"\xe5\0" + text


def test_the_first_key_seals_and_all_open() -> None:
    """A key is changed by putting the new one in front; the old one stays until nothing needs it."""
    before, during, after = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
    old, new = before.seal(USER, Kind.FRAME, SECRET), during.seal(USER, Kind.FRAME, SECRET)

    assert during.open(USER, Kind.FRAME, old) == during.open(USER, Kind.FRAME, new) == SECRET
    assert after.open(USER, Kind.FRAME, new) == SECRET
    with pytest.raises(SnapshotCorrupt, match="not configured"):
        after.open(USER, Kind.FRAME, old)


def test_equal_bytes_are_sealed_differently() -> None:
    """Whoever sees the store cannot tell that two people said the same, or one the same twice."""
    sealer = Sealer([NEW])

    assert len({sealer.seal(USER, Kind.FRAME, SECRET) for _ in range(50)}) == 50


@pytest.mark.parametrize("user", neighbours(1))
def test_sealed_bytes_cannot_be_moved(user: UserId) -> None:
    """Another user's, or another kind's, does not open here."""
    sealer = Sealer([NEW])
    sealed = sealer.seal(USER, Kind.SNAPSHOT, SECRET)

    for moved_to, kind in ((user, Kind.SNAPSHOT), (USER, Kind.FRAME)):
        with pytest.raises(SnapshotCorrupt, match="does not fit its seal"):
            sealer.open(moved_to, kind, sealed)


def test_any_change_is_found_and_nothing_leaks() -> None:
    """Every byte changed, every cut: one of our errors, without the content or the key in it."""
    sealer = Sealer([NEW])
    sealed = sealer.seal(USER, Kind.SNAPSHOT, SECRET)
    changed = [sealed[:i] + bytes([sealed[i] ^ 0x40]) + sealed[i + 1 :] for i in range(len(sealed))]
    cut = [sealed[:i] for i in range(len(sealed))]

    for bad in changed + cut:
        with pytest.raises((SnapshotCorrupt, SnapshotTooNew)) as caught:
            sealer.open(USER, Kind.SNAPSHOT, bad)
        assert "tea" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert "nnnn" not in repr(NEW)


def test_plain_bytes_are_refused_once_there_are_keys() -> None:
    """Unless they are accepted on purpose, while encryption is being switched on."""
    plain = Sealer().seal(USER, Kind.SNAPSHOT, SECRET)

    with pytest.raises(SnapshotCorrupt, match="not encrypted"):
        Sealer([NEW]).open(USER, Kind.SNAPSHOT, plain)
    assert Sealer([NEW], accepts_plain=True).open(USER, Kind.SNAPSHOT, plain) == SECRET


def test_a_newer_seal_is_not_corruption() -> None:
    """Unknown flags say that a newer version wrote it."""
    with pytest.raises(SnapshotTooNew):
        Sealer().open(USER, Kind.SNAPSHOT, b"\xe5\x04data")


def test_packed_bytes_that_are_damaged_or_too_large_are_refused() -> None:
    """What would unpack to gigabytes is refused before it is unpacked."""
    sealer = Sealer()
    packed = sealer.seal(USER, Kind.SNAPSHOT, b"a" * 20_000_000)

    for bad in (packed, b"\xe5\x01", b"\xe5\x01garbage", packed[:-3]):
        with pytest.raises(SnapshotCorrupt, match="unpacked"):
            sealer.open(USER, Kind.SNAPSHOT, bad)
    text = b"what comes after them is opened" * 100
    assert sealer.open(USER, Kind.SNAPSHOT, sealer.seal(USER, Kind.SNAPSHOT, text)) == text


def test_threads_seal_at_the_same_time() -> None:
    """None meets what another one packs or unpacks."""
    sealer, start = Sealer(), threading.Barrier(4)

    def sealed_and_opened(number: int) -> int:
        text = b'{"number":%d}' % number * 5_000
        start.wait()
        packed = [sealer.seal(USER, Kind.SNAPSHOT, text) for _ in range(20)]
        return sum(sealer.open(USER, Kind.SNAPSHOT, one) == text for one in packed)

    with ThreadPoolExecutor(4) as threads:
        assert [20] * 4 == list(threads.map(sealed_and_opened, range(4)))


def test_bad_keys_are_refused_when_they_are_made() -> None:
    """A short secret, a long or foreign id, two keys of one name."""
    for key_id, secret in (
        ("k", b"short"),
        ("", b"k" * 32),
        ("x" * 33, b"k" * 32),
        ("ü", b"k" * 32),
    ):
        with pytest.raises(InvalidInput):
            SealKey(key_id, secret)
    with pytest.raises(InvalidInput, match="same id"):
        Sealer([NEW, SealKey("new", b"m" * 32)])


class _Sealed:
    """A sealed store, the store below it, and what was reported as unreadable."""

    def __init__(self) -> None:
        self.below = MemoryStore()
        self.unreadable: list[tuple[UserId, str]] = []

    async def with_keys(self, *keys: SealKey) -> StoreRig:
        """A rig that opens the same data with *keys*."""
        store = SealedStore(
            self.below, Sealer(keys), on_unreadable=lambda u, r: self.unreadable.append((u, r))
        )
        rig = StoreRig(lambda: nullcontext(store), max_commit_bytes=1 << 22)
        await rig.open()
        return rig


async def test_nothing_of_what_people_said_is_stored_in_clear() -> None:
    """Snapshot, frames, replies, timers, deliveries, journal, dead letters and inbox: all sealed."""
    sealed = _Sealed()
    first = await sealed.with_keys(NEW)
    await first.accept(arrival("in", body=SECRET))
    letter = DeadLetter("l1", USER, "hook:json", SECRET, SECRET.decode(), NOW, 1)
    fields = everything()
    await first.apply(
        **fields
        | {
            "snapshot": SECRET,
            "frames": tuple(type(f)(f.offset, f.at, SECRET) for f in fields["frames"]),
            "consumed": tuple(type(c)(c.digest, c.at, SECRET) for c in fields["consumed"]),
            "timers": (TimerChange("tea", Timer("tea", 1, NOW, SECRET)),),
            "deliveries": (Delivery("d", NOW, SECRET),),
            "journal": (SECRET,),
            "dead_letters": (letter,),
        }
    )
    below = vars(sealed.below)
    shown = repr([below[name] for name in sorted(below)])

    assert "wants tea" not in shown
    assert (await first.store.dead_letters()) == (letter,)


async def test_a_record_that_cannot_be_opened_is_that_users_alone() -> None:
    """His record and his timers say why; other reads leave him out, report him, and go on past a page of his."""
    (other,) = neighbours(1)
    sealed = _Sealed()
    first = await sealed.with_keys(OLD)
    await first.accept(*(arrival(f"{n}") for n in range(3)))
    await first.apply(**everything())
    fences = dict(first.fences)
    rig = await sealed.with_keys(NEW)
    rig.fences = fences
    await rig.accept(arrival("his", other))
    await rig.apply(
        other,
        snapshot=b"s",
        timers=(TimerChange("tea", Timer("tea", 1, NOW, b"p")),),
        deliveries=(Delivery("z", NOW, b"b"),),
    )
    store = rig.store

    loaded = await store.load(USER, PARTITION)
    assert loaded is not None
    assert isinstance(loaded.unreadable, SnapshotCorrupt)
    assert loaded.snapshot == b""
    assert [entry.body for entry in await store.pending(PARTITION, limit=2)] == [b"his"]
    timers, _ = await store.due(PARTITION, NOW + 60, 10)
    unreadable = {due.user: due.timer.unreadable for due in timers}
    assert unreadable.keys() == {USER, other}
    assert isinstance(unreadable[USER], SnapshotCorrupt)
    assert unreadable[other] is None
    assert [user for user, _ in await store.deliveries(PARTITION, limit=1)] == [other]
    (letter,) = await store.dead_letters()
    assert (letter.id, letter.body) == ("l1", b"")
    assert "cannot be opened" in letter.error
    assert {user for user, _ in sealed.unreadable} == {USER}
    assert len(await sealed.below.pending(PARTITION)) == 4


async def test_entries_of_a_journal_that_cannot_be_opened_are_empty() -> None:
    """Of a key that is not there any more; they keep their place, the others are read, and somebody is told."""
    sealed = _Sealed()
    first = await sealed.with_keys(OLD)
    await first.apply(journal=(b"1", b"2"))
    rig = await sealed.with_keys(NEW)
    rig.fences = dict(first.fences)
    await rig.apply(version=1, journal=(b"3",))

    assert (b"", b"", b"3") == await rig.store.journal(USER, PARTITION)
    assert [USER, USER] == [user for user, _ in sealed.unreadable]


async def test_a_long_journal_is_opened_without_holding_others_up() -> None:
    """Other tasks get their turn meanwhile."""
    rig = await _Sealed().with_keys(NEW)
    many = tuple(b"%d" % n for n in range(3000))
    await rig.apply(journal=many, journal_limit=3000)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        opened = await rig.store.journal(USER, PARTITION, limit=3000)
        nursery.cancel_scope.cancel()

    assert many == opened
    assert turns > 2


async def test_a_damaged_timer_spoils_no_record() -> None:
    """The record is read; the timer alone says why it cannot be opened, and keeps its stored bytes."""
    sealed = _Sealed()
    rig = await sealed.with_keys(OLD)
    await rig.apply(snapshot=b"s", timers=(TimerChange("tea", Timer("tea", 1, NOW, b"p")),))
    damage = UserCommit(
        user=USER,
        partition=PARTITION,
        commit_id=b"damage" + b"." * 10,
        expected_version=1,
        timers=(TimerChange("tea", Timer("tea", 1, NOW, b"nonsense")),),
    )
    await sealed.below.commit([damage], rig.fences)
    loaded = await rig.store.load(USER, PARTITION)

    assert loaded is not None
    assert (loaded.unreadable, loaded.snapshot) == (None, b"s")
    (timer,) = loaded.timers
    assert (timer.payload, type(timer.unreadable)) == (b"nonsense", SnapshotCorrupt)


async def test_the_snapshot_before_a_damaged_one_is_handed_out() -> None:
    """An operator can roll back from damage, of either snapshot; only the damaged one is missing."""
    sealed = _Sealed()
    rig = await sealed.with_keys(OLD)
    await rig.apply(snapshot=b"before")
    await rig.apply(version=1, snapshot=b"after")
    below = sealed.below
    stored = await below.load(USER, PARTITION)
    assert stored is not None
    commit = UserCommit(
        user=USER,
        partition=PARTITION,
        commit_id=b"damaged" + bytes(9),
        expected_version=2,
        snapshot=stored.snapshot[:-1] + bytes([stored.snapshot[-1] ^ 1]),
    )
    await below.commit([commit], rig.fences)

    damaged = await rig.store.load(USER, PARTITION)

    assert damaged is not None
    assert (damaged.snapshot, damaged.previous) == (b"", b"after")
    assert isinstance(damaged.unreadable, SnapshotCorrupt)

    await rig.apply(version=3, snapshot=b"repaired")
    repaired = await rig.store.load(USER, PARTITION)

    assert repaired is not None
    assert (repaired.snapshot, repaired.previous, repaired.unreadable) == (b"repaired", None, None)


async def test_a_duplicate_whose_reply_cannot_be_opened_is_still_a_duplicate() -> None:
    """The repeat is dropped; only its reply is missing."""
    sealed = _Sealed()
    first = await sealed.with_keys(OLD)
    await first.apply(**everything())
    rig = await sealed.with_keys(NEW)
    rig.fences = dict(first.fences)
    (receipt,) = await rig.accept(arrival("first"))

    assert (receipt.status, receipt.reply) == (ReceiptStatus.DUPLICATE, None)


async def test_a_commit_stays_the_same_commit() -> None:
    """Sealing again with another nonce does not make it another one: it is known by its id."""
    sealed = _Sealed()
    first = await sealed.with_keys(NEW)
    commit: UserCommit = await first.apply(**everything())
    (verdict,) = await first.send(commit)

    assert verdict.version == 1
