"""Checks of ``commit``: fence, version, sending again, atomicity, one user's verdict beside another's."""

from typing import Any

import trio
from attrs import evolve

from sessiond.core.errors import Fenced
from sessiond.core.ids import partition_of
from sessiond.core.records import (
    Consumed,
    DeadLetter,
    Delivery,
    Fence,
    Frame,
    Loaded,
    StreamMark,
    Timer,
    TimerChange,
    Verdict,
    VerdictStatus,
)
from sessiond.testing.stores.rig import (
    NOW,
    USER,
    StoreRig,
    arrival,
    digest,
    must_raise,
    neighbours,
    noise,
    stranger,
)

PARTITION = partition_of(USER)


def everything(seq: int = 0) -> dict[str, Any]:
    """Fill every field of a first commit; *seq* is an inbox entry that it consumes."""
    return {
        "snapshot": b"state 1",
        "stream": StreamMark("e1", head=2, size=2),
        "frames": (Frame(1, NOW, b'"a",{}'), Frame(2, NOW, b'"b",{}')),
        "consumed": (Consumed(digest("first"), NOW, b"reply"),),
        "inbox_done": (seq,) if seq else (),
        "timers": (TimerChange("tea", Timer("tea", 1, NOW + 5, b"earl grey")),),
        "deliveries": (Delivery("d1", NOW, b"call"),),
        "journal": (b"entry 1", b"entry 2"),
        "dead_letters": (DeadLetter("l1", USER, "hook:json", b"body", "boom", NOW, 2),),
    }


async def visible(rig: StoreRig) -> tuple[object, ...]:
    """Read everything that the store shows of ``USER`` and his partition."""
    store = rig.store
    return (
        await store.load(USER, PARTITION),
        await store.frames(USER, PARTITION, 0),
        await store.reply(USER, PARTITION, digest("first")),
        await store.pending(PARTITION),
        await store.due(PARTITION, NOW + 1e6, 100),
        await store.deliveries(PARTITION),
        await store.journal(USER, PARTITION),
        await store.dead_letters(),
        await store.users(),
    )


async def a_user_without_a_record_loads_as_none(rig: StoreRig) -> None:
    """Nothing is stored of somebody who never committed."""
    assert await rig.store.load(USER, PARTITION) is None
    assert await rig.store.frames(USER, PARTITION, 0) == ()
    assert await rig.store.reply(USER, PARTITION, digest("x")) is None
    assert await rig.store.journal(USER, PARTITION) == ()


async def a_commit_writes_every_field(rig: StoreRig) -> None:
    """What a commit carries is what is read afterwards, field by field."""
    (receipt,) = await rig.accept(arrival("first"))
    assert receipt.entry is not None
    changes = everything(receipt.entry.seq)
    await rig.apply(**changes)

    loaded = await rig.store.load(USER, PARTITION)
    assert loaded is not None
    assert loaded.version == 1
    assert loaded.snapshot == b"state 1"
    assert loaded.previous is None
    assert loaded.stream == changes["stream"]
    assert loaded.window == ((digest("first"), NOW),)
    assert loaded.timers == (Timer("tea", 1, NOW + 5, b"earl grey"),)
    assert await rig.store.frames(USER, PARTITION, 0) == changes["frames"]
    assert await rig.store.reply(USER, PARTITION, digest("first")) == b"reply"
    assert await rig.store.pending(PARTITION) == ()
    assert await rig.store.deliveries(PARTITION) == ((USER, changes["deliveries"][0]),)
    assert await rig.store.journal(USER, PARTITION) == (b"entry 1", b"entry 2")
    assert await rig.store.dead_letters() == changes["dead_letters"]


async def empty_fields_change_nothing(rig: StoreRig) -> None:
    """A commit without fields raises the version and leaves the rest."""
    await rig.apply(**everything())
    before = await visible(rig)
    await rig.apply(version=1)
    after = await visible(rig)

    assert before[1:8] == after[1:8]
    assert isinstance(before[0], Loaded)
    assert evolve(before[0], version=2) == after[0]


