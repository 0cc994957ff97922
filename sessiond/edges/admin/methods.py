"""The admin methods as data: name, parameters, result, what it does, and the function that asks the node.

Parameters and results are attrs classes; their field docstrings are the documentation (``rpc.discover``,
``docs/reference/admin.md``). A method that *changes* something, or reveals, is audited.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sessiond import telemetry
from sessiond.core.conversations.journal import JournalEntry
from sessiond.core.errors import InvalidInput
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.operations import Node, PersonExport, SessionDetail, Stats
from sessiond.core.records import DeadLetter
from sessiond.core.session_listing import SessionPage, SessionQuery
from sessiond.edges.admin.discovery import describe_methods
from sessiond.edges.admin.method import PROTOCOL_VERSION, Client, Method
from sessiond.edges.admin.parameters import (
    CancelWatch,
    EndConversations,
    Inspect,
    Kick,
    ListDeadLetters,
    Nothing,
    OfGateway,
    OfUser,
    OneDeadLetter,
    Push,
    ReadJournal,
    Stop,
    Unlink,
)
from sessiond.edges.admin.plain import redacted, to_plain
from sessiond.edges.admin.results import (
    DeadLetterPage,
    DeadLetterRow,
    Draining,
    Ended,
    GatewayRows,
    JournalRow,
    JournalRows,
    Kicked,
    RolledBack,
    Version,
    Watching,
)
from sessiond.edges.admin.watch import WatchFilter

__all__ = ["METHODS"]


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
                "peer": redacted(connection["peer"]) if connection["peer"] else "",
            }
    return plain


async def _export(node: Node, client: Client, params: OfUser) -> object:
    _audit_reveal("sessions.export", client, params.user)
    return await node.export(params.user)


async def _journal(node: Node, client: Client, params: ReadJournal) -> object:
    if params.reveal:
        _audit_reveal("sessions.journal", client, params.user)
    page = await node.journal(params.user, params)
    return JournalRows(
        rows=tuple(_journal_row(entry, reveal=params.reveal) for entry in page.entries),
        cursor=page.cursor or "",
        unreadable=page.unreadable,
    )


async def _end_conversations(node: Node, _: Client, params: EndConversations) -> object:
    return Ended(ended=await node.end_conversations(params.user, params.conversation))


async def _unlink(node: Node, _: Client, params: Unlink) -> object:
    await node.unlink(params.user, params.alias)
    return Nothing()


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


async def _gateways(node: Node, _: Client, __: Nothing) -> object:
    return GatewayRows(rows=node.gateways())


async def _resume(node: Node, _: Client, params: OfGateway) -> object:
    node.resume_gateway(params.account)
    return Nothing()


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
    return describe_methods(METHODS.values())


def _audit_reveal(method: str, client: Client, user: UserId | None) -> None:
    telemetry.emit("admin.revealed", {}, {"method": method, "uid": client.uid, "user": user})


def _row(letter: DeadLetter, *, reveal: bool = False) -> DeadLetterRow:
    return DeadLetterRow(
        id=letter.id,
        user=letter.user,
        kind=letter.kind,
        at=letter.at,
        attempts=letter.attempts,
        error=letter.error if reveal else letter.cause,
        body=letter.body.decode(errors="replace") if reveal else redacted(letter.body),
    )


def _journal_row(entry: JournalEntry, *, reveal: bool) -> JournalRow:
    return JournalRow(
        at=entry.at,
        n=entry.n,
        event=entry.event,
        status=entry.status.value,
        flow=entry.flow,
        conversation=entry.conversation,
        step=entry.step,
        to_step=entry.to_step,
        platform=entry.channel.platform,
        gateway=entry.channel.gateway,
        member=entry.channel.member,
        text=entry.text if reveal or entry.text is None else f"text({entry.size})",
        size=entry.size,
        error=entry.error,
        facts=entry.facts,
        cut=entry.cut,
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
        name="sessions.export",
        doc="Hand out everything that is kept of one person; wakes nobody, and is logged.",
        params=OfUser,
        result=PersonExport,
        run=_export,
    ),
    Method(
        name="sessions.journal",
        doc="Tell what happened in a user's conversations: filter, pages, newest first; wakes nobody.",
        params=ReadJournal,
        result=JournalRows,
        run=_journal,
    ),
    Method(
        name="sessions.end_conversations",
        doc="End one of a user's conversations, or all, with what they remember; nothing is said in them.",
        params=EndConversations,
        result=Ended,
        changes=True,
        run=_end_conversations,
    ),
    Method(
        name="sessions.unlink",
        doc="Part two users who are linked: the alias's next input begins a session of his own. Durable on return.",
        params=Unlink,
        changes=True,
        run=_unlink,
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
        name="gateways.list",
        doc="List the accounts of gateways, and what waits on them for their providers.",
        result=GatewayRows,
        run=_gateways,
    ),
    Method(
        name="gateways.resume",
        doc="Let an account send at once what waits: it was stopped, is held back, or tries again later.",
        params=OfGateway,
        changes=True,
        run=_resume,
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
