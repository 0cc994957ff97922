"""Settings lead to the store they name, sealed as they say."""

import base64
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest
import trio

from sessiond.config.settings import StoreSettings
from sessiond.core.errors import InvalidInput, StoreInUse, StoreUnavailable
from sessiond.core.ports import Store
from sessiond.server.stores import ArrivingStore, open_store
from tests.redis_server import RedisServer, RedisServers

KEY = "k1:" + base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize("keys", [(), (KEY,)], ids=["plain", "sealed"])
async def test_each_kind_of_store_opens(
    tmp_path: Path, redis_server: RedisServer, keys: tuple[str, ...]
) -> None:
    """Memory, SQLite and Redis open by their URL, with and without encryption."""
    for url in ("memory:", f"sqlite:///{tmp_path}/s.db", redis_server.url):
        async with open_store(StoreSettings(url=url, encryption_keys=keys)) as store:
            assert await store.users() == ()


async def test_a_bad_key_is_named_without_being_shown() -> None:
    """An encryption key that is not base64 is refused, and does not appear in the message."""
    settings = StoreSettings(url="memory:", encryption_keys=("k1:not*base64",))
    with pytest.raises(InvalidInput) as refused:
        async with open_store(settings):
            pass

    assert "not*base64" not in str(refused.value)


async def test_a_file_in_use_is_refused_at_once(tmp_path: Path) -> None:
    """A second server on the same file is told so, without waiting."""
    settings = StoreSettings(url=f"sqlite:///{tmp_path}/s.db")
    async with open_store(settings):
        with pytest.raises(StoreInUse), trio.fail_after(5):
            async with open_store(settings):
                pass


async def test_a_redis_that_comes_up_late_is_waited_for(redis_servers: RedisServers) -> None:
    """A store that is away at the start is asked again until patience runs out."""
    redis = redis_servers.start()
    settings = StoreSettings(url=redis.url, timeout_seconds=1.0)
    redis.kill()
    with pytest.raises(StoreUnavailable):
        async with open_store(settings, patience=0.2):
            pass
    async with trio.open_nursery() as nursery:

        async def late() -> None:
            await trio.sleep(0.7)
            redis.start()

        nursery.start_soon(late)
        async with open_store(settings, patience=20) as store:
            assert await store.users() == ()


async def test_a_store_that_arrives_late_is_away_before(redis_servers: RedisServers) -> None:
    """Every call of it raises ``StoreUnavailable`` until it was opened; then it is the store it names."""
    redis = redis_servers.start()
    redis.stop()
    async with AsyncExitStack() as stack:
        store = ArrivingStore(StoreSettings(url=redis.url, timeout_seconds=1.0), stack)
        late = cast("Store", store)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await late.users()
            with pytest.raises(StoreUnavailable):
                await store.open()
        redis.start()
        with trio.fail_after(20):
            while True:
                try:
                    await store.open()
                except StoreUnavailable:
                    await trio.sleep(0.05)
                else:
                    break
        assert await late.users() == ()
        assert late.continuity