async def a_record_may_begin_without_a_snapshot(rig: StoreRig) -> None:
    """A first commit without a snapshot makes a record whose snapshot is empty."""
    await rig.apply(consumed=(Consumed(digest("x"), NOW),))
    loaded = await rig.store.load(USER, PARTITION)

    assert loaded is not None
    assert (loaded.version, loaded.snapshot, loaded.previous) == (1, b"", None)
    assert loaded.stream == StreamMark("")


async def the_previous_snapshot_is_kept(rig: StoreRig) -> None:
    """A new snapshot leaves the one before it as ``previous``; a commit without one leaves both."""
    await rig.apply(snapshot=b"one")
    await rig.apply(version=1, snapshot=b"two")
    await rig.apply(version=2)
    loaded = await rig.store.load(USER, PARTITION)

    assert loaded is not None
    assert (loaded.snapshot, loaded.previous) == (b"two", b"one")


async def another_fence_number_is_refused(rig: StoreRig) -> None:
    """A writer with an older fence is fenced, and nothing of his commit is written."""
    await rig.acquire()
    old = dict(rig.fences)
    await rig.acquire()
    verdicts = await rig.store.commit([rig.change(**everything())], old)

    assert verdicts == (Verdict(VerdictStatus.FENCED, 0),)
    assert (await visible(rig))[:8] == (None, (), None, (), ((), None), (), (), ())


async def another_fence_nonce_is_refused(rig: StoreRig) -> None:
    """The right number under another nonce is not the fence: a failover may hand a number out twice."""
    await rig.acquire()
    held = rig.fences[PARTITION]
    forged = {PARTITION: Fence(PARTITION, held.number, "another")}

    assert await rig.store.commit([rig.change(snapshot=b"s")], forged) == (
        Verdict(VerdictStatus.FENCED, 0),
    )
    assert await rig.store.load(USER, PARTITION) is None


async def a_higher_fence_than_the_stored_is_refused(rig: StoreRig) -> None:
    """The fence must be equal: a number the store never gave out is no right to write."""
    await rig.acquire()
    held = rig.fences[PARTITION]
    higher = {PARTITION: Fence(PARTITION, held.number + 1, held.nonce)}

    assert await rig.store.commit([rig.change(snapshot=b"s")], higher) == (
        Verdict(VerdictStatus.FENCED, 0),
    )


async def a_partition_never_acquired_is_fenced(rig: StoreRig) -> None:
    """Without a recorded owner, and without a fence given, nothing is written."""
    made_up = {PARTITION: Fence(PARTITION, 0, "")}

    assert await rig.store.commit([rig.change()], made_up) == (Verdict(VerdictStatus.FENCED, 0),)
    assert await rig.store.commit([rig.change()], {}) == (Verdict(VerdictStatus.FENCED, 0),)


async def the_fence_comes_before_the_version(rig: StoreRig) -> None:
    """A fenced writer is told so even when his version is wrong too, or his commit was applied once."""
    commit = await rig.apply(snapshot=b"s")
    old = dict(rig.fences)
    await rig.acquire()

    assert await rig.store.commit([commit], old) == (Verdict(VerdictStatus.FENCED, 0),)
    assert await rig.store.commit([rig.change(version=7)], old) == (
        Verdict(VerdictStatus.FENCED, 0),
    )


async def another_version_is_a_conflict(rig: StoreRig) -> None:
    """A commit upon a version that the record does not have is refused, older or newer, with the version."""
    await rig.apply(snapshot=b"one")
    await rig.apply(version=1, snapshot=b"two")
    before = await visible(rig)

    for version in (0, 1, 3):
        commit = rig.change(version=version, **everything())
        assert await rig.send(commit) == (Verdict(VerdictStatus.CONFLICT, 2),)
    assert await visible(rig) == before


