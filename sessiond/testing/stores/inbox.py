"""Checks of the inbox and the duplicate window: accept, pending, attempts, replies, forgetting."""

from typing import Any

import trio

from sessiond.core.errors import InvalidInput
from sessiond.core.ids import partition_of
from sessiond.core.records import (
    MAX_STORED_REPLY,
    Consumed,
    Fence,
    InboxEntry,
    Receipt,
    ReceiptStatus,
)
from sessiond.testing.stores.rig import (
    NOW,
    USER,
    StoreRig,
    arrival,
    digest,
    must_raise,
    neighbours,
    stranger,
)

PARTITION = partition_of(USER)
FENCED = Receipt(ReceiptStatus.FENCED)
DUPLICATE = Receipt(ReceiptStatus.DUPLICATE)


async def accepted(rig: StoreRig, name: str, **fields: Any) -> InboxEntry:
    """Accept one arrival that is no duplicate, and return its entry."""
    (receipt,) = await rig.accept(arrival(name, **fields))
    assert receipt.status is ReceiptStatus.ACCEPTED, receipt
    assert receipt.entry is not None
    return receipt.entry


async def an_accepted_input_is_pending(rig: StoreRig) -> None:
    """The receipt holds the entry, and the entry is what is pending."""
    entry = await accepted(rig, "a")

    assert entry == InboxEntry(entry.seq, USER, digest("a"), "hook:json", b"a", NOW)
    assert entry.seq > 0
    assert await rig.store.pending(PARTITION) == (entry,)


async def entries_are_ordered_by_seq(rig: StoreRig) -> None:
    """Within a partition the numbers grow in the order of the batches and within each."""
    other, third = neighbours(2)
    first = await rig.accept(arrival("a"), arrival("b", other), arrival("c"))
    second = await rig.accept(arrival("d", third), arrival("e"))
    entries = [receipt.entry for receipt in (*first, *second) if receipt.entry]

    assert [entry.body for entry in entries] == [b"a", b"b", b"c", b"d", b"e"]
    assert [e.seq for e in entries] == sorted({e.seq for e in entries})
    assert await rig.store.pending(PARTITION) == tuple(entries)


async def pending_is_read_in_pages(rig: StoreRig) -> None:
    """*limit* takes the first entries, *after* goes on above a ``seq``."""
    entries = [await accepted(rig, f"{n}") for n in range(5)]
    store = rig.store

    assert await store.pending(PARTITION, limit=2) == tuple(entries[:2])
    assert await store.pending(PARTITION, after=entries[1].seq, limit=2) == tuple(entries[2:4])
    assert await store.pending(PARTITION, after=entries[4].seq) == ()


async def pending_is_read_for_one_user(rig: StoreRig) -> None:
    """*user* leaves the neighbours' entries out, and the limit counts his alone."""
    (other,) = neighbours(1)
    receipts = await rig.accept(*(arrival(f"{n}", other if n % 2 else USER) for n in range(6)))
    mine = tuple(receipt.entry for receipt in receipts[::2])

    assert await rig.store.pending(PARTITION, user=USER) == mine
    assert await rig.store.pending(PARTITION, user=USER, limit=2) == mine[:2]
    assert mine[0] is not None
    assert await rig.store.pending(PARTITION, user=USER, after=mine[0].seq) == mine[1:]


async def partitions_have_inboxes_of_their_own(rig: StoreRig) -> None:
    """One batch may hold several partitions; each entry is pending in its own."""
    far = stranger()
    mine, his = await rig.accept(arrival("a"), arrival("a", far))

    assert await rig.store.pending(PARTITION) == (mine.entry,)
    assert await rig.store.pending(partition_of(far)) == (his.entry,)


async def a_commit_consumes_its_entries(rig: StoreRig) -> None:
    """``inbox_done`` removes exactly the entries named."""
    first, second, third = [await accepted(rig, name) for name in "abc"]
    await rig.apply(inbox_done=(first.seq, third.seq))
    assert await rig.store.pending(PARTITION) == (second,)


async def a_commit_consumes_only_its_users_entries(rig: StoreRig) -> None:
    """A ``seq`` of somebody else is left alone."""
    (other,) = neighbours(1)
    entry = await accepted(rig, "a")
    await rig.apply(other, inbox_done=(entry.seq,))
    assert await rig.store.pending(PARTITION) == (entry,)


async def a_seq_is_never_given_out_again(rig: StoreRig) -> None:
    """Numbers grow past consumed entries, so that a late commit consumes nobody else's input."""
    first = await accepted(rig, "a")
    await rig.apply(inbox_done=(first.seq,))
    second = await accepted(rig, "b")
    assert second.seq > first.seq


