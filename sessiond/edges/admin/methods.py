"""The admin methods as data: name, parameters, result, what it does, and the function that asks the node.

Parameters and results are attrs classes; their field docstrings are the documentation (``rpc.discover``,
``docs/reference/admin.md``, ``sessionctl --help``). A method that *changes* something, or reveals, is audited.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from attrs import field, frozen
from attrs.validators import ge, le, max_len, min_len

from sessiond import telemetry
from sessiond.core.errors import InvalidInput
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.operations import Node, NodeInfo, SessionDetail, SessionPage, SessionQuery, Stats
from sessiond.core.records import DeadLetter
from sessiond.edges.admin.plain import redacted, to_plain
from sessiond.edges.admin.watch import WatchFilter

__all__ = ["METHODS", "PROTOCOL_VERSION", "Client", "Method"]

#: Raised when a method or a field changes its meaning or goes away; additions do not raise it.
PROTOCOL_VERSION: Final = 1


class Client(Protocol):
    """The connection a call came on."""

    @property
    def uid(self) -> int | None:
        """Who is at the other end; ``None``: the system does not say."""
        ...

    def start_watch(self, wanted: WatchFilter) -> int:
        """Begin to send events; returns the watch's number. Raises ``Fault`` when there are too many."""
        ...

    def cancel_watch(self, number: int) -> None:
        """End it. Raises ``UnknownTarget``."""
        ...


# ------------------------------------------------------------------------------------------------ parameters


@frozen(kw_only=True)
class Nothing:
    """No parameters, or no result."""


@frozen(kw_only=True)
class Inspect:
    """Whom to look at."""

    user: UserId
    """The user's id."""
    reveal: bool = False
    """Show the values of data, meta and peer addresses; audited."""


@frozen(kw_only=True)
class Stop:
    """Whose session to end."""

    user: UserId
    """The user's id."""
    reason: str = field(default="stopped by an operator", validator=[min_len(1), max_len(200)])
    """What the app's end hook and the clients are told."""
    erase: bool = False
    """Remove the user's record too. It cannot be brought back."""


@frozen(kw_only=True)
class Kick:
    """What to close: one connection, or all of a user's; exactly one of the two."""

    connection: int | None = None
    """A connection's id, from ``sessions.inspect``."""
    user: UserId | None = None
    """The user's id."""


@frozen(kw_only=True)
class Push:
    """What to push to whom."""

    user: UserId
    """The user's id."""
    event: str = field(validator=[min_len(1), max_len(128)])
    """The event's name; names beginning with ``phx_``, ``token:`` and ``presence_`` are reserved."""
    payload: object = field(factory=dict)
    """Any JSON; of a durable push an object."""
    durable: bool = True
    """Kept for clients that resume; otherwise only who is connected now gets it."""


@frozen(kw_only=True)
class OfUser:
    """Which user."""

    user: UserId
    """The user's id."""


@frozen(kw_only=True)
class ListDeadLetters:
    """Which dead letters, oldest first."""

    user: UserId | None = None
    """Only this user's."""
    after: str = ""
    """Only those with an id above this: ``cursor`` of the page before."""
    limit: int = field(default=100, validator=[ge(1), le(1000)])
    """How many at most."""
    reveal: bool = False
    """Show bodies and whole tracebacks; audited."""


@frozen(kw_only=True)
class OneDeadLetter:
    """Which dead letter."""

    id: str = field(validator=[min_len(1), max_len(256)])
    """Its id, from ``dead_letters.list``."""


@frozen(kw_only=True)
class CancelWatch:
    """Which watch of this connection."""

    watch: int
    """Its number, from ``watch``."""


# --------------------------------------------------------------------------------------------------- results


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


# ----------------------------------------------------------------------------------------------- the methods


Run = Callable[[Node, Client, Any], Awaitable[object]]


@frozen(kw_only=True)
class Method:
    """One method; *run* gets an instance of *params* and returns one of *result*, or plain data of that shape."""

    name: str
    doc: str
    params: type[Any] = Nothing
    result: Any = Nothing
    changes: bool = False
    run: Run = field(repr=False)


async def _list(node: Node, _: Client, query: SessionQuery) -> object:
    return await node.sessions(query)


async def _inspect(node: Node, client: Client, params: Inspect) -> object:
    if params.reveal:
        _audit_reveal("sessions.inspect", client, params.user)
    plain = to_plain(await node.session(params.user))
    if not params.reveal:
        plain["data"] = redacted(plain["data"])
        for connection in plain["connections"]:
            connection |= {
                "meta": redacted(connection["meta"]),
                "peer": redacted(connection["peer"]),
            }
    return plain


async def _stop(node: Node, _: Client, params: Stop) -> object:
    await node.stop_session(params.user, reason=params.reason, erase=params.erase)
    return Nothing()


async def _kick(node: Node, _: Client, params: Kick) -> object:
    match params:
        case Kick(connection=int() as connection, user=None):
            await node.kick_connection(ConnectionId(connection))
            return Kicked(closed=1)
        case Kick(connection=None, user=str() as user):
            return Kicked(closed=await node.kick_user(UserId(user)))
        case _:
            raise InvalidInput("give either connection or user")


async def _send(node: Node, _: Client, params: Push) -> object:
    await node.send(params.user, params.event, params.payload, durable=params.durable)
    return Nothing()


