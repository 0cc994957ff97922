"""Checks of the journal as conversations write it and people read it: pages, bounds, restarts."""

from sessiond.core.conversations.journal import Channel, JournalEntry, JournalSettings, TurnJournal
from sessiond.core.conversations.journal_query import JournalPage, JournalQuery, read_journal
from sessiond.core.ids import UserId, partition_of
from sessiond.testing.stores.rig import NOW, USER, StoreRig, neighbours

PARTITION = partition_of(USER)
SETTINGS = JournalSettings(keep_texts=True, entries=12)


def turn(number: int) -> tuple[bytes, ...]:
    """What turn *number* of an order tells: three entries."""
    told = TurnJournal(NOW + number, Channel("ussd", "nalo"), SETTINGS)
    told.add("message.received", flow="order", step=f"q{number}", text="5 à 10 €")
    told.add("validation", flow="order", step=f"q{number}", facts={"attempt": number})
    told.add("message.sent", flow="help" if number % 2 else "order", text="Ok")
    return told.encoded()


async def tell(rig: StoreRig, *numbers: int, user: UserId = USER) -> None:
    """Commit the turns *numbers* (their versions, too), each by itself."""
    for number in numbers:
        await rig.apply(user, number, journal=turn(number), journal_limit=SETTINGS.entries)


async def page(rig: StoreRig, query: JournalQuery, user: UserId = USER) -> JournalPage:
    """Read as operators do."""
    return read_journal(await rig.store.journal(user, PARTITION, limit=1000), query)


def told(page: JournalPage) -> list[tuple[float, int]]:
    """Name the entries of a page."""
    return [(entry.at - NOW, entry.n) for entry in page.entries]


async def a_journal_is_read_newest_first(rig: StoreRig) -> None:
    """Entries come back as they were written, of several turns, also of several in one commit."""
    await tell(rig, 0, 1)
    await rig.apply(version=2, journal=(*turn(2), *turn(3)), journal_limit=SETTINGS.entries)
    everything = await page(rig, JournalQuery())

    assert told(everything) == [(at, n) for at in (3, 2, 1, 0) for n in (2, 1, 0)]
    assert everything.unreadable == 0
    assert everything.entries[-1] == JournalEntry(
        at=NOW,
        event="message.received",
        flow="order",
        step="q0",
        channel=Channel("ussd", "nalo"),
        text="5 à 10 €",
        size=8,
    )
    assert told(await page(rig, JournalQuery(flow="help"))) == [(3, 2), (1, 2)]


async def pages_of_a_journal_hold_while_it_grows(rig: StoreRig) -> None:
    """What is written and trimmed between two pages neither repeats nor hides an entry."""
    await tell(rig, 0, 1, 2, 3)
    first = await page(rig, JournalQuery(limit=2))
    await tell(rig, 4)
    second = await page(rig, JournalQuery(limit=5, cursor=first.cursor))
    third = await page(rig, JournalQuery(limit=5, cursor=second.cursor))

    assert told(first) == [(3, 2), (3, 1)]
    assert told(second) == [(3, 0), (2, 2), (2, 1), (2, 0), (1, 2)]
    assert told(third) == [(1, 1), (1, 0)]
    assert third.cursor is None


async def a_journal_keeps_as_many_entries_as_it_is_told(rig: StoreRig) -> None:
    """The newest ones, at every commit; a smaller bound counts from the next entry on."""
    await tell(rig, *range(6))
    kept = await rig.store.journal(USER, PARTITION, limit=1000)
    assert kept == (*turn(2), *turn(3), *turn(4), *turn(5))

    await rig.apply(version=6, snapshot=b"s", journal_limit=2)
    assert await rig.store.journal(USER, PARTITION, limit=1000) == kept
    await rig.apply(version=7, journal=turn(7), journal_limit=2)
    assert await rig.store.journal(USER, PARTITION, limit=1000) == turn(7)[1:]


async def a_larger_bound_brings_nothing_back(rig: StoreRig) -> None:
    """What was trimmed stays so, however many more are kept from now on."""
    await tell(rig, 0, 1)
    await rig.apply(version=2, journal=(b"a", b"b"), journal_limit=1)
    await rig.apply(version=3, journal=(b"c",), journal_limit=1000)
    await rig.apply(version=4, journal=(b"d",), journal_limit=1000)
    assert await rig.store.journal(USER, PARTITION) == (b"b", b"c", b"d")


async def a_turn_may_tell_more_than_is_kept(rig: StoreRig) -> None:
    """Of a commit with more entries than the bound its newest are kept."""
    many = tuple(b"%d" % number for number in range(1500))
    await rig.apply(journal=many, journal_limit=1200)

    assert await rig.store.journal(USER, PARTITION, limit=5000) == many[-1200:]
    assert await rig.store.journal(USER, PARTITION, limit=7) == many[-7:]


async def journals_of_neighbours_stay_apart(rig: StoreRig) -> None:
    """One user's bound and entries are nobody else's; who told nothing has an empty journal."""
    one, other = neighbours(2)
    await tell(rig, *range(5))
    await tell(rig, 0, user=one)

    assert told(await page(rig, JournalQuery(), one)) == [(0, 2), (0, 1), (0, 0)]
    assert len((await page(rig, JournalQuery())).entries) == SETTINGS.entries
    assert (await page(rig, JournalQuery(), other)).entries == ()


async def a_journal_goes_on_after_reopening(rig: StoreRig) -> None:
    """What was told is there, in its order, and the bound goes on counting."""
    await tell(rig, 0, 1, 2)
    before = await page(rig, JournalQuery(limit=4))
    await rig.reopen()
    await rig.acquire()
    await tell(rig, 3, 4)
    rest = await page(rig, JournalQuery(cursor=before.cursor))

    assert told(before) == [(2, 2), (2, 1), (2, 0), (1, 2)]
    assert told(rest) == [(1, 1), (1, 0)]
    assert await rig.store.journal(USER, PARTITION, limit=1000) == (
        *turn(1),
        *turn(2),
        *turn(3),
        *turn(4),
    )


CHECKS = (
    a_journal_is_read_newest_first,
    pages_of_a_journal_hold_while_it_grows,
    a_journal_keeps_as_many_entries_as_it_is_told,
    a_larger_bound_brings_nothing_back,
    a_turn_may_tell_more_than_is_kept,
    journals_of_neighbours_stay_apart,
)
