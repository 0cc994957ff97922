"""Arrivals become entries of the inbox, synchronous: one transaction per batch; and how often entries were attempted.

Who is known is read for the whole batch, and each table written by one statement: of 64 arrivals each takes 26 µs CPU,
where three statements for each took 36 *(measured with 18 ids of each user; the first of the three read them all)*.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from attrs import define, field

from sessiond.core.errors import Fenced
from sessiond.core.ids import DIGEST_BYTES, Digest, Partition, UserId
from sessiond.core.records import Arrival, Fence, InboxEntry, Receipt, ReceiptStatus
from sessiond.core.store_rules import attempt_slot
from sessiond.stores.sqlite.known import Known, transaction

__all__ = ["accept", "count_attempt"]

_FENCED: Final = Receipt(ReceiptStatus.FENCED)

_KNOWN_IDS: Final = """SELECT b.user, b.key, b.also, b.data FROM json_each(:users) AS arrival CROSS JOIN beside AS b
    ON b.user = arrival.value AND b.kind = 'i' AND b.key = substr(:digests, arrival.key * :size + 1, :size)"""
_LAST_SEQ: Final = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'inbox'"
_EXPIRE: Final = """WITH near AS (
    SELECT * FROM (SELECT key, also FROM beside WHERE user = ?1 AND kind = 'i' AND key >= ?3 ORDER BY key LIMIT 128)
    UNION ALL
    SELECT * FROM (SELECT key, also FROM beside WHERE user = ?1 AND kind = 'i' AND key < ?3 ORDER BY key DESC LIMIT 128)
    ) DELETE FROM beside WHERE user = ?1 AND kind = 'i' AND key IN (SELECT key FROM near WHERE also <= ?2)"""
_REMEMBER: Final = """INSERT INTO beside VALUES (?, 'i', ?, NULL, ?, NULL, NULL)
    ON CONFLICT DO UPDATE SET at = NULL, also = excluded.also, data = NULL"""
_WRITE: Final = (
    "INSERT INTO inbox (seq, partition, user, digest, kind, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
)

#: Of so many arrivals one, chosen by its digest's end, clears away expired ids of its user: it looks at the 128 on each
#: side of its own, which clears more than came since the last one did when one in 16 has expired. An expired id that is
#: still there is as good as gone. Looking at all 400 000 that a user had took 0.1 s of everybody's time *(measured)*.
_CLEARED_BY_ONE_OF: Final = 16


def accept(
    db: sqlite3.Connection,
    batch: Sequence[Arrival],
    fences: Mapping[Partition, Fence],
    known: Known,
) -> tuple[Receipt, ...]:
    """Write *batch* to the inbox in one transaction; one receipt each (``Store.accept``)."""
    with transaction(db):
        live = known.live(db, (arrival.partition for arrival in batch), fences)
        ours = [arrival for arrival in batch if arrival.partition in live]
        rows = _Rows(_known_ids(db, ours), db.execute(_LAST_SEQ).fetchone()[0])
        receipts = [rows.add(a) if a.partition in live else _FENCED for a in batch]
        rows.write(db)
    return tuple(receipts)


_Ids = dict[tuple[UserId, Digest], tuple[float | None, bytes | None]]
"""Until when an id is kept (``None``: as long as it is in the window), and its reply."""


def _known_ids(db: sqlite3.Connection, arrivals: Sequence[Arrival]) -> _Ids:
    found: Iterable[tuple[UserId, Digest, float | None, bytes | None]] = db.execute(
        _KNOWN_IDS,
        {
            "users": msgspec.json.encode([arrival.user for arrival in arrivals]).decode(),
            "digests": b"".join([arrival.digest for arrival in arrivals]),
            "size": DIGEST_BYTES,
        },
    )
    return {(user, digest): (until, reply) for user, digest, until, reply in found}


@define
class _Rows:
    """What a batch writes, gathered by statement."""

    ids: _Ids
    last_seq: int
    expired: list[tuple[UserId, float, Digest]] = field(factory=list)
    remembered: list[tuple[UserId, Digest, float]] = field(factory=list)
    entries: list[tuple[object, ...]] = field(factory=list)

    def add(self, arrival: Arrival) -> Receipt:
        """Gather the rows of *arrival*, unless its id is known."""
        user, digest, at = arrival.user, arrival.digest, arrival.at
        if digest[-1] % _CLEARED_BY_ONE_OF == 0:
            self.expired.append((user, at, digest))
        if found := self.ids.get((user, digest)):
            until, reply = found
            if until is None or until > at:
                return Receipt(ReceiptStatus.DUPLICATE, reply=reply)
        until = at + arrival.keep_seconds
        self.ids[user, digest] = until, None
        self.remembered.append((user, digest, until))
        self.last_seq += 1
        self.entries.append(
            (self.last_seq, arrival.partition, user, digest, arrival.kind, at, arrival.body)
        )
        entry = InboxEntry(self.last_seq, user, digest, arrival.kind, arrival.body, at)
        return Receipt(ReceiptStatus.ACCEPTED, entry)

    def write(self, db: sqlite3.Connection) -> None:
        """Write everything; what is expired goes first, since its ids may be among the new ones."""
        for statement, rows in (
            (_EXPIRE, self.expired),
            (_REMEMBER, self.remembered),
            (_WRITE, self.entries),
        ):
            if rows:
                db.executemany(statement, rows)


def count_attempt(db: sqlite3.Connection, fence: Fence, key: str, known: Known) -> int:
    """Count that *key* is attempted in this reign (``Store.attempt``)."""
    slot, generation = attempt_slot(key)
    known.attempts_grow()
    with transaction(db):
        if not known.live(db, [fence.partition], {fence.partition: fence}):
            raise Fenced(f"partition {fence.partition} has another owner")
        (count,) = db.execute(
            "INSERT INTO attempts (partition, slot, generation, count, fence) VALUES (?, ?, ?, 1, ?)"
            " ON CONFLICT DO UPDATE SET generation = excluded.generation, fence = excluded.fence,"
            " count = iif(generation = excluded.generation, count + (fence <> excluded.fence), 1) RETURNING count",
            (fence.partition, slot, generation, fence.number),
        ).fetchone()
    return int(count)
