"""Who may write: fences in the file, leases in memory.

The kernel lock on the file (file.py) proves that no other process is alive on it: the leases of an earlier
process are void at once, so they need not be stored. Within the process they keep two nodes apart, as tests have them.
"""

import sqlite3
from collections.abc import Sequence

from attrs import define, field

from sessiond.core.errors import Fenced, StoreInUse
from sessiond.core.ids import NodeId, Partition
from sessiond.core.records import WINDOW_TIMER, Acquired, Fence
from sessiond.stores.sqlite.known import Known, transaction

__all__ = ["Leases", "release", "take"]


@define
class Leases:
    """Each node's nonce and the time (of the caller's clock) at which its lease is over."""

    _held: dict[NodeId, tuple[str, float]] = field(factory=dict)

    def is_live(self, node: NodeId, at: float) -> bool:
        """Tell whether *node* has a lease at the time *at*."""
        return node in self._held and self._held[node][1] > at

    def take(self, node: NodeId, nonce: str, until: float) -> None:
        """Give *node* a lease, whatever its name held before."""
        self._held[node] = (nonce, until)

    def renew(self, node: NodeId, nonce: str, until: float) -> None:
        """Prolong a lease. Raises ``Fenced`` when a later run of *node* holds it."""
        if node in self._held and self._held[node][0] != nonce:
            raise Fenced(f"the lease of node {node!r} is held by a later run")
        self._held[node] = (nonce, until)

    def drop(self, node: NodeId, nonce: str) -> None:
        """Give a lease up, if it is held under *nonce*."""
        if node in self._held and self._held[node][0] == nonce:
            del self._held[node]


def take(
    db: sqlite3.Connection,
    owner: tuple[NodeId, str],
    partitions: Sequence[Partition],
    window_due: float,
    leases: Leases,
    at: float,
    *,
    known: Known,
) -> tuple[Acquired, ...]:
    """Raise the fences of *partitions* under *owner* (node and nonce); date their undated windows."""
    known.fences_change()
    with transaction(db):
        for partition in partitions:
            _refuse_live_owner(db, owner[0], partition, leases, at)
        return tuple(_take_one(db, owner, partition, window_due) for partition in partitions)


def _refuse_live_owner(
    db: sqlite3.Connection, node: NodeId, partition: Partition, leases: Leases, at: float
) -> None:
    row = db.execute("SELECT node FROM fences WHERE partition = ?", (partition,)).fetchone()
    if row and row[0] not in {"", node} and leases.is_live(row[0], at):
        raise StoreInUse(
            f"partition {partition} is held by the live node {row[0]!r}, until it stops or its lease ends"
        )


def _take_one(
    db: sqlite3.Connection, owner: tuple[NodeId, str], partition: Partition, window_due: float
) -> Acquired:
    node, nonce = owner
    (number,) = db.execute(
        "INSERT INTO fences VALUES (?, 1, ?, ?) ON CONFLICT DO UPDATE SET number = number + 1,"
        " nonce = excluded.nonce, node = excluded.node RETURNING number",
        (partition, nonce, node),
    ).fetchone()
    db.execute(
        "UPDATE beside SET at = ? WHERE partition = ? AND kind = 't' AND at IS NULL AND key = ?",
        (window_due, partition, WINDOW_TIMER),
    )
    next_due, has_pending = db.execute(
        "SELECT (SELECT min(at) FROM beside WHERE partition = ?1 AND kind = 't'),"
        " EXISTS (SELECT 1 FROM inbox WHERE partition = ?1)",
        (partition,),
    ).fetchone()
    return Acquired(Fence(partition, number, nonce), next_due, bool(has_pending))


def release(db: sqlite3.Connection, node: NodeId, nonce: str, known: Known) -> None:
    """Make the fences that *node* holds under *nonce* nobody's."""
    known.fences_change()
    with transaction(db):
        db.execute(
            "UPDATE fences SET nonce = '', node = '' WHERE node = ? AND nonce = ?", (node, nonce)
        )