async def an_old_fence_accepts_nothing(rig: StoreRig) -> None:
    """Another number, another nonce or no fence at all: fenced, and nothing is written."""
    await rig.acquire()
    old = dict(rig.fences)
    await rig.acquire()
    forged = {PARTITION: Fence(PARTITION, rig.fences[PARTITION].number, "another")}

    for fences in (old, forged, {}):
        assert await rig.store.accept([arrival("a")], fences) == (FENCED,)
    assert await rig.store.pending(PARTITION) == ()
    assert (await rig.accept(arrival("a")))[0].status is ReceiptStatus.ACCEPTED


async def one_fenced_arrival_stops_no_other(rig: StoreRig) -> None:
    """Receipts are per arrival, in the order of the batch."""
    far = stranger()
    await rig.acquire()
    batch = [arrival("a"), arrival("b", far), arrival("c")]
    receipts = await rig.store.accept(batch, rig.fences)

    assert [receipt.status for receipt in receipts] == [
        ReceiptStatus.ACCEPTED,
        ReceiptStatus.FENCED,
        ReceiptStatus.ACCEPTED,
    ]


async def a_repeat_is_a_duplicate(rig: StoreRig) -> None:
    """While the first waits, a repeat is dropped; it has no reply yet and no entry."""
    entry = await accepted(rig, "a")

    assert await rig.accept(arrival("a")) == (DUPLICATE,)
    assert await rig.store.pending(PARTITION) == (entry,)


async def of_two_equal_arrivals_in_a_batch_one_is_accepted(rig: StoreRig) -> None:
    """The first is accepted, also when the bodies differ."""
    receipts = await rig.accept(arrival("a"), arrival("b"), arrival("a", body=b"other"))

    assert [receipt.status for receipt in receipts] == [
        ReceiptStatus.ACCEPTED,
        ReceiptStatus.ACCEPTED,
        ReceiptStatus.DUPLICATE,
    ]
    assert [entry.body for entry in await rig.store.pending(PARTITION)] == [b"a", b"b"]


async def of_equal_arrivals_at_once_one_is_accepted(rig: StoreRig) -> None:
    """Concurrent calls agree on one."""
    await rig.acquire()
    statuses: list[ReceiptStatus] = []

    async def send() -> None:
        (receipt,) = await rig.store.accept([arrival("a")], rig.fences)
        statuses.append(receipt.status)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(send)
    assert sorted(statuses) == [ReceiptStatus.ACCEPTED] + [ReceiptStatus.DUPLICATE] * 4
    assert len(await rig.store.pending(PARTITION)) == 1


async def a_cancelled_accept_may_be_repeated(rig: StoreRig) -> None:
    """The digest sees to it that the input is in the inbox once."""
    await rig.acquire()
    with trio.CancelScope() as scope:
        scope.cancel()
        await rig.store.accept([arrival("a")], rig.fences)
    await rig.accept(arrival("a"))

    assert len(await rig.store.pending(PARTITION)) == 1


async def ids_belong_to_one_user(rig: StoreRig) -> None:
    """Two users may use the same id."""
    (other,) = neighbours(1)
    receipts = await rig.accept(arrival("a"), arrival("a", other))
    assert [receipt.status for receipt in receipts] == [ReceiptStatus.ACCEPTED] * 2


async def a_consumed_input_stays_a_duplicate_with_its_reply(rig: StoreRig) -> None:
    """After its turn a repeat gets the stored reply."""
    entry = await accepted(rig, "a")
    consumed = Consumed(digest("a"), NOW + 1, b'{"seen":true}')
    await rig.apply(inbox_done=(entry.seq,), consumed=(consumed,))

    assert await rig.accept(arrival("a")) == (
        Receipt(ReceiptStatus.DUPLICATE, reply=consumed.reply),
    )
    assert await rig.store.reply(USER, PARTITION, digest("a")) == consumed.reply
    assert await rig.store.pending(PARTITION) == ()


async def a_reply_that_comes_later_is_kept(rig: StoreRig) -> None:
    """An id that is in the window already gets the reply of a later commit, and keeps its place in the window."""
    await rig.apply(consumed=(Consumed(digest("a"), NOW), Consumed(digest("b"), NOW + 1)))
    await rig.apply(version=1, consumed=(Consumed(digest("a"), NOW, b"late"),))
    loaded = await rig.store.load(USER, PARTITION)
    assert await rig.store.reply(USER, PARTITION, digest("a")) == b"late"
    assert loaded is not None
    assert loaded.window == ((digest("a"), NOW), (digest("b"), NOW + 1))


