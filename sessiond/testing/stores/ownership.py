"""Checks of timers and of who may write: due, acquire, renew, release, leases."""

from functools import partial

import trio

from sessiond.core.errors import Fenced, StoreInUse
from sessiond.core.ids import NodeId, UserId, partition_of
from sessiond.core.records import (
    WINDOW_TIMER,
    DueTimer,
    Timer,
    TimerChange,
    Verdict,
    VerdictStatus,
)
from sessiond.testing.stores.rig import (
    NODE,
    NOW,
    USER,
    StoreRig,
    arrival,
    must_raise,
    neighbours,
    stranger,
)

PARTITION = partition_of(USER)
OTHER_NODE = NodeId("node-b")


def _setting(
    name: str, due: float | None, generation: int = 1, payload: bytes = b""
) -> TimerChange:
    return TimerChange(name, Timer(name, generation, due, payload))


def _due(change: TimerChange, user: UserId = USER) -> DueTimer:
    assert change.timer is not None
    return DueTimer(user, change.timer)


async def due_timers_come_earliest_first(rig: StoreRig) -> None:
    """Timers of all users of a partition up to and including *now*; the next due time is of the one after."""
    (other,) = neighbours(1)
    tea, bed, far = _setting("tea", NOW + 5), _setting("bed", NOW + 20), _setting("far", NOW + 99)
    pill = _setting("pill", NOW + 10, payload=b"blue")
    await rig.apply(timers=(bed, tea, far))
    await rig.apply(other, timers=(pill,))
    store = rig.store

    assert await store.due(PARTITION, NOW, 10) == ((), NOW + 5)
    assert await store.due(PARTITION, NOW + 5, 10) == ((_due(tea),), NOW + 10)
    expected = (_due(tea), _due(pill, other), _due(bed))
    assert await store.due(PARTITION, NOW + 20, 10) == (expected, NOW + 99)
    assert await store.due(PARTITION, NOW + 99, 10) == ((*expected, _due(far)), None)


async def a_limit_cuts_what_is_due(rig: StoreRig) -> None:
    """When *limit* cut the answer, the second value is the due time of the first one left out."""
    timers = tuple(_setting(f"t{n}", NOW + n) for n in range(5))
    await rig.apply(timers=timers)
    store = rig.store

    assert await store.due(PARTITION, NOW + 9, 2) == ((_due(timers[0]), _due(timers[1])), NOW + 2)
    assert await store.due(PARTITION, NOW + 9, 5) == (tuple(map(_due, timers)), None)


async def reading_due_timers_consumes_nothing(rig: StoreRig) -> None:
    """They are due until a commit changes them."""
    tea = _setting("tea", NOW)
    await rig.apply(timers=(tea,))
    for _ in range(2):
        assert await rig.store.due(PARTITION, NOW, 10) == ((_due(tea),), None)


async def a_timer_is_set_again_and_removed(rig: StoreRig) -> None:
    """The name is the key: a new generation replaces the old, None removes it."""
    await rig.apply(timers=(_setting("tea", NOW + 5), _setting("bed", NOW + 6)))
    again = _setting("tea", NOW + 50, generation=2, payload=b"again")
    await rig.apply(version=1, timers=(again, TimerChange("bed", None), TimerChange("no", None)))

    loaded = await rig.store.load(USER, PARTITION)
    assert loaded is not None
    assert loaded.timers == (again.timer,)
    assert await rig.store.due(PARTITION, NOW + 60, 10) == ((_due(again),), None)


async def undated_timers_are_never_due(rig: StoreRig) -> None:
    """They are stored and loaded, and become due when a commit gives them a time."""
    window = _setting(WINDOW_TIMER, None)
    await rig.apply(timers=(window,))
    loaded = await rig.store.load(USER, PARTITION)
    assert loaded is not None
    assert loaded.timers == (window.timer,)
    assert await rig.store.due(PARTITION, NOW + 1e9, 10) == ((), None)

    dated = _setting(WINDOW_TIMER, NOW + 30, generation=2)
    await rig.apply(version=1, timers=(dated,))
    assert await rig.store.due(PARTITION, NOW + 30, 10) == ((_due(dated),), None)


async def a_dated_timer_may_become_undated(rig: StoreRig) -> None:
    """Attaching again takes the due time away."""
    await rig.apply(timers=(_setting(WINDOW_TIMER, NOW + 30),))
    await rig.apply(version=1, timers=(_setting(WINDOW_TIMER, None, generation=2),))
    assert await rig.store.due(PARTITION, NOW + 1e9, 10) == ((), None)


async def timers_of_other_partitions_are_not_due_here(rig: StoreRig) -> None:
    """Each partition has an index of its own."""
    await rig.apply(stranger(), timers=(_setting("tea", NOW),))
    await rig.acquire()
    assert await rig.store.due(PARTITION, NOW + 9, 10) == ((), None)


