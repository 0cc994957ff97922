"""Reading a journal (sessiond/core/conversations/journal_query.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.journal import JournalEntry, TurnJournal, encode_entry
from sessiond.core.conversations.journal_events import JournalStatus
from sessiond.core.conversations.journal_query import JournalPage, JournalQuery, read_journal
from sessiond.core.structuring import InvalidShape, structure

ENTRIES = [
    JournalEntry(at=1.0, n=0, event="flow.execution.start", flow="order", conversation="k1"),
    JournalEntry(at=1.0, n=1, event="message.sent", flow="order", conversation="k1"),
    JournalEntry(
        at=2.25,
        n=0,
        event="validation_error",
        status=JournalStatus.FAILURE,
        flow="order",
        conversation="k1",
    ),
    JournalEntry(at=3.0, n=0, event="flow.execution.start", flow="help", conversation="k2"),
    JournalEntry(at=4.0, n=0, event="flow.execution.end", flow="help", conversation="k2"),
]
STORED = [encode_entry(entry) for entry in ENTRIES]


def times(page: JournalPage) -> list[tuple[float, int]]:
    return [(entry.at, entry.n) for entry in page.entries]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (JournalQuery(), [(4.0, 0), (3.0, 0), (2.25, 0), (1.0, 1), (1.0, 0)]),
        (JournalQuery(flow="help"), [(4.0, 0), (3.0, 0)]),
        (JournalQuery(conversation="k1"), [(2.25, 0), (1.0, 1), (1.0, 0)]),
        (JournalQuery(event="flow.execution.start"), [(3.0, 0), (1.0, 0)]),
        (JournalQuery(event="flow_init", flow="order"), [(1.0, 0)]),
        (JournalQuery(event="complete"), [(4.0, 0)]),
        (JournalQuery(status="failure"), [(2.25, 0)]),
        (JournalQuery(flow="nobody"), []),
    ],
)
def test_entries_are_found_newest_first(
    query: JournalQuery, found: list[tuple[float, int]]
) -> None:
    """By each of their facts, and by any name of an event."""
    page = read_journal(STORED, query)

    assert found == times(page)
    assert page.cursor is None


@given(st.integers(1, 6), st.sampled_from([None, "order", "help"]))
def test_pages_show_everything_once(limit: int, flow: str | None) -> None:
    """Page after page is the whole listing; the last one leads nowhere."""
    seen: list[tuple[float, int]] = []
    cursor: str | None = None
    while True:
        page = read_journal(STORED, JournalQuery(flow=flow, limit=limit, cursor=cursor))
        seen += times(page)
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == times(read_journal(STORED, JournalQuery(flow=flow)))


def test_what_comes_and_goes_meanwhile_does_not_disturb() -> None:
    """New entries and trimmed ones neither repeat nor hide an entry of the next page."""
    first = read_journal(STORED, JournalQuery(limit=2))
    newer = encode_entry(JournalEntry(at=5.0, event="x"))
    second = read_journal([*STORED[1:], newer], JournalQuery(cursor=first.cursor))

    assert [(2.25, 0), (1.0, 1)] == times(second)


def test_after_a_trimmed_entry_there_is_nothing() -> None:
    """Everything older than it was trimmed as well."""
    cursor = read_journal(STORED, JournalQuery(limit=3)).cursor

    assert () == read_journal(STORED[3:], JournalQuery(cursor=cursor)).entries


@given(st.lists(st.integers(0, 2), max_size=12), st.integers(1, 4))
def test_entries_of_one_moment_are_shown_once(moments: list[int], limit: int) -> None:
    """Turns of one moment number their entries alike: a clock of a test, or one that was set back."""
    stored = [
        encode_entry(JournalEntry(at=float(at), event="x", step=str(n)))
        for n, at in enumerate(sorted(moments))
    ]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(len(stored) + 1):
        page = read_journal(stored, JournalQuery(limit=limit, cursor=cursor))
        seen += [entry.step for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            break

    assert [str(n) for n in reversed(range(len(stored)))] == seen


def test_unreadable_entries_are_counted() -> None:
    """Damaged ones, and those of others, do not spoil the page."""
    page = read_journal([b"\xff", STORED[0], b'{"kind":"other"}'], JournalQuery())

    assert (1, 2) == (len(page.entries), page.unreadable)


def test_a_key_with_a_number_is_found_masked() -> None:
    """Conversations with FlowChat's ids may have a number in theirs, which is not stored in clear."""
    key = "order:ussd:nalo:233244123456"
    journal = TurnJournal(1.0)
    journal.add("x", conversation=key)

    assert 1 == len(read_journal(journal.encoded(), JournalQuery(conversation=key)).entries)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"status": "failed"}, 'status: unknown status .*did you mean "failure"'),
        ({"limit": 0}, "limit: must be 1 to 500"),
        ({"limit": 501}, "limit: must be 1 to 500"),
        ({"cursor": "x"}, "cursor: is not a cursor"),
        ({"cursor": "1:1" * 1000}, "cursor: is not a cursor"),
        ({"flw": "order"}, 'flw: unknown name; did you mean "flow"'),
    ],
)
def test_queries_are_strict(table: dict[str, object], message: str) -> None:
    """With the place and the nearest known name."""
    with pytest.raises(InvalidShape, match=message):
        structure(table, JournalQuery)