async def an_id_consumed_without_the_inbox_is_a_duplicate(rig: StoreRig) -> None:
    """The window is one: what came through a waiting door is not accepted again."""
    await rig.apply(consumed=(Consumed(digest("a"), NOW, b"reply"),))
    assert await rig.accept(arrival("a")) == (Receipt(ReceiptStatus.DUPLICATE, reply=b"reply"),)


async def an_unrun_id_is_not_in_the_loaded_window(rig: StoreRig) -> None:
    """The loaded window holds consumed ids only, or the waiting input would look like its own repeat."""
    await rig.apply(consumed=(Consumed(digest("ran"), NOW),))
    await accepted(rig, "unrun")
    loaded = await rig.store.load(USER, PARTITION)

    assert loaded is not None
    assert loaded.window == ((digest("ran"), NOW),)


async def the_window_is_loaded_oldest_first(rig: StoreRig) -> None:
    """Order is by the time of consumption, not of writing."""
    times = {"a": NOW + 3, "b": NOW + 1, "c": NOW + 2}
    await rig.apply(consumed=tuple(Consumed(digest(n), at) for n, at in times.items()))
    loaded = await rig.store.load(USER, PARTITION)

    assert loaded is not None
    assert loaded.window == tuple((digest(n), times[n]) for n in "bca")


async def a_reply_too_large_is_not_kept(rig: StoreRig) -> None:
    """At most ``MAX_STORED_REPLY`` bytes are stored; the id of a larger one is, without it."""
    fits, large = b"f" * (MAX_STORED_REPLY - 128), b"l" * (MAX_STORED_REPLY + 1)
    await rig.apply(
        consumed=(
            Consumed(digest("fits"), NOW, fits),
            Consumed(digest("large"), NOW, large),
            Consumed(digest("none"), NOW, None),
            Consumed(digest("empty"), NOW, b""),
        )
    )
    store = rig.store

    assert await store.reply(USER, PARTITION, digest("fits")) == fits
    assert await store.reply(USER, PARTITION, digest("large")) is None
    assert await store.reply(USER, PARTITION, digest("none")) is None
    assert await store.reply(USER, PARTITION, digest("empty")) == b""
    assert await rig.accept(arrival("large")) == (DUPLICATE,)


async def a_forgotten_id_is_accepted_again(rig: StoreRig) -> None:
    """What left the window of a waiting door is new again."""
    await rig.apply(consumed=(Consumed(digest("a"), NOW, b"r"), Consumed(digest("b"), NOW + 1)))
    await rig.apply(version=1, forgotten=(digest("a"), digest("unknown")))
    loaded = await rig.store.load(USER, PARTITION)

    assert loaded is not None
    assert loaded.window == ((digest("b"), NOW + 1),)
    assert await rig.store.reply(USER, PARTITION, digest("a")) is None
    assert (await rig.accept(arrival("a")))[0].status is ReceiptStatus.ACCEPTED


async def a_forgotten_accepted_id_is_kept_as_long_as_promised(rig: StoreRig) -> None:
    """It leaves the loaded window, but repeats stay duplicates for ``keep_seconds``."""
    entry = await accepted(rig, "a", keep_seconds=7 * 86400.0)
    await rig.apply(inbox_done=(entry.seq,), consumed=(Consumed(digest("a"), NOW),))
    await rig.apply(version=1, forgotten=(digest("a"),))
    loaded = await rig.store.load(USER, PARTITION)

    assert loaded is not None
    assert loaded.window == ()
    late = arrival("a", at=NOW + 6 * 86400.0)
    assert (await rig.accept(late))[0].status is ReceiptStatus.DUPLICATE


async def an_id_is_forgotten_after_keep_seconds(rig: StoreRig) -> None:
    """Judged by the time of the arrivals: new once ``keep_seconds`` have passed, and kept anew then."""
    await accepted(rig, "a", keep_seconds=100.0)

    assert await rig.accept(arrival("a", at=NOW + 99)) == (DUPLICATE,)
    await accepted(rig, "a", at=NOW + 100, keep_seconds=100.0)
    assert await rig.accept(arrival("a", at=NOW + 199)) == (DUPLICATE,)


async def a_repeat_does_not_prolong_its_id(rig: StoreRig) -> None:
    """A sender that repeats for ever is not a duplicate for ever."""
    await accepted(rig, "a", keep_seconds=100.0)
    assert await rig.accept(arrival("a", at=NOW + 90, keep_seconds=100.0)) == (DUPLICATE,)
    await accepted(rig, "a", at=NOW + 110, keep_seconds=100.0)


