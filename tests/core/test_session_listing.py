"""Pages of sessions: whatever the order and the page size, paging shows every row once, in order."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.ids import UserId
from sessiond.core.session.phases import Phase
from sessiond.core.session_listing import Selection, SessionOrder, SessionQuery, SessionRow

times = st.none() | st.floats(1, 9).map(round)
rows_of_users = st.lists(
    st.builds(
        SessionRow,
        user=st.text("abc", min_size=1, max_size=3).map(UserId),
        phase=st.sampled_from(Phase),
        connections=st.integers(0, 3),
        mailbox=st.integers(0, 3),
        connected_at=times,
        last_activity=times,
        quarantined=st.booleans(),
    ),
    unique_by=lambda row: row.user,
)


def read_all(rows: list[SessionRow], query: SessionQuery) -> list[SessionRow]:
    seen: list[SessionRow] = []
    for _ in range(len(rows) + 1):
        selection = Selection(query)
        for row in rows:
            selection.offer(row)
        page = selection.page()
        seen += page.rows
        if not page.cursor:
            return seen
        query = evolve(query, cursor=page.cursor)
    raise AssertionError("the pages never end")


@given(
    rows=rows_of_users,
    order=st.sampled_from(SessionOrder),
    descending=st.booleans(),
    limit=st.integers(1, 4),
)
def test_pages_hold_every_row_once_in_order(
    rows: list[SessionRow], order: SessionOrder, descending: bool, limit: int
) -> None:
    """Following the cursor gives what one big page gives."""
    query = SessionQuery(order=order, descending=descending, limit=1000)
    whole = read_all(rows, query)

    assert sorted(row.user for row in rows) == sorted(row.user for row in whole)
    assert whole == read_all(rows, evolve(query, limit=limit))
    assert whole == read_all(rows[::-1], evolve(query, descending=not descending))[::-1]


@given(rows=rows_of_users, phase=st.sampled_from(Phase), least=st.integers(0, 3))
def test_only_matching_rows_are_listed(rows: list[SessionRow], phase: Phase, least: int) -> None:
    """Every filter must hold."""
    query = SessionQuery(phase=phase, min_connections=least, quarantined=False, user_prefix="a")

    assert {
        row.user
        for row in rows
        if row.phase is phase
        and row.connections >= least
        and not row.quarantined
        and row.user.startswith("a")
    } == {row.user for row in read_all(rows, query)}


def test_matched_counts_all_pages() -> None:
    """A page says how many rows the query selects, not how many it shows."""
    selection = Selection(SessionQuery(limit=2))
    for name in "abc":
        selection.offer(SessionRow(user=UserId(name), phase=Phase.AWAKE))

    assert selection.page().matched == 3


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "bnVsbA",
        "W10",
        "x" * 5000,
        "WyJ1c2VyIixmYWxzZSwxLDJd",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    """Damaged, foreign and oversized cursors are bad input, nothing else."""
    with pytest.raises(InvalidInput, match="cursor"):
        Selection(SessionQuery(cursor=cursor))


def test_a_cursor_of_another_order_is_refused() -> None:
    """A cursor belongs to the order it was made in."""
    selection = Selection(SessionQuery(limit=1))
    for name in "ab":
        selection.offer(SessionRow(user=UserId(name), phase=Phase.AWAKE))
    cursor = selection.page().cursor

    with pytest.raises(InvalidInput, match="another order"):
        Selection(SessionQuery(cursor=cursor, order=SessionOrder.MAILBOX))


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_bounds(limit: int) -> None:
    """Neither empty nor endless pages can be asked for."""
    with pytest.raises(InvalidInput, match="limit"):
        Selection(SessionQuery(limit=limit))
