"""What every operation needs: a client, the names of the keys, and how durable a write has to be."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from sessiond.core.ids import Partition
from sessiond.core.records import Fence
from sessiond.stores.redis.client import Call, RedisClient
from sessiond.stores.redis.keys import Keys

__all__ = ["Deployment", "PartitionTable", "fence_token"]


@frozen
class Deployment:
    """One Redis as we use it; its methods raise ``StoreUnavailable`` as the client does."""

    client: RedisClient
    keys: Keys
    in_cluster: bool
    replicate: bool
    """Whether a write counts only when a replica has it."""

    async def write(self, *calls: Call) -> list[Any]:
        """Send *calls* in one go; when it returns they are as durable as was asked for."""
        return await self.client.exchange(calls, replicate=self.replicate)

    async def read(self, *calls: Call) -> list[Any]:
        """Send *calls* in one go."""
        return await self.client.exchange(calls)

    def in_calls(self, partitions: Sequence[Partition]) -> list[list[int]]:
        """Cut a batch, given the partition of each item, into the positions of one script call each.

        Standalone, one call takes all; in a cluster each partition may lie elsewhere.
        """
        if not self.in_cluster:
            return [list(range(len(partitions)))] if partitions else []
        groups: dict[Partition, list[int]] = {}
        for n, partition in enumerate(partitions):
            groups.setdefault(partition, []).append(n)
        return list(groups.values())


class PartitionTable:
    """The partitions of one script call: ``[prefix, token]`` each, named in the call by position from 1.

    The token is what the script compares with the stored one; without a fence it fits nothing.
    """

    def __init__(self, keys: Keys, fences: Mapping[Partition, Fence]) -> None:
        self._keys = keys
        self._fences = fences
        self._positions: dict[Partition, int] = {}
        self.rows: list[tuple[str, str | None]] = []

    def position(self, partition: Partition) -> int:
        """Tell where *partition* is in the table, adding it if need be."""
        known = self._positions.get(partition)
        if known is None:
            fence = self._fences.get(partition)
            token = fence_token(fence) if fence else None
            self.rows.append((self._keys.partition(partition), token))
            known = self._positions[partition] = len(self.rows)
        return known


def fence_token(fence: Fence) -> str:
    """Write *fence* as the ``own`` key holds it."""
    return f"{fence.number}:{fence.nonce}"
