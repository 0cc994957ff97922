"""The rows of the journal: what one commit told, packed, and how they are read and trimmed.

A reader is shown exactly what is to be kept. What lies on the disk is trimmed in larger steps: a row whose entries are
all trimmed is written anew by one of the next commits, and every 64th commit of a user deletes what is left of them.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

import msgspec

from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.ids import UserId
from sessiond.core.records import UserCommit
from sessiond.stores.sqlite.reads import one_moment

__all__ = ["REMOVE", "REMOVE_OLD", "WRITE", "Told", "is_to_be_swept", "read", "told"]

#: One row of ``told``.
WRITE: Final = """INSERT OR REPLACE INTO journal (id, user, last, floor, entries)
    VALUES ((SELECT id FROM journal WHERE user = ?1 AND last <= ?3 ORDER BY last LIMIT 1), ?1, ?2, ?3, ?4)"""

REMOVE: Final = "DELETE FROM journal WHERE user = ? AND last <= ?"
#: Those of version 1 of the schema.
REMOVE_OLD: Final = "DELETE FROM beside WHERE user = ? AND kind = 'j' AND key <= ?"

_SWEPT_EVERY: Final = 64

_ROWS: Final = "SELECT last, floor, entries FROM journal WHERE user = ? ORDER BY last DESC"
_OLD_ROWS: Final = "SELECT key, data FROM beside WHERE user = ? AND kind = 'j' ORDER BY key DESC"

Told = tuple[UserId, int, int, bytes]

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode


def told(change: UserCommit, journaled: int) -> Told:
    """Make the row of what *change* tells; *journaled* entries were told before it."""
    last = journaled + len(change.journal)
    floor = max(0, last - change.journal_limit)
    return change.user, last, floor, _pack(change.journal[max(0, floor - journaled) :])


def is_to_be_swept(version: int) -> bool:
    """Tell whether the commit that makes *version* of a record deletes what is trimmed."""
    return version % _SWEPT_EVERY == 0


def read(db: sqlite3.Connection, user: UserId, limit: int) -> tuple[bytes, ...]:
    """Read the newest entries, oldest first. Raises ``SnapshotCorrupt`` when a row was changed."""
    with one_moment(db):
        newest = list(islice(_newest_first(db, user), limit))
    return tuple(reversed(newest))


def _newest_first(db: sqlite3.Connection, user: UserId) -> Iterator[bytes]:
    # The highest floor hides entries whichever row it is in, and is found in time: it is below its own row.
    trimmed = 0
    with closing(db.execute(_ROWS, (user,))) as rows:
        for last, floor, packed in rows:
            trimmed = max(trimmed, floor)
            if last <= trimmed:
                return
            entries = _entries(packed)
            yield from reversed(entries[-min(len(entries), last - trimmed) :])
    with closing(db.execute(_OLD_ROWS, (user,))) as old_rows:
        for number, entry in old_rows:
            if number <= trimmed:
                return
            yield entry


def _entries(packed: bytes) -> Sequence[bytes]:
    try:
        return _unpack(packed)
    except msgspec.MsgspecError:
        raise SnapshotCorrupt("a stored row of the journal cannot be read") from None
