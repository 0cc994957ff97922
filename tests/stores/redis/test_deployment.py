"""A batch is cut as the deployment needs it."""

import pytest

from sessiond.core.ids import Partition
from sessiond.core.records import Fence
from sessiond.stores.redis.client import RedisClient
from sessiond.stores.redis.deployment import Deployment, PartitionTable
from sessiond.stores.redis.keys import Keys

KEYS = Keys("s")


@pytest.mark.parametrize(("in_cluster", "calls"), [(False, [[0, 1, 2]]), (True, [[0, 2], [1]])])
def test_calls_of_a_batch(in_cluster: bool, calls: list[list[int]]) -> None:
    """Standalone all together, in a cluster by partition; nothing for nothing."""
    client = RedisClient(
        "redis://h",
        timeout_seconds=1,
        cluster=in_cluster,
        on_new_primary=lambda: None,
    )
    deployment = Deployment(client, KEYS, in_cluster=in_cluster, replicate=False)

    assert deployment.in_calls([Partition(5), Partition(9), Partition(5)]) == calls
    assert deployment.in_calls([]) == []


def test_partition_table() -> None:
    """Each partition is one row; without a fence its token fits nothing."""
    table = PartitionTable(KEYS, {Partition(5): Fence(Partition(5), 3, "n")})

    assert [table.position(Partition(n)) for n in (5, 9, 5)] == [1, 2, 1]
    assert table.rows == [("s:{p005}:", "3:n"), ("s:{p009}:", None)]
