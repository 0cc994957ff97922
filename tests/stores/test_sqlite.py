"""The SQLite store keeps the port's contract (tests/contracts); here is what its file promises."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trio

from sessiond.core.errors import StoreError, StoreInUse, StoreUnavailable
from sessiond.core.ids import partition_of
from sessiond.core.records import Frame, StreamMark, Verdict, VerdictStatus
from sessiond.stores.sqlite import open_sqlite_store
from sessiond.stores.sqlite.checkpoints import Checkpoints
from sessiond.stores.sqlite.file import SCHEMA_VERSION, connect, prepare
from sessiond.testing.stores import open_rig
from sessiond.testing.stores.rig import NOW, USER, arrival

ROOT = Path(__file__).parents[2]
PARTITION = partition_of(USER)
LIMIT = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@contextmanager
def _process(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run *program*, which opens a rig on *path* as ``rig`` in trio and says ``ready`` first."""
    body = "\n".join("        " + line for line in program.strip().splitlines())
    source = f"""
import resource, sys, trio
from sessiond.core.errors import StoreUnavailable
from sessiond.stores.sqlite import open_sqlite_store
from sessiond.testing.stores import open_rig
from sessiond.testing.stores.rig import arrival

async def main():
    async with open_rig(lambda: open_sqlite_store({str(path)!r}), max_commit_bytes={LIMIT}) as rig:
        await rig.acquire()
        print("ready", flush=True)
{body}

trio.run(main)
"""
    with subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            watchdog.cancel()
            process.kill()


# ------------------------------------------------------------------------------------ one process


async def test_a_second_store_on_the_file_is_refused(path: Path) -> None:
    """In the same process too; the first goes on, and after it the file is free."""
    async with open_sqlite_store(path) as first:
        with pytest.raises(StoreInUse, match=rf"store\.db is in use by the process {os.getpid()}$"):
            async with open_sqlite_store(path):
                pass
        await first.check()
    async with open_sqlite_store(path) as second:
        await second.check()


async def test_another_process_on_the_file_is_refused_until_it_is_killed(path: Path) -> None:
    """The kernel holds the lock: SIGKILL leaves none behind."""
    with _process("await trio.sleep_forever()", path) as process:
        with pytest.raises(StoreInUse, match=f"process {process.pid}$"):
            async with open_sqlite_store(path):
                pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        async with open_sqlite_store(path) as store:
            await store.check()


async def test_the_same_file_by_another_name_is_the_same_file(path: Path, tmp_path: Path) -> None:
    """A symbolic link does not lead around the lock."""
    alias = tmp_path / "alias.db"
    alias.symlink_to(path)
    async with open_sqlite_store(path):
        with pytest.raises(StoreInUse):
            async with open_sqlite_store(alias):
                pass


async def test_leases_of_a_killed_process_are_void(path: Path) -> None:
    """The lock proves that it is dead: another node need not wait for its lease."""
    with _process("await trio.sleep_forever()", path) as process:
        process.kill()
        process.wait()
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        (acquired,) = await rig.acquire(node="another")  # type: ignore[arg-type]
    assert acquired.fence.number == 2


# -------------------------------------------------------------------------------------- durability


