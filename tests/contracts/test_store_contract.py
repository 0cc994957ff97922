"""Every store keeps every promise of the port: each check on each implementation.

A new implementation adds one line to FACTORIES (and its name to VOLATILE when its data goes with the object).
"""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from sessiond.core.ports import Store
from sessiond.stores.memory import MemoryStore
from sessiond.stores.redis import open_redis_store
from sessiond.stores.seal import SealedStore, Sealer, SealKey
from sessiond.stores.sqlite import open_sqlite_store
from sessiond.testing import stores
from sessiond.testing.stores import DURABILITY_CHECKS, STORE_CHECKS, Check, OpenStore, open_rig

#: Small, so that a commit which is too large is made quickly.
MAX_COMMIT_BYTES = 64 * 1024


def _memory(request: pytest.FixtureRequest) -> OpenStore:
    @asynccontextmanager
    async def open_store() -> AsyncIterator[Store]:
        yield MemoryStore(max_commit_bytes=MAX_COMMIT_BYTES)

    return open_store


def _sqlite(request: pytest.FixtureRequest) -> OpenStore:
    path = request.getfixturevalue("tmp_path") / "store.db"
    return lambda: open_sqlite_store(path, max_commit_bytes=MAX_COMMIT_BYTES)


def _sealed(request: pytest.FixtureRequest) -> OpenStore:
    path = request.getfixturevalue("tmp_path") / "store.db"
    sealer = Sealer([SealKey("new", b"n" * 32), SealKey("old", b"o" * 32)])

    @asynccontextmanager
    async def open_store() -> AsyncIterator[Store]:
        async with open_sqlite_store(path, max_commit_bytes=MAX_COMMIT_BYTES) as store:
            yield SealedStore(store, sealer)

    return open_store


def _redis(request: pytest.FixtureRequest) -> OpenStore:
    url = request.getfixturevalue("redis_server").url
    return lambda: open_redis_store(url, max_commit_bytes=MAX_COMMIT_BYTES)


def _redis_cluster(request: pytest.FixtureRequest) -> OpenStore:
    url = request.getfixturevalue("redis_cluster").url
    return lambda: open_redis_store(url, cluster=True, max_commit_bytes=MAX_COMMIT_BYTES)


#: name → given the test's request (for fixtures), a function that opens the same, at first empty, data each time.
FACTORIES: dict[str, Callable[[pytest.FixtureRequest], OpenStore]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "sealed": _sealed,
    "redis": _redis,
    "redis-cluster": _redis_cluster,
}
VOLATILE = ("memory",)
DURABLE = [name for name in FACTORIES if name not in VOLATILE]


async def _run(check: Check, open_store: OpenStore) -> None:
    with trio.fail_after(30):
        async with open_rig(open_store, max_commit_bytes=MAX_COMMIT_BYTES) as rig:
            await check(rig)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", FACTORIES)
async def test_store_contract(name: str, check: Check, request: pytest.FixtureRequest) -> None:
    """The store keeps this sentence of the port."""
    await _run(check, FACTORIES[name](request))


@pytest.mark.parametrize("check", DURABILITY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", DURABLE)
async def test_store_durability(name: str, check: Check, request: pytest.FixtureRequest) -> None:
    """What the store answered outlives its process."""
    await _run(check, FACTORIES[name](request))


def test_every_check_is_run() -> None:
    """A check that was written but not listed would never run."""
    listed = {check.__name__ for check in (*STORE_CHECKS, *DURABILITY_CHECKS)}
    modules = [
        stores.commits,
        stores.streams,
        stores.deliveries,
        stores.journals,
        stores.inbox,
        stores.ownership,
        stores.durability,
    ]
    written = {
        name
        for module in modules
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if function.__module__ == module.__name__
        and list(inspect.signature(function).parameters) == ["rig"]
    }

    assert written - {"visible"} == listed
