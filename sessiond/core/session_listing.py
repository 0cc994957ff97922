"""Listing sessions: filter, order and cursor over rows that are offered one by one.

The node walks its registry and offers every row; only one page is ever held, so that a listing of a hundred
thousand sessions costs no memory and may give way to other tasks between two offers.

A cursor names the last row of a page by its sort key and user, not by its number: rows that come and go meanwhile
neither hide nor repeat others.
"""

import base64
import binascii
import bisect
import json
from enum import StrEnum
from typing import Final

from attrs import define, field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.ids import UserId
from sessiond.core.session.phases import Phase

__all__ = ["MAX_PAGE", "Selection", "SessionOrder", "SessionPage", "SessionQuery", "SessionRow"]

#: Rows of one page at most: about 200 KB of JSON.
MAX_PAGE: Final = 1000

#: A cursor holds a user id twice; longer ones are not even parsed.
_MAX_CURSOR: Final = 1024

#: What rows are sorted by, and compared with the cursor.
_Key = tuple[float | str, str]


@frozen(kw_only=True)
class SessionRow:
    """One live session of this node; all times are seconds since the Unix epoch."""

    user: UserId
    phase: Phase
    connections: int = 0
    mailbox: int = 0
    """Messages that wait."""
    connected_at: float | None = None
    """When the oldest of its connections joined; ``None`` without one."""
    last_activity: float | None = None
    """When the last input came; ``None`` before the first."""
    quarantined: bool = False


class SessionOrder(StrEnum):
    """What a listing is sorted by; equal values are sorted by user."""

    USER = "user"
    CONNECTED_AT = "connected_at"
    LAST_ACTIVITY = "last_activity"
    MAILBOX = "mailbox"


@frozen(kw_only=True)
class SessionQuery:
    """Which live sessions, in which order, and how many of them; empty fields select everything."""

    phase: Phase | None = None
    """Only sessions in this phase."""
    user_prefix: str = ""
    """Only users whose id begins so."""
    quarantined: bool | None = None
    """Only users who are, or are not, in quarantine."""
    min_connections: int = 0
    """Only sessions with at least so many connections."""
    order: SessionOrder = SessionOrder.USER
    """What to sort by."""
    descending: bool = False
    """Largest, or last, first."""
    cursor: str = ""
    """``SessionPage.cursor`` of the page before."""
    limit: int = 100
    """Rows of a page: 1 to 1000."""


@frozen
class SessionPage:
    """One page of a listing; *cursor* leads to the next one, and is empty on the last.

    *matched* counts the rows that the query selects, on all pages.
    """

    rows: tuple[SessionRow, ...]
    cursor: str
    matched: int


@define
class Selection:
    """Collects one page: ``offer`` every row, in any order, then ``page``.

    Raises:
      InvalidInput: the limit is out of bounds, or the cursor belongs to another order.

    """

    query: SessionQuery
    _after: _Key | None = field(init=False)
    _kept: list[tuple[_Key, SessionRow]] = field(init=False, factory=list)
    _matched: int = field(init=False, default=0)
    _left: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.query.limit <= MAX_PAGE:
            raise InvalidInput(f"the limit must be 1 to {MAX_PAGE}")
        self._after = _parse_cursor(self.query) if self.query.cursor else None

    def offer(self, row: SessionRow) -> None:
        """Take *row* into account."""
        if not _matches(self.query, row):
            return
        self._matched += 1
        key = _sort_key(self.query.order, row)
        if self._after is not None and not self._is_after(key, self._after):
            return
        self._left += 1
        bisect.insort(self._kept, (key, row), key=lambda kept: kept[0])
        if len(self._kept) > self.query.limit:
            del self._kept[0 if self.query.descending else -1]

    def page(self) -> SessionPage:
        """Give the rows in order, with the cursor to the next page when there is one."""
        kept = self._kept[::-1] if self.query.descending else self._kept
        cursor = _make_cursor(self.query, kept[-1][0]) if self._left > len(kept) else ""
        return SessionPage(tuple(row for _, row in kept), cursor, self._matched)

    def _is_after(self, key: _Key, other: _Key) -> bool:
        return key < other if self.query.descending else key > other


def _matches(query: SessionQuery, row: SessionRow) -> bool:
    return (
        (query.phase is None or row.phase is query.phase)
        and row.user.startswith(query.user_prefix)
        and (query.quarantined is None or row.quarantined is query.quarantined)
        and row.connections >= query.min_connections
    )


def _sort_key(order: SessionOrder, row: SessionRow) -> _Key:
    match order:
        case SessionOrder.USER:
            return row.user, row.user
        case SessionOrder.CONNECTED_AT:
            return row.connected_at or 0.0, row.user
        case SessionOrder.LAST_ACTIVITY:
            return row.last_activity or 0.0, row.user
        case SessionOrder.MAILBOX:
            return float(row.mailbox), row.user


def _make_cursor(query: SessionQuery, key: _Key) -> str:
    text = json.dumps([query.order, query.descending, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parse_cursor(query: SessionQuery) -> _Key:
    try:
        if len(query.cursor) > _MAX_CURSOR:
            raise InvalidInput("the cursor is not one of ours")
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        order, descending, key, user = json.loads(
            base64.b64decode(padded, altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError):
        raise InvalidInput("the cursor is not one of ours") from None
    if (order, descending) != (query.order, query.descending):
        raise InvalidInput("the cursor belongs to a listing in another order")
    expected = str if query.order is SessionOrder.USER else int | float
    if not isinstance(key, expected) or not isinstance(user, str):
        raise InvalidInput("the cursor is not one of ours")
    return key, user
