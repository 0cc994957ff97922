"""What only the Redis store promises, on real servers that are killed, paused and misconfigured."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio

from sessiond.core.errors import InvalidInput, StoreError, StoreUnavailable
from sessiond.core.ids import NodeId, partition_of
from sessiond.core.records import Frame, ReceiptStatus, StreamMark, Verdict, VerdictStatus
from sessiond.core.store_rules import MAX_COMMIT_BYTES
from sessiond.stores.redis import RedisStore, open_redis_store
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.rig import NODE, NOW, USER, arrival, digest, must_raise, open_rig
from tests.redis_server import RedisServer, RedisServers

SHORT = 0.3  # seconds: long enough for a loaded machine, short enough to wait out


def opening(server: RedisServer, **options: Any) -> AbstractAsyncContextManager[RedisStore]:
    return open_redis_store(server.url, **({"timeout_seconds": SHORT} | options))


def rig_on(server: RedisServer, **options: Any) -> AbstractAsyncContextManager[StoreRig]:
    return open_rig(lambda: opening(server, **options), max_commit_bytes=MAX_COMMIT_BYTES)


@asynccontextmanager
async def away(server: RedisServer) -> AsyncIterator[None]:
    """Nothing answers meanwhile; connections stay open."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


async def until_back(rig: StoreRig) -> None:
    """Wait until the store answers again, as the runtime does: by asking again."""
    with trio.fail_after(10):
        while True:
            try:
                await rig.store.check()
            except StoreUnavailable:
                continue
            return


async def test_killed_server_keeps_what_was_acknowledged(redis_servers: RedisServers) -> None:
    """With its log on, a server that is killed and started again has every commit and every accepted input."""
    server = redis_servers.start(appendonly="yes", appendfsync="always")
    async with rig_on(server) as rig:
        for version in range(5):
            await rig.apply(version=version, snapshot=b"%d" % version)
        (receipt,) = await rig.accept(arrival("m1"))

        server.kill()
        await must_raise(StoreUnavailable, rig.store.load, USER, partition_of(USER))
        server.start()
        await until_back(rig)

        loaded = await rig.store.load(USER, partition_of(USER))
        assert loaded is not None
        assert (loaded.version, loaded.snapshot, loaded.previous) == (5, b"4", b"3")
        assert await rig.store.pending(partition_of(USER)) == (receipt.entry,)
        await rig.apply(version=5, snapshot=b"goes on")


async def test_commit_whose_answer_is_lost_is_applied_once(redis_servers: RedisServers) -> None:
    """A paused server makes a commit unavailable; the same batch sent again is applied, and only once."""
    server = redis_servers.start()
    async with rig_on(server) as rig:
        await rig.apply(snapshot=b"before")
        commit = rig.change(
            version=1,
            snapshot=b"after",
            stream=StreamMark("e", head=1),
            frames=(Frame(1, NOW, b'"hello",{}'),),
            journal=(b"entry",),
        )
        async with away(server):
            error = await must_raise(StoreUnavailable, rig.send, commit)
        verdicts = await rig.send(commit)

        assert "did not answer within 0.3 s" in str(error)
        assert verdicts == (Verdict(VerdictStatus.APPLIED, 2),)
        assert await rig.store.frames(USER, partition_of(USER), 0) == commit.frames
        assert await rig.store.journal(USER, partition_of(USER)) == (b"entry",)


async def test_arrival_whose_answer_is_lost_is_accepted_once(redis_servers: RedisServers) -> None:
    """An accepting door may send the same arrival again after a time-out: there is one entry."""
    server = redis_servers.start()
    async with rig_on(server) as rig:
        await rig.acquire()
        async with away(server):
            await must_raise(StoreUnavailable, rig.accept, arrival("m1"))
        (receipt,) = await rig.accept(arrival("m1"))

        assert receipt.status in {ReceiptStatus.ACCEPTED, ReceiptStatus.DUPLICATE}
        assert len(await rig.store.pending(partition_of(USER))) == 1


