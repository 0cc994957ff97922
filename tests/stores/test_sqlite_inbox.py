"""How the SQLite store accepts a batch: as few statements as for one arrival, and ids that lie there expired."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sessiond.core.ids import partition_of
from sessiond.core.records import Arrival, Consumed, ReceiptStatus
from sessiond.stores.sqlite import open_sqlite_store
from sessiond.stores.sqlite.file import connect
from sessiond.testing.stores import open_rig
from sessiond.testing.stores.rig import NOW, USER, StoreRig, arrival, digest, neighbours

PARTITION = partition_of(USER)
LIMIT = 1 << 20
ACCEPTED, DUPLICATE = ReceiptStatus.ACCEPTED, ReceiptStatus.DUPLICATE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@contextmanager
def _steps(rig: StoreRig) -> Iterator[list[str]]:
    """Note what the writer runs: the first word of each statement, once for each row."""
    db: sqlite3.Connection = rig.store._writer.db  # type: ignore[attr-defined]
    ran: list[str] = []
    db.set_trace_callback(lambda statement: ran.append(statement.split()[0]))
    yield ran
    db.set_trace_callback(None)


def _clearing(number: int, *, clears: bool, at: float = NOW) -> Arrival:
    """Make the arrival of that number among those that clear away expired ids, or among the others."""
    names = (f"{n}" for n in range(10_000) if (digest(f"{n}")[-1] % 16 == 0) == clears)
    return arrival([name for name, _ in zip(names, range(number + 1), strict=False)][-1], at=at)


async def test_a_batch_is_looked_up_as_a_whole(path: Path) -> None:
    """Two reads, after the look whether somebody else wrote, however many arrivals; each adds a row to two tables."""
    users = neighbours(9)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.accept(arrival("first"))
        with _steps(rig) as ran:
            receipts = await rig.accept(*(_of(user) for user in users))

    assert {receipt.status for receipt in receipts} == {ACCEPTED}
    assert ran == ["BEGIN", "PRAGMA", "SELECT", "SELECT", *["INSERT"] * 18, "COMMIT"]


def _of(user: str) -> Arrival:
    return arrival(_clearing(0, clears=False).body.decode(), user)  # type: ignore[arg-type]


async def test_repeats_in_a_batch_write_nothing(path: Path) -> None:
    """Known from the store, and known from the batch itself: each is answered in its place."""
    one, other = _clearing(0, clears=False), _clearing(1, clears=False)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(consumed=(Consumed(one.digest, NOW, b"reply"),))
        with _steps(rig) as ran:
            receipts = await rig.accept(one, other, other, one)

    assert [r.status for r in receipts] == [DUPLICATE, ACCEPTED, DUPLICATE, DUPLICATE]
    assert [r.reply for r in receipts] == [b"reply", None, None, b"reply"]
    assert ran.count("INSERT") == 2


async def test_an_id_that_lies_there_expired_is_new(path: Path) -> None:
    """It begins anew in every way: no reply, not in the window, kept as long as the new arrival says."""
    late = _clearing(0, clears=False, at=NOW + 100)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        early = arrival(late.body.decode(), keep_seconds=50.0)
        (receipt,) = await rig.accept(early)
        assert receipt.entry is not None
        consumed = Consumed(late.digest, NOW + 1, b"reply")
        await rig.apply(inbox_done=(receipt.entry.seq,), consumed=(consumed,))
        assert [r.status for r in await rig.accept(late, late)] == [ACCEPTED, DUPLICATE]
        assert await rig.store.reply(USER, PARTITION, late.digest) is None
        loaded = await rig.store.load(USER, PARTITION)
        (entry,) = await rig.store.pending(PARTITION)

    assert loaded is not None
    assert loaded.window == ()
    assert entry.seq > receipt.entry.seq


async def test_of_two_in_a_batch_the_second_may_find_the_first_expired(path: Path) -> None:
    """Judged by the times of the arrivals, as in two batches."""
    first = arrival("a", keep_seconds=10.0)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        receipts = await rig.accept(first, arrival("a", at=NOW + 9), arrival("a", at=NOW + 10))
        assert [r.status for r in receipts] == [ACCEPTED, DUPLICATE, ACCEPTED]
        assert len(await rig.store.pending(PARTITION)) == 2


async def test_expired_ids_are_cleared_away(path: Path) -> None:
    """By one arrival of sixteen, those of its user; what is kept, or is of somebody else, stays."""
    (other,) = neighbours(1)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.accept(*(arrival(f"old {n}", keep_seconds=10.0) for n in range(30)))
        await rig.accept(arrival("kept"), arrival("his", other, keep_seconds=10.0))
        await rig.apply(consumed=(Consumed(digest("seen"), NOW),))
        await rig.accept(_clearing(0, clears=False, at=NOW + 20))
        assert len(_ids(path)) >= 33
        await rig.accept(_clearing(0, clears=True, at=NOW + 20))

    left = {digest("kept"), digest("his"), digest("seen")}
    left |= {_clearing(0, clears=clears).digest for clears in (True, False)}
    assert _ids(path) == left


async def test_a_user_with_ever_so_many_ids_holds_nobody_up(path: Path) -> None:
    """Clearing looks at a part of them, of which those that expired go: not at all that one user has."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.acquire()
        taken = [
            await _steps_to_clear(rig, ids=ids, first=number)
            for number, ids in enumerate((600, 20_000))
        ]

    assert taken[1] < 2 * taken[0]


async def _steps_to_clear(rig: StoreRig, *, ids: int, first: int) -> int:
    """Count the steps in which SQLite accepts an arrival that clears, of a user who has so many *ids*."""
    db: sqlite3.Connection = rig.store._writer.db  # type: ignore[attr-defined]
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO beside VALUES (?, 'i', ?, NULL, ?, NULL, NULL)",
        [(USER, digest(f"{first} {number}"), NOW + 1e6) for number in range(ids)],
    )
    db.execute("COMMIT")
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    db.set_progress_handler(count, 10)
    await rig.accept(_clearing(first, clears=True))
    db.set_progress_handler(None, 0)
    return taken


async def test_what_expired_goes_in_time_wherever_it_lies(path: Path) -> None:
    """Each that clears begins at its own digest, and those lie everywhere; what is kept stays."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.accept(*(arrival(f"old {n}", keep_seconds=10.0) for n in range(3000)))
        await rig.accept(*(arrival(f"kept {n}") for n in range(20_000)))
        for start in range(0, 6000, 500):
            await rig.accept(*(arrival(f"{n}", at=NOW + 20) for n in range(start, start + 500)))

    found = _ids(path)
    assert found >= {digest(f"kept {n}") for n in range(20_000)}
    assert len(found - {digest(f"old {n}") for n in range(3000)}) == 26_000
    assert len(found) < 26_000 + 300


def _ids(path: Path) -> set[bytes]:
    with closing(connect(path)) as db:
        return {key for (key,) in db.execute("SELECT key FROM beside WHERE kind = 'i'")}
