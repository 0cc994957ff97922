"""A ref: the address of a user's actor, and the only way to talk to it.

A ref is not a task and holds none: it finds the user's cell each time, and telling a user who is not in memory
wakes him. ``tell`` never blocks. ``ask`` waits for the answer and ends in one of: the answer, ``TurnFailed``,
``AskTimeout``, ``ActorGone`` (or is refused before it began).
"""

from typing import Final, Protocol

import trio

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.errors import ActorGone, AskTimeout, MailboxFull, Refused, TurnFailed
from sessiond.core.ids import UserId
from sessiond.core.ports import Clock, ReplyTo
from sessiond.core.session.inputs import (
    DeliverySettled,
    Fired,
    Input,
    Leave,
    Settled,
    Stop,
    Unseen,
    kind_of,
)
from sessiond.runtime.awaited import Awaited
from sessiond.runtime.cell import Cell
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.mailbox import Control, Envelope

__all__ = ["ActorHost", "ActorRef"]

#: Errors that say "the turn ran and was rolled back"; others say that it was not taken at all.
_FAILED_TURN: Final = frozenset(
    {
        ErrorCode.HANDLER_FAILED,
        ErrorCode.TIMEOUT,
        ErrorCode.TOO_LARGE,
        ErrorCode.INTERNAL_ERROR,
    }
)


class ActorHost(Protocol):
    """Where refs look: implemented by the directory."""

    clock: Clock
    deadlines: Deadlines

    def find(self, user: UserId) -> Cell | None:
        """Return *user*'s cell if he has an actor."""
        ...

    def wake(self, user: UserId, *, waits: bool) -> Cell:
        """Return *user*'s cell, starting his actor when needed.

        *waits*: for an input of a waiting door, which is refused while draining. Raises ``Refused``.
        """
        ...


class ActorRef:
    """The address of one user's actor; cheap, make one whenever you need it."""

    __slots__ = ("_host", "user")

    def __init__(self, user: UserId, host: ActorHost) -> None:
        self.user = user
        self._host = host

    def tell(
        self, item: Input, reply_to: ReplyTo | None = None, *, expires_at: float | None = None
    ) -> None:
        """Put *item* into the user's mailbox, waking him if needed; what becomes of it goes to *reply_to*.

        Never blocks. Not begun by *expires_at* (monotonic), it never runs and is answered ``TIMEOUT``.
        A ``Leave`` of a user who has no actor has nothing to do and is dropped.

        Raises:
          MailboxFull: hold the sender back (``wait_capacity``).
          Refused: QUARANTINED, DRAINING or UNAVAILABLE; nothing was put.

        """
        self._send(Envelope(item, reply_to, expires_at))

    async def ask(self, item: Input, *, timeout: float) -> bytes:  # noqa: ASYNC109 -- it travels with the input
        """Put *item* into the mailbox and wait at most *timeout* seconds for the answer, a JSON document.

        Cancelled: the answer is dropped; the turn may still run.

        Raises:
          TurnFailed: the turn was rolled back, the input id is free again.
          AskTimeout: no answer in time; ``applied`` is ``False`` when the turn never began and never will.
          ActorGone: the actor stopped or lost its partition first; safe to repeat with the same id.
          MailboxFull: nothing was put.
          Refused: nothing was put, or the session turned the input down, with the code.

        """
        reply = _Reply()
        expires_at = self._host.clock.monotonic() + timeout
        envelope = Envelope(item, reply, expires_at)
        self._send(envelope)
        await reply.wait(self._host.deadlines, expires_at)
        if reply.payload is not None:
            return reply.payload
        if reply.code is None:
            # Still in the mailbox past its expiry: the actor will drop it.
            raise AskTimeout(applied=None if envelope.taken else False)
        if reply.code == ErrorCode.TIMEOUT and self._host.clock.monotonic() >= expires_at:
            raise AskTimeout(applied=False)
        raise reply.error_raised()

    async def wait_capacity(self) -> None:
        """Return when the mailbox has room again (at once when the user has no actor). Always a checkpoint."""
        cell = self._host.find(self.user)
        if cell is None:
            await trio.lowlevel.checkpoint()
        else:
            await cell.mailbox.wait_capacity()

    def _send(self, envelope: Envelope) -> None:
        item = envelope.item
        assert not isinstance(item, Control)
        if isinstance(item, Leave):
            resident = self._host.find(self.user)
            if resident is not None:
                resident.mailbox.put_always(envelope)
            return
        must = isinstance(item, Stop | Fired)
        waits = not (must or isinstance(item, Settled | DeliverySettled | Unseen))
        cell = self._host.wake(self.user, waits=waits)
        cell.last_active = self._host.clock.monotonic()
        if must:
            cell.mailbox.put_always(envelope)
            return
        try:
            cell.mailbox.put(envelope)
        except MailboxFull:
            about = {"user": self.user, "kind": kind_of(item)}
            telemetry.emit("mailbox.full", {"depth": len(cell.mailbox)}, about)
            raise


class _Reply(Awaited):
    """The reply slot of one ask. What comes after the asker left is dropped."""

    __slots__ = ("code", "message", "payload", "retry_after")

    def __init__(self) -> None:
        super().__init__()
        self.payload: bytes | None = None
        self.code: str | None = None
        self.message = ""
        self.retry_after: float | None = None

    def ok(self, payload: bytes) -> None:
        if not self.is_here:
            self.payload = payload
            self.come()

    def error(self, code: str, message: str, retry_after: float | None = None) -> None:
        if not self.is_here:
            self.code, self.message, self.retry_after = code, message, retry_after
            self.come()

    def error_raised(self) -> Exception:
        """Make the exception that says what the error code says."""
        code = self.code
        assert code is not None
        if code == ErrorCode.GONE:
            return ActorGone(self.message)
        if code in _FAILED_TURN:
            return TurnFailed(self.message)
        if code == ErrorCode.OVERLOADED:
            return MailboxFull(self.message)
        return Refused(code, self.message, retry_after=self.retry_after)
