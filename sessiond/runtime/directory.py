"""The directory: find a user's actor, anywhere; wake him when he is not in memory.

Doors hold the Protocol and cannot tell one node from nine. ``LocalDirectory`` is the single node's.
"""

from typing import Final, Protocol

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused
from sessiond.core.ids import UserId
from sessiond.core.ports import Clock
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.ref import ActorRef
from sessiond.runtime.registry import Registry

__all__ = ["Activator", "Directory", "LocalDirectory"]


_ACTORLESS: Final = frozenset({Standing.QUARANTINED, Standing.HIBERNATED})


class Directory(Protocol):
    """Where every user can be reached."""

    def locate(self, user: UserId) -> ActorRef:
        """Return the address of *user*'s actor; wakes nobody and never fails."""
        ...


class Activator(Protocol):
    """Starts actors; the supervisor does."""

    def activate(self, user: UserId) -> Cell:
        """Return *user*'s cell, starting his actor if he has none or it hibernates. Two calls start one actor."""
        ...


class LocalDirectory:
    """Every user lives on this node."""

    def __init__(
        self, registry: Registry, supervisor: Activator, clock: Clock, deadlines: Deadlines
    ) -> None:
        self.clock = clock
        self.deadlines = deadlines
        self._registry = registry
        self._supervisor = supervisor
        self.is_starting = False
        """Whether the node does not own its sessions yet: then nobody is woken."""
        self._is_accepting = True

    @property
    def is_accepting(self) -> bool:
        """Whether the node does not drain: waiting doors are served, once it has started."""
        return self._is_accepting

    def stop_accepting(self) -> None:
        """Refuse what waiting doors tell from now on; what was told before is not touched."""
        self._is_accepting = False

    def locate(self, user: UserId) -> ActorRef:
        """Return the address of *user*'s actor; wakes nobody and never fails."""
        return ActorRef(user, self)

    def find(self, user: UserId) -> Cell | None:
        """Return *user*'s cell if he has an actor; it hibernating counts as none."""
        cell = self._registry.get(user)
        return None if cell is None or cell.standing in _ACTORLESS else cell

    def _would_start(self, user: UserId) -> bool:
        cell = self._registry.get(user)
        return cell is None or cell.standing is Standing.HIBERNATED

    def wake(self, user: UserId, *, waits: bool) -> Cell:
        """Return *user*'s cell, starting his actor when needed.

        Raises:
          Refused: DRAINING, for a waiting door and for whatever would start an actor; UNAVAILABLE, the node is
            starting; QUARANTINED.

        """
        if self.is_starting:
            raise Refused(ErrorCode.UNAVAILABLE, "the server is starting", retry_after=1.0)
        if not self._is_accepting and (waits or self._would_start(user)):
            raise Refused(ErrorCode.DRAINING, "the server is being stopped; connect again")
        cell = self._supervisor.activate(user)
        if cell.standing is Standing.QUARANTINED:
            raise Refused(
                ErrorCode.QUARANTINED,
                "this user's session keeps failing; an operator has to look",
            )
        return cell
