"""The backlog of deliveries: what of each account stays in the store, and is read when there is room for it.

A *gap* says that some deliveries of an account in a partition are not in memory. While there is one, new ones of the
same account and partition are not taken into memory either, or they would overtake. Gaps are closed by passes over the
partition, page by page; a pass that finds no room for an account stops there for it, and goes on another time.

At the start every partition has a gap for every account: what an earlier run left is read, and only then what is new.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from sessiond import telemetry
from sessiond.core.errors import SnapshotError
from sessiond.core.gateways.outgoing import decode_outgoing
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.ports import Entropy, Store
from sessiond.core.records import NO_DELIVERY, Delivery
from sessiond.runtime.availability import Availability
from sessiond.runtime.bell import Bell
from sessiond.runtime.patience import until_decided

__all__ = ["UNREADABLE", "DeliveryBacklog", "Room", "account_of"]

#: Stands for the account of deliveries that this version cannot read.
UNREADABLE: Final = "?"

_PAGE: Final = 256

_Key = tuple[str, UserId]


class Room(Protocol):
    """The memory of the accounts that are configured, by name."""

    def has_room(self, account: str) -> bool:
        """Tell whether it is worth reading more of *account*."""
        ...

    def offer(self, account: str, user: UserId, delivery: Delivery) -> bool:
        """Take a delivery into memory, where it may be already; ``False``: that is full."""
        ...


class _Gap:
    """Everything up to *after* is in memory, or done; above it, the store knows. *missed*: below it, too."""

    __slots__ = ("after", "missed")

    def __init__(self, after: _Key) -> None:
        self.after = after
        self.missed = False


class _Reading:
    """A page that is being read, and what became of deliveries meanwhile."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.done: set[_Key] = set()
        self.forgotten: set[UserId] = set()


class DeliveryBacklog:
    """The gaps of one node. ``run`` is the task that closes them; the other methods are synchronous."""

    def __init__(
        self,
        store: Store,
        accounts: Iterable[str],
        room: Room,
        *,
        availability: Availability,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._accounts = tuple(accounts)
        self._room = room
        self._availability = availability
        self._entropy = entropy
        self._gaps: dict[Partition, dict[str, _Gap]] = {}
        self._unseen: set[Partition] = set()
        self._reading: _Reading | None = None
        self._is_ending = False
        self._bell = Bell()
        self.strange: Counter[str] = Counter()
        """Deliveries that cannot be sent, by account: it is not configured (any more), or ``UNREADABLE``."""

    def open(self, partitions: Sequence[Partition]) -> None:
        """Note that *partitions* may hold anything."""
        for partition in partitions:
            self._gaps[partition] = {name: _Gap(NO_DELIVERY) for name in self._accounts}
            self._unseen.add(partition)
        self._bell.ring()

    def has_gap(self, partition: Partition, account: str) -> bool:
        """Tell whether deliveries of *account* in *partition* are left in the store."""
        return account in self._gaps.get(partition, ())

    def has_any(self, account: str) -> bool:
        """Tell whether deliveries of *account* may be left in the store, in any partition."""
        return any(account in gaps for gaps in self._gaps.values())

    def leave(self, user: UserId, account: str, delivery: Delivery) -> None:
        """Leave a new delivery in the store: there is a gap before it, or no room."""
        partition, key = partition_of(user), (delivery.id, user)
        gaps = self._gaps.setdefault(partition, {})
        gap = gaps.get(account)
        if gap is None:
            gap = gaps[account] = _Gap((delivery.id, UserId("")))  # what is before it is in memory
        is_read = self._reading is not None and self._reading.partition == partition
        gap.missed = gap.missed or is_read or key <= gap.after
        self._bell.ring()

    def settled(self, user: UserId, done: Iterable[str]) -> None:
        """Note that a commit has removed deliveries: a page that is on its way may still hold them."""
        if self._reading is not None and self._reading.partition == partition_of(user):
            self._reading.done.update((one, user) for one in done)

    def forget(self, user: UserId) -> None:
        """Note that a commit has removed all deliveries of *user*."""
        if self._reading is not None:
            self._reading.forgotten.add(user)

    def room_made(self) -> None:
        """Note that there may be room again."""
        if self._gaps:
            self._bell.ring()

    def end(self) -> None:
        """Read no more; what is in the store stays there."""
        self._is_ending = True

    def count_strange(self, account: str) -> None:
        """Count a delivery that cannot be sent; of each account the first one is told."""
        if not self.strange[account]:
            telemetry.emit("gateway.unknown", {}, {"account": account})
        self.strange[account] += 1

    async def run(self) -> None:
        """Close gaps until cancelled. A store that is away is asked again."""
        while True:
            partition = None if self._is_ending else self._next()
            if partition is None:
                await self._bell.wait()
            else:
                await self._pass(partition)

    def _next(self) -> Partition | None:
        for partition, gaps in self._gaps.items():
            if partition in self._unseen or any(map(self._room.has_room, gaps)):
                return partition
        return None

    async def _pass(self, partition: Partition) -> None:
        """Read *partition* once, from where accounts with room stand."""
        gaps = self._gaps.pop(partition)
        self._gaps[partition] = gaps  # the others come first, next time
        is_first = partition in self._unseen
        self._unseen.discard(partition)
        open_ = {name: gap for name, gap in gaps.items() if self._room.has_room(name)}
        after = min((gap.after for gap in open_.values()), default=NO_DELIVERY)
        while open_ or is_first:
            page = await self._read(partition, after)
            if not page or self._is_ending:
                break
            reading, rows = page
            for user, delivery in rows:
                self._take(reading, open_, user, delivery, is_first=is_first)
            user, last = rows[-1]
            after = (last.id, user)
            for gap in open_.values():
                gap.after = max(gap.after, after)
        else:
            return
        self._close(partition, open_)

    async def _read(
        self, partition: Partition, after: _Key
    ) -> tuple[_Reading, tuple[tuple[UserId, Delivery], ...]] | None:
        reading = self._reading = _Reading(partition)
        try:
            rows = await until_decided(
                lambda: self._store.deliveries(partition, after=after, limit=_PAGE),
                self._availability,
                self._entropy,
            )
        finally:
            self._reading = None
        return (reading, rows) if rows else None

    def _take(
        self,
        reading: _Reading,
        open_: dict[str, _Gap],
        user: UserId,
        delivery: Delivery,
        *,
        is_first: bool,
    ) -> None:
        key = (delivery.id, user)
        if key in reading.done or user in reading.forgotten:
            return
        account = account_of(delivery)
        gap = open_.get(account)
        if gap is None:
            if is_first and account not in self._accounts:
                self.count_strange(account)
        elif key > gap.after:
            if self._room.offer(account, user, delivery):
                gap.after = key
            else:
                del open_[account]

    def _close(self, partition: Partition, open_: dict[str, _Gap]) -> None:
        """Close the gaps of accounts that were read to the end, unless something came in behind."""
        gaps = self._gaps[partition]
        for name, gap in open_.items():
            if gap.missed:
                gap.after, gap.missed = NO_DELIVERY, False
            else:
                del gaps[name]
        if not gaps:
            del self._gaps[partition]


def account_of(delivery: Delivery) -> str:
    """Name the account of *delivery*, or say that it is ``UNREADABLE``."""
    try:
        return decode_outgoing(delivery.body).account
    except SnapshotError:
        return UNREADABLE
