"""The port to the app: what the runtime calls, and what the app may know while it runs.

``app.py`` implements ``Program``. A call runs one handler to its end and returns everything it asked for; nothing
of it has happened yet when it returns.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol

from sessiond.core.conversations.journal_query import JournalPage, JournalQuery
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.session.outcome import Outcome
from sessiond.core.session.state import SessionState
from sessiond.core.values import Value

__all__ = ["Call", "CallKind", "Context", "Program", "ReadJournal", "called_by"]


class CallKind(StrEnum):
    """Which kind of handler is called."""

    __hash__ = str.__hash__  # Enum's own is a Python function: 0.3 µs each on the hot path

    EVENT = "event"
    """A client's push."""
    HOOK = "hook"
    """A webhook."""
    TIMER = "timer"
    """A durable timer of the app."""
    START = "start"
    """A user's session begins: there was no record."""
    CONNECT = "connect"
    """A connection joined."""
    DISCONNECT = "disconnect"
    """A connection left."""
    WINDOW_EXPIRED = "window_expired"
    """Nobody came back within the reconnection window."""
    IDLE = "idle"
    """Attached but silent for the idle timeout; the connections are about to be closed."""
    END = "end"
    """The session ends; *name* is the reason."""
    DELIVERY = "delivery"
    """What became of a message to the user (gateways/updates.py)."""
    LINK = "link"
    """What became of a link to another user (core/linking.py)."""


_DOORS: Final = {
    "timer": CallKind.TIMER,
    "gateway": CallKind.DELIVERY,
    "delivery": CallKind.DELIVERY,
    "link": CallKind.LINK,
}


@lru_cache(maxsize=256)
def called_by(kind: str) -> tuple[CallKind, str]:
    """Tell which handler runs an inbox entry of *kind*; timers and deliveries are dead letters that were sent again."""
    door, _, name = kind.partition(":")
    return _DOORS.get(door, CallKind.HOOK), name


ReadJournal = Callable[[JournalQuery], Awaitable[JournalPage]]


class Call(Value, frozen=True, gc=True):
    """One call of the app. *payload* is decoded JSON, or bytes of a binary push."""

    PRIVATE = frozenset({"payload"})

    kind: CallKind
    name: str = ""
    payload: object = None
    connection: ConnectionId | None = None


class Context(Value, frozen=True, gc=True):
    """What a handler may know: the state before its turn, the loaded user, the wall-clock time."""

    PRIVATE = frozenset({"account"})

    state: SessionState
    now: float
    account: object = None
    """What ``load_account`` returned; ``None`` without one."""
    read_journal: ReadJournal | None = None
    """Reads the user's journal, as it is committed."""


class Program(Protocol):
    """The app, as the runtime sees it."""

    @property
    def has_accounts(self) -> bool:
        """Whether ``load_account`` has to be asked: not where every user is welcome."""
        ...

    async def load_account(self, user: UserId) -> object:
        """Load what the app knows about *user*, once per activation.

        Raises:
          Refused: ``unknown_user``. Any other exception means that it cannot be said now.

        """
        ...

    def handles(self, kind: CallKind, name: str) -> bool:
        """Tell whether there is a handler; without one nothing is called."""
        ...

    def timeout(self, kind: CallKind, name: str) -> float:
        """Seconds a handler may take."""
        ...

    async def call(self, call: Call, context: Context) -> Outcome:
        """Run the handler.

        Raises:
          Refused: the handler turned the input down; the asker sees code and message.
          AppFailed: what it returned or asked for cannot be sent.
          Exception: whatever the handler raised.

        Cancelling abandons the handler; nothing it asked for happens.

        """
        ...
