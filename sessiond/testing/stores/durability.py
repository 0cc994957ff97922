"""Checks for stores that outlive their process: what was answered is there when the data is opened again."""

from sessiond.core.ids import partition_of
from sessiond.core.records import ReceiptStatus, Verdict, VerdictStatus
from sessiond.testing.stores.commits import everything, visible
from sessiond.testing.stores.inbox import accepted
from sessiond.testing.stores.journals import a_journal_goes_on_after_reopening
from sessiond.testing.stores.rig import USER, StoreRig, arrival

PARTITION = partition_of(USER)


async def everything_is_there_after_reopening(rig: StoreRig) -> None:
    """All that a commit wrote and a door accepted is read as before."""
    await accepted(rig, "waiting")
    await rig.apply(**everything())
    before = await visible(rig)
    await rig.reopen()

    assert await visible(rig) == before


async def a_commit_is_recognised_after_reopening(rig: StoreRig) -> None:
    """The commit id is durable: a commit whose answer was lost with the process is applied once."""
    commit = await rig.apply(**everything())
    await rig.reopen()
    await rig.acquire()

    assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 1),)
    assert await rig.store.journal(USER, PARTITION) == (b"entry 1", b"entry 2")


async def fences_rise_over_restarts(rig: StoreRig) -> None:
    """The number goes on where it was, and the writer of before is fenced."""
    await rig.acquire()
    old = dict(rig.fences)
    await rig.reopen()
    (acquired,) = await rig.acquire()

    assert acquired.fence.number == old[PARTITION].number + 1
    assert await rig.store.commit([rig.change()], old) == (Verdict(VerdictStatus.FENCED),)


async def ids_and_numbers_go_on_after_reopening(rig: StoreRig) -> None:
    """Repeats stay duplicates, and a consumed ``seq`` is not given out again."""
    entry = await accepted(rig, "a")
    await rig.apply(inbox_done=(entry.seq,))
    await rig.reopen()
    await rig.acquire()
    repeat, new = await rig.accept(arrival("a"), arrival("b"))

    assert repeat.status is ReceiptStatus.DUPLICATE
    assert new.entry is not None
    assert new.entry.seq > entry.seq


async def attempts_are_counted_over_restarts(rig: StoreRig) -> None:
    """An input that kills the whole process is known by its count, and forgotten when consumed."""
    entry = await accepted(rig, "a")
    key = f"inbox:{entry.seq}"
    await rig.store.attempt(rig.fences[PARTITION], key)
    await rig.reopen()
    await rig.acquire()
    assert await rig.store.attempt(rig.fences[PARTITION], key) == 2

    await rig.apply(inbox_done=(entry.seq,))
    assert await rig.store.attempt(rig.fences[PARTITION], key) == 1


DURABILITY_CHECKS = (
    everything_is_there_after_reopening,
    a_commit_is_recognised_after_reopening,
    fences_rise_over_restarts,
    ids_and_numbers_go_on_after_reopening,
    attempts_are_counted_over_restarts,
    a_journal_goes_on_after_reopening,
)
