"""What operators may ask of a node: the ``Node`` port and the values it answers with.

The admin edge (edges/admin/) speaks JSON-RPC and knows only this port; the runtime implements it.
Values are given as they are: what an operator may see of them is decided at the edge (edges/admin/redact.py).

Not here: the listing of sessions (core/session_listing.py); the JSON forms (edges/admin/results.py).
"""

from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen

from sessiond.core.conversations.details import ConversationDetail
from sessiond.core.conversations.journal_query import JournalPage, JournalQuery
from sessiond.core.errors import SessiondError
from sessiond.core.gateways.listing import GatewayRow
from sessiond.core.ids import ConnectionId, NodeId, UserId
from sessiond.core.records import DeadLetter
from sessiond.core.session.phases import Phase
from sessiond.core.session_listing import SessionPage, SessionQuery, SessionRow

__all__ = [
    "ConnectionDetail",
    "LineDetail",
    "Node",
    "NodeInfo",
    "PersonExport",
    "Quarantine",
    "SessionDetail",
    "Stats",
    "StreamDetail",
    "TimerDetail",
    "UnknownTarget",
]


class UnknownTarget(SessiondError):
    """There is no such user, connection, dead letter or account (here); the message says which kind and which id."""


@frozen(kw_only=True)
class ConnectionDetail:
    """One connection of a session. *meta* and *peer* may be personal data."""

    id: ConnectionId
    device: str = ""
    connected_at: float | None = None
    peer: str = field(default="", repr=False)
    """Address of the other side."""
    meta: Mapping[str, object] = field(factory=dict, repr=False)
    buffered_bytes: int = 0
    """Written for this connection and not yet taken by its client."""


@frozen(kw_only=True)
class StreamDetail:
    """The outgoing stream of durable pushes: offsets ``floor + 1 … head`` are stored."""

    epoch: str = ""
    head: int = 0
    floor: int = 0
    lost: int = 0
    bytes: int = 0


@frozen(kw_only=True)
class TimerDetail:
    """A named timer; *due* is ``None`` for the window of an attached user."""

    name: str
    generation: int
    due: float | None


@frozen(kw_only=True)
class LineDetail:
    """One account that the user wrote on, or was sent something on."""

    account: str
    heard_at: float | None = None
    """When he last wrote; ``None``: never, or it is not kept (``answers_only``)."""
    answers_only: bool = False
    """He was answered there when he dialled, or a program asked for him: nothing is sent to him there."""
    held: int = 0
    """Messages that wait for him to write: the provider takes templates only."""
    unreadable: str = ""


@frozen(kw_only=True)
class Quarantine:
    """Why a user's session is not started any more."""

    since: float
    restarts: int
    error: str
    """Kind of the last failure with its place, never its values."""


@frozen(kw_only=True)
class SessionDetail:
    """Everything about one user's session; of a passive user: what its record says."""

    row: SessionRow
    version: int = 0
    """Of the record; 0: nothing was ever committed."""
    snapshot_bytes: int = 0
    can_roll_back: bool = False
    """Whether the store has the snapshot before the current one."""
    data: Mapping[str, object] = field(factory=dict, repr=False)
    """The session's data as plain values (what JSON can say), as the last finished turn left it."""
    connections: tuple[ConnectionDetail, ...] = ()
    stream: StreamDetail = StreamDetail()
    window_ids: int = 0
    """Input ids remembered against repeats."""
    timers: tuple[TimerDetail, ...] = ()
    conversations: tuple[ConversationDetail, ...] = ()
    lines: tuple[LineDetail, ...] = ()
    """His accounts at providers; where he is reached there is not told."""
    linked_to: str = ""
    """The user whom this one is now; what arrives for him is handed on."""
    aliases: tuple[str, ...] = ()
    """The users who are this one now."""
    turns: int = 0
    """Turns of this actor since it was activated."""
    restarts: int = 0
    quarantine: Quarantine | None = None


@frozen(kw_only=True)
class Stats:
    """What a node counts; everything since its start unless said otherwise."""

    node: NodeId
    uptime_seconds: float
    ready: bool
    draining: bool
    store_available: bool
    sessions: Mapping[Phase, int]
    """Live sessions now, by phase."""
    connections: int
    """Now."""
    mailboxes: int
    """Messages that wait now, in all mailboxes together."""
    quarantined: int
    """Users, now."""
    turns: int
    failed_turns: int
    commits: int
    """Users' commits that were applied."""
    restarts: int
    dead_letters: int
    """Inputs that became dead letters."""


@frozen(kw_only=True)
class NodeInfo:
    """Who answers."""

    node: NodeId
    version: str
    python: str
    pid: int
    started_at: float
    store: str
    """Kind of the store, without address and password: ``memory``, ``sqlite``, ``redis``."""
    app: str = ""
    """``MODULE:APP``, as it was given."""


