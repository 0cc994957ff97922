"""Telling: an input that must not be lost is handed to its actor until the actor has answered.

For results of functions (runs.py) and of calls to providers (sending.py): what carries them is durable only with the
turn that takes them.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import trio

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import MailboxFull, Refused
from sessiond.core.ports import Entropy
from sessiond.core.session.inputs import Input
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.ref import ActorRef

__all__ = ["Taken", "tell_until_taken"]

_BACKOFF: Final = Backoff(0.1, 5.0)


class Taken:
    """The reply slot of an input that must be taken; what its turn answers is for nobody."""

    __slots__ = ("_answered", "_code")

    def __init__(self) -> None:
        self._answered = trio.Event()
        self._code: str | None = None

    async def wait(self) -> str | None:
        """Wait until the actor has answered; the code of its error, or ``None``: it is durable, or stale."""
        await self._answered.wait()
        return self._code

    def ok(self, payload: bytes) -> None:  # noqa: ARG002 -- a port
        """It was taken."""
        self._answered.set()

    def error(self, code: str, message: str, retry_after: float | None = None) -> None:  # noqa: ARG002 -- a port
        """It was not taken."""
        self._code = code
        self._answered.set()


T = TypeVar("T", bound=Taken)


async def tell_until_taken(
    ref: ActorRef, prepare: Callable[[], tuple[Input, T]], entropy: Entropy
) -> str | None:
    """Tell what *prepare* makes, again and again while the actor has no room or cannot be started.

    Returns ``None`` when it was taken, else the code that says why it never will be: the user is in quarantine or not
    ours any more, the node drains, the turn failed.
    """
    attempt = 0
    while True:
        await trio.lowlevel.checkpoint_if_cancelled()  # nobody is told by a node that has ended
        item, slot = prepare()
        try:
            ref.tell(item, slot)
        except MailboxFull:
            pass
        except Refused as refused:
            if refused.code != ErrorCode.UNAVAILABLE:
                return refused.code
        else:
            code = await slot.wait()
            if code != ErrorCode.UNAVAILABLE:
                return code
        attempt += 1
        await trio.sleep(_BACKOFF.wait(attempt, entropy.jitter()))
