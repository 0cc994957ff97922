"""The parameters of the admin methods. Their field docstrings are what operators read."""

from attrs import field, frozen
from attrs.validators import ge, le, max_len, min_len

from sessiond.core.conversations.journal_query import JournalQuery
from sessiond.core.ids import UserId

__all__ = [
    "CancelWatch",
    "Inspect",
    "Kick",
    "ListDeadLetters",
    "Nothing",
    "OfGateway",
    "OfUser",
    "OneDeadLetter",
    "Push",
    "ReadJournal",
    "Stop",
    "Unlink",
]


@frozen(kw_only=True)
class Nothing:
    """No parameters, or no result."""


@frozen(kw_only=True)
class Inspect:
    """Whom to look at."""

    user: UserId
    """The user's id."""
    reveal: bool = False
    """Show the values of data, meta and peer addresses; audited."""


@frozen(kw_only=True)
class Stop:
    """Whose session to end."""

    user: UserId
    """The user's id."""
    reason: str = field(default="stopped by an operator", validator=[min_len(1), max_len(200)])
    """What the app's end hook and the clients are told."""
    erase: bool = False
    """Remove everything that is kept of the user: the record and all beside it, inputs that have not run, dead
    letters. It cannot be brought back."""


@frozen(kw_only=True)
class Kick:
    """What to close: one connection, or all of a user's; exactly one of the two."""

    connection: int | None = None
    """A connection's id, from ``sessions.inspect``."""
    user: UserId | None = None
    """The user's id."""


@frozen(kw_only=True)
class Push:
    """What to push to whom."""

    user: UserId
    """The user's id."""
    event: str = field(validator=[min_len(1), max_len(128)])
    """The event's name; names beginning with ``phx_``, ``token:`` and ``presence_`` are reserved."""
    payload: object = field(factory=dict)
    """Any JSON; of a durable push an object."""
    durable: bool = True
    """Kept for clients that resume; otherwise only who is connected now gets it."""


@frozen(kw_only=True)
class OfUser:
    """Which user."""

    user: UserId
    """The user's id."""


@frozen(kw_only=True)
class Unlink:
    """Who are parted."""

    user: UserId
    """The id of the user who goes on, and keeps what he has."""
    alias: UserId
    """The id of the one who is himself again, from ``sessions.inspect``."""


@frozen(kw_only=True)
class EndConversations:
    """Whose conversations to end, and which."""

    user: UserId
    """The user's id."""
    conversation: str | None = None
    """One session key, from ``sessions.inspect``; without it all of them."""


@frozen(kw_only=True)
class ReadJournal(JournalQuery):
    """Whose journal, and what of it."""

    user: UserId
    """The user's id."""
    reveal: bool = False
    """Show the texts that were kept (``journal.keep_texts``); audited."""


@frozen(kw_only=True)
class ListDeadLetters:
    """Which dead letters, oldest first."""

    user: UserId | None = None
    """Only this user's."""
    after: str = ""
    """Only those with an id above this: ``cursor`` of the page before."""
    limit: int = field(default=100, validator=[ge(1), le(1000)])
    """How many at most."""
    reveal: bool = False
    """Show bodies and whole tracebacks; audited."""


@frozen(kw_only=True)
class OneDeadLetter:
    """Which dead letter."""

    id: str = field(validator=[min_len(1), max_len(256)])
    """Its id, from ``dead_letters.list``."""


@frozen(kw_only=True)
class OfGateway:
    """Which account."""

    account: str = field(validator=[min_len(1), max_len(128)])
    """Its name in the settings, ``[gateways.<account>]``."""


@frozen(kw_only=True)
class CancelWatch:
    """Which watch of this connection."""

    watch: int
    """Its number, from ``watch``."""
