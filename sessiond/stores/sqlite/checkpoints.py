"""Copying the write-ahead log into the file, beside the writer instead of inside its commits.

SQLite by itself copies the whole log within the commit that fills it: 35 ms for 8000 pages *(measured)*, which one
turn in fifteen would see at half load. Here a thread with a connection of its own copies it while commits go on.
What they added meanwhile is copied by the writer between two commits, and then the log begins again from its
start: without that second step a busy log would never be empty, and grow for ever.

While somebody reads for long (a backup, say) the log cannot begin again, and grows. When it has filled the disk, and
the read is over, copying it is what makes room: the writer does it after each transaction that was refused.
"""

import sqlite3
from contextlib import closing, suppress
from enum import Enum, auto
from pathlib import Path
from threading import Thread
from typing import Final, final

from sessiond.core.errors import StoreError
from sessiond.stores.sqlite.file import Place, connect

__all__ = ["Checkpoints"]

#: Changed rows after which the log is copied: some 350 full commits, 5 MiB, or 870 turns of conversations, 16 MiB, of
#: which many are the same pages again (the copy takes 15 ms). Less at once means shorter flushes for the commits
#: beside it to wait for. At 5000 commits/s in batches of 32 the 99th percentile is 8 to 13 ms with 1500 rows,
#: 16 ms with 4000, 30 ms with 12 000, 17 ms with SQLite's own 1000 pages; 1500 costs 8 % more CPU than 12 000 do
#: *(measured)*.
COPY_AFTER_ROWS: Final = 2000

_COPY: Final = "PRAGMA wal_checkpoint(PASSIVE)"


class _State(Enum):
    GATHERING = auto()
    COPYING = auto()
    COPIED = auto()


@final
class Checkpoints:
    """Decides when the log of *writer* is copied; called in the writer's thread, after each of its transactions."""

    def __init__(
        self, path: Path, writer: sqlite3.Connection, *, copy_after_rows: int = COPY_AFTER_ROWS
    ) -> None:
        self._path = path
        self._place = Place(path)
        self._copy_after_rows = copy_after_rows
        self._writer = writer
        self._copied_at = writer.total_changes
        self._state = _State.GATHERING
        self._thread: Thread | None = None

    def after_transaction(self) -> None:
        """Start copying when enough was written; finish when the copying thread is done.

        Raises ``StoreUnavailable`` when the file is not where it was: the thread would copy into another, or make one.
        """
        self._place.check()
        if self._state is _State.COPIED:
            self._copy_here()
        elif (
            self._state is _State.GATHERING
            and self._writer.total_changes - self._copied_at >= self._copy_after_rows
        ):
            self._place.check(at_once=True)
            thread = Thread(target=self._copy, name="sqlite checkpoint")
            self._state = _State.COPYING
            try:
                thread.start()
            except RuntimeError:  # no more threads can be had
                self._copy_here()
            else:
                self._thread = thread

    def after_refusal(self) -> None:
        """Copy at once, so that a log which fills the disk begins again."""
        if self._state is not _State.COPYING:
            self._copy_here()

    def _copy_here(self) -> None:
        with suppress(sqlite3.Error):  # of the copy: the commit before it is durable in the log
            self._writer.execute(_COPY)
        self._copied_at = self._writer.total_changes
        self._state = _State.GATHERING

    def close(self) -> None:
        """Wait until nothing is being copied any more."""
        if self._thread:
            self._thread.join()

    def _copy(self) -> None:
        try:
            with suppress(sqlite3.Error, StoreError), closing(connect(self._path)) as own:
                own.execute(_COPY)  # when it fails (a full disk) nothing is lost: the log stays
        finally:
            self._state = _State.COPIED