async def changing_a_timer_forgets_its_attempts(rig: StoreRig) -> None:
    """Set again or removed, its counter begins anew; the other timers' counters go on."""
    await rig.apply(timers=(_setting("tea", NOW), _setting("bed", NOW)))
    tea, bed = f"timer:{USER}:tea:1", f"timer:{USER}:bed:1"

    async def attempts(*keys: str) -> list[int]:
        await rig.acquire()
        return [await rig.store.attempt(rig.fences[PARTITION], key) for key in keys]

    assert await attempts(tea) == [1]
    assert await attempts(tea, bed) == [2, 1]
    await rig.apply(version=1, timers=(_setting("tea", NOW + 5, generation=2),))
    assert await attempts(f"timer:{USER}:tea:2", bed) == [1, 2]
    await rig.apply(version=2, timers=(TimerChange("tea", None),))
    assert await attempts(f"timer:{USER}:tea:2") == [1]


async def acquiring_raises_the_fence_by_one(rig: StoreRig) -> None:
    """Each time, for each partition, under the nonce given, also for the same run again."""
    far = partition_of(stranger())
    first = await rig.acquire(PARTITION, far, nonce="n1")
    second = await rig.acquire(PARTITION, nonce="n1")
    (third,) = await rig.acquire(PARTITION, nonce="n2")

    assert [item.fence.partition for item in first] == [PARTITION, far]
    assert second[0].fence.number == first[0].fence.number + 1
    assert third.fence.number == first[0].fence.number + 2
    assert [item.fence.nonce for item in (*first, *second, third)] == ["n1", "n1", "n1", "n2"]


async def an_earlier_run_of_the_same_node_is_taken_over(rig: StoreRig) -> None:
    """At once, although its lease is live; what it still wants to write is fenced."""
    await rig.apply(snapshot=b"s")
    old = dict(rig.fences)
    await rig.acquire(nonce="later")

    assert await rig.store.commit([rig.change(version=1)], old) == (Verdict(VerdictStatus.FENCED),)
    await rig.apply(version=1)


async def what_a_live_node_holds_is_not_taken(rig: StoreRig) -> None:
    """The refusal names the node, and nothing changes, not even for the free partitions asked for."""
    free = partition_of(stranger())
    await rig.acquire(PARTITION)
    mine = dict(rig.fences)
    refusal = await must_raise(StoreInUse, partial(rig.acquire, free, PARTITION, node=OTHER_NODE))
    assert NODE in str(refusal)

    assert await rig.store.commit([rig.change(snapshot=b"s")], mine) == (
        Verdict(VerdictStatus.APPLIED, 1),
    )
    (acquired,) = await rig.acquire(free)
    assert acquired.fence.number == 1


async def nodes_may_hold_different_partitions(rig: StoreRig) -> None:
    """A live lease protects what its node holds and nothing else."""
    far = stranger()
    await rig.acquire(PARTITION)
    await rig.acquire(partition_of(far), node=OTHER_NODE)
    await rig.apply(snapshot=b"s")
    await rig.apply(far, snapshot=b"s")


async def what_a_dead_node_held_is_taken(rig: StoreRig) -> None:
    """When its lease ran out, another node takes the partition, and the first is fenced."""
    await rig.apply(snapshot=b"s")
    old = dict(rig.fences)
    await rig.acquire(lease_seconds=0.01)
    stale = dict(rig.fences)
    with trio.fail_after(10):
        while True:
            try:
                await rig.acquire(node=OTHER_NODE)
                break
            except StoreInUse:
                await trio.sleep(0.005)

    for fences in (old, stale):
        assert await rig.store.commit([rig.change(version=1)], fences) == (
            Verdict(VerdictStatus.FENCED),
        )
    assert rig.fences[PARTITION].number == stale[PARTITION].number + 1


async def a_renewed_lease_is_live(rig: StoreRig) -> None:
    """Renewing prolongs what ``acquire`` gave."""
    await rig.acquire(nonce="n1", lease_seconds=0.01)
    await rig.store.renew(NODE, "n1", lease_seconds=60)
    await must_raise(StoreInUse, partial(rig.acquire, node=OTHER_NODE))


async def renewing_under_another_nonce_is_fenced(rig: StoreRig) -> None:
    """A later run of the same node holds the lease now: the earlier one must stop."""
    await rig.acquire(nonce="n1")
    await rig.acquire(nonce="n2")
    await must_raise(Fenced, partial(rig.store.renew, NODE, "n1", lease_seconds=60))
    await rig.store.renew(NODE, "n2", lease_seconds=60)


