"""What the writer need not read again while nobody else writes the file, which SQLite tells (``data_version``)."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import final

from sessiond.core.ids import Partition
from sessiond.core.records import Fence

__all__ = ["Known", "transaction"]


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # after a full disk SQLite has rolled back by itself
            db.execute("ROLLBACK")
        raise


@final
class Known:
    """Facts of the file that few transactions change. Used in the writer's thread alone.

    Who changes one says so *before* the transaction begins: whether that succeeds or not, it is read again after it.
    """

    def __init__(self) -> None:
        self._fences: dict[Partition, tuple[int, str]] | None = None
        self._is_unattempted = False
        self._data_version: int | None = None

    def live(
        self,
        db: sqlite3.Connection,
        partitions: Iterable[Partition],
        fences: Mapping[Partition, Fence],
    ) -> set[Partition]:
        """Tell for which *partitions* the stored fence is the one given; the first thing in each transaction."""
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version != self._data_version:
            # Another connection wrote: file.hold_file was circumvented.
            self._data_version = version
            self.fences_change()
            self.attempts_grow()
        if self._fences is None:
            rows = db.execute("SELECT partition, number, nonce FROM fences WHERE nonce != ''")
            self._fences = {partition: (number, nonce) for partition, number, nonce in rows}
        stored = self._fences
        return {
            partition
            for partition in set(partitions) & fences.keys()
            if (fences[partition].number, fences[partition].nonce) == stored.get(partition)
        }

    def has_attempts(self, db: sqlite3.Connection) -> bool:
        """Tell whether any attempt is counted: nearly always none is."""
        if not self._is_unattempted:
            self._is_unattempted = not db.execute("SELECT 1 FROM attempts LIMIT 1").fetchone()
        return not self._is_unattempted

    def fences_change(self) -> None:
        """Read the fences again when they are asked for next."""
        self._fences = None

    def attempts_grow(self) -> None:
        """Look again whether there are attempts."""
        self._is_unattempted = False
