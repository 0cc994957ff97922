"""Checks of what is appended and trimmed beside the snapshot: frames and journal; and of deleting."""

from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import (
    Consumed,
    DeadLetter,
    Delivery,
    Frame,
    ReceiptStatus,
    StreamMark,
    Timer,
    TimerChange,
    Verdict,
    VerdictStatus,
)
from sessiond.testing.stores.commits import everything
from sessiond.testing.stores.rig import NOW, USER, StoreRig, arrival, digest, neighbours, stranger

PARTITION = partition_of(USER)


def _frame(offset: int) -> Frame:
    return Frame(offset, NOW + offset, b'"news",{"n":%d}' % offset)


async def _offsets(rig: StoreRig, after: int = 0) -> list[int]:
    return [f.offset for f in await rig.store.frames(USER, PARTITION, after)]


async def frames_are_read_in_order_after_an_offset(rig: StoreRig) -> None:
    """Frames of several commits come back in the order of their offsets, above the one asked for."""
    await rig.apply(stream=StreamMark("e", head=3), frames=tuple(map(_frame, (1, 2, 3))))
    await rig.apply(
        version=1, stream=StreamMark("e", head=12), frames=tuple(map(_frame, range(4, 13)))
    )

    assert await _offsets(rig) == list(range(1, 13))
    assert await rig.store.frames(USER, PARTITION, 11) == (_frame(12),)
    assert await _offsets(rig, after=12) == []


async def frames_at_or_below_the_floor_are_removed(rig: StoreRig) -> None:
    """Raising the floor trims, in the same write, old frames and new ones alike."""
    await rig.apply(stream=StreamMark("e", head=3), frames=tuple(map(_frame, (1, 2, 3))))
    mark = StreamMark("e", head=6, floor=4, lost=4, size=99)
    await rig.apply(version=1, stream=mark, frames=tuple(map(_frame, (4, 5, 6))))

    assert await _offsets(rig) == [5, 6]
    loaded = await rig.store.load(USER, PARTITION)
    assert loaded is not None
    assert loaded.stream == mark


async def a_floor_alone_trims(rig: StoreRig) -> None:
    """An acknowledgement commits a mark without frames."""
    await rig.apply(stream=StreamMark("e", head=3), frames=tuple(map(_frame, (1, 2, 3))))
    await rig.apply(version=1, stream=StreamMark("e", head=3, floor=2))
    assert await _offsets(rig) == [3]

    await rig.apply(version=2, stream=StreamMark("e", head=3, floor=3))
    assert await _offsets(rig) == []


async def a_new_epoch_removes_the_frames_of_the_old(rig: StoreRig) -> None:
    """Frames of another epoch can never be replayed; offsets begin again."""
    await rig.apply(stream=StreamMark("old", head=5), frames=tuple(map(_frame, range(1, 6))))
    await rig.apply(version=1, stream=StreamMark("new", head=2), frames=tuple(map(_frame, (1, 2))))

    assert await _offsets(rig) == [1, 2]


async def a_new_epoch_without_frames_leaves_none(rig: StoreRig) -> None:
    """A restored snapshot begins an empty stream."""
    await rig.apply(stream=StreamMark("old", head=2), frames=tuple(map(_frame, (1, 2))))
    await rig.apply(version=1, stream=StreamMark("new"))
    assert await _offsets(rig) == []


async def frames_without_a_mark_are_appended(rig: StoreRig) -> None:
    """``stream`` None leaves the mark as it is."""
    await rig.apply(stream=StreamMark("e", head=1), frames=(_frame(1),))
    await rig.apply(version=1, frames=(_frame(2),))

    assert await _offsets(rig) == [1, 2]
    loaded = await rig.store.load(USER, PARTITION)
    assert loaded is not None
    assert loaded.stream == StreamMark("e", head=1)


async def frames_belong_to_one_user(rig: StoreRig) -> None:
    """Trimming one user's frames leaves his neighbour's."""
    (other,) = neighbours(1)
    await rig.apply(stream=StreamMark("e", head=1), frames=(_frame(1),))
    await rig.apply(other, stream=StreamMark("e", head=1), frames=(_frame(1),))
    await rig.apply(version=1, stream=StreamMark("f"))

    assert await _offsets(rig) == []
    assert await rig.store.frames(other, PARTITION, 0) == (_frame(1),)


