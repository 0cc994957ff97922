"""The SQLite store in trouble: failures half-way, a log that fills the disk, files taken away, damage in one record."""

import resource
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sessiond.core.errors import SnapshotCorrupt, StoreError, StoreUnavailable
from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import (
    Consumed,
    Delivery,
    Frame,
    Receipt,
    ReceiptStatus,
    StreamMark,
    Timer,
    TimerChange,
    UserCommit,
    VerdictStatus,
)
from sessiond.stores.sqlite import open_sqlite_store
from sessiond.stores.sqlite.file import connect
from sessiond.stores.sqlite.store import SqliteStore
from sessiond.testing.stores import open_rig
from sessiond.testing.stores.rig import NOW, USER, StoreRig, arrival, digest, neighbours, noise

PARTITION = partition_of(USER)
LIMIT = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """Let no file grow beyond *size*: the kernel refuses the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _inner(rig: StoreRig) -> SqliteStore:
    assert isinstance(rig.store, SqliteStore)
    return rig.store


# ------------------------------------------------------------------------------ half-way


class _Interrupter:
    """Interrupts what the writer does at its *step*-th step, counted from ``arm``; a ``COMMIT`` goes through."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._left = 0

    def arm(self, step: int) -> None:
        self._left = step
        self._db.set_progress_handler(self._count, 1)
        self._db.set_trace_callback(self._spare)

    def _spare(self, statement: str) -> None:
        if statement == "COMMIT":
            self._left = 0

    def _count(self) -> int:
        self._left -= 1
        return self._left == 0


_TABLES = ("fences", "users", "beside", "inbox", "attempts", "dead_letters", "journal")


def _content(db: sqlite3.Connection) -> list[list[object]]:
    return [db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in _TABLES]


async def test_what_fails_half_way_leaves_nothing(path: Path) -> None:
    """Interrupted at each of its steps, a call changes nothing, and goes through when it is sent again."""
    one, other, gone = users = neighbours(3)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        for user in users:
            await rig.apply(user, snapshot=noise(6000), consumed=(Consumed(digest("seen"), NOW),))
        receipts = await rig.accept(*(arrival("a", user) for user in users))
        first, second, third = (_seq(receipt) for receipt in receipts)
        fence = rig.fences[PARTITION]
        batch = (
            _full_change(rig, one, first),
            rig.change(other, 1, inbox_done=(second,), journal=(b"told",)),
            rig.change(gone, 1, delete=True, inbox_done=(third,)),
            rig.change(USER, 7),
        )
        calls: list[Callable[[], object]] = [
            lambda: rig.store.attempt(fence, f"inbox:{first}"),
            lambda: rig.store.commit(batch, rig.fences),
            lambda: rig.accept(*(arrival("b", user) for user in users)),
            lambda: rig.acquire(nonce="again"),
        ]
        answers = [await _interrupted_at_each_step(rig, path, call) for call in calls]
        loaded = await rig.store.load(one, PARTITION)

    assert answers[0] == 1
    assert [verdict.status for verdict in answers[1]] == [  # type: ignore[attr-defined]
        VerdictStatus.APPLIED,
        VerdictStatus.APPLIED,
        VerdictStatus.APPLIED,
        VerdictStatus.CONFLICT,
    ]
    assert {receipt.status for receipt in answers[2]} == {ReceiptStatus.ACCEPTED}  # type: ignore[attr-defined]
    assert loaded is not None
    assert loaded.version == 2


def _seq(receipt: Receipt) -> int:
    assert receipt.entry is not None
    return receipt.entry.seq


def _full_change(rig: StoreRig, user: UserId, seq: int) -> UserCommit:
    return rig.change(
        user,
        1,
        snapshot=noise(7000),
        stream=StreamMark("e", head=1, size=1),
        frames=(Frame(1, NOW, b"f"),),
        consumed=(Consumed(digest("new"), NOW, b"reply"),),
        forgotten=(digest("seen"),),
        inbox_done=(seq,),
        timers=(TimerChange("tea", Timer("tea", 1, NOW + 5)),),
        deliveries=(Delivery("d1", NOW, b"body"),),
        journal=(b"told",),
    )


async def _interrupted_at_each_step(
    rig: StoreRig, path: Path, call: Callable[..., object]
) -> object:
    writer = _inner(rig)._writer.db
    interrupter = _Interrupter(writer)
    with closing(connect(path)) as db:
        before = _content(db)
        step = 0
        while True:
            step += 1
            interrupter.arm(step)
            try:
                answer = await call()  # type: ignore[misc]
            except StoreUnavailable:
                assert not writer.in_transaction
                assert _content(db) == before
            else:
                writer.set_progress_handler(None, 0)
                return answer