async def consuming_does_not_shorten_the_keeping(rig: StoreRig) -> None:
    """The commit that consumes an accepted id leaves its time in the store."""
    entry = await accepted(rig, "a", keep_seconds=100.0)
    await rig.apply(inbox_done=(entry.seq,), consumed=(Consumed(digest("a"), NOW + 1, b"r"),))

    expected = Receipt(ReceiptStatus.DUPLICATE, reply=b"r")
    assert await rig.accept(arrival("a", at=NOW + 99)) == (expected,)
    await accepted(rig, "a", at=NOW + 101)


async def attempts_are_counted(rig: StoreRig) -> None:
    """Each reign counts one more, each key for itself, and pending entries show theirs."""
    first, second = [await accepted(rig, name) for name in "ab"]
    counted = []
    for _ in range(3):
        await rig.acquire()
        counted.append(await rig.store.attempt(rig.fences[PARTITION], f"inbox:{first.seq}"))

    assert counted == [1, 2, 3]
    assert await rig.store.attempt(rig.fences[PARTITION], f"inbox:{second.seq}") == 1
    assert [entry.attempts for entry in await rig.store.pending(PARTITION)] == [3, 1]


async def an_attempt_is_counted_once_per_reign(rig: StoreRig) -> None:
    """Sent again for want of an answer it counts no further; another generation of a timer begins anew."""
    entry = await accepted(rig, "a")
    fence, store = rig.fences[PARTITION], rig.store
    keys = (f"inbox:{entry.seq}", f"timer:{USER}:tea:7", f"timer:{USER}:tea:7")

    assert [await store.attempt(fence, key) for key in keys * 2] == [1] * 6
    await rig.acquire()
    assert [await store.attempt(rig.fences[PARTITION], key) for key in keys] == [2] * 3
    assert await store.attempt(rig.fences[PARTITION], f"timer:{USER}:tea:8") == 1
    assert [one.attempts for one in await store.pending(PARTITION)] == [2]


async def attempts_outlive_a_change_of_owner(rig: StoreRig) -> None:
    """An input that kills its process is counted over its runs."""
    entry = await accepted(rig, "a")
    await rig.store.attempt(rig.fences[PARTITION], f"inbox:{entry.seq}")
    await rig.acquire()
    assert await rig.store.attempt(rig.fences[PARTITION], f"inbox:{entry.seq}") == 2


async def consuming_forgets_the_attempts(rig: StoreRig) -> None:
    """The counter of a consumed input is gone."""
    entry = await accepted(rig, "a")
    key = f"inbox:{entry.seq}"
    await rig.store.attempt(rig.fences[PARTITION], key)
    await rig.acquire()
    await rig.apply(inbox_done=(entry.seq,))
    assert await rig.store.attempt(rig.fences[PARTITION], key) == 1


async def a_key_of_neither_form_is_refused(rig: StoreRig) -> None:
    """Only inbox entries and timers have attempts."""
    await rig.acquire()
    for key in ("", "inbox:", "inbox:x", "timer:ann:tea", "timer:ann:tea:x", "other:1"):
        await must_raise(InvalidInput, rig.store.attempt, rig.fences[PARTITION], key)


CHECKS = (
    an_accepted_input_is_pending,
    entries_are_ordered_by_seq,
    pending_is_read_in_pages,
    pending_is_read_for_one_user,
    partitions_have_inboxes_of_their_own,
    a_commit_consumes_its_entries,
    a_commit_consumes_only_its_users_entries,
    a_seq_is_never_given_out_again,
    an_old_fence_accepts_nothing,
    one_fenced_arrival_stops_no_other,
    a_repeat_is_a_duplicate,
    of_two_equal_arrivals_in_a_batch_one_is_accepted,
    of_equal_arrivals_at_once_one_is_accepted,
    a_cancelled_accept_may_be_repeated,
    ids_belong_to_one_user,
    a_consumed_input_stays_a_duplicate_with_its_reply,
    a_reply_that_comes_later_is_kept,
    an_id_consumed_without_the_inbox_is_a_duplicate,
    an_unrun_id_is_not_in_the_loaded_window,
    the_window_is_loaded_oldest_first,
    a_reply_too_large_is_not_kept,
    a_forgotten_id_is_accepted_again,
    a_forgotten_accepted_id_is_kept_as_long_as_promised,
    an_id_is_forgotten_after_keep_seconds,
    a_repeat_does_not_prolong_its_id,
    consuming_does_not_shorten_the_keeping,
    attempts_are_counted,
    an_attempt_is_counted_once_per_reign,
    attempts_outlive_a_change_of_owner,
    consuming_forgets_the_attempts,
    a_key_of_neither_form_is_refused,
)