async def the_journal_is_read_newest_last(rig: StoreRig) -> None:
    """Entries of several commits keep their order; a limit takes the newest."""
    await rig.apply(journal=(b"1", b"2"))
    await rig.apply(version=1, journal=(b"3",))

    assert await rig.store.journal(USER, PARTITION) == (b"1", b"2", b"3")
    assert await rig.store.journal(USER, PARTITION, limit=2) == (b"2", b"3")


async def the_journal_is_bounded(rig: StoreRig) -> None:
    """Entries beyond ``journal_limit`` are trimmed, oldest first, by the commit that appends."""
    await rig.apply(journal=tuple(b"%d" % n for n in range(5)), journal_limit=3)
    assert await rig.store.journal(USER, PARTITION) == (b"2", b"3", b"4")

    await rig.apply(version=1, journal=(b"5", b"6"), journal_limit=3)
    assert await rig.store.journal(USER, PARTITION) == (b"4", b"5", b"6")


async def a_larger_journal_limit_keeps_more_from_then_on(rig: StoreRig) -> None:
    """The limit is the commit's: it may grow."""
    await rig.apply(journal=(b"0", b"1", b"2"), journal_limit=2)
    await rig.apply(version=1, journal=(b"3", b"4"), journal_limit=4)
    assert await rig.store.journal(USER, PARTITION) == (b"1", b"2", b"3", b"4")


async def deleting_removes_everything_of_the_user(rig: StoreRig) -> None:
    """The record and all beside it are gone; dead letters and inputs that have not run stay."""
    await rig.accept(arrival("unrun"))
    await rig.apply(**everything())
    assert await rig.store.attempt(rig.fences[PARTITION], f"timer:{USER}:tea:1") == 1
    await rig.acquire()
    await rig.apply(version=1, delete=True)

    store = rig.store
    assert await store.load(USER, PARTITION) is None
    assert await store.frames(USER, PARTITION, 0) == ()
    assert await store.reply(USER, PARTITION, digest("first")) is None
    assert await store.due(PARTITION, NOW + 1e6, 10) == ((), None)
    assert await store.deliveries(PARTITION) == ()
    assert await store.journal(USER, PARTITION) == ()
    assert await store.users() == ()
    assert [letter.id for letter in await store.dead_letters()] == ["l1"]
    assert [entry.body for entry in await store.pending(PARTITION)] == [b"unrun"]
    assert await store.attempt(rig.fences[PARTITION], f"timer:{USER}:tea:1") == 1


async def a_deleting_commit_still_consumes_and_buries(rig: StoreRig) -> None:
    """The turn that ends a session consumes its input and may leave a dead letter."""
    (receipt,) = await rig.accept(arrival("last"))
    assert receipt.entry is not None
    letter = DeadLetter("l9", USER, "hook:json", b"body", "boom", NOW, 2)
    await rig.apply(snapshot=b"s")
    await rig.apply(version=1, delete=True, inbox_done=(receipt.entry.seq,), dead_letters=(letter,))

    assert await rig.store.pending(PARTITION) == ()
    assert await rig.store.dead_letters() == (letter,)


async def deleting_with_all_inputs_leaves_nothing(rig: StoreRig) -> None:
    """The erasure of a person: inputs that have not run go too, with their ids and counters, also without a record."""
    for version, record in ((1, everything()), (0, {})):
        if record:
            await rig.apply(**record)
        receipts = await rig.accept(arrival("unrun"), arrival("waiting"))
        seqs = tuple(receipt.entry.seq for receipt in receipts if receipt.entry)
        assert len(seqs) == 2
        assert await rig.store.attempt(rig.fences[PARTITION], f"inbox:{seqs[0]}") == 1
        await rig.apply(version=version, delete=True, inbox_done=seqs)
        for letter in await rig.store.dead_letters(user=USER):
            await rig.store.drop_dead_letter(letter.id)

        assert await rig.store.load(USER, PARTITION) is None
        assert await rig.store.pending(PARTITION, user=USER) == ()
        assert await rig.store.dead_letters(user=USER) == ()
        assert await rig.store.users() == ()
        assert await rig.store.reply(USER, PARTITION, digest("first")) is None