async def _release(node: Node, _: Client, params: OfUser) -> object:
    await node.release(params.user)
    return Nothing()


async def _roll_back(node: Node, _: Client, params: OfUser) -> object:
    return RolledBack(version=await node.roll_back(params.user))


async def _dead_letters(node: Node, client: Client, params: ListDeadLetters) -> object:
    if params.reveal:
        _audit_reveal("dead_letters.list", client, params.user)
    letters = await node.dead_letters(user=params.user, after=params.after, limit=params.limit)
    cursor = letters[-1].id if len(letters) == params.limit else ""
    rows = tuple(_row(letter, reveal=params.reveal) for letter in letters)
    return DeadLetterPage(rows=rows, cursor=cursor)


async def _retry(node: Node, _: Client, params: OneDeadLetter) -> object:
    return _row(await node.retry_dead_letter(params.id))


async def _drop(node: Node, _: Client, params: OneDeadLetter) -> object:
    return _row(await node.drop_dead_letter(params.id))


async def _watch(_: Node, client: Client, params: WatchFilter) -> object:
    return Watching(watch=client.start_watch(params))


async def _cancel_watch(_: Node, client: Client, params: CancelWatch) -> object:
    client.cancel_watch(params.watch)
    return Nothing()


async def _stats(node: Node, _: Client, __: Nothing) -> object:
    return node.stats()


async def _drain(node: Node, _: Client, __: Nothing) -> object:
    return Draining(started=node.drain())


async def _version(node: Node, _: Client, __: Nothing) -> object:
    return Version(protocol=PROTOCOL_VERSION, node=node.info())


async def _discover(_: Node, __: Client, ___: Nothing) -> object:
    from sessiond.edges.admin.discovery import describe_methods  # noqa: PLC0415 -- it reads METHODS

    return describe_methods()


def _audit_reveal(method: str, client: Client, user: UserId | None) -> None:
    telemetry.emit("admin.revealed", {}, {"method": method, "uid": client.uid, "user": user})


def _row(letter: DeadLetter, *, reveal: bool = False) -> DeadLetterRow:
    last_line = letter.error.strip().rpartition("\n")[2]
    return DeadLetterRow(
        id=letter.id,
        user=letter.user,
        kind=letter.kind,
        at=letter.at,
        attempts=letter.attempts,
        error=letter.error if reveal else last_line.partition(":")[0],
        body=letter.body.decode(errors="replace") if reveal else redacted(letter.body),
    )


_TABLE: Final = (
    Method(
        name="rpc.discover",
        doc="List the methods with their parameters and results.",
        result=Mapping[str, object],
        run=_discover,
    ),
    Method(name="version", doc="Say who answers.", result=Version, run=_version),
    Method(name="stats", doc="Count sessions, turns, commits.", result=Stats, run=_stats),
    Method(
        name="sessions.list",
        doc="List live sessions: filter, order, pages.",
        params=SessionQuery,
        result=SessionPage,
        run=_list,
    ),
    Method(
        name="sessions.inspect",
        doc="Show one user's session without waking it; values are left out unless revealed.",
        params=Inspect,
        result=SessionDetail,
        run=_inspect,
    ),
    Method(
        name="sessions.stop",
        doc="End a user's session: its end hook runs, its connections are closed with 4000.",
        params=Stop,
        changes=True,
        run=_stop,
    ),
    Method(
        name="sessions.kick",
        doc="Close one connection, or all of a user's, with 4005; the session stays.",
        params=Kick,
        result=Kicked,
        changes=True,
        run=_kick,
    ),
    Method(
        name="sessions.send",
        doc="Push an event to a user's clients; answered when it is committed.",
        params=Push,
        changes=True,
        run=_send,
    ),
    Method(
        name="sessions.release",
        doc="Release a user from quarantine.",
        params=OfUser,
        changes=True,
        run=_release,
    ),
    Method(
        name="sessions.rollback",
        doc="Put a user's previous snapshot back, under a new epoch.",
        params=OfUser,
        result=RolledBack,
        changes=True,
        run=_roll_back,
    ),
    Method(
        name="watch",
        doc="Send events as they happen, until watch.cancel or the end of the connection.",
        params=WatchFilter,
        result=Watching,
        run=_watch,
    ),
    Method(name="watch.cancel", doc="End a watch.", params=CancelWatch, run=_cancel_watch),
    Method(
        name="dead_letters.list",
        doc="List inputs that were given up.",
        params=ListDeadLetters,
        result=DeadLetterPage,
        run=_dead_letters,
    ),
    Method(
        name="dead_letters.retry",
        doc="Accept a dead letter's input again.",
        params=OneDeadLetter,
        result=DeadLetterRow,
        changes=True,
        run=_retry,
    ),
    Method(
        name="dead_letters.drop",
        doc="Remove a dead letter for good.",
        params=OneDeadLetter,
        result=DeadLetterRow,
        changes=True,
        run=_drop,
    ),
    Method(
        name="node.drain",
        doc="Stop the node as SIGTERM does; answered at once.",
        result=Draining,
        changes=True,
        run=_drain,
    ),
)

METHODS: Final[Mapping[str, Method]] = MappingProxyType({method.name: method for method in _TABLE})
"""Every method there is, by name."""