async def test_server_that_is_gone_at_the_start_is_named(redis_servers: RedisServers) -> None:
    """Opening fails at once, with the address and what went wrong."""
    server = redis_servers.start()
    server.kill()

    with pytest.raises(StoreUnavailable, match=rf"127\.0\.0\.1:{server.port} is out of reach"):
        async with opening(server):
            pass


async def test_policy_that_throws_data_away_is_refused(redis_servers: RedisServers) -> None:
    """Only noeviction keeps sessions: anything else is refused when opening, and not ready when it comes later."""
    server = redis_servers.start(maxmemory_policy="allkeys-lru")
    with pytest.raises(StoreError, match=r"maxmemory-policy allkeys-lru.*set it to noeviction"):
        async with opening(server):
            pass

    server.configure(maxmemory_policy="noeviction")
    async with opening(server) as store:
        server.configure(maxmemory_policy="volatile-ttl")
        with pytest.raises(StoreUnavailable, match="volatile-ttl"):
            await store.check()


@pytest.mark.parametrize("level", ["primary", "fsync", "replica"])
async def test_settings_below_the_level_are_warned_about(
    level: str, redis_servers: RedisServers
) -> None:
    """A server without a log works, and ``check`` says what is missing."""
    server = redis_servers.start()
    async with opening(server, durability=level if level != "replica" else "primary") as store:
        (warning, *_rest) = await store.check()

        assert "wants appendonly yes" in warning


async def test_settings_at_the_level_are_not_warned_about(redis_servers: RedisServers) -> None:
    """``fsync`` on a server that syncs each write has nothing to say."""
    server = redis_servers.start(appendonly="yes", appendfsync="always")
    async with opening(server, durability="fsync") as store:
        assert await store.check() == ()
        server.configure(appendfsync="everysec")

        (warning,) = await store.check()
        assert "wants appendfsync always: it is everysec" in warning


async def test_replica_level_commits_with_a_replica(redis_servers: RedisServers) -> None:
    """A commit counts when a replica has it, and the replica does have it then."""
    primary = redis_servers.start(repl_diskless_sync_delay="0", appendonly="yes")
    replica = redis_servers.start(replica_of=primary)
    with primary.client() as client:
        client.set("linked", "1")
        assert client.wait(1, 5000) == 1
    async with rig_on(primary, durability="replica", timeout_seconds=2) as rig:
        await rig.apply(snapshot=b"state")
        assert await rig.store.check() == ()

    with replica.client() as client:
        assert client.keys("*:u:*") != []


async def test_replica_level_is_unavailable_without_a_replica(redis_servers: RedisServers) -> None:
    """With no replica to confirm it a write is not durable: the gate stays shut, however often it is repeated."""
    primary = redis_servers.start(repl_diskless_sync_delay="0", appendonly="yes")
    replica = redis_servers.start(replica_of=primary)
    with primary.client() as client:
        client.set("linked", "1")
        assert client.wait(1, 5000) == 1
    # Redis ends a WAIT within 0.1 s of its time, and must do so before we hang up.
    async with rig_on(primary, durability="replica", timeout_seconds=1) as rig:
        await rig.apply()
        await rig.accept(arrival("m0"))
        commit = rig.change(version=1, snapshot=b"state")
        message = arrival("m1")
        async with away(replica):
            for _ in range(2):
                error = await must_raise(StoreUnavailable, rig.send, commit)
                assert "no replica confirmed" in str(error)
                await must_raise(StoreUnavailable, rig.accept, message)

        with primary.client() as client:
            client.set("linked", "2")
            assert client.wait(1, 5000) == 1
        assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 2),)
        assert (await rig.accept(message))[0].status is ReceiptStatus.DUPLICATE


