"""The journal of a user's conversations: what happened, in the user's own record, bounded and masked.

A turn collects its entries in a ``TurnJournal``; ``encoded`` is what its commit takes (``UserCommit.journal``), so that
an entry is stored exactly when what it tells is. Entries of a failed turn are lost with it.

Rules:

- What is stored is masked and bounded *here*, whoever tells it: no whole phone number, nothing that looks like
  a token or stands under a name like ``token``, at most 2 KiB. Texts of people are not kept unless settings say so.
- Telling never fails: what cannot be stored is left out, and the entry says that it was cut.
- Only the user's own record is read: nothing is ever recovered from a journal (journal_query.py is for people).
"""

import functools
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import msgspec
from attrs import field, frozen
from attrs.validators import ge, le
from msgspec.structs import replace

from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus, canonical_event
from sessiond.core.conversations.phone import masked_phone
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.records import JOURNAL_LIMIT
from sessiond.core.redaction import HIDDEN, hide_secrets, is_secret_name
from sessiond.core.values import Value

__all__ = [
    "MAX_ENTRY",
    "MAX_TURN_ENTRIES",
    "NO_CHANNEL",
    "Channel",
    "JournalEntry",
    "JournalSettings",
    "TurnJournal",
    "channel_of",
    "decode_entry",
    "encode_entry",
]

#: Bytes of an encoded entry: a thousand of them are 2 MB at most, and some 200 KB usually.
MAX_ENTRY: Final = 2048

#: Entries of one turn: a hundred steps (the loop guard), each begun and ended.
MAX_TURN_ENTRIES: Final = 200

_MAX_NAME: Final = 128
_MAX_ERROR: Final = 300
_MAX_FACTS: Final = 16
_MAX_FACT: Final = 100

#: Characters that are looked at: twice as many as are kept, so that a number at the end is known for one.
_CUT: Final = 2 * _MAX_NAME

#: What session keys end with; no number or token looks like it.
_HASH: Final = re.compile(r"[0-9a-f]{32}")

#: Nothing shorter looks like a secret or a number.
_MIN_SECRET: Final = 7

#: Whole numbers below have fewer digits than that.
_SMALL: Final = 10 ** (_MIN_SECRET - 1)

#: A user id shorter than this would be half shown by its last two characters.
_MIN_SHOWN_ID: Final = 8

Plain = str | int | float | bool | None


@frozen(kw_only=True)
class JournalSettings:
    """What the journal keeps.

    Raises:
      ValueError: a bound out of its range.

    """

    keep_texts: bool = False
    """Whether what people wrote and were shown is kept (masked); else only how long it was."""
    max_text: int = field(default=300, validator=[ge(1), le(1000)])
    """Characters of a kept text."""
    entries: int = field(default=JOURNAL_LIMIT, validator=[ge(1), le(100_000)])
    """Entries kept for one user; older ones are trimmed."""


class Channel(Value, frozen=True, omit_defaults=True):
    """The way of a conversation; *member* is masked."""

    platform: str = ""
    gateway: str = ""
    member: str = ""


NO_CHANNEL: Final = Channel()


def channel_of(facts: ChannelFacts) -> Channel:
    """Tell the way of an input, with whoever sent it masked to the last two characters."""
    if facts.msisdn:
        member = masked_phone(facts.msisdn)
    elif len(facts.user_id) >= _MIN_SHOWN_ID:
        member = f"[id …{facts.user_id[-2:]}]"
    else:
        member = "[id]" if facts.user_id else ""
    return Channel(facts.platform, facts.gateway, member)


