"""The results of the admin methods that are not values of the core (core/operations.py)."""

from attrs import frozen

from sessiond.core.ids import UserId
from sessiond.core.operations import NodeInfo

__all__ = [
    "DeadLetterPage",
    "DeadLetterRow",
    "Draining",
    "Kicked",
    "RolledBack",
    "Version",
    "Watching",
]


@frozen(kw_only=True)
class Kicked:
    """How many connections were closed."""

    closed: int
    """Connections."""


@frozen(kw_only=True)
class RolledBack:
    """The record after it."""

    version: int
    """The record's version now."""


@frozen(kw_only=True)
class DeadLetterRow:
    """One dead letter."""

    id: str
    """Its id; ids are ordered by time."""
    user: UserId
    """Whose input it was."""
    kind: str
    """``hook:<name>`` or ``timer:<name>``."""
    at: float
    """When it was given up, seconds since the Unix epoch."""
    attempts: int
    """How often it was tried."""
    error: str
    """The class of the last error; with ``reveal`` the traceback."""
    body: str
    """Its size; with ``reveal`` itself."""


@frozen(kw_only=True)
class DeadLetterPage:
    """One page of dead letters."""

    rows: tuple[DeadLetterRow, ...]
    """Oldest first."""
    cursor: str
    """``after`` of the next page; empty on the last."""


@frozen(kw_only=True)
class Watching:
    """The watch that began; notifications ``watch.event`` and ``watch.dropped`` carry its number."""

    watch: int
    """Its number on this connection."""


@frozen(kw_only=True)
class Draining:
    """Whether this call began it."""

    started: bool
    """False: the node was draining already."""


@frozen(kw_only=True)
class Version:
    """Who answers, and in which version of this protocol."""

    protocol: int
    """Raised when something changes its meaning."""
    node: NodeInfo
    """The node."""
