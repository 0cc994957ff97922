"""What the reader connection answers, synchronous: rows in, records out. Writes nothing."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from sessiond.core.ids import Digest, Partition, UserId
from sessiond.core.records import (
    DeadLetter,
    Delivery,
    DueTimer,
    Frame,
    InboxEntry,
    Loaded,
    StoredUser,
    StreamMark,
    Timer,
)

__all__ = [
    "dead_letter",
    "dead_letters",
    "deliveries",
    "due",
    "frames",
    "load",
    "one_moment",
    "pending",
    "reply",
    "users",
]


_RECORDS: Final = (
    "SELECT user, version, snapshot, previous, epoch, head, floor, lost, size FROM users"
    " WHERE user IN (SELECT value FROM json_each(?))"
)
_BESIDE_RECORDS: Final = """SELECT user, kind, key, at, also, CASE kind WHEN 't' THEN data END
    FROM beside WHERE user IN (SELECT value FROM json_each(?)) AND kind IN ('i', 't')
    AND (kind = 't' OR at IS NOT NULL) ORDER BY CASE kind WHEN 'i' THEN at END, key"""
_ENTRY: Final = """SELECT seq, user, digest, kind, body, at,
    coalesce((SELECT count FROM attempts WHERE partition = :partition AND slot = 'inbox:' || seq), 0)
    FROM inbox """
_PENDING: Final = _ENTRY + "WHERE partition = :partition AND seq > :after ORDER BY seq LIMIT :limit"
# The plus keeps SQLite from walking the whole partition's backlog instead of the user's few entries.
_PENDING_OF_USER: Final = _ENTRY + (
    "WHERE user = :user AND +partition = :partition AND seq > :after ORDER BY seq LIMIT :limit"
)
_DEAD_LETTERS: Final = "SELECT * FROM dead_letters WHERE id > :after ORDER BY id LIMIT :limit"
_DEAD_LETTERS_OF_USER: Final = (
    "SELECT * FROM dead_letters WHERE user = :user AND id > :after ORDER BY id LIMIT :limit"
)


@contextmanager
def one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """Let several reads see the same state of the data."""
    try:
        db.execute("BEGIN")
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def load(db: sqlite3.Connection, users: Sequence[UserId]) -> list[Loaded | None]:
    """Read records, windows and timers as of one moment: three statements however many users there are.

    Each statement, and each row, lets go of the interpreter's lock, and waits to get it back.
    """
    wanted = (msgspec.json.encode(users).decode(),)
    with one_moment(db):
        records = {row[0]: row[1:] for row in db.execute(_RECORDS, wanted)}
        beside = db.execute(_BESIDE_RECORDS, wanted).fetchall() if records else ()
    windows: dict[UserId, list[tuple[Digest, float]]] = {user: [] for user in records}
    timers: dict[UserId, list[Timer]] = {user: [] for user in records}
    for user, kind, key, at, also, data in beside:
        if user not in records:
            continue
        if kind == "t":
            timers[user].append(Timer(key, also, at, data))
        else:
            windows[user].append((Digest(key), at))
    return [
        _loaded(records[user], windows[user], timers[user]) if user in records else None
        for user in users
    ]


def _loaded(
    record: Sequence[Any], window: list[tuple[Digest, float]], timers: list[Timer]
) -> Loaded:
    version, snapshot, previous, *mark = record
    return Loaded(
        version=version,
        snapshot=snapshot or b"",
        previous=previous,
        stream=StreamMark(*mark),
        window=tuple(window),
        timers=tuple(timers),
    )


def frames(db: sqlite3.Connection, user: UserId, after: int) -> tuple[Frame, ...]:
    """Read the outbox above an offset."""
    found = db.execute(
        "SELECT key, at, data FROM beside WHERE user = ? AND kind = 'f' AND key > ? ORDER BY key",
        (user, after),
    )
    return tuple(Frame(*row) for row in found)


def reply(db: sqlite3.Connection, user: UserId, digest: Digest) -> bytes | None:
    """Read a stored reply."""
    found = db.execute(
        "SELECT data FROM beside WHERE user = ? AND kind = 'i' AND key = ?", (user, digest)
    )
    row: tuple[bytes | None] | None = found.fetchone()
    return row[0] if row else None


def pending(
    db: sqlite3.Connection, partition: Partition, after: int, limit: int, user: UserId | None
) -> tuple[InboxEntry, ...]:
    """Read unrun entries with their attempts."""
    found = db.execute(
        _PENDING if user is None else _PENDING_OF_USER,
        {"partition": partition, "after": after, "limit": limit, "user": user},
    )
    return tuple(InboxEntry(*row) for row in found)


def due(
    db: sqlite3.Connection, partition: Partition, now: float, limit: int
) -> tuple[tuple[DueTimer, ...], float | None]:
    """Read what is due, and the first due time that is left out: one row more than asked for."""
    rows: Sequence[tuple[float, UserId, str, int, bytes]] = db.execute(
        "SELECT at, user, key, also, data FROM beside"
        " WHERE partition = ? AND kind = 't' AND at IS NOT NULL ORDER BY at, user, key LIMIT ?",
        (partition, limit + 1),
    ).fetchall()
    ready = [row for row in rows[:limit] if row[0] <= now]
    timers = tuple(
        DueTimer(user, Timer(name, generation, at, payload))
        for at, user, name, generation, payload in ready
    )
    return timers, rows[len(ready)][0] if len(rows) > len(ready) else None


def deliveries(
    db: sqlite3.Connection, partition: Partition, after: tuple[str, UserId], limit: int
) -> tuple[tuple[UserId, Delivery], ...]:
    """Read deliveries by id; a partition's are sorted for each page, and that is seldom read."""
    found = db.execute(
        "SELECT user, key, at, data FROM beside WHERE partition = ? AND kind = 'd'"
        " AND (key, user) > (?, ?) ORDER BY key, user LIMIT ?",
        (partition, *after, limit),
    )
    return tuple((user, Delivery(*rest)) for user, *rest in found)


def dead_letters(
    db: sqlite3.Connection, user: UserId | None, after: str, limit: int
) -> tuple[DeadLetter, ...]:
    """Read dead letters by id."""
    found = db.execute(
        _DEAD_LETTERS if user is None else _DEAD_LETTERS_OF_USER,
        {"after": after, "limit": limit, "user": user},
    )
    return tuple(map(dead_letter, found))


def dead_letter(row: Sequence[object]) -> DeadLetter:
    """Make a dead letter of a row of its table, whose columns are in the order of the fields."""
    return DeadLetter(*row)  # type: ignore[arg-type]


def users(db: sqlite3.Connection, after: str, limit: int) -> tuple[StoredUser, ...]:
    """Read a page of the listing of users."""
    found = db.execute(
        "SELECT user, version, coalesce(length(snapshot), 0) FROM users WHERE user > ?"
        " ORDER BY user LIMIT ?",
        (after, limit),
    )
    return tuple(StoredUser(*row) for row in found)
