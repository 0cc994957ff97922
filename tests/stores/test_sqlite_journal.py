"""The SQLite store's journal: rows of the version before, and what lies on the disk; the contract has the rest."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from sessiond.core.errors import StoreError
from sessiond.core.ids import partition_of
from sessiond.stores.sqlite import open_sqlite_store
from sessiond.stores.sqlite.file import SCHEMA_VERSION, connect, prepare
from sessiond.testing.stores import open_rig
from sessiond.testing.stores.rig import USER, StoreRig, neighbours

PARTITION = partition_of(USER)
LIMIT = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def _old_file(path: Path, entries: int, *, user: str = USER) -> None:
    """Write a file as version 1 did: a record of *user* after as many turns, each of which told one entry."""
    schema = resources.files("sessiond.stores.sqlite").joinpath("schema_1.sql").read_text("utf-8")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"{schema}PRAGMA user_version = 1;")
        db.execute(
            "INSERT INTO users VALUES (1, ?, 3, x'00', ?, '', 0, 0, 0, 0, x'7374617465', NULL)",
            (user, entries),
        )
        db.executemany(
            "INSERT INTO beside VALUES (?, 'j', ?, NULL, NULL, NULL, ?)",
            [(user, number + 1, entry) for number, entry in enumerate(_told(0, entries))],
        )
        db.execute(
            "INSERT INTO beside VALUES (?, 'd', 'd1', 5.0, NULL, ?, x'01')", (user, PARTITION)
        )


def _told(start: int, end: int) -> tuple[bytes, ...]:
    return tuple(b"entry %d" % number for number in range(start, end))


def _numbers(path: Path) -> Iterator[int]:
    """Number the entries that lie in the file, old ones and new ones."""
    with closing(connect(path)) as db:
        yield from (key for (key,) in db.execute("SELECT key FROM beside WHERE kind = 'j'"))
        for last, packed in db.execute("SELECT last, entries FROM journal"):
            count = packed[0] & 0x0F  # MessagePack: an array of fewer than 16
            yield from range(last - count + 1, last + 1)


async def _tell(rig: StoreRig, version: int, start: int, end: int, limit: int) -> None:
    await rig.apply(version=version, journal=_told(start, end), journal_limit=limit)


async def test_a_file_of_version_1_is_brought_up_to_date(path: Path) -> None:
    """Nothing of it is lost, and an older sessiond refuses it from then on."""
    _old_file(path, 5)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        loaded = await rig.store.load(USER, PARTITION)
        journal = await rig.store.journal(USER, PARTITION)
        newest = await rig.store.journal(USER, PARTITION, limit=2)
        deliveries = await rig.store.deliveries(PARTITION)

    assert loaded is not None
    assert (loaded.version, loaded.snapshot) == (3, b"state")
    assert journal == _told(0, 5)
    assert newest == _told(3, 5)
    assert [delivery.id for _, delivery in deliveries] == ["d1"]
    with closing(connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_both_ways_to_the_schema_lead_to_the_same(tmp_path: Path) -> None:
    """A file that was brought up to date is as a new one."""
    found = []
    for name in ("old.db", "new.db"):
        path = tmp_path / name
        if name == "old.db":
            _old_file(path, 1)
        with closing(connect(path)) as db:
            prepare(db)
            found.append(db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall())

    assert found[0] == found[1]


def test_a_file_that_cannot_be_brought_up_to_date_stays_as_it_was(path: Path) -> None:
    """All of it or nothing: what is in the way is not half written over."""
    _old_file(path, 1)
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE journal (mine)")
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            prepare(db)
        db.execute("ROLLBACK")
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


async def test_a_table_of_another_program_is_no_older_version(path: Path) -> None:
    """Version 0 with tables in it is not ours."""
    _old_file(path, 1)
    with closing(connect(path)) as db:
        db.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreError, match="another program"):
        async with open_sqlite_store(path):
            pass


async def test_old_entries_are_read_before_new_ones_and_trimmed(path: Path) -> None:
    """The bound counts over both, at every commit, and in the end the old ones are gone from the file."""
    _old_file(path, 10)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        for turn in range(64):
            end = 10 + 2 * (turn + 1)
            await _tell(rig, 3 + turn, end - 2, end, limit=12)
            assert await rig.store.journal(USER, PARTITION) == _told(max(0, end - 12), end)
            assert await rig.store.journal(USER, PARTITION, limit=3) == _told(end - 3, end)

    assert not [number for number in _numbers(path) if number <= 10]


async def test_what_is_trimmed_lies_in_the_file_for_a_while(path: Path) -> None:
    """Its rows are written anew: with a bound that stays, a row or two more than are shown."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        for turn in range(150):
            await _tell(rig, turn, 3 * turn, 3 * turn + 3, limit=30)

    kept = sorted(_numbers(path))
    assert kept[-30:] == list(range(421, 451))
    assert len(kept) <= 36


async def test_a_smaller_bound_empties_the_file_within_64_turns(path: Path) -> None:
    """What it hides at once is deleted by then."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        for turn in range(64):
            await _tell(rig, turn, turn * 9, turn * 9 + 9, limit=1000)
        for turn in range(64, 128):
            await _tell(rig, turn, turn * 9, turn * 9 + 9, limit=20)

    assert len(list(_numbers(path))) <= 27


async def test_neighbours_do_not_take_each_others_rows(path: Path) -> None:
    """A row is written anew for its own user only."""
    (other,) = neighbours(1)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(other, journal=_told(0, 4), journal_limit=4)
        for turn in range(70):
            await _tell(rig, turn, turn, turn + 1, limit=1)
        assert await rig.store.journal(other, PARTITION) == _told(0, 4)
        await rig.apply(version=70, delete=True)
        assert await rig.store.journal(other, PARTITION) == _told(0, 4)
        assert await rig.store.journal(USER, PARTITION) == ()


async def test_a_turn_reads_neither_fences_nor_attempts_again(path: Path) -> None:
    """While nobody else writes the file: its second commit is a transaction of the record's row, and what changes."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"1")
        ran: list[str] = []
        rig.store._writer.db.set_trace_callback(ran.append)  # type: ignore[attr-defined]
        await rig.apply(version=1, snapshot=b"2", journal=(b"told",))

    assert [statement.split()[0] for statement in ran] == [
        "BEGIN",
        "PRAGMA",  # data_version: whether somebody did
        "SELECT",
        "UPDATE",
        "INSERT",
        "COMMIT",
    ], json.dumps(ran)
