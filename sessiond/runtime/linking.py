"""Links between users, as the turns of those who are linked; the steps and rules are those of core/linking.py.

What is asked for comes as errands (link_errands.py); what arrives for an alias is handed on (handing_on.py).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from sessiond.core.codes import CloseCode
from sessiond.core.conversations.inputs import EndConversations
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.gateways.lines import NEW_LINE, Line, decode_line, encode_line, line_name
from sessiond.core.gateways.outgoing import decode_outgoing, encode_outgoing
from sessiond.core.gateways.updates import DeliveryState
from sessiond.core.ids import UserId
from sessiond.core.linking import (
    LINK_KIND,
    MAX_ALIASES,
    MAX_TRIES,
    TRIES_SECONDS,
    Errand,
    LinkNote,
    LinkState,
    LinkStep,
    LinkUpdate,
    choose_canonical,
    decode_note,
    encode_note,
    has_token,
    recent_tries,
)
from sessiond.core.records import InboxEntry
from sessiond.core.session import machine
from sessiond.core.session.effects import CloseConnection
from sessiond.core.session.outcome import EndRequest, TimerRequest
from sessiond.core.session.phases import Phase
from sessiond.core.session.program import Call, CallKind
from sessiond.core.session.snapshot import Snapshot
from sessiond.core.session.state import RETENTION_TIMER
from sessiond.core.session.timers import with_timers
from sessiond.runtime.calls import Calls
from sessiond.runtime.computed import Computed
from sessiond.runtime.dialogue import Dialogue
from sessiond.runtime.gateway_journal import tell
from sessiond.runtime.gateway_output import MAX_HELD, of_alias
from sessiond.runtime.lifecycle import Lifecycle
from sessiond.runtime.link_steps import tell_step

__all__ = ["Linking"]

#: Steps for users who have begun a link, and so have records.
_OF_SOMEBODY: Final = frozenset({LinkStep.ADOPT, LinkStep.JOINED, LinkStep.LEFT, LinkStep.REFUSED})

#: Timers of sessiond's own; those of the app go with its data.
_RESERVED: Final = "$"


class Linking:
    """Computes one user's part in links."""

    __slots__ = ("_calls", "_dialogue", "_lifecycle", "_services", "_steps")

    def __init__(self, calls: Calls, dialogue: Dialogue, lifecycle: Lifecycle) -> None:
        self._calls = calls
        self._services = calls.services
        self._dialogue = dialogue
        self._lifecycle = lifecycle
        self._steps: dict[LinkStep, Callable[[Computed, LinkNote, str], Awaitable[None]]] = {
            LinkStep.OFFER: self._offered,
            LinkStep.TRY: self._tried,
            LinkStep.CLAIM: self._claimed,
            LinkStep.ADOPT: self._adopt,
            LinkStep.FOLLOW: self._follow,
            LinkStep.JOINED: self._joined,
            LinkStep.RELEASE: self._release,
            LinkStep.LEFT: self._left,
            LinkStep.REFUSED: self._refused,
        }

    # Steps

    async def take(self, turn: Computed, entry: InboxEntry) -> None:
        """Compute the turn of a step.

        Raises:
          SnapshotCorrupt: there is no such step, or its note cannot be read.
          NotHandedOn: the next user's inbox takes nothing now.
          Refused: the app does not know the user, or turns him down.

        """
        try:
            step = LinkStep(entry.kind.removeprefix(LINK_KIND))
        except ValueError:
            raise SnapshotCorrupt("not a step of a link") from None
        note, cause = decode_note(entry.body), entry.digest.hex()
        if step in _OF_SOMEBODY and turn.state.phase is Phase.NEW:
            await self._gone(turn, step, note, cause)
        else:
            await self._steps[step](turn, note, cause)
        if turn.state.phase is not Phase.ENDED:
            self._calls.consume(turn, entry.digest, None)
        turn.inbox_done = (entry.seq,)

    async def _gone(self, turn: Computed, step: LinkStep, note: LinkNote, cause: str) -> None:
        """Leave nothing of a user whose record went while the step was on its way."""
        if step is LinkStep.ADOPT:
            refused = LinkNote(reason="unknown_code")
            await self._tell(turn, note.user, LinkStep.REFUSED, refused, cause)
        await self._lifecycle.end(turn, EndRequest("unknown", erase=True), hooks=False)

    # The code

    async def _offered(self, turn: Computed, note: LinkNote, cause: str) -> None:
        offer = self._open_offer(turn)
        if offer is not None and offer.user != note.user:
            refused = LinkNote(reason="code_taken")
            await self._tell(turn, note.user, LinkStep.REFUSED, refused, cause)
            return
        self._keep(turn, replace(turn.state.snapshot, data=encode_note(note)), note.expires_at)

    def _keep(self, turn: Computed, snapshot: Snapshot, until: float) -> None:
        """Keep what a code, or the tries of somebody, know."""
        state, now = machine.receive(turn.state), self._services.clock.now()
        timers = with_timers(state.timers, (TimerRequest(RETENTION_TIMER, until),), now)
        turn.state = replace(state, snapshot=snapshot, timers=timers)

    async def _tried(self, turn: Computed, note: LinkNote, cause: str) -> None:
        """Count a code that somebody typed, and hand it on; after too many, right or not, it goes nowhere."""
        snapshot, now = turn.state.snapshot, self._services.clock.now()
        tries = recent_tries(snapshot.link_tries, now)
        if len(tries) >= MAX_TRIES:
            refused = LinkNote(reason="too_many_tries")
            await self._tell(turn, note.user, LinkStep.REFUSED, refused, cause)
        else:
            await self._tell(turn, note.about, LinkStep.CLAIM, LinkNote(user=note.user), cause)
            tries = (*tries, now)
        self._keep(turn, replace(snapshot, link_tries=tries), tries[-1] + TRIES_SECONDS)

    async def _claimed(self, turn: Computed, note: LinkNote, cause: str) -> None:
        offer = self._open_offer(turn)
        chosen = "unknown_code" if offer is None else choose_canonical(offer.user, note.user)
        if isinstance(chosen, str):
            refused = LinkNote(reason=chosen)
            await self._tell(turn, note.user, LinkStep.REFUSED, refused, cause)
        else:
            canonical, alias = chosen
            await self._tell(turn, canonical, LinkStep.ADOPT, LinkNote(user=alias), cause)
        # Used, or never there: a code without a record does not get one.
        await self._lifecycle.end(turn, EndRequest("used", erase=True), hooks=False)

    def _open_offer(self, turn: Computed) -> LinkNote | None:
        if turn.state.phase is Phase.NEW:
            return None
        offer = decode_note(turn.state.snapshot.data)
        return offer if offer.expires_at > self._services.clock.now() else None

    # The canonical user

    async def _adopt(self, turn: Computed, note: LinkNote, cause: str) -> None:
        user, alias, aliases = turn.state.user, note.user, turn.state.snapshot.aliases
        self._calls.check_known()
        await self._lifecycle.wake(turn)
        reason = ""
        if alias == user:
            reason = "same_user"
        elif has_token(alias):
            reason = "web_user"
        elif alias not in aliases and len(aliases) >= MAX_ALIASES:
            reason = "too_many"
        if reason:
            await self._hear(turn, LinkUpdate(state=LinkState.REFUSED, alias=alias, reason=reason))
            return
        if alias not in aliases:
            snapshot = replace(turn.state.snapshot, aliases=(*aliases, alias))
            turn.state = replace(turn.state, snapshot=snapshot)
        await self._tell(turn, alias, LinkStep.FOLLOW, LinkNote(user=user), cause)

    async def _joined(self, turn: Computed, note: LinkNote, _cause: str) -> None:
        await self._lifecycle.wake(turn)
        snapshot = turn.state.snapshot
        if note.user not in snapshot.aliases:  # the record was put back meanwhile, or began anew
            snapshot = replace(snapshot, aliases=(*snapshot.aliases, note.user))
        lines = dict(snapshot.lines)
        for account, raw in note.lines.items():
            theirs = _line_of_alias(decode_line(bytes(raw)), note.user)
            if theirs.last is not None:  # a phone on USSD: it shows what it shows
                lines[line_name(account, note.user)] = encode_line(theirs)
                continue
            ours = decode_line(lines[account]) if account in lines else NEW_LINE
            line = _merged(ours, theirs)
            lines[account] = encode_line(replace(line, held=line.held[-MAX_HELD:]))
            self._give_up(turn, account, line.held[:-MAX_HELD], "too many wait for the person")
        turn.state = replace(turn.state, snapshot=replace(snapshot, lines=lines))
        data = msgspec.json.decode(note.data)
        await self._hear(
            turn, LinkUpdate(state=LinkState.LINKED, alias=note.user, data=_as_dict(data))
        )

    async def _left(self, turn: Computed, note: LinkNote, _cause: str) -> None:
        await self._lifecycle.wake(turn)
        snapshot = turn.state.snapshot
        if note.user not in snapshot.aliases:
            return
        aliases = tuple(alias for alias in snapshot.aliases if alias != note.user)
        lines = {}
        for account, raw in snapshot.lines.items():
            line = decode_line(raw)
            gone, held = of_alias(line, note.user)
            self._give_up(turn, account, gone, "the person it waited for was unlinked")
            line = replace(NEW_LINE if line.alias == note.user else line, held=held)
            if line != NEW_LINE:
                lines[account] = encode_line(line)
        turn.state = replace(turn.state, snapshot=replace(snapshot, aliases=aliases, lines=lines))
        state = LinkState.REFUSED if note.reason else LinkState.UNLINKED
        await self._hear(turn, LinkUpdate(state=state, alias=note.user, reason=note.reason))

    def _give_up(
        self, turn: Computed, account: str, held: Sequence[msgspec.Raw], error: str
    ) -> None:
        """Tell that what waited for somebody to write will not be sent."""
        for _ in held:
            facts = {"account": account, "state": DeliveryState.FAILED.value}
            event = JournalEvent.DELIVERY_FAILED
            tell(turn, self._services, event, facts, failed=True, error=error)

    async def _refused(self, turn: Computed, note: LinkNote, _cause: str) -> None:
        await self._lifecycle.wake(turn)
        await self._hear(turn, LinkUpdate(state=LinkState.REFUSED, reason=note.reason))

    async def _hear(self, turn: Computed, update: LinkUpdate) -> None:
        """Tell the app, in the canonical user's session."""
        if not self._services.program.handles(CallKind.LINK, ""):
            return
        outcome = await self._calls.handle(Call(CallKind.LINK, "", update), turn)
        self._calls.apply(turn, replace(outcome, reply=None))
        if outcome.end is not None:
            await self._lifecycle.end(turn, outcome.end, hooks=True)

    # The alias

    async def _follow(self, turn: Computed, note: LinkNote, cause: str) -> None:
        user, canonical, snapshot = turn.state.user, note.user, turn.state.snapshot
        if snapshot.linked_to == canonical:
            return
        if snapshot.linked_to or snapshot.aliases:
            left = LinkNote(user=user, reason="linked")
            await self._tell(turn, canonical, LinkStep.LEFT, left, cause)
            return
        turn.state = machine.receive(turn.state)
        self._put_down(turn)
        lines = {name: msgspec.Raw(line) for name, line in snapshot.lines.items()}
        joined = LinkNote(user=user, data=msgspec.Raw(snapshot.data), lines=lines)
        await self._tell(turn, canonical, LinkStep.JOINED, joined, cause)
        turn.state = replace(
            turn.state,
            snapshot=replace(
                turn.state.snapshot, data=b"{}", unread=0, lines={}, linked_to=canonical
            ),
        )

    def _put_down(self, turn: Computed) -> None:
        """End what an alias cannot go on with: conversations, connections, timers of the app."""
        services, now = self._services, self._services.clock.now()
        if services.book is not None:
            self._dialogue.ended(turn, EndConversations())
        everyone = tuple(a.connection for a in turn.state.attachments)
        for connection in everyone:
            turn.state = machine.leave(turn.state, connection, now, services.limits).state
        if everyone:
            turn.effects = (*turn.effects, CloseConnection(everyone, CloseCode.ENDED))
        timers = {n: t for n, t in turn.state.timers.items() if n.startswith(_RESERVED)}
        snapshot = replace(turn.state.snapshot, conversations={})
        turn.state = replace(turn.state, timers=timers, snapshot=snapshot)

    async def _release(self, turn: Computed, note: LinkNote, cause: str) -> None:
        left = LinkNote(user=turn.state.user)
        await self._tell(turn, note.user, LinkStep.LEFT, left, cause)
        snapshot = turn.state.snapshot
        if turn.state.phase is Phase.NEW or snapshot.linked_to == note.user:
            # His next input begins a session of his own.
            turn.state = replace(turn.state, snapshot=replace(snapshot, linked_to=""))
            await self._lifecycle.end(turn, EndRequest("unlinked", erase=True), hooks=False)

    # Telling another user

    async def _tell(
        self, turn: Computed, to: UserId, step: LinkStep, note: LinkNote, cause: str
    ) -> None:
        await tell_step(self._services, turn.state.user, Errand(to, step, note), cause)


def _line_of_alias(line: Line, alias: str) -> Line:
    """Write down whose *line* it was, with what waits on it."""
    held = [encode_outgoing(replace(decode_outgoing(bytes(raw)), alias=alias)) for raw in line.held]
    return replace(line, alias=alias, held=tuple(map(msgspec.Raw, held)))


def _merged(ours: Line, theirs: Line) -> Line:
    """Take the line that was used last; what waited on either waits on."""
    newer = theirs if theirs.heard_at >= ours.heard_at else ours
    return replace(newer, held=(*ours.held, *theirs.held))


def _as_dict(data: object) -> dict[str, object]:
    return data if isinstance(data, dict) else {"": data}
