"""The database file: one process at a time, the schema's version, pragmas, and what SQLite's errors mean."""

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Final, final

from sessiond.core.errors import StoreError, StoreInUse, StoreUnavailable

__all__ = ["SCHEMA_VERSION", "Place", "connect", "hold_file", "prepare", "translated"]

#: Raised by one with every ``schema_<version>.sql``; a file of a newer version is refused, never written.
SCHEMA_VERSION: Final = 2

#: Of every version: others number the versions of their databases from 1 too.
_OUR_TABLES: Final = {"fences", "users", "beside", "inbox"}

_LOOK_SECONDS: Final = 0.1

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # every commit is on the disk before it is answered
    "PRAGMA wal_autocheckpoint = 0",  # checkpoints.py does it
    # Bytes. A log that grew while somebody read for long is cut to it when it begins again; load makes it 20 to 50 MiB.
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
    # KiB. With 64 MiB it grew by 3 KiB for every user ever seen, passive ones too (measured).
    "PRAGMA cache_size = -8192",
    "PRAGMA secure_delete = ON",  # what is removed is overwritten: Debian's default, and not everybody's
    "PRAGMA busy_timeout = 5000",  # our own reader and writer meet at a checkpoint only
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)

#: Primary result codes (the low byte of the extended ones) after which the same call may succeed later.
_PASSING: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk refused a read or a write",
    sqlite3.SQLITE_BUSY: "the file is locked",
    sqlite3.SQLITE_LOCKED: "the file is locked",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_READONLY: "the file cannot be written",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_INTERRUPT: "interrupted",
}

_BROKEN: Final = {
    sqlite3.SQLITE_NOTADB: "it is not a database of sessiond",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore it from a backup",
}


@contextmanager
def hold_file(path: Path) -> Iterator[None]:
    """Hold *path* for this process alone, by a kernel lock on ``<path>.lock`` that ends with the process.

    A file that is not there is made empty, for its owner alone: it will hold what people said. SQLite gives the files
    beside it the same mode. The mode of a file that exists is its owner's choice.

    Raises:
      StoreInUse: another process (or another store of this one) holds it.
      StoreUnavailable: the file or its lock file cannot be made.

    """
    descriptor = _made(path, path.with_name(path.name + ".lock"))
    try:
        _lock(descriptor, path)
        os.close(_made(path, path))
        with suppress(OSError):  # the disk is full: SQLite will say so
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)  # the file stays: removing it would let two processes lock two files


def _made(store: Path, file: Path) -> int:
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"the store {store}: {file.name}: {error.strerror}") from error


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise StoreUnavailable(
                f"the store {path} cannot be locked: {error.strerror}"
            ) from error
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        raise StoreInUse(f"the store {path} is in use by the process {holder}") from None


@final
class Place:
    """Where the file lies. It can be moved or removed while it is open, and takes along whatever is written then."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._found = self._look()
        self._looked_at = time.monotonic()

    def check(self, *, at_once: bool = False) -> None:
        """Raise ``StoreUnavailable`` unless the file that was opened is there.

        It looks every tenth of a second, or *at_once*, and each time once it was not there. Looking after each
        transaction would cost each 10 µs *(measured)*.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS and not at_once:
            return
        found = self._look()
        if not found or found != self._found:
            self._looked_at = -_LOOK_SECONDS
            raise StoreUnavailable(
                f"the store {self._path}: the file was removed or replaced while it was open: put it back"
            )
        self._looked_at = now

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 -- a third of the time that Path takes
        except OSError:
            return None
        return found.st_dev, found.st_ino


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection in autocommit mode, for one thread at a time.

    Raises:
      StoreError: another program's database, or a newer sessiond's; nothing of it is changed.

    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        _refuse_foreign(connection, path)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"the store {path} has schema version {found}, this sessiond writes {SCHEMA_VERSION}:"
            " it was written by a newer version"
        )
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if (found or tables) and not (found and tables >= _OUR_TABLES):
        raise StoreError(f"the store {path} is a database of another program")


def prepare(connection: sqlite3.Connection) -> None:
    """Create the schema in a new file, or bring that of an older one up to date, in one transaction."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == SCHEMA_VERSION:
        return
    steps = "\n".join(_schema(version) for version in range(found + 1, SCHEMA_VERSION + 1))
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{steps}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )


def _schema(version: int) -> str:
    """Read what makes *version* of the one before."""
    file = resources.files(__package__).joinpath(f"schema_{version}.sql")
    return file.read_text(encoding="utf-8")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours: ``StoreUnavailable`` for what passes, ``StoreError`` for what does not."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in _PASSING:
            raise StoreUnavailable(f"the store {path}: {_PASSING[code]}") from error
        reason = _BROKEN.get(code, f"SQLite refused with {type(error).__name__} ({code})")
        raise StoreError(f"the store {path}: {reason}") from error
