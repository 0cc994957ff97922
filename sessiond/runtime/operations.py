"""What operators may ask of a running node: the ``Node`` port of core/operations.py, on the runtime.

Looks at actors, never touches their state: what changes something is told to the actor like any other input.
"""

import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec
import trio
from attrs import evolve

from sessiond import telemetry
from sessiond.core.codes import CloseCode
from sessiond.core.conversations.journal_query import JournalPage, JournalQuery
from sessiond.core.errors import InvalidInput
from sessiond.core.event_names import check_event_name
from sessiond.core.gateways.listing import GatewayRow
from sessiond.core.ids import ConnectionId, UserId, input_digest, partition_of
from sessiond.core.linking import LINK_KIND, LinkNote, LinkStep, encode_note, link_digest
from sessiond.core.operations import (
    NodeInfo,
    PersonExport,
    Quarantine,
    SessionDetail,
    Stats,
    UnknownTarget,
)
from sessiond.core.ports import Connection
from sessiond.core.records import DeadLetter
from sessiond.core.session.inputs import EndConversations, RollBack, Send, Stop
from sessiond.core.session.phases import Phase
from sessiond.core.session_listing import Selection, SessionPage, SessionQuery, SessionRow
from sessiond.runtime import personal
from sessiond.runtime.actor import SessionActor
from sessiond.runtime.cell import Cell, Hibernated, Standing
from sessiond.runtime.journals import journal_page
from sessiond.runtime.node import NodeRuntime
from sessiond.runtime.quarantine import roll_back_quarantined
from sessiond.runtime.session_details import connections, describe, describe_stored

__all__ = ["Operations"]

#: How long an operator waits for an actor.
_ASK_SECONDS: Final = 10.0

#: Rows looked at before other tasks get a turn.
_ROWS_AT_ONCE: Final = 500


