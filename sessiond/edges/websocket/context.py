"""What all connections of a door share."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import trio
from attrs import define, field

from sessiond.core.codes import CloseCode
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.ports import Clock, ReplyTo
from sessiond.core.session.inputs import Input
from sessiond.edges.websocket.limits import WebsocketLimits

__all__ = [
    "Authenticate",
    "Context",
    "Expiring",
    "Identity",
    "UserDirectory",
    "UserRef",
    "Watched",
]


class Identity(Protocol):
    """Whom a token speaks for (edges/auth makes it; edges do not know each other)."""

    @property
    def user(self) -> UserId: ...

    @property
    def expires_at(self) -> float | None:
        """Wall-clock time from which the token is no longer accepted; ``None``: never."""
        ...


class UserRef(Protocol):
    """What the door uses of the runtime's ``ActorRef``."""

    def tell(
        self, item: Input, reply_to: ReplyTo | None = None, *, expires_at: float | None = None
    ) -> None:
        """Never blocks. Raises ``MailboxFull`` or ``Refused``."""
        ...

    async def wait_capacity(self) -> None:
        """Return when there is room in the mailbox."""
        ...


class UserDirectory(Protocol):
    """What the door uses of the runtime's ``Directory``."""

    def locate(self, user: UserId) -> UserRef:
        """Return the address of *user*'s actor; wakes nobody."""
        ...


class Watched(Protocol):
    """What the door and its watch do to a connection."""

    def look(self, now: float, silent_looks: int) -> None:
        """Close it when its token has expired at wall-clock *now*, or it is silent for too long."""
        ...

    def stop_reading(self) -> None:
        """Leave what the client sends where it is."""
        ...

    def close(self, code: CloseCode, message: str = "") -> None:
        """Close it, as the core's ``Connection`` says."""
        ...


class Expiring(Protocol):
    """A join that waits for its answer."""

    def expire(self) -> None:
        """Answer it ``unavailable``."""
        ...


Authenticate = Callable[[str], Awaitable[Identity]]
"""Verify a token; raises ``Refused``."""


@define(eq=False)
class Context:
    """The surroundings of every connection of one door."""

    directory: UserDirectory
    authenticate: Authenticate
    clock: Clock
    limits: WebsocketLimits
    connections: dict[ConnectionId, Watched] = field(factory=dict)
    joins: dict[Expiring, float] = field(factory=dict)
    """Joins without an answer yet, and the monotonic time at which they get one."""
    nursery: trio.Nursery | None = None
    """Where the rare things run that have to wait; there while the door runs."""

    def spawn(self, fn: Callable[[], Awaitable[None]]) -> None:
        """Run *fn* beside the connection that wants it; dropped when the door is closed already."""
        if self.nursery is not None and not self.nursery.cancel_scope.cancel_called:
            self.nursery.start_soon(fn)
