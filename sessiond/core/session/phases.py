"""Phase: where a session is in its life."""

from enum import StrEnum

__all__ = ["Phase"]


class Phase(StrEnum):
    """The phases of a session; which follows which is decided in transitions.py alone."""

    NEW = "new"
    """No record yet; nothing was ever acknowledged to this user."""
    ATTACHED = "attached"
    """At least one connection."""
    DETACHED = "detached"
    """The last connection is gone and its reconnection window is open."""
    AWAKE = "awake"
    """In memory without a connection and without a window (webhook, timer); lingers, then passivates."""
    PASSIVE = "passive"
    """Only the snapshot is left; the task is gone or about to go."""
    ENDED = "ended"
    """Ended by the app or an operator; nothing more happens to it."""