class Operations:
    """The operators' view of one node."""

    def __init__(
        self, runtime: NodeRuntime, *, version: str, store: str, app: str, drain: Callable[[], bool]
    ) -> None:
        self._runtime = runtime
        self._drain = drain
        self._started = runtime.clock.monotonic()
        self._info = NodeInfo(
            node=runtime.node,
            version=version,
            python=platform.python_version(),
            pid=os.getpid(),
            started_at=runtime.clock.now(),
            store=store,
            app=app,
        )

    def info(self) -> NodeInfo:
        """Say who this is."""
        return self._info

    def stats(self) -> Stats:
        """Count what the node holds and has done."""
        runtime = self._runtime
        phases: Counter[Phase] = Counter()
        connections = mailboxes = quarantined = restarts = 0
        for cell in runtime.registry:
            actor, live = _actor_of(cell), _live(cell)
            phases[live.state.phase if live else Phase.PASSIVE] += 1
            connections += len(actor.outlet.connections) if actor else 0
            mailboxes += len(cell.mailbox)
            restarts += cell.restarts
            quarantined += cell.standing is Standing.QUARANTINED
        reasons = runtime.not_ready()
        counters = runtime.counters
        return Stats(
            node=runtime.node,
            uptime_seconds=runtime.clock.monotonic() - self._started,
            ready=not reasons,
            draining=not runtime.directory.is_accepting,
            store_available=runtime.availability.available,
            sessions=dict(phases),
            connections=connections,
            mailboxes=mailboxes,
            quarantined=quarantined,
            turns=counters.turns,
            failed_turns=counters.failed_turns,
            commits=counters.committed_turns,
            restarts=restarts,
            dead_letters=counters.dead_letters,
        )

    def conversations(self) -> int:
        """Count the conversations of the users in memory."""
        lives = map(_live, self._runtime.registry)
        return sum(len(live.state.snapshot.conversations) for live in lives if live is not None)

    async def sessions(self, query: SessionQuery) -> SessionPage:
        """List live sessions and quarantined users; see ``Node``."""
        selection = Selection(query)
        for number, cell in enumerate(self._runtime.registry):
            selection.offer(self._row(cell))
            if number % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
                await trio.lowlevel.checkpoint()
        return selection.page()

    async def session(self, user: UserId) -> SessionDetail:
        """Describe one session without waking it; see ``Node``."""
        runtime = self._runtime
        cell = runtime.registry.get(user)
        live = None if cell is None else _live(cell)
        partition = partition_of(user)
        loaded = await runtime.store.load(user, partition)
        if live is not None and cell is not None:
            detail = evolve(
                describe(live.state, self._row(cell)),
                version=live.gate.version if isinstance(live, SessionActor) else live.version,
                connections=connections(live.state, _lines(live)),
                turns=live.turns_taken,
            )
        elif loaded is not None:
            row = SessionRow(user=user, phase=Phase.PASSIVE) if cell is None else self._row(cell)
            detail = evolve(describe_stored(row, loaded), version=loaded.version)
        elif cell is not None:
            detail = SessionDetail(row=self._row(cell))
        else:
            raise UnknownTarget("there is no session of this user")
        if loaded is not None:
            detail = evolve(
                detail,
                snapshot_bytes=len(loaded.snapshot),
                can_roll_back=loaded.previous is not None,
            )
        if cell is not None:
            detail = evolve(detail, restarts=cell.restarts, quarantine=self._quarantine(cell))
        return detail

    async def stop_session(self, user: UserId, *, reason: str, erase: bool) -> None:
        """End the session; see ``Node``."""
        if erase:
            await personal.erase(self._runtime, user, reason=reason, seconds=_ASK_SECONDS)
            return
        await self._must_exist(user)
        stop = Stop(reason, CloseCode.ENDED)
        await self._runtime.directory.locate(user).ask(stop, timeout=_ASK_SECONDS)

    async def export(self, user: UserId) -> PersonExport:
        """Collect everything that is kept of a user; see ``Node``."""
        return await personal.export(self._runtime, user)

    async def journal(self, user: UserId, query: JournalQuery) -> JournalPage:
        """Read a page of a user's journal; see ``Node``."""
        page = await journal_page(self._runtime.store, user, query)
        if not page.entries and not page.unreadable:
            await self._must_exist(user)
        return page

    async def kick_connection(self, connection: ConnectionId) -> UserId:
        """Close one connection; see ``Node``."""
        await trio.lowlevel.checkpoint()
        for cell in self._runtime.registry:
            actor = _actor_of(cell)
            if actor is not None and connection in actor.outlet.connections:
                actor.outlet.connections[connection].close(CloseCode.KICKED)
                return cell.user
        raise UnknownTarget("this node has no such connection")

    async def kick_user(self, user: UserId) -> int:
        """Close all connections of a user; see ``Node``."""
        await trio.lowlevel.checkpoint()
        cell = self._runtime.registry.get(user)
        actor = None if cell is None else _actor_of(cell)
        if actor is None:
            raise UnknownTarget("this user has no live session here")
        connections = tuple(actor.outlet.connections.values())
        for connection in connections:
            connection.close(CloseCode.KICKED)
        return len(connections)

    async def send(self, user: UserId, event: str, payload: object, *, durable: bool) -> None:
        """Push an event to a user; see ``Node``."""
        check_event_name(event)
        if not isinstance(payload, dict):
            raise InvalidInput("the payload of a push is an object")
        await self._runtime.directory.locate(user).ask(
            Send(event, payload, durable), timeout=_ASK_SECONDS
        )

    async def release(self, user: UserId) -> None:
        """Take a user out of quarantine; see ``Node``."""
        await trio.lowlevel.checkpoint()
        if not self._runtime.supervisor.release(user):
            raise UnknownTarget("this user is not in quarantine")

    async def roll_back(self, user: UserId) -> int:
        """Put the snapshot before the current one back; see ``Node``."""
        runtime = self._runtime
        cell = runtime.registry.get(user)
        if cell is not None and cell.standing is Standing.QUARANTINED:
            return await roll_back_quarantined(runtime, user)
        loaded = await runtime.store.load(user, partition_of(user))
        if loaded is None or loaded.previous is None:
            raise UnknownTarget("there is no earlier snapshot of this user")
        reply = await runtime.directory.locate(user).ask(RollBack(), timeout=_ASK_SECONDS)
        rolled: Mapping[str, int] = msgspec.json.decode(reply)
        return rolled["version"]

    async def end_conversations(self, user: UserId, conversation: str | None) -> int:
        """End conversations of a user; see ``Node``."""
        await self._must_exist(user)
        reply = await self._runtime.directory.locate(user).ask(
            EndConversations(conversation), timeout=_ASK_SECONDS
        )
        ended: int = msgspec.json.decode(reply)["ended"]
        if conversation is not None and not ended:
            raise UnknownTarget("this user has no such conversation")
        return ended

    async def unlink(self, user: UserId, alias: UserId) -> None:
        """Part two users who are linked; see ``Node``."""
        if not await self._is_alias(alias, user):
            if not await self._is_alias(user, alias):
                raise UnknownTarget("these users are not linked")
            user, alias = alias, user
        runtime, note = self._runtime, encode_note(LinkNote(user=user))
        digest = link_digest(f"unlink:{user}", runtime.entropy.token(8).hex())
        await runtime.intake.accept(alias, f"{LINK_KIND}{LinkStep.RELEASE}", note, digest)

    async def dead_letters(
        self, *, user: UserId | None, after: str, limit: int
    ) -> tuple[DeadLetter, ...]:
        """List dead letters; see ``Node``."""
        return await self._runtime.store.dead_letters(user=user, after=after, limit=limit)

    async def retry_dead_letter(self, dead_letter_id: str) -> DeadLetter:
        """Accept a dead letter's input again, then remove it; see ``Node``.

        The id of the new input is made of the letter's, so that a second try does not run it twice.
        """
        letter = await self._letter(dead_letter_id)
        digest = input_digest("dead-letter", letter.id)
        await self._runtime.intake.accept(letter.user, letter.kind, letter.body, digest)
        await self._runtime.store.drop_dead_letter(letter.id)
        telemetry.emit("dead_letter.retried", {}, {"user": letter.user})
        return letter

    async def drop_dead_letter(self, dead_letter_id: str) -> DeadLetter:
        """Remove a dead letter for good; see ``Node``."""
        letter = await self._runtime.store.drop_dead_letter(dead_letter_id)
        if letter is None:
            raise UnknownTarget("there is no such dead letter")
        telemetry.emit("dead_letter.dropped", {}, {"user": letter.user})
        return letter

    def gateways(self) -> tuple[GatewayRow, ...]:
        """List the accounts; see ``Node``."""
        deliveries = self._runtime.deliveries
        return () if deliveries is None else deliveries.accounts()

    def resume_gateway(self, account: str) -> None:
        """Let an account send again; see ``Node``."""
        deliveries = self._runtime.deliveries
        if deliveries is None:
            raise UnknownTarget("this node makes no calls to providers")
        deliveries.resume(account)

    def drain(self) -> bool:
        """Start to drain the node; see ``Node``."""
        return self._drain()

    # Looking

    async def _letter(self, dead_letter_id: str) -> DeadLetter:
        """Find one dead letter: ids are ordered, so the page above its predecessor begins with it."""
        before = dead_letter_id[:-1] if dead_letter_id else ""
        after = before
        while page := await self._runtime.store.dead_letters(after=after, limit=100):
            for letter in page:
                if letter.id == dead_letter_id:
                    return letter
            if page[-1].id > dead_letter_id:
                break
            after = page[-1].id
        raise UnknownTarget("there is no such dead letter")

    async def _is_alias(self, alias: UserId, user: UserId) -> bool:
        """Tell whether *alias* is *user* now: one of the two records says so first, while a link is being made."""
        with suppress(UnknownTarget):
            if (await self.session(alias)).linked_to == user:
                return True
        with suppress(UnknownTarget):
            return alias in (await self.session(user)).aliases
        return False

    async def _must_exist(self, user: UserId) -> None:
        runtime = self._runtime
        if runtime.registry.get(user) is None:
            loaded = await runtime.store.load(user, partition_of(user))
            if loaded is None:
                raise UnknownTarget("there is no session of this user")

    def _row(self, cell: Cell) -> SessionRow:
        live = _live(cell)
        state = None if live is None else live.state
        wall = self._runtime.clock.now() - self._runtime.clock.monotonic()
        connected_at = None
        if state is not None and state.attachments:
            connected_at = min(a.since for a in state.attachments)
        return SessionRow(
            user=cell.user,
            phase=state.phase if state is not None else Phase.PASSIVE,
            connections=len(state.attachments) if state is not None else 0,
            mailbox=len(cell.mailbox),
            connected_at=connected_at,
            last_activity=cell.last_active + wall,
            quarantined=cell.standing is Standing.QUARANTINED,
        )

    def _quarantine(self, cell: Cell) -> Quarantine | None:
        if cell.standing is not Standing.QUARANTINED:
            return None
        return Quarantine(since=cell.quarantined_at, restarts=cell.restarts, error=cell.last_error)


def _actor_of(cell: Cell) -> SessionActor | None:
    """Return the actor once it has loaded its session."""
    actor = cell.actor
    return actor if isinstance(actor, SessionActor) else None


def _live(cell: Cell) -> SessionActor | Hibernated | None:
    """Return what holds the session's state in memory."""
    return _actor_of(cell) or cell.hibernated


def _lines(live: SessionActor | Hibernated) -> Mapping[ConnectionId, Connection]:
    return live.outlet.connections if isinstance(live, SessionActor) else {}
