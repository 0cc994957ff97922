"""Batches become few calls, whatever they hold."""

from sessiond.core.ids import partition_of
from sessiond.core.records import (
    Frame,
    StreamMark,
    Timer,
    TimerChange,
    Verdict,
    VerdictStatus,
)
from sessiond.core.store_rules import MAX_COMMIT_BYTES
from sessiond.stores.redis.commits import CALL_BYTES
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.rig import NOW, USER, neighbours, noise
from tests.redis_server import RedisServer


async def test_large_batch_goes_in_parts(rig: StoreRig, redis_server: RedisServer) -> None:
    """No script call holds more than CALL_BYTES, so that nobody else waits long for Redis."""
    users = neighbours(5)
    await rig.acquire()
    batch = [rig.change(user, snapshot=noise(MAX_COMMIT_BYTES)) for user in users]
    with redis_server.client() as client:
        client.config_resetstat()
        verdicts = await rig.send(*batch)
        calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]

    assert 5 * MAX_COMMIT_BYTES > 2 * CALL_BYTES
    assert set(verdicts) == {Verdict(VerdictStatus.APPLIED, 1)}
    assert calls == 3


async def test_cluster_has_one_call_per_partition(
    cluster_rig: StoreRig, redis_cluster: RedisServer
) -> None:
    """Users of one partition share a call, in the order of the batch."""
    users = [USER, *neighbours(3), "elsewhere@example.org"]
    batch = [cluster_rig.change(user, snapshot=b"1") for user in users]  # type: ignore[arg-type]
    await cluster_rig.send(*batch)
    with redis_cluster.client() as client:
        client.config_resetstat()
        verdicts = await cluster_rig.send(*batch)
        calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]

    assert calls == len({commit.partition for commit in batch}) == 2
    assert verdicts == (Verdict(VerdictStatus.APPLIED, 1),) * 5


async def test_more_than_luas_stack_holds(rig: StoreRig) -> None:
    """Ten thousand frames and journal entries in one commit are stored; a repeat of it changes nothing."""
    frames = tuple(Frame(n, NOW, b"m") for n in range(1, 10_001))
    mark = StreamMark("e", head=10_000)
    journal = tuple(b"%d" % n for n in range(10_000))
    commit = await rig.apply(stream=mark, frames=frames, journal=journal, journal_limit=20_000)
    await rig.send(commit)

    assert await rig.store.frames(USER, partition_of(USER), 0) == frames
    assert await rig.store.journal(USER, partition_of(USER), limit=20_000) == journal


async def test_last_change_of_a_timer_counts(rig: StoreRig) -> None:
    """Merged turns may set, remove and set a timer again in one commit."""
    timer = Timer("t", 3, NOW + 5)
    changes = (
        TimerChange("t", Timer("t", 1, NOW + 1)),
        TimerChange("t", None),
        TimerChange("t", timer),
        TimerChange("gone", Timer("gone", 1, NOW)),
        TimerChange("gone", None),
    )
    await rig.apply(timers=changes)

    loaded = await rig.store.load(USER, partition_of(USER))
    assert loaded is not None
    assert loaded.timers == (timer,)
    assert await rig.store.due(partition_of(USER), NOW + 2, 10) == ((), NOW + 5)


async def test_frames_are_trimmed_over_a_hole(rig: StoreRig) -> None:
    """Should an offset be missing, the floor still takes exactly what is at or below it."""
    frames = tuple(Frame(n, NOW, b"m") for n in (2, 3, 7, 8))
    await rig.apply(stream=StreamMark("e", head=8), frames=frames)
    await rig.apply(version=1, stream=StreamMark("e", head=8, floor=5))

    assert await rig.store.frames(USER, partition_of(USER), 0) == frames[2:]
    assert await rig.store.frames(USER, partition_of(USER), 7) == frames[3:]


async def test_empty_batch_asks_nobody(rig: StoreRig, redis_server: RedisServer) -> None:
    """There is nothing to decide."""
    redis_server_calls = _evaluations(redis_server)

    assert await rig.store.commit((), {}) == ()
    assert await rig.store.accept((), {}) == ()
    assert _evaluations(redis_server) == redis_server_calls


def _evaluations(server: RedisServer) -> object:
    with server.client() as client:
        return client.info("commandstats").get("cmdstat_evalsha")