async def a_version_of_an_absent_record_is_a_conflict(rig: StoreRig) -> None:
    """A commit upon version 3 of a record that is gone is refused."""
    assert await rig.send(rig.change(version=3, snapshot=b"s")) == (
        Verdict(VerdictStatus.CONFLICT, 0),
    )
    assert await rig.store.load(USER, PARTITION) is None


async def the_same_commit_again_is_applied_once(rig: StoreRig) -> None:
    """Sent again after a lost answer it says applied and changes nothing: no frame, no entry doubled."""
    (receipt,) = await rig.accept(arrival("first"))
    assert receipt.entry is not None
    commit = await rig.apply(**everything(receipt.entry.seq))
    before = await visible(rig)

    for _ in range(2):
        assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 1),)
    assert await visible(rig) == before


async def a_late_twin_is_a_conflict(rig: StoreRig) -> None:
    """Once a later commit is in, the earlier one sent again is refused by the version."""
    commit = await rig.apply(**everything())
    await rig.apply(version=1, snapshot=b"state 2")
    before = await visible(rig)

    assert await rig.send(commit) == (Verdict(VerdictStatus.CONFLICT, 2),)
    assert await visible(rig) == before


async def verdicts_are_per_user_and_in_order(rig: StoreRig) -> None:
    """One user's refusal stops nobody else of the batch; the answers come in the order of the batch."""
    first, second, third, fourth = neighbours(4)
    far = stranger()
    await rig.apply(second, snapshot=b"s")
    await rig.acquire(partition_of(far))
    fences = {PARTITION: rig.fences[PARTITION], partition_of(far): Fence(partition_of(far), 0, "x")}
    large = noise(rig.max_commit_bytes + 1)
    batch = [
        rig.change(first, snapshot=b"1"),
        rig.change(second, snapshot=b"2"),
        rig.change(third, snapshot=large),
        rig.change(far, snapshot=b"far"),
        rig.change(fourth, snapshot=b"4"),
    ]
    verdicts = await rig.store.commit(batch, fences)

    assert [(v.status, v.version) for v in verdicts] == [
        (VerdictStatus.APPLIED, 1),
        (VerdictStatus.CONFLICT, 1),
        (VerdictStatus.TOO_LARGE, 0),
        (VerdictStatus.FENCED, 0),
        (VerdictStatus.APPLIED, 1),
    ]
    stored = {row.user: row.version for row in await rig.store.users()}
    assert stored == {first: 1, second: 1, fourth: 1}


async def a_commit_too_large_changes_nothing(rig: StoreRig) -> None:
    """The record stays as it was, and the user's next commit is applied."""
    await rig.apply(**everything())
    before = await visible(rig)
    large = noise(rig.max_commit_bytes + 1)
    (verdict,) = await rig.send(rig.change(version=1, snapshot=large, journal=(b"no",)))

    assert (verdict.status, verdict.version) == (VerdictStatus.TOO_LARGE, 1)
    assert await visible(rig) == before
    await rig.apply(version=1, snapshot=b"small")


