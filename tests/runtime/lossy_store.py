"""A memory store that can go away: before a call is applied, after it (a lost answer), for as long as a test likes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import trio

from sessiond.core.errors import StoreUnavailable
from sessiond.core.ids import NodeId, Partition, UserId, partition_of
from sessiond.core.records import Arrival, Fence, InboxEntry, Receipt, UserCommit, Verdict
from sessiond.stores.memory import MemoryStore

if TYPE_CHECKING:
    from sessiond.core.ports import Store


class LossyStore(MemoryStore):
    """MemoryStore with switches; records the batches it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.lose_answers = 0
        self.gate: trio.Event | None = None
        self.commits: list[list[UserCommit]] = []
        self.accepts: list[list[Arrival]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def _enter(self) -> None:
        if self.is_away:
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable("away")
        if self.gate is not None:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            try:
                await self.gate.wait()
            finally:
                self.in_flight -= 1

    def _leave(self) -> None:
        if self.lose_answers:
            self.lose_answers -= 1
            raise StoreUnavailable("the answer was lost")

    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        self.commits.append(list(batch))
        await self._enter()
        verdicts = await super().commit(batch, fences)
        self._leave()
        return verdicts

    async def accept(
        self, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
    ) -> tuple[Receipt, ...]:
        self.accepts.append(list(batch))
        await self._enter()
        receipts = await super().accept(batch, fences)
        self._leave()
        return receipts

    async def pending(
        self,
        partition: Partition,
        *,
        after: int = 0,
        limit: int = 256,
        user: UserId | None = None,
    ) -> tuple[InboxEntry, ...]:
        if self.is_away:
            raise StoreUnavailable("away")
        return await super().pending(partition, after=after, limit=limit, user=user)


async def owned(store: Store, *users: str) -> dict[Partition, Fence]:
    """Acquire the partitions of *users* (all that a test needs) and return the fences."""
    partitions = sorted({partition_of(UserId(user)) for user in users})
    acquired = await store.acquire(
        NodeId("node"),
        "nonce",
        partitions,
        now=0.0,
        window_seconds=30.0,
        lease_seconds=10.0,
    )
    return {one.fence.partition: one.fence for one in acquired}