async def test_what_is_remembered_of_the_file_is_read_again_when_somebody_else_wrote(
    path: Path,
) -> None:
    """A lock file that an operator removed keeps nobody out: the fence in the file is the safety, not the memory."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as first:
        await first.apply(snapshot=b"1")
        await trio.Path(f"{path}.lock").unlink()
        async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as second:
            await second.acquire(nonce="the second's")
            (verdict,) = await first.send(first.change(version=1, snapshot=b"2"))
            (receipt,) = await first.accept(arrival("a"))

    assert verdict.status is VerdictStatus.FENCED
    assert receipt.status is ReceiptStatus.FENCED


# ------------------------------------------------------------------------------ the log


async def test_a_log_that_fills_the_disk_is_copied(path: Path) -> None:
    """Another program's long read held it back; when that is over, commits go on without anybody's help."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=noise(50_000))
        with _file_size_limit(LIMIT):
            with closing(sqlite3.connect(path)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM users").fetchone()
                version = await _fill(rig, 1)
            refused = rig.change(version=version, snapshot=noise(50_000))
            with pytest.raises(StoreUnavailable):  # the log is copied after this one
                await rig.send(refused)
            (verdict,) = await rig.send(refused)

    assert verdict.status is VerdictStatus.APPLIED


async def test_a_log_that_has_grown_gives_its_room_back(path: Path) -> None:
    """Not only when the server stops: after a long read it begins again, and is cut."""
    log = path.with_name("store.db-wal")
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        checkpoints = _inner(rig)._writer.checkpoints  # type: ignore[attr-defined]
        await rig.apply(snapshot=b"0")
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM users").fetchone()
            checkpoints._copy_after_rows = 2
            for version in range(1, 40):
                await rig.apply(version=version, snapshot=noise(LIMIT - version))
        grown = log.stat().st_size
        for version in range(40, 50):
            await rig.apply(version=version, snapshot=b"1")
            checkpoints.close()  # what is being copied is copied
        assert log.stat().st_size < grown / 2


async def _fill(rig: StoreRig, version: int) -> int:
    """Commit until nothing more is taken; return the version reached."""
    while True:
        try:
            await rig.apply(version=version, snapshot=noise(50_000 + version))
        except StoreUnavailable:
            return version
        version += 1


async def test_a_thread_that_cannot_be_started_fails_no_commit(path: Path) -> None:
    """The writer copies the log by itself then; and when threads can be had again, they are."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"0")
        checkpoints = _inner(rig)._writer.checkpoints  # type: ignore[attr-defined]
        checkpoints._copy_after_rows = 1
        size = threading.stack_size(1 << 47)  # no machine has that much
        try:
            for version in range(1, 50):
                await rig.apply(version=version, snapshot=noise(5000))
        finally:
            threading.stack_size(size)
        log = path.with_name("store.db-wal").stat().st_size
        await rig.apply(version=50, snapshot=b"51")
        await rig.apply(version=51, snapshot=b"52")
        assert checkpoints._thread is not None

    assert log < 50 * 5000


# ------------------------------------------------------------------------------ files taken away


async def test_a_file_that_is_removed_acknowledges_nothing(path: Path, tmp_path: Path) -> None:
    """Soon: what is written then is nowhere after the next start. Moved back, it goes on; nothing lies in its place."""
    elsewhere = tmp_path / "moved.db"
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"1")
        await trio.Path(path).rename(elsewhere)
        change = await _until_refused(rig, 1)
        for _ in range(2):
            with pytest.raises(
                StoreUnavailable, match=r"store\.db: the file was removed or replaced"
            ):
                await rig.send(change)
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await rig.store.check()
        assert not await trio.Path(path).exists()
        await trio.Path(elsewhere).rename(path)
        (verdict,) = await rig.send(change)
        await rig.reopen()
        loaded = await rig.store.load(USER, PARTITION)

    assert verdict.status is VerdictStatus.APPLIED
    assert loaded is not None
    assert loaded.version == change.expected_version + 1


async def _until_refused(rig: StoreRig, version: int) -> UserCommit:
    """Commit until a look shows that the file is gone: within a tenth of a second."""
    with trio.fail_after(5):
        while True:
            change = rig.change(version=version, snapshot=b"%d" % version)
            try:
                await rig.send(change)
            except StoreUnavailable:
                return change
            version += 1


async def test_a_file_that_takes_its_place_is_left_alone(path: Path, tmp_path: Path) -> None:
    """The log of the file before is not copied into it."""
    another = tmp_path / "another.db"
    async with open_sqlite_store(another):
        pass
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"1")
        checkpoints = _inner(rig)._writer.checkpoints  # type: ignore[attr-defined]
        checkpoints._copy_after_rows = 1
        await trio.Path(another).rename(path)
        before = await trio.Path(path).read_bytes()
        await _until_refused(rig, 1)
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await rig.store.check()
        assert await trio.Path(path).read_bytes() == before


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_a_database_of_another_program_is_not_touched(path: Path, version: int) -> None:
    """Not even its way of journaling is changed, and it gets no table of ours, whatever version it says it has."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name)")
        db.execute(f"PRAGMA user_version = {version}")
    before = await trio.Path(path).read_bytes()
    with pytest.raises(StoreError, match="another program"):
        async with open_sqlite_store(path):
            pass

    assert await trio.Path(path).read_bytes() == before