async def deleting_again_is_applied(rig: StoreRig) -> None:
    """The answer of a delete may be lost too: sent again it says applied, and nothing comes back."""
    await rig.apply(snapshot=b"s")
    commit = await rig.apply(version=1, delete=True)

    assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 0),)
    assert await rig.store.load(USER, PARTITION) is None


async def a_user_may_come_back_after_a_delete(rig: StoreRig) -> None:
    """The next record begins at version 1 with nothing of the old one."""
    await rig.apply(**everything())
    await rig.apply(version=1, delete=True)
    await rig.apply(snapshot=b"again", journal=(b"new",))

    loaded = await rig.store.load(USER, PARTITION)
    assert loaded is not None
    assert (loaded.version, loaded.snapshot, loaded.previous) == (1, b"again", None)
    assert (loaded.stream, loaded.window, loaded.timers) == (StreamMark(""), (), ())
    assert await rig.store.journal(USER, PARTITION) == (b"new",)


async def deleting_frees_consumed_ids_but_not_unrun_ones(rig: StoreRig) -> None:
    """An input that waits in the inbox stays known, or a repeat of it would run twice."""
    await rig.accept(arrival("unrun"))
    await rig.apply(consumed=(Consumed(digest("ran"), NOW),))
    await rig.apply(version=1, delete=True)
    unrun, ran = await rig.accept(arrival("unrun"), arrival("ran"))

    assert unrun.status is ReceiptStatus.DUPLICATE
    assert ran.status is ReceiptStatus.ACCEPTED


async def deleting_leaves_the_neighbours(rig: StoreRig) -> None:
    """Only one user's records go."""
    (other,) = neighbours(1)
    await rig.apply(**everything())
    fields = everything() | {"dead_letters": ()}
    await rig.apply(other, **fields)
    await rig.apply(version=1, delete=True)

    loaded = await rig.store.load(other, PARTITION)
    assert loaded is not None
    assert len(loaded.timers) == len(loaded.window) == 1
    assert len(await rig.store.frames(other, PARTITION, 0)) == 2
    assert len(await rig.store.journal(other, PARTITION)) == 2
    assert len(await rig.store.deliveries(PARTITION)) == 1


async def deleting_who_was_never_stored_is_applied(rig: StoreRig) -> None:
    """An unknown user's input is consumed without leaving a record."""
    (receipt,) = await rig.accept(arrival("who"))
    assert receipt.entry is not None
    await rig.apply(delete=True, inbox_done=(receipt.entry.seq,))

    assert await rig.store.pending(PARTITION) == ()
    assert await rig.store.load(USER, PARTITION) is None


async def users_are_listed_by_id_with_a_cursor(rig: StoreRig) -> None:
    """Pages in a stable order show each stored user once, with version and size."""
    users = [*neighbours(3), stranger(), UserId("Zoë"), UserId("émile")]
    for user in users:
        await rig.apply(user, snapshot=b"s" * 10)
    await rig.accept(arrival("x", UserId("only-an-inbox-entry")))
    seen, after = [], ""
    while page := await rig.store.users(after=after, limit=2):
        assert len(page) <= 2
        assert all(row.version == 1 and row.snapshot_bytes >= 10 for row in page)
        seen += [row.user for row in page]
        after = seen[-1]

    assert seen == sorted(users)


async def dead_letters_are_listed_by_id_with_a_cursor(rig: StoreRig) -> None:
    """All users' or one user's, in the order of their ids, above the cursor."""
    (other,) = neighbours(1)
    letters = [
        DeadLetter(f"l{n}", user, "timer:tea", b"b%d" % n, "Traceback…", NOW + n, n)
        for n, user in enumerate([USER, other, USER, other, USER])
    ]
    await rig.apply(dead_letters=(letters[4], letters[0], letters[2]))
    await rig.apply(other, dead_letters=(letters[1], letters[3]))
    store = rig.store

    assert await store.dead_letters() == tuple(letters)
    assert await store.dead_letters(limit=2) == tuple(letters[:2])
    assert await store.dead_letters(after="l1", limit=2) == tuple(letters[2:4])
    assert await store.dead_letters(user=USER, after="l0") == (letters[2], letters[4])