async def a_released_partition_is_free(rig: StoreRig) -> None:
    """Another node takes it at once; the fence goes on rising; the old one writes nothing any more."""
    await rig.acquire(nonce="n1")
    old = dict(rig.fences)
    await rig.store.release(NODE, "n1")
    assert await rig.store.commit([rig.change()], old) == (Verdict(VerdictStatus.FENCED),)

    (acquired,) = await rig.acquire(node=OTHER_NODE, nonce="n2")
    assert acquired.fence.number > old[PARTITION].number
    assert await rig.store.commit([rig.change()], old) == (Verdict(VerdictStatus.FENCED),)
    await rig.apply()


async def releasing_what_is_not_ours_changes_nothing(rig: StoreRig) -> None:
    """An earlier run that ends late leaves the later one its lease and its partitions."""
    await rig.acquire(nonce="n1")
    await rig.acquire(nonce="n2")
    await rig.store.release(NODE, "n1")
    await rig.store.release(OTHER_NODE, "n2")
    await rig.store.release(NODE, "never")

    await rig.apply(snapshot=b"s")
    await rig.store.renew(NODE, "n2", lease_seconds=60)


async def acquiring_dates_the_windows_once(rig: StoreRig) -> None:
    """Users attached when the last owner died get ``now + window_seconds``; a later acquire leaves it."""
    window = _setting(WINDOW_TIMER, None, generation=7, payload=b"p")
    await rig.apply(timers=(window, _setting("undated", None)))
    (acquired,) = await rig.acquire(now=NOW + 100, window_seconds=30.0)
    dated = DueTimer(USER, Timer(WINDOW_TIMER, 7, NOW + 130, b"p"))
    assert acquired.next_due == NOW + 130
    assert await rig.store.due(PARTITION, NOW + 130, 10) == ((dated,), None)

    (acquired,) = await rig.acquire(now=NOW + 110, window_seconds=30.0)
    assert acquired.next_due == NOW + 130
    assert await rig.store.due(PARTITION, NOW + 1e9, 10) == ((dated,), None)
    loaded = await rig.store.load(USER, PARTITION)
    assert loaded is not None
    assert loaded.version == 1
    assert loaded.timers == (dated.timer, Timer("undated", 1, None))


async def acquiring_leaves_other_partitions_windows(rig: StoreRig) -> None:
    """Users of partitions that were not acquired are still attached elsewhere."""
    await rig.apply(timers=(_setting(WINDOW_TIMER, None),))
    await rig.acquire(partition_of(stranger()), now=NOW)
    assert await rig.store.due(PARTITION, NOW + 1e9, 10) == ((), None)


async def acquiring_tells_what_waits(rig: StoreRig) -> None:
    """Per partition: the earliest due time, and whether inputs are left that have not run."""
    far = partition_of(stranger())
    first = await rig.acquire(PARTITION, far)
    assert [(item.next_due, item.has_pending) for item in first] == [(None, False)] * 2

    await rig.apply(timers=(_setting("bed", NOW + 20), _setting("tea", NOW + 5)))
    (receipt,) = await rig.accept(arrival("a"))
    assert receipt.entry is not None
    second = await rig.acquire(far, PARTITION)
    assert [(i.next_due, i.has_pending) for i in second] == [(None, False), (NOW + 5, True)]

    await rig.apply(version=1, inbox_done=(receipt.entry.seq,), timers=(TimerChange("tea", None),))
    (third,) = await rig.acquire()
    assert (third.next_due, third.has_pending) == (NOW + 20, False)


async def all_partitions_are_acquired_at_once(rig: StoreRig) -> None:
    """A single node takes all 256 when it starts, in the order asked for."""
    partitions = [partition_of(UserId(f"u{n}")) for n in range(3000)]
    distinct = list(dict.fromkeys(partitions))
    acquired = await rig.acquire(*distinct)

    assert len(distinct) == 256
    assert [item.fence.partition for item in acquired] == distinct


CHECKS = (
    due_timers_come_earliest_first,
    a_limit_cuts_what_is_due,
    reading_due_timers_consumes_nothing,
    a_timer_is_set_again_and_removed,
    undated_timers_are_never_due,
    a_dated_timer_may_become_undated,
    timers_of_other_partitions_are_not_due_here,
    changing_a_timer_forgets_its_attempts,
    acquiring_raises_the_fence_by_one,
    an_earlier_run_of_the_same_node_is_taken_over,
    what_a_live_node_holds_is_not_taken,
    nodes_may_hold_different_partitions,
    what_a_dead_node_held_is_taken,
    a_renewed_lease_is_live,
    renewing_under_another_nonce_is_fenced,
    a_released_partition_is_free,
    releasing_what_is_not_ours_changes_nothing,
    acquiring_dates_the_windows_once,
    acquiring_leaves_other_partitions_windows,
    acquiring_tells_what_waits,
    all_partitions_are_acquired_at_once,
)