async def test_a_file_is_copied_while_it_is_written(path: Path, tmp_path: Path) -> None:
    """By what SQLite has for that: the copy is a store, with all that was answered before."""
    copy = tmp_path / "copy.db"
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"1", journal=(b"told",))
        with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(copy)) as target:
            db.backup(target)
        await rig.apply(version=1, snapshot=b"2")
    async with open_rig(lambda: open_sqlite_store(copy), max_commit_bytes=LIMIT) as rig:
        loaded = await rig.store.load(USER, PARTITION)
        await rig.apply(version=1, snapshot=b"another 2")

    assert loaded is not None
    assert loaded.snapshot == b"1"


async def test_a_full_disk_at_the_start_is_unavailable(path: Path) -> None:
    """Whoever waits for a store at the start waits for room too."""
    with _file_size_limit(0), pytest.raises(StoreUnavailable):
        async with open_sqlite_store(path):
            pass
    async with open_sqlite_store(path) as store:
        await store.check()


# ------------------------------------------------------------------------------ damage


async def test_a_journal_that_cannot_be_read_is_its_users_trouble(path: Path) -> None:
    """The error says what it is, and shows nothing of it."""
    (other,) = neighbours(1)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"1", journal=(b"secret",))
        await rig.apply(other, journal=(b"his",))
        _inner(rig)._writer.db.execute(
            "UPDATE journal SET entries = CAST(x'91a6' || entries AS BLOB) WHERE user = ?", (USER,)
        )
        with pytest.raises(SnapshotCorrupt, match="journal") as caught:
            await rig.store.journal(USER, PARTITION)
        assert await rig.store.journal(other, PARTITION) == (b"his",)

    assert "secret" not in str(caught.value)


async def test_a_damaged_page_of_one_user_stops_nobody_else(path: Path) -> None:
    """Also when others are read with him in one statement."""
    users = neighbours(10)
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        for user in users:
            await rig.apply(user, snapshot=user.encode() * 3000)
    _break_chain(path, users[3].encode() * 50)
    found: dict[UserId, object] = {}
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:

        async def load(user: UserId) -> None:
            try:
                loaded = await rig.store.load(user, PARTITION)
            except StoreError as error:
                found[user] = str(error)
            else:
                assert loaded is not None
                found[user] = loaded.version

        async with trio.open_nursery() as nursery:
            for user in users:
                nursery.start_soon(load, user)

    assert "damaged" in str(found.pop(users[3]))
    assert found == dict.fromkeys(set(users) - {users[3]}, 1)


def _break_chain(path: Path, content: bytes) -> None:
    """Have the first overflow page that holds *content* point to a page that is not there."""
    raw = bytearray(path.read_bytes())
    for start in range(0, len(raw), 4096):
        if raw[start] == 0 and content in raw[start : start + 4096]:
            raw[start : start + 4] = b"\0\xff\xff\xff"
            break
    else:
        raise AssertionError("there is no such page")
    path.write_bytes(raw)


async def test_who_waits_when_it_is_closed_is_answered(path: Path) -> None:
    """The connections are closed when their threads have ended, not beneath them."""
    answers: list[object] = []
    go_on = threading.Event()
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery, open_sqlite_store(path) as store:

            async def ask(call: Callable[..., Awaitable[object]], *args: object) -> None:
                answers.append(await call(*args))

            for line in (store._writer, store._reader):
                nursery.start_soon(line.run, lambda _: go_on.wait(10))
            await wait_all_tasks_blocked()
            for _ in range(150):
                nursery.start_soon(ask, store.load, USER, PARTITION)
            for _ in range(10):
                nursery.start_soon(ask, store.check)
            await wait_all_tasks_blocked()
            go_on.set()

    assert answers.count(None) == 150
    assert answers.count(()) == 10


async def test_what_is_erased_is_not_in_the_file_afterwards(path: Path) -> None:
    """Nor in what lies free in it, nor in the log, once the store was closed; also when it had been trimmed before."""
    words = b"what nobody is to read again "
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(neighbours(1)[0], snapshot=b"his", journal=(b"his",))
        for version in range(5):
            frame = Frame(version + 1, NOW, words * 200)
            mark = StreamMark("e", head=version + 1, floor=version)
            await rig.apply(
                version=version,
                snapshot=words * 1000,
                stream=mark,
                frames=(frame,),
                journal=(words * 20,),
                journal_limit=2,
            )
        await rig.reopen()
        assert words in await trio.Path(path).read_bytes()
        await rig.apply(version=5, delete=True)

    assert sorted(file.name for file in path.parent.iterdir()) == ["store.db", "store.db.lock"]
    assert words not in await trio.Path(path).read_bytes()