async def what_a_commit_holds_counts_as_a_whole(rig: StoreRig) -> None:
    """Many frames and entries, each small, are too large together."""
    frames = tuple(Frame(n, NOW, noise(rig.max_commit_bytes // 4)) for n in range(1, 4))
    commit = rig.change(
        stream=StreamMark("e", head=3),
        frames=frames,
        journal=(noise(rig.max_commit_bytes // 2),),
    )
    (verdict,) = await rig.send(commit)

    assert verdict.status is VerdictStatus.TOO_LARGE
    assert await rig.store.load(USER, PARTITION) is None


async def a_batch_of_many_users_is_applied(rig: StoreRig) -> None:
    """A batch as the committer makes them: 64 users of several partitions."""
    users = [*neighbours(60), *(stranger() for _ in range(1)), USER]
    batch = [rig.change(user, snapshot=user.encode(), journal=(b"j",)) for user in users]

    assert await rig.send(*batch) == (Verdict(VerdictStatus.APPLIED, 1),) * len(users)
    for user in users:
        loaded = await rig.store.load(user, partition_of(user))
        assert loaded is not None
        assert loaded.snapshot == user.encode()


async def an_empty_batch_is_answered_with_nothing(rig: StoreRig) -> None:
    """No commits, no verdicts; no arrivals, no receipts."""
    await rig.acquire()
    assert await rig.store.commit([], rig.fences) == ()
    assert await rig.store.accept([], rig.fences) == ()


async def commits_of_different_users_may_run_at_once(rig: StoreRig) -> None:
    """Concurrent calls are each applied as if alone."""
    users = neighbours(12)
    await rig.acquire()

    async def run(index: int) -> None:
        for version in range(3):
            await rig.apply(users[index], version, journal=(b"%d" % version,))

    async with trio.open_nursery() as nursery:
        for index in range(len(users)):
            nursery.start_soon(run, index)
    for user in users:
        assert await rig.store.journal(user, PARTITION) == (b"0", b"1", b"2")


async def a_cancelled_commit_may_be_sent_again(rig: StoreRig) -> None:
    """After a cancelled call the store works, and the same commit is applied exactly once."""
    await rig.acquire()
    commit = rig.change(**everything())
    with trio.CancelScope() as scope:
        scope.cancel()
        await rig.store.commit([commit], rig.fences)

    assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 1),)
    assert await rig.store.journal(USER, PARTITION) == (b"entry 1", b"entry 2")
    assert len(await rig.store.frames(USER, PARTITION, 0)) == 2


async def calls_cancelled_in_flight_leave_the_store_usable(rig: StoreRig) -> None:
    """Cancelled in the middle, each call was applied or was not; what comes after is not disturbed."""
    users = neighbours(8)
    await rig.acquire()
    batch = [rig.change(user, snapshot=b"s", journal=(b"once",)) for user in users]
    async with trio.open_nursery() as nursery:
        for commit in batch:
            nursery.start_soon(rig.store.commit, [commit], rig.fences)
            nursery.start_soon(rig.store.load, commit.user, PARTITION)
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()

    assert await rig.send(*batch) == (Verdict(VerdictStatus.APPLIED, 1),) * len(batch)
    for user in users:
        assert await rig.store.journal(user, PARTITION) == (b"once",)


async def a_fenced_attempt_raises(rig: StoreRig) -> None:
    """Counting an attempt needs the fence too."""
    await rig.acquire()
    old = rig.fences[PARTITION]
    await rig.acquire()
    await must_raise(Fenced, rig.store.attempt, old, "inbox:1")


CHECKS = (
    a_user_without_a_record_loads_as_none,
    a_commit_writes_every_field,
    empty_fields_change_nothing,
    a_record_may_begin_without_a_snapshot,
    the_previous_snapshot_is_kept,
    another_fence_number_is_refused,
    another_fence_nonce_is_refused,
    a_higher_fence_than_the_stored_is_refused,
    a_partition_never_acquired_is_fenced,
    the_fence_comes_before_the_version,
    another_version_is_a_conflict,
    a_version_of_an_absent_record_is_a_conflict,
    the_same_commit_again_is_applied_once,
    a_late_twin_is_a_conflict,
    verdicts_are_per_user_and_in_order,
    a_commit_too_large_changes_nothing,
    what_a_commit_holds_counts_as_a_whole,
    a_batch_of_many_users_is_applied,
    an_empty_batch_is_answered_with_nothing,
    commits_of_different_users_may_run_at_once,
    a_cancelled_commit_may_be_sent_again,
    calls_cancelled_in_flight_leave_the_store_usable,
    a_fenced_attempt_raises,
)
