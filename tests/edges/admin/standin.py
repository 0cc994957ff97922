"""A node for tests of the admin door: obeys the port, keeps everything in plain attributes.

``python -m tests.edges.admin.standin SOCKET`` serves one in a process of its own, for tests of the command line.
"""

import sys
import time
from pathlib import Path
from typing import Any

import trio
from attrs import evolve
from msgspec.structs import replace

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.details import ConversationDetail
from sessiond.core.conversations.journal import (
    Channel,
    JournalEntry,
    JournalSettings,
    TurnJournal,
    decode_entry,
    encode_entry,
)
from sessiond.core.conversations.journal_events import JournalStatus
from sessiond.core.conversations.journal_query import JournalPage, JournalQuery, read_journal
from sessiond.core.errors import AskTimeout, InvalidInput, Refused, StoreUnavailable
from sessiond.core.gateways.listing import GatewayRow
from sessiond.core.ids import ConnectionId, NodeId, UserId
from sessiond.core.operations import (
    ConnectionDetail,
    LineDetail,
    NodeInfo,
    PersonExport,
    Quarantine,
    SessionDetail,
    Stats,
    StreamDetail,
    TimerDetail,
    UnknownTarget,
)
from sessiond.core.records import DeadLetter
from sessiond.core.session.phases import Phase
from sessiond.core.session_listing import Selection, SessionPage, SessionQuery, SessionRow
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.admin.socket import serve_admin

SECRET = "hunter2"
PHONE = "+233201234567"


def _told(at: float, event: str, n: int = 0, **facts: Any) -> bytes:
    """One entry of the journal of an order over USSD."""
    journal = TurnJournal(at, Channel("ussd", "nalo"), JournalSettings(keep_texts=True))
    journal.add(event, flow="order", conversation="order:ussd:nalo::00ff", **facts)
    (raw,) = journal.encoded()
    return encode_entry(replace(decode_entry(raw), n=n))


JOURNAL = (
    _told(1_000.0, "flow.execution.start"),
    _told(1_000.0, "message.sent", n=1, step="amount", text=f"How much? {PHONE}"),
    _told(1_010.0, "message.received", step="amount", text=SECRET),
    _told(
        1_010.0,
        "validation_error",
        n=1,
        status=JournalStatus.FAILURE,
        step="amount",
        error="ValueError in shop.py:12",
        facts={"attempt": 1},
    ),
    _told(1_020.0, "transition", step="amount", to_step="sure"),
    encode_entry(JournalEntry(at=2_000.0, event="flow.execution.start", flow="help")),
)


CONVERSATIONS = (
    ConversationDetail(
        key="order:ussd:nalo::ab",
        flow="order",
        waits_for="ask count",
        answers=2,
        platform="ussd",
        gateway="nalo",
        member="[number …23]",
        unseen=1,
        touched_at=1_000.0,
        expires_at=4_600.0,
    ),
    ConversationDetail(key="pay:ussd:nalo::ab", unreadable="not a conversation record"),
)


GATEWAYS = (
    GatewayRow(account="?", waiting=1),
    GatewayRow(account="bank", kind="telegram", sends=True, waiting=3, held_until=1_700_000_000.0),
    GatewayRow(account="line", kind="nalo"),
    GatewayRow(account="old", waiting=2),
    GatewayRow(account="open", kind="twilio", sends=True, waiting=1, calls=1),
    GatewayRow(
        account="shop",
        kind="whatsapp",
        sends=True,
        waiting=16,
        has_more=True,
        stopped="the token is not accepted",
    ),
)


