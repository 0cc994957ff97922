"""Sentinels name the primary, and are asked again when it fails."""

import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError

from sessiond.core.errors import InvalidInput, StoreError, StoreUnavailable
from sessiond.core.ids import partition_of
from sessiond.core.records import Verdict, VerdictStatus
from sessiond.core.store_rules import MAX_COMMIT_BYTES
from sessiond.stores.redis import RedisStore, open_redis_store
from sessiond.stores.redis.failures import SentinelRefused
from sessiond.stores.redis.sentinels import Sentinels
from sessiond.stores.redis.topology import Address
from sessiond.stores.redis.urls import parse_target
from sessiond.testing.stores.rig import USER, must_raise, open_rig
from tests.redis_server import RedisServers, free_port


def asking(url: str) -> Sentinels:
    return Sentinels(parse_target(url), timeout_seconds=1)


def test_first_that_answers_is_believed(redis_servers: RedisServers) -> None:
    """One that is gone is passed over."""
    primary = redis_servers.start()
    sentinel = redis_servers.start_sentinel(primary.port, replicas=0)
    sentinels = asking(f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/main/0")

    assert sentinels.find_primary() == Address("127.0.0.1", primary.port)
    sentinels.close()


async def test_unknown_service_and_absent_sentinels_are_said(redis_servers: RedisServers) -> None:
    """The store says which were asked for what."""
    primary = redis_servers.start()
    sentinel = redis_servers.start_sentinel(primary.port, replicas=0)
    with pytest.raises(RedisConnectionError, match="names a primary of 'other' that is up"):
        asking(f"redis+sentinel://127.0.0.1:{sentinel.port}/other").find_primary()
    sentinel.kill()
    words = rf"Redis at 'main' of Sentinel 127\.0\.0\.1:{sentinel.port} is out of reach: no Sentinel there"
    with pytest.raises(StoreUnavailable, match=words):
        async with open_redis_store(f"redis+sentinel://127.0.0.1:{sentinel.port}/main"):
            pass


def test_sentinel_with_a_password_wants_it(redis_servers: RedisServers) -> None:
    """Without it the option to give it is named."""
    primary = redis_servers.start()
    sentinel = redis_servers.start_sentinel(primary.port, replicas=0, requirepass="guarded")
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/main"
    with pytest.raises(SentinelRefused, match="sentinel_password"):
        asking(url).find_primary()

    assert asking(f"{url}?sentinel_password=guarded").find_primary().port == primary.port


async def test_server_password_is_for_the_server(redis_servers: RedisServers) -> None:
    """A wrong one is said for good, without showing it."""
    primary = redis_servers.start()
    sentinel = redis_servers.start_sentinel(primary.port, replicas=0)
    with pytest.raises(StoreError, match="refused the user name or password") as caught:
        async with open_redis_store(f"redis+sentinel://u:wr0ng@127.0.0.1:{sentinel.port}/main"):
            pass

    assert not isinstance(caught.value, StoreUnavailable)
    assert "wr0ng" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_cluster_has_no_sentinels() -> None:
    """The two ways of failing over exclude each other."""
    with pytest.raises(InvalidInput, match="no Sentinels"):
        async with open_redis_store("redis+sentinel://h/main", cluster=True):
            pass


async def test_promoted_replica_is_followed(redis_servers: RedisServers) -> None:
    """When the primary dies the store goes on with the next one, with all that a replica had confirmed; that it is
    another history is announced, and every one has its own name, also when the first process returns to office.
    """
    primary, (copy, _) = redis_servers.start_replicated(2)
    sentinel = redis_servers.start_sentinel(primary.port, replicas=2)
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/main"
    async with open_rig(
        lambda: open_redis_store(url, durability="replica", timeout_seconds=1),
        max_commit_bytes=MAX_COMMIT_BYTES,
    ) as rig:
        assert isinstance(rig.store, RedisStore)
        changed = trio.Event()
        rig.store.on_primary_changed = changed.set
        await rig.apply(snapshot=b"kept")
        first = rig.store.continuity
        assert str(primary.port) in repr(rig.store)

        primary.kill()
        commit = rig.change(version=1, snapshot=b"next")
        await must_raise(StoreUnavailable, rig.send, commit)
        with trio.fail_after(20):
            while True:
                try:
                    verdicts = await rig.send(commit)
                    break
                except StoreUnavailable:
                    continue
            await changed.wait()

        assert verdicts == (Verdict(VerdictStatus.APPLIED, 2),)
        loaded = await rig.store.load(USER, partition_of(USER))
        assert loaded is not None
        assert (loaded.previous, loaded.snapshot) == (b"kept", b"next")
        assert rig.store.continuity != first
        assert f":{primary.port}" not in repr(rig.store)
        assert copy.is_running


async def test_process_that_is_promoted_again_begins_another_history(
    redis_servers: RedisServers,
) -> None:
    """The replica's commits may be lost when the old primary returns to office: the name of it all differs."""
    primary, (copy,) = redis_servers.start_replicated(1)
    async with open_redis_store(primary.url, connections=1) as store:
        histories = [store.continuity]
        for demoted, promoted in ((primary, copy), (copy, primary)):
            with demoted.client() as one, promoted.client() as other:
                other.replicaof("NO", "ONE")
                one.replicaof("127.0.0.1", promoted.port)
    async with open_redis_store(primary.url) as store:
        histories.append(store.continuity)

    assert histories[0] != histories[1]