class JournalEntry(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One happening. ``(at, n)`` is its identity within the user's journal."""

    PRIVATE = frozenset({"text", "error", "facts"})

    at: float
    """Seconds since the Unix epoch: the time of its turn."""
    n: int = 0
    """Its number within its turn."""
    event: str
    status: JournalStatus = JournalStatus.SUCCESS
    flow: str = ""
    conversation: str = ""
    """The session key."""
    step: str = ""
    to_step: str = ""
    """Where a transition went."""
    channel: Channel = NO_CHANNEL
    text: str | None = None
    size: int | None = None
    """Characters of the text, kept or not."""
    error: str = ""
    facts: Mapping[str, Plain] = {}
    cut: bool = False
    """Whether something was left out for its size."""


_ENCODE: Final = msgspec.json.Encoder().encode


class TurnJournal:
    """Collects what one turn at *at* tells: masked at once, encoded at the end."""

    __slots__ = ("_at", "_channel", "_dropped", "_entries", "_settings")

    def __init__(
        self,
        at: float,
        channel: Channel = NO_CHANNEL,
        settings: JournalSettings = JournalSettings(),
    ) -> None:
        self._at = at
        self._channel = _channel(channel)
        self._settings = settings
        self._entries: list[JournalEntry] = []
        self._dropped = 0

    def add(
        self,
        event: str,
        *,
        status: JournalStatus = JournalStatus.SUCCESS,
        flow: str = "",
        conversation: str = "",
        step: str = "",
        to_step: str = "",
        text: str | None = None,
        error: str = "",
        facts: Mapping[str, Plain] = {},
    ) -> None:
        """Tell one happening; never raises. Beyond ``MAX_TURN_ENTRIES`` they are only counted."""
        entries = self._entries
        if len(entries) >= MAX_TURN_ENTRIES:
            self._dropped += 1
            return
        settings = self._settings
        kept = text if settings.keep_texts else None
        entries.append(
            JournalEntry(
                at=self._at,
                n=len(entries),
                event=event
                if type(event) is JournalEvent
                else _name(canonical_event(event)[:_CUT], _MAX_NAME),
                status=status,
                flow=_name(flow[:_CUT], _MAX_NAME) if flow else "",
                conversation=_key(conversation) if conversation else "",
                step=_name(step[:_CUT], _MAX_NAME) if step else "",
                to_step=_name(to_step[:_CUT], _MAX_NAME) if to_step else "",
                channel=self._channel,
                text=None if kept is None else _text(kept, settings.max_text),
                size=None if text is None else len(text),
                error=_text(error, _MAX_ERROR) if error else "",
                facts=_facts(facts) if facts else {},
                cut=len(facts) > _MAX_FACTS,
            )
        )

    def encoded(self) -> tuple[bytes, ...]:
        """Give the entries for the turn's commit, oldest first."""
        told = tuple([encode_entry(entry) for entry in self._entries])
        if not self._dropped:
            return told
        last = JournalEntry(
            at=self._at,
            n=len(self._entries),
            event=JournalEvent.CUT.value,
            status=JournalStatus.INTERRUPTED,
            channel=self._channel,
            facts={"dropped": self._dropped},
        )
        return (*told, encode_entry(last))


def encode_entry(entry: JournalEntry) -> bytes:
    """Bound and encode an entry whose texts are masked: a JSON object of at most ``MAX_ENTRY`` bytes. Never raises."""
    raw = _ENCODE(entry)
    if len(raw) > MAX_ENTRY:
        raw = _ENCODE(replace(entry, facts={}, text=None, cut=True))
    if len(raw) > MAX_ENTRY:
        # Names of characters that take many bytes each: what is left is small by its field widths.
        raw = _ENCODE(
            JournalEntry(at=entry.at, n=entry.n, event=entry.event, status=entry.status, cut=True)
        )
    return raw


def decode_entry(raw: bytes) -> JournalEntry:
    """Decode what ``encode_entry`` made, of this version or a later one that added fields.

    Raises:
      SnapshotCorrupt: it is something else.

    """
    try:
        return msgspec.json.decode(raw, type=JournalEntry)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise SnapshotCorrupt("not an entry of a journal") from None


@functools.lru_cache(maxsize=1024)
def _channel(channel: Channel) -> Channel:
    if channel == NO_CHANNEL:
        return NO_CHANNEL  # the encoder leaves out what *is* the default
    longest = _MAX_NAME // 2
    return Channel(
        _text(channel.platform, longest),
        _text(channel.gateway, longest),
        _text(channel.member, longest),
    )


def _facts(facts: Mapping[str, Plain]) -> dict[str, Plain]:
    masked: dict[str, Plain] = {}
    for key, value in islice(facts.items(), _MAX_FACTS):
        name, is_secret = _fact_name(str(key)[:_CUT])
        masked[name] = HIDDEN if is_secret else _fact(value)
    return masked


@functools.lru_cache(maxsize=256)
def _fact_name(key: str) -> tuple[str, bool]:
    return _text(key, _MAX_FACT), is_secret_name(key)


def _fact(value: Any) -> Plain:
    match value:
        case str():
            return _name(value[:_CUT], _MAX_FACT)
        case None | bool():
            return value
        case int() | float() if abs(value) < 1e15:
            return _number(value)
        case _:
            return f"[{type(value).__name__}]"


def _number(value: float) -> Plain:
    """A whole number of ten digits and more may be a phone number; one of few digits is looked at no further (8 µs)."""
    if abs(value) < _SMALL:
        return value
    shown = hide_secrets(str(value)) if isinstance(value, int) else str(value)
    return value if shown == str(value) else shown


@functools.lru_cache(maxsize=64)
def _key(text: str) -> str:
    """Mask and cut a session key. Each user has another hash in it, and it hides what it is of already."""
    head, _, identifier = text.rpartition(":")
    if _HASH.fullmatch(identifier) is None:
        return _text(text, 3 * _MAX_NAME)
    return f"{_name(head, 2 * _MAX_NAME)}:{identifier}"


@functools.lru_cache(maxsize=4096)
def _name(text: str, limit: int) -> str:
    """Mask and cut a text that is told again and again; the caller has cut it before, to what may be remembered.

    *(measured: 50 µs an entry without the cache, 3 with it)*
    """
    return _text(text, limit)


def _text(text: str, limit: int) -> str:
    """Mask, then cut: the other order could cut a number past recognition. JSON has no lone surrogates."""
    if len(text) < _MIN_SECRET and text.isascii():
        return text
    head = text[: 2 * limit].encode(errors="replace").decode()
    masked = hide_secrets(head)
    return masked if len(masked) <= limit else masked[: limit - 1] + "…"