async def test_wrong_password_is_said_without_the_password(redis_servers: RedisServers) -> None:
    """Opening with a wrong password is not a server that is away, and no error shows the password."""
    server = redis_servers.start()
    server.configure(requirepass="correct")  # the servers' own client is not used from here on
    url = f"redis://:wr0ng-secret@127.0.0.1:{server.port}/0"

    with pytest.raises(StoreError, match="refused the user name or password") as caught:
        async with open_redis_store(url, timeout_seconds=SHORT):
            pass

    shown = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert "wr0ng" not in shown
    assert not isinstance(caught.value, StoreUnavailable)


async def test_password_is_in_no_repr(redis_servers: RedisServers) -> None:
    """The store shows its address and level, nothing else."""
    server = redis_servers.start()
    server.configure(requirepass="correct")
    async with open_redis_store(f"redis://:correct@127.0.0.1:{server.port}/0") as store:
        assert repr(store) == f"<RedisStore 127.0.0.1:{server.port} primary>"
        assert "correct" not in repr(vars(store)["_deployment"])


async def test_node_that_slept_over_its_lease_is_fenced(redis_server: RedisServer) -> None:
    """Who was stopped for longer than its lease finds its partition taken: its next commit is refused."""
    async with rig_on(redis_server, timeout_seconds=5) as rig, opening(redis_server) as other:
        await rig.acquire(lease_seconds=0.05)
        await rig.apply(snapshot=b"mine")

        with trio.fail_after(5):
            while True:  # the lease ends on Redis' clock
                try:
                    taken = await other.acquire(
                        NodeId("b"),
                        "nb",
                        [partition_of(USER)],
                        now=NOW,
                        window_seconds=1,
                        lease_seconds=60,
                    )
                    break
                except StoreError:
                    continue
        verdicts = await rig.send(rig.change(version=1, snapshot=b"late"))
        receipts = await rig.accept(arrival("late"))

        assert verdicts == (Verdict(VerdictStatus.FENCED, 0),)
        assert receipts[0].status is ReceiptStatus.FENCED
        assert taken[0].fence.number == 2
        loaded = await other.load(USER, partition_of(USER))
        assert loaded is not None
        assert loaded.snapshot == b"mine"


async def test_scripts_are_loaded_again(redis_server: RedisServer) -> None:
    """A server that lost its scripts (restart, SCRIPT FLUSH, failover) gets them with the next call."""
    async with rig_on(redis_server, timeout_seconds=5) as rig:
        await rig.apply(snapshot=b"1")
        with redis_server.client() as client:
            client.script_flush()
        await rig.apply(version=1, snapshot=b"2")

        loaded = await rig.store.load(USER, partition_of(USER))
        assert loaded is not None
        assert loaded.version == 2


async def test_full_memory_refuses_and_loses_nothing(redis_servers: RedisServers) -> None:
    """A server at its memory limit makes commits unavailable; the user's record stays as it was, and goes on later."""
    server = redis_servers.start()
    async with rig_on(server) as rig:
        mark = StreamMark("e", head=2)
        frames = (Frame(1, NOW, b"a"), Frame(2, NOW, b"b"))
        await rig.apply(snapshot=b"1", stream=mark, frames=frames)
        commit = rig.change(
            version=1,
            snapshot=b"2",
            stream=StreamMark("e", head=3, floor=2),
            frames=(Frame(3, NOW, b"c"),),
        )
        server.configure(maxmemory="1")
        error = await must_raise(StoreUnavailable, rig.send, commit)
        server.configure(maxmemory="0")

        assert "refused" in str(error)
        assert await rig.store.frames(USER, partition_of(USER), 0) == frames
        assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 2),)
        assert await rig.store.frames(USER, partition_of(USER), 0) == commit.frames


