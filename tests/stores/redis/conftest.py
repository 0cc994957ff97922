"""A store on the shared server, as the contract suite works on it."""

from collections.abc import AsyncIterator

import pytest

from sessiond.core.store_rules import MAX_COMMIT_BYTES
from sessiond.stores.redis import open_redis_store
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.rig import open_rig
from tests.redis_server import RedisServer


@pytest.fixture
async def rig(redis_server: RedisServer) -> AsyncIterator[StoreRig]:
    """Standalone."""
    async with open_rig(
        lambda: open_redis_store(redis_server.url), max_commit_bytes=MAX_COMMIT_BYTES
    ) as opened:
        yield opened


@pytest.fixture
async def cluster_rig(redis_cluster: RedisServer) -> AsyncIterator[StoreRig]:
    """With the cluster flag, on a cluster of one."""
    async with open_rig(
        lambda: open_redis_store(redis_cluster.url, cluster=True),
        max_commit_bytes=MAX_COMMIT_BYTES,
    ) as opened:
        yield opened


@pytest.fixture(params=["standalone", "cluster"])
async def either_rig(
    request: pytest.FixtureRequest, redis_server: RedisServer, redis_cluster: RedisServer
) -> AsyncIterator[StoreRig]:
    """The one and the other."""
    is_cluster = request.param == "cluster"
    server = redis_cluster if is_cluster else redis_server
    async with open_rig(
        lambda: open_redis_store(server.url, cluster=is_cluster),
        max_commit_bytes=MAX_COMMIT_BYTES,
    ) as opened:
        yield opened
