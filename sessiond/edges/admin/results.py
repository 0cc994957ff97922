"""The results of the admin methods that are not values of the core (core/operations.py)."""

from collections.abc import Mapping

from attrs import frozen

from sessiond.core.gateways.listing import GatewayRow
from sessiond.core.ids import UserId
from sessiond.core.operations import NodeInfo

__all__ = [
    "DeadLetterPage",
    "DeadLetterRow",
    "Draining",
    "Ended",
    "GatewayRows",
    "JournalRow",
    "JournalRows",
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
class Ended:
    """How many conversations were ended."""

    ended: int
    """Conversations."""


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
class GatewayRows:
    """The accounts of gateways."""

    rows: tuple[GatewayRow, ...]
    """By name."""


@frozen(kw_only=True)
class JournalRow:
    """One entry of a journal, as it was masked when it was written; what is empty was not told."""

    at: float
    """Seconds since the Unix epoch: the time of its turn."""
    n: int
    """Its number within its turn."""
    event: str
    """What happened: ``flow.execution.start``, ``message.received``, ``validation_error``, …"""
    status: str
    """``in_progress``, ``success``, ``failure`` or ``interrupted``."""
    flow: str
    """The flow's name."""
    conversation: str
    """The session key."""
    step: str
    """The question."""
    to_step: str
    """Where a transition went."""
    platform: str
    """How it came: ``ussd``, ``whatsapp``, ``websocket``, …"""
    gateway: str
    """Through which gateway."""
    member: str
    """Who it was, masked."""
    text: str | None
    """Its size; with ``reveal`` itself. Null: it was not kept."""
    size: int | None
    """Characters of the text, kept or not."""
    error: str
    """What went wrong, and where."""
    facts: Mapping[str, object]
    """What else was told."""
    cut: bool
    """Whether something was left out for its size."""


@frozen(kw_only=True)
class JournalRows:
    """One page of a journal."""

    rows: tuple[JournalRow, ...]
    """Newest first."""
    cursor: str
    """Leads to the next page; empty on the last."""
    unreadable: int
    """Entries that were looked at and are damaged, or none of ours."""


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