async def test_damaged_record_decides_nothing(redis_server: RedisServer) -> None:
    """A script that errors counts as a time-out: nobody is told that anything was applied."""
    async with rig_on(redis_server, timeout_seconds=5) as rig:
        commit = rig.change(
            snapshot=b"1", stream=StreamMark("e", head=1), frames=(Frame(1, NOW, b"x"),)
        )
        await rig.acquire()
        with redis_server.client() as client:
            outbox = f"sessiond:{{p{partition_of(USER):03d}}}:o:{USER}"
            client.set(outbox, "not a list")
            await must_raise(StoreUnavailable, rig.send, commit)
            client.delete(outbox)

        assert await rig.store.load(USER, partition_of(USER)) is None
        assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 1),)


async def test_changed_primary_is_announced(redis_servers: RedisServers) -> None:
    """A connection that finds another server process says so, once per change, in Trio's thread."""
    server = redis_servers.start(appendonly="yes", appendfsync="always")
    async with rig_on(server, connections=1) as rig:
        assert isinstance(rig.store, RedisStore)
        announced = trio.Event()
        rig.store.on_primary_changed = announced.set
        await rig.apply(snapshot=b"1")
        assert rig.store.primary_changes == 0
        history = rig.store.continuity

        server.kill()
        await must_raise(StoreUnavailable, rig.store.check)
        server.start()
        await until_back(rig)
        with trio.fail_after(5):
            await announced.wait()

        assert rig.store.primary_changes == 1
        assert history != rig.store.continuity


async def test_deployment_moves_to_another_prefix_unseen(redis_server: RedisServer) -> None:
    """Two prefixes on one server do not see each other."""
    async with rig_on(redis_server) as rig, opening(redis_server, key_prefix="other") as other:
        await rig.apply(snapshot=b"1", consumed=())

        assert await other.users() == ()
        assert await other.load(USER, partition_of(USER)) is None
        assert await other.reply(USER, partition_of(USER), digest("x")) is None


async def test_unix_socket_works(redis_server: RedisServer) -> None:
    """A ``unix://`` address is as good."""
    async with open_redis_store(redis_server.unix_url) as store:
        await store.acquire(NODE, "n", [], now=NOW, window_seconds=1, lease_seconds=1)
        assert repr(store) == f"<RedisStore {redis_server.socket_path} primary>"


async def test_cancelled_call_is_waited_for(redis_servers: RedisServers) -> None:
    """Cancelling a commit that waits for a server returns when its time-out has passed, not in the middle."""
    server = redis_servers.start()
    async with rig_on(server) as rig:
        await rig.acquire()
        commit = rig.change(snapshot=b"1")
        async with away(server):
            with trio.move_on_after(SHORT / 6) as scope:
                with pytest.raises(StoreUnavailable):
                    await rig.send(commit)
            assert scope.cancel_called
        assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 1),)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"durability": "none"}, "durability is one of primary, fsync, replica, not 'none'"),
        ({"key_prefix": "a{b}"}, "must not be empty or hold braces"),
        ({"key_prefix": ""}, "must not be empty or hold braces"),
    ],
)
async def test_wrong_options_are_refused(options: dict[str, str], words: str) -> None:
    """Before anything is connected."""
    with pytest.raises(InvalidInput, match=words):
        async with open_redis_store("redis://localhost", **options):  # type: ignore[arg-type]
            pass


async def test_server_that_became_a_replica_is_away(redis_servers: RedisServers) -> None:
    """What it has may be old, or never have been: it is not read either. Promoted again it has another history."""
    server = redis_servers.start()
    async with rig_on(server) as rig:
        assert isinstance(rig.store, RedisStore)
        await rig.apply(snapshot=b"1")
        history = rig.store.continuity
        with server.client() as admin:
            admin.replicaof("127.0.0.1", redis_servers.start().port)
            await must_raise(StoreUnavailable, rig.send, rig.change(version=1))
            error = await must_raise(StoreUnavailable, rig.store.load, USER, partition_of(USER))
            assert "no primary" in str(error)
            admin.replicaof("NO", "ONE")
        await until_back(rig)

        assert rig.store.primary_changes == 1
        assert rig.store.continuity != history