async def a_dropped_dead_letter_is_returned_once(rig: StoreRig) -> None:
    """Dropping returns what was dropped; dropping again returns nothing."""
    letter = DeadLetter("l1", USER, "hook:json", b"body", "boom", NOW, 2)
    await rig.apply(dead_letters=(letter,))

    assert await rig.store.drop_dead_letter("l1") == letter
    assert await rig.store.drop_dead_letter("l1") is None
    assert await rig.store.dead_letters() == ()


async def a_working_store_passes_its_check(rig: StoreRig) -> None:
    """``check`` returns warnings, and writes nothing that a reader could see."""
    assert all(isinstance(warning, str) for warning in await rig.store.check())
    assert await rig.store.users() == ()


async def bytes_and_texts_are_stored_as_they_are(rig: StoreRig) -> None:
    """Zero bytes, every byte value, empty bodies, and any printable user id survive."""
    odd = UserId("a:b {c} 'd' \"e\" %s ü 𝄞 --")
    raw = bytes(range(256)) * 3
    await rig.apply(
        odd,
        snapshot=raw,
        stream=StreamMark("e:\u00e9", head=1),
        frames=(Frame(1, NOW + 0.125, raw),),
        consumed=(Consumed(digest("x"), NOW + 0.5, raw),),
        timers=(TimerChange("a:b ü", Timer("a:b ü", 1 << 40, NOW + 0.25, raw)),),
        deliveries=(Delivery("d:1", NOW + 0.75, b""),),
        journal=(raw, b""),
        dead_letters=(DeadLetter("l1", odd, "hook:ü", raw, "é\n\t", NOW + 0.0625, 1),),
    )
    await rig.accept(arrival("in", odd, kind="hook:ü", body=b"", at=NOW + 0.125))
    store, partition = rig.store, partition_of(odd)

    loaded = await store.load(odd, partition)
    assert loaded is not None
    assert loaded.snapshot == raw
    assert loaded.stream.epoch == "e:\u00e9"
    assert loaded.timers == (Timer("a:b ü", 1 << 40, NOW + 0.25, raw),)
    assert loaded.window == ((digest("x"), NOW + 0.5),)
    assert await store.frames(odd, partition, 0) == (Frame(1, NOW + 0.125, raw),)
    assert await store.reply(odd, partition, digest("x")) == raw
    assert await store.deliveries(partition) == ((odd, Delivery("d:1", NOW + 0.75, b"")),)
    assert await store.journal(odd, partition) == (raw, b"")
    (letter,) = await store.dead_letters(user=odd)
    assert (letter.body, letter.error, letter.at) == (raw, "é\n\t", NOW + 0.0625)
    (entry,) = await store.pending(partition, user=odd)
    assert (entry.kind, entry.body, entry.at) == ("hook:ü", b"", NOW + 0.125)


CHECKS = (
    frames_are_read_in_order_after_an_offset,
    frames_at_or_below_the_floor_are_removed,
    a_floor_alone_trims,
    a_new_epoch_removes_the_frames_of_the_old,
    a_new_epoch_without_frames_leaves_none,
    frames_without_a_mark_are_appended,
    frames_belong_to_one_user,
    the_journal_is_read_newest_last,
    the_journal_is_bounded,
    a_larger_journal_limit_keeps_more_from_then_on,
    deleting_removes_everything_of_the_user,
    a_deleting_commit_still_consumes_and_buries,
    deleting_with_all_inputs_leaves_nothing,
    deleting_again_is_applied,
    a_user_may_come_back_after_a_delete,
    deleting_frees_consumed_ids_but_not_unrun_ones,
    deleting_leaves_the_neighbours,
    deleting_who_was_never_stored_is_applied,
    users_are_listed_by_id_with_a_cursor,
    dead_letters_are_listed_by_id_with_a_cursor,
    a_dropped_dead_letter_is_returned_once,
    a_working_store_passes_its_check,
    bytes_and_texts_are_stored_as_they_are,
)