class StandInNode:
    """Three users: ``ann`` with two connections, ``bob`` awake, ``eve`` quarantined."""

    def __init__(self) -> None:
        self.rows = {
            row.user: row
            for row in (
                SessionRow(
                    user=UserId("ann"),
                    phase=Phase.ATTACHED,
                    connections=2,
                    mailbox=3,
                    connected_at=1_000.0,
                    last_activity=2_000.0,
                ),
                SessionRow(user=UserId("bob"), phase=Phase.AWAKE, mailbox=9, last_activity=1_500.0),
                SessionRow(user=UserId("eve"), phase=Phase.PASSIVE, quarantined=True),
            )
        }
        self.letters = {
            one: DeadLetter(
                id=one,
                user=UserId(user),
                kind="hook:crm",
                body=SECRET.encode(),
                error=f"Traceback …\nValueError: x\n{SECRET}\nCause: ValueError",
                at=1_700_000_000.0,
                attempts=2,
            )
            for one, user in (("d1", "ann"), ("d2", "bob"), ("d3", "ann"))
        }
        self.gateway_rows = {row.account: row for row in GATEWAYS}
        self.calls: list[tuple[object, ...]] = []
        self.is_draining = False
        self.hang = trio.Event()

    def info(self) -> NodeInfo:
        return NodeInfo(
            node=NodeId("n1"),
            version="0.0",
            python="3",
            pid=1,
            started_at=0.0,
            store="memory",
            app="shop:app",
        )

    def stats(self) -> Stats:
        return Stats(
            node=NodeId("n1"),
            uptime_seconds=61.0,
            ready=not self.is_draining,
            draining=self.is_draining,
            store_available=True,
            sessions={Phase.ATTACHED: 1, Phase.AWAKE: 1},
            connections=2,
            mailboxes=12,
            quarantined=1,
            turns=100,
            failed_turns=2,
            commits=90,
            restarts=1,
            dead_letters=3,
        )

    async def sessions(self, query: SessionQuery) -> SessionPage:
        selection = Selection(query)
        for row in self.rows.values():
            selection.offer(row)
            await trio.lowlevel.checkpoint()
        return selection.page()

    async def session(self, user: UserId) -> SessionDetail:
        row = self._row(user)
        return SessionDetail(
            row=row,
            version=7,
            snapshot_bytes=100,
            can_roll_back=True,
            data={"token": SECRET, "tries": 3, "nested": {PHONE: [1, 2]}, "none": None},
            connections=(
                ConnectionDetail(
                    id=ConnectionId(11),
                    device="phone",
                    connected_at=1_000.0,
                    peer="192.0.2.7",
                    meta={"name": SECRET},
                ),
            ),
            stream=StreamDetail(epoch="e", head=5, floor=2),
            conversations=CONVERSATIONS,
            linked_to="ann" if user == "bob" else "",
            aliases=("bob",) if user == "ann" else (),
            lines=(
                LineDetail(account="shop", heard_at=1_700_000_000.0, held=2),
                LineDetail(account="bank"),
                LineDetail(account="line", answers_only=True),
            ),
            timers=(TimerDetail(name="$window", generation=1, due=None),),
            quarantine=Quarantine(since=1.0, restarts=3, error="KeyError in load")
            if row.quarantined
            else None,
        )

    async def export(self, user: UserId) -> PersonExport:
        self._row(user)
        return PersonExport(
            user=user,
            at=1_000.0,
            record={"version": 7, "data": {"token": SECRET}},
            pushes=({"offset": 1, "at": 1.0, "event": "e", "payload": {"phone": PHONE}},),
            inputs=(),
            timers=(),
            inbox=(),
            dead_letters=(),
            deliveries=(),
            journal=(),
        )

    async def journal(self, user: UserId, query: JournalQuery) -> JournalPage:
        self._row(user)
        return read_journal((*JOURNAL, b"damaged") if user == "ann" else (), query)

    async def stop_session(self, user: UserId, *, reason: str, erase: bool) -> None:
        self._row(user)
        self.calls.append(("stop", user, reason, erase))
        del self.rows[user]
        telemetry.emit("session.ended", {}, {"user": user, "reason": reason})

    async def kick_connection(self, connection: ConnectionId) -> UserId:
        if connection != 11:
            raise UnknownTarget(f"this node has no connection {connection}")
        self.calls.append(("kick", connection))
        return UserId("ann")

    async def kick_user(self, user: UserId) -> int:
        return self._row(user).connections

    async def send(self, user: UserId, event: str, payload: object, *, durable: bool) -> None:
        match event:
            case "hang":
                await self.hang.wait()
            case "bug":
                raise KeyError(SECRET)
            case "draining":
                raise Refused(ErrorCode.DRAINING, "the node is draining", retry_after=2.0)
            case "away":
                raise StoreUnavailable("the store is away")
            case "late":
                raise AskTimeout(applied=False)
            case "phx_reply":
                raise InvalidInput("the event is reserved")
            case _:
                self.calls.append(("send", user, event, payload, durable))

    async def unlink(self, user: UserId, alias: UserId) -> None:
        if alias not in (await self.session(user)).aliases:
            raise UnknownTarget("these users are not linked")
        self.calls.append(("unlink", user, alias))

    async def release(self, user: UserId) -> None:
        if not self._row(user).quarantined:
            raise UnknownTarget(f"{user!r} is not in quarantine")
        self.rows[user] = evolve(self.rows[user], quarantined=False)

    async def end_conversations(self, user: UserId, conversation: str | None) -> int:
        self._row(user)
        ended = [one for one in CONVERSATIONS if conversation in {None, one.key}]
        if not ended:
            raise UnknownTarget("this user has no such conversation")
        return len(ended)

    async def roll_back(self, user: UserId) -> int:
        self._row(user)
        return 8

    async def dead_letters(
        self, *, user: UserId | None, after: str, limit: int
    ) -> tuple[DeadLetter, ...]:
        found = [
            one for one in self.letters.values() if one.id > after and user in (None, one.user)
        ]
        return tuple(found[:limit])

    async def retry_dead_letter(self, dead_letter_id: str) -> DeadLetter:
        return await self.drop_dead_letter(dead_letter_id)

    async def drop_dead_letter(self, dead_letter_id: str) -> DeadLetter:
        try:
            return self.letters.pop(dead_letter_id)
        except KeyError:
            raise UnknownTarget(f"there is no dead letter {dead_letter_id!r}") from None

    def gateways(self) -> tuple[GatewayRow, ...]:
        return tuple(self.gateway_rows.values())

    def resume_gateway(self, account: str) -> None:
        row = self.gateway_rows.get(account)
        if row is None or not row.sends:
            raise UnknownTarget(f"there is no account {account!r} that sends")
        self.gateway_rows[account] = evolve(row, stopped="", held_until=None)

    def drain(self) -> bool:
        was, self.is_draining = self.is_draining, True
        return not was

    def _row(self, user: UserId) -> SessionRow:
        try:
            return self.rows[user]
        except KeyError:
            raise UnknownTarget(f"there is no session of {user!r}") from None


async def main(socket: Path) -> None:
    """Serve until killed; a line on standard output says when."""
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_admin, StandInNode(), AdminSettings(socket=socket))
        print("ready", time.monotonic(), flush=True)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