async def test_what_was_answered_survives_sigkill(path: Path) -> None:
    """Killed in the middle of writing: each answered commit and acceptance is there, none in part."""
    program = """
version = 0
while True:
    await rig.apply(version=version, snapshot=b"%d" % (version + 1), journal=(b"%d" % version,))
    await rig.accept(arrival(str(version)))
    version += 1
    print(version, flush=True)
"""
    with _process(program, path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "50\n":
                break
        process.kill()
        answered = [
            50,
            *(
                int(line)
                for line in process.stdout.read().splitlines(keepends=True)
                if line.endswith("\n")
            ),
        ]
        process.wait()
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        loaded = await rig.store.load(USER, PARTITION)
        journal = await rig.store.journal(USER, PARTITION, limit=100_000)
        pending = await rig.store.pending(PARTITION, limit=100_000)

    assert loaded is not None
    assert answered[-1] <= loaded.version <= answered[-1] + 1
    assert loaded.snapshot == b"%d" % loaded.version
    assert journal == tuple(b"%d" % n for n in range(loaded.version))
    assert len(pending) in {loaded.version, loaded.version - 1}
    assert len(pending) >= answered[-1]


def test_a_disk_that_takes_no_more_is_unavailable_until_it_does(path: Path) -> None:
    """A real limit on file size: refused commits leave nothing, the same ones are applied when there is room.

    What is accepted here would not fit into an empty log either.
    """
    program = """
await rig.apply(snapshot=b"before")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, resource.RLIM_INFINITY))
commit, version = None, 1
while commit is None:
    change = rig.change(version=version, snapshot=b"%d" % version * 20_000)
    try:
        await rig.send(change)
        version += 1
    except StoreUnavailable as error:
        commit = change
        print(error, flush=True)
try:
    for _ in range(1000):  # each takes a page of what is left
        await rig.store.check()
    print("writable")
except StoreUnavailable:
    print("check says so too")
try:
    await rig.accept(arrival("a", body=b"x" * 600_000))
    print("accepted")
except StoreUnavailable:
    print("nothing is accepted")
loaded = await rig.store.load(change.user, change.partition)
print("kept" if loaded.version == version else loaded.version)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
await rig.store.check()
(verdict,) = await rig.send(commit)
(receipt,) = await rig.accept(arrival("a", body=b"x" * 600_000))
print(verdict.status, verdict.version - version, receipt.status)
"""
    with _process(program, path) as process:
        assert process.stdout is not None
        said = process.stdout.read().splitlines()

    assert "disk" in said[0]
    assert said[1:] == [
        "check says so too",
        "nothing is accepted",
        "kept",
        "applied 1 accepted",
    ]


async def test_a_full_disk_is_unavailable_until_there_is_room(path: Path) -> None:
    """SQLite's own "full" means the same."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"before")
        db = rig.store._writer.db  # type: ignore[attr-defined]
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        commit = rig.change(version=1, snapshot=b"x" * 100_000)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                await rig.send(commit)
        loaded = await rig.store.load(USER, PARTITION)
        assert loaded is not None
        assert loaded.snapshot == b"before"

        db.execute("PRAGMA max_page_count = 1000000")
        assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 2),)


async def test_a_large_log_is_copied_into_the_file(path: Path) -> None:
    """Closing leaves one file that can be copied; the log does not grow for ever."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        for version in range(20):
            frame = Frame(version + 1, NOW, b"f" * 1000)
            mark = StreamMark("e", head=version + 1, floor=version)
            await rig.apply(version=version, snapshot=b"s" * 5000, stream=mark, frames=(frame,))

    assert sorted(p.name for p in path.parent.iterdir()) == ["store.db", "store.db.lock"]


def test_a_busy_log_begins_again(path: Path) -> None:
    """Written without a pause, it is copied beside the writer and stays about as long as it may be."""
    with closing(connect(path)) as writer:
        prepare(writer)
        checkpoints = Checkpoints(path, writer, copy_after_rows=500)
        sizes = []
        for number in range(6000):
            writer.execute("INSERT OR REPLACE INTO fences VALUES (?, 1, 'n', 'a')", (number % 256,))
            checkpoints.after_transaction()
            if number % 500 == 0:
                sizes.append(path.with_name("store.db-wal").stat().st_size)
        checkpoints.close()

    assert max(sizes) < 6000 * 4120 / 2


def test_a_copy_that_fails_harms_no_commit(path: Path) -> None:
    """The log is durable by itself; it is copied when that is possible again."""
    with closing(connect(path)) as writer, closing(connect(path)) as reader:
        prepare(writer)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchone()  # holds the log back
        checkpoints = Checkpoints(path, writer, copy_after_rows=10)
        for number in range(200):
            writer.execute("INSERT OR REPLACE INTO fences VALUES (?, 1, 'n', 'a')", (number,))
            checkpoints.after_transaction()
        checkpoints.close()
        reader.execute("ROLLBACK")

        assert writer.execute("SELECT count(*) FROM fences").fetchone() == (200,)


# ------------------------------------------------------------------------------------ other files


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """It is not overwritten."""
    await trio.Path(path).write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreError, match="not a database of sessiond") as caught:
        async with open_sqlite_store(path):
            pass

    assert not isinstance(caught.value, StoreUnavailable)
    assert await trio.Path(path).read_bytes() == b"not a database " * 1000


async def test_a_database_of_another_program_is_refused(path: Path) -> None:
    """Its tables are left alone."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name)")
    with pytest.raises(StoreError, match="another program"):
        async with open_sqlite_store(path):
            pass
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("recipes",)]


async def test_a_newer_schema_is_refused(path: Path) -> None:
    """Reading it could lose what this version does not know."""
    async with open_sqlite_store(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match="newer version"):
        async with open_sqlite_store(path):
            pass


async def test_a_damaged_file_is_refused_clearly(path: Path) -> None:
    """What cannot pass by itself is not called unavailable: nobody waits for it."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        for user in range(50):
            await rig.accept(arrival(f"{user}", body=b"b" * 3000))
    raw = bytearray(await trio.Path(path).read_bytes())
    raw[4096:] = b"\x5a" * (len(raw) - 4096)
    await trio.Path(path).write_bytes(raw)
    with pytest.raises(StoreError, match="damaged") as caught:
        async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
            await rig.store.pending(PARTITION)

    assert not isinstance(caught.value, StoreUnavailable)


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    """Nothing is made where the operator mistyped the path."""
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        async with open_sqlite_store(tmp_path / "missing" / "store.db"):
            pass


# -------------------------------------------------------------------------------- threads and errors


async def test_a_cancelled_call_ends_with_its_transaction(path: Path) -> None:
    """The thread is not left behind: closing right after a cancellation is safe."""
    for _ in range(5):
        async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
            await rig.acquire()
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(rig.accept, arrival(f"{number}"))
                await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()


async def test_readers_do_not_wait_for_the_writer(path: Path) -> None:
    """While a transaction is open, reads answer with what was committed before."""
    async with open_rig(lambda: open_sqlite_store(path), max_commit_bytes=LIMIT) as rig:
        await rig.apply(snapshot=b"committed")
        db = rig.store._writer.db  # type: ignore[attr-defined]
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE users SET snapshot = x'00'")
        with trio.fail_after(5):
            loaded = await rig.store.load(USER, PARTITION)
        db.execute("ROLLBACK")

    assert loaded is not None
    assert loaded.snapshot == b"committed"


async def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It holds what people said; so do the files beside it. A mode that somebody chose stays."""
    file = tmp_path / "new.db"
    async with open_sqlite_store(file):
        modes = _modes(tmp_path)
    assert {"new.db", "new.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}

    file.chmod(0o640)
    async with open_sqlite_store(file):
        assert 0o640 == _modes(tmp_path)["new.db"]


def _modes(folder: Path) -> dict[str, int]:
    return {found.name: found.stat().st_mode & 0o777 for found in folder.iterdir()}
