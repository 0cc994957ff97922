"""Outcome: what a handler asked for, collected while it ran, as one frozen value."""

from typing import Final

from attrs import field, frozen

from sessiond.core.codes import CloseCode
from sessiond.core.ids import ConnectionId
from sessiond.core.values import Value

__all__ = ["NOTHING", "EndRequest", "KickRequest", "Outcome", "PushRequest", "TimerRequest"]


@frozen
class PushRequest:
    """Push *event* (a JSON string) with *payload* (a JSON object) to *connection*, or to all.

    A durable push is for all: it gets an offset and is kept for those who are away.
    """

    event: bytes
    payload: bytes = field(repr=False)
    durable: bool = True
    connection: ConnectionId | None = None


class TimerRequest(Value, frozen=True):
    """Set the timer *name* to *due* (wall clock), or cancel it (``due=None``)."""

    PRIVATE = frozenset({"payload"})

    name: str
    due: float | None
    payload: bytes = b"null"


@frozen
class KickRequest:
    """Close one connection, or all of them."""

    connection: ConnectionId | None
    code: CloseCode


@frozen
class EndRequest:
    """End the session; *erase* removes the record at once."""

    reason: str
    code: CloseCode = CloseCode.ENDED
    erase: bool = False


class Outcome(Value, frozen=True, kw_only=True):
    """``None`` and empty fields ask for nothing. *data* and *reply* are encoded JSON."""

    PRIVATE = frozenset({"data", "reply"})

    data: bytes | None = None
    unread: int | None = None
    pushes: tuple[PushRequest, ...] = ()
    timers: tuple[TimerRequest, ...] = ()
    kicks: tuple[KickRequest, ...] = ()
    end: EndRequest | None = None
    reply: bytes | None = None
    relaxed: bool = False
    """The handler said that losing its last second of changes is acceptable; ignored when something must be durable."""


NOTHING: Final = Outcome()