@frozen(kw_only=True)
class PersonExport:
    """Everything that is kept of one person, as plain data; times are seconds since the Unix epoch."""

    user: UserId
    """Whose it is."""
    at: float
    """When it was read."""
    record: Mapping[str, object] | None
    """The snapshot (``data``, ``devices``, …) and the one before it; null: there is none."""
    pushes: tuple[Mapping[str, object], ...]
    """Durable pushes that clients have not acknowledged: ``offset, at, event, payload``."""
    inputs: tuple[Mapping[str, object], ...]
    """Inputs remembered against repeats: ``at, reply``."""
    timers: tuple[Mapping[str, object], ...]
    """Named timers: ``name, due, payload``."""
    inbox: tuple[Mapping[str, object], ...]
    """Webhooks that were accepted and have not run: ``kind, at, attempts, body``."""
    dead_letters: tuple[Mapping[str, object], ...]
    """Inputs that were given up: ``id, kind, at, attempts, error, body``."""
    deliveries: tuple[Mapping[str, object], ...]
    """Calls to gateways that are not done: ``id, due, body``."""
    journal: tuple[object, ...]
    """What turns left for later reading, oldest first."""


class Node(Protocol):
    """A running node, as operators see it.

    Beside what each method names, all of them may raise ``Refused`` (draining, quarantined, overloaded) and
    ``StoreUnavailable``; what is asked of an actor also ``AskTimeout``, ``ActorGone``, ``MailboxFull`` and
    ``TurnFailed``. A cancelled call may or may not have been carried out.
    """

    def info(self) -> NodeInfo:
        """Say who this is."""
        ...

    def stats(self) -> Stats:
        """Count, without looking at every session one by one."""
        ...

    async def sessions(self, query: SessionQuery) -> SessionPage:
        """List this node's live sessions and its quarantined users.

        With ten thousands of sessions this gives way to other tasks now and then, so a session that comes or goes
        meanwhile may be seen or not; none is seen twice on one page.

        Raises:
          InvalidInput: the cursor is not one of this listing.

        """
        ...

    async def session(self, user: UserId) -> SessionDetail:
        """Describe one user's session without waking it: from memory, or from its record.

        Raises:
          UnknownTarget: there is neither a live session nor a record.

        """
        ...

    async def stop_session(self, user: UserId, *, reason: str, erase: bool) -> None:
        """End the session; with *erase* remove everything that is kept of the user. Returns when that is committed.

        Raises:
          UnknownTarget: there is neither a live session nor a record (with *erase*: nothing at all).

        """
        ...

    async def export(self, user: UserId) -> PersonExport:
        """Collect everything that is kept of *user*, as it is committed; wakes nobody.

        Raises:
          UnknownTarget: nothing is kept of this user.

        """
        ...

    async def journal(self, user: UserId, query: JournalQuery) -> JournalPage:
        """Read a page of *user*'s journal, newest entries first, as it is committed; wakes nobody.

        Raises:
          UnknownTarget: nothing is kept of this user.

        """
        ...

    async def kick_connection(self, connection: ConnectionId) -> UserId:
        """Close one connection with code 4005 (kicked); returns whose it was.

        Raises:
          UnknownTarget: this node has no such connection.

        """
        ...

    async def kick_user(self, user: UserId) -> int:
        """Close all connections of *user* with code 4005 (kicked); returns how many there were.

        Raises:
          UnknownTarget: the user has no live session here.

        """
        ...

    async def send(self, user: UserId, event: str, payload: object, *, durable: bool) -> None:
        """Push *event* to *user*'s connections, waking the session; returns when the turn is committed.

        Raises:
          InvalidInput: the event is reserved, or a durable push's payload is not an object.

        """
        ...

    async def release(self, user: UserId) -> None:
        """Take *user* out of quarantine: its restarts are forgotten, what waited is told.

        Raises:
          UnknownTarget: the user is not in quarantine.

        """
        ...

    async def roll_back(self, user: UserId) -> int:
        """Put the snapshot before the current one back, under a new epoch; returns the record's new version.

        Raises:
          UnknownTarget: there is no record, or no snapshot before the current one.

        """
        ...

    async def end_conversations(self, user: UserId, conversation: str | None) -> int:
        """End the conversation of this session key, or all of *user*'s, as a reset word does; returns how many.

        Nothing is said in them; what their flows remember is forgotten.

        Raises:
          UnknownTarget: there is no record of this user, or no such conversation.

        """
        ...

    async def unlink(self, user: UserId, alias: UserId) -> None:
        """Let *alias* be himself again, who is *user* now; durable on return, and done in the alias's next turn.

        Either may be named first.

        Raises:
          UnknownTarget: they are not linked.

        """
        ...

    async def dead_letters(
        self, *, user: UserId | None, after: str, limit: int
    ) -> tuple[DeadLetter, ...]:
        """List dead letters, oldest first, whose id is above *after*."""
        ...

    async def retry_dead_letter(self, dead_letter_id: str) -> DeadLetter:
        """Accept the input again (durable on return), then remove the dead letter, and return it.

        Raises:
          UnknownTarget: there is no such dead letter.

        """
        ...

    async def drop_dead_letter(self, dead_letter_id: str) -> DeadLetter:
        """Remove the dead letter for good and return it.

        Raises:
          UnknownTarget: there is no such dead letter.

        """
        ...

    def gateways(self) -> tuple[GatewayRow, ...]:
        """List the accounts by name, as this node sees them; also those that are gone and have messages left."""
        ...

    def resume_gateway(self, account: str) -> None:
        """Let this node send on an account that was stopped, or is held back, at once.

        Raises:
          UnknownTarget: there is no such account, or it makes no calls.

        """
        ...

    def drain(self) -> bool:
        """Start to drain the node, as SIGTERM does, and return at once; ``False``: it was already draining."""
        ...
