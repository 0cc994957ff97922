"""Reading a user's journal: by flow, conversation, event and status, newest first, in pages.

A cursor is the identity of the last entry of a page, not its number: entries that come meanwhile neither hide nor
repeat others. When that entry has been trimmed, so has everything older, and the next page is empty.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import field, frozen

from sessiond.core.conversations.journal import JournalEntry, decode_entry
from sessiond.core.conversations.journal_events import JournalStatus, canonical_event
from sessiond.core.errors import InvalidInput, SnapshotCorrupt
from sessiond.core.redaction import hide_secrets
from sessiond.core.structuring import nearest

__all__ = ["MAX_PAGE", "JournalPage", "JournalQuery", "read_journal"]

#: Entries of one page: with the largest entries 1 MB of JSON.
MAX_PAGE: Final = 500

_CURSOR: Final = re.compile(r"\d{1,15}(?:\.\d{1,12})?:\d{1,6}(?::\d{1,6})?")


@frozen(kw_only=True)
class JournalQuery:
    """What to list.

    Raises:
      InvalidInput: an unknown status, a limit out of range, or what is no cursor of ours.

    """

    flow: str | None = None
    """The name of a flow."""
    conversation: str | None = None
    """A session key."""
    event: str | None = None
    """The name of an event, or an alias of it."""
    status: str | None = field(default=None)
    """``in_progress``, ``success``, ``failure`` or ``interrupted``."""
    limit: int = field(default=50)
    """Entries of the page, at most 500."""
    cursor: str | None = field(default=None)
    """Where the page before ended."""

    @property
    def wants_newest(self) -> bool:
        """Whether the newest entries are wanted, whatever they tell."""
        wishes = (self.flow, self.conversation, self.event, self.status, self.cursor)
        return all(wish is None for wish in wishes)

    @status.validator
    def _check_status(self, _: object, value: str | None) -> None:
        known = [status.value for status in JournalStatus]
        if value is not None and value not in known:
            raise InvalidInput(
                f"unknown status {value!r} (known: {', '.join(known)}){nearest(value, known)}"
            )

    @limit.validator
    def _check_limit(self, _: object, value: int) -> None:
        if not 1 <= value <= MAX_PAGE:
            raise InvalidInput(f"must be 1 to {MAX_PAGE}")

    @cursor.validator
    def _check_cursor(self, _: object, value: str | None) -> None:
        if value is not None and _CURSOR.fullmatch(value) is None:
            raise InvalidInput("is not a cursor")


@frozen(kw_only=True)
class JournalPage:
    """Entries, newest first; *cursor* leads to the next page, ``None``: there is none."""

    entries: tuple[JournalEntry, ...]
    cursor: str | None
    unreadable: int = 0
    """Entries that were looked at and are none of ours, or damaged."""


def read_journal(stored: Iterable[bytes], query: JournalQuery) -> JournalPage:
    """Make a page of a user's entries as the store gives them (oldest first)."""
    readable: list[JournalEntry] = []
    unreadable = 0
    for raw in stored:
        try:
            readable.append(decode_entry(raw))
        except SnapshotCorrupt:
            unreadable += 1
    readable.reverse()
    found = [pair for pair in _after(query.cursor, _named(readable)) if _matches(query, pair[1])]
    page = found[: query.limit]
    cursor = page[-1][0] if len(found) > len(page) else None
    entries = tuple(entry for _, entry in page)
    return JournalPage(entries=entries, cursor=cursor, unreadable=unreadable)


def _after(
    cursor: str | None, named: Iterator[tuple[str, JournalEntry]]
) -> Iterator[tuple[str, JournalEntry]]:
    if cursor is not None:
        for name, _ in named:
            if name == cursor:
                break
    return named


def _named(newest_first: Iterable[JournalEntry]) -> Iterator[tuple[str, JournalEntry]]:
    """Give each entry its identity; those of turns of one moment, which number theirs alike, are counted."""
    alike: Counter[str] = Counter()
    for entry in newest_first:
        name = f"{entry.at:.6f}:{entry.n}"
        alike[name] += 1
        yield (f"{name}:{alike[name]}" if alike[name] > 1 else name), entry


def _matches(query: JournalQuery, entry: JournalEntry) -> bool:
    # A key that holds a phone number (FlowChat's modes) is stored masked, so it is looked for masked.
    wanted = (
        (query.flow, entry.flow),
        (query.conversation and hide_secrets(query.conversation), entry.conversation),
        (query.event and canonical_event(query.event), canonical_event(entry.event)),
        (query.status, entry.status.value),
    )
    return all(value is None or value == found for value, found in wanted)
