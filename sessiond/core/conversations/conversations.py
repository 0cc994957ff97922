"""Conversations: what one user's inputs do, from the routing to the flows, sans I/O.

::

    Said ─ which conversation? (book.way) ─ what does it do? (routing.py) ─ its turn (turn.py) ─ Taken

The stored conversations are handed in and handed out; nothing is kept here but the coroutines of flows that were
driven before, each with the bytes it belongs to. Other bytes (a commit failed, the state was rolled back, another
process was the last to write) mean that the flow is rebuilt from its record.

What a new dial does with what an earlier one began: redials.py.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Final

from attrs import evolve
from msgspec.structs import replace

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.glances import expiry, liveliness, touched, waiting_screen
from sessiond.core.conversations.inputs import Said, Settled
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.conversations.live_flows import LiveFlows
from sessiond.core.conversations.redials import Redial, Resuming, Verb, redial_of
from sessiond.core.conversations.routing import Continue, Decision, RoutedInput, Say, Start
from sessiond.core.conversations.running import waits_for_run
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.conversations.taken import Taken
from sessiond.core.conversations.turn import ConversationTurn
from sessiond.core.errors import InvalidInput, SnapshotError, SnapshotTooNew
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.engine import settled as settled_record
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.flow import Host
from sessiond.core.flows.record import Record
from sessiond.core.ids import UserId

__all__ = ["MAX_CONVERSATIONS", "Conversations", "next_expiry"]

#: A user talks on a few ways at a time; beyond this the one that was touched least lately is given up.
MAX_CONVERSATIONS: Final = 32

_UNREADABLE: Final = "?"


class Conversations:
    """The conversations of *user*."""

    __slots__ = ("_book", "_facts", "_host", "_key", "_live", "_user")

    def __init__(self, book: FlowBook, host: Host, user: UserId) -> None:
        self._book = book
        self._host = host
        self._user = user
        self._live = LiveFlows()
        self._facts: ChannelFacts | None = None
        self._key: str | None = None
        """The conversation that *facts* led to: people stay in theirs, and a key costs a hash (23 µs of each turn)."""

    def take(self, said: Said, stored: Mapping[str, bytes], now: float) -> Taken:
        """Take what a person said.

        Raises:
          InvalidInput: a fact that its session key needs is missing, or it names no flow.

        """
        if said.flow and not self._book.knows(said.flow):
            raise InvalidInput(f"there is no flow {said.flow!r}")
        if said.unprompted:
            return self._begin_unprompted(said, stored, now)
        key = self._current(said.facts, stored)
        if _is_dial(said):
            return self._dial(said, key, stored, now)
        turn = self._turn(stored, now, said)
        if key is not None:
            turn.open(key)
        if not said.reminds:
            turn.hear(said)
        self._do(turn, said)
        taken = turn.taken(waits=said.waits_seconds > 0)
        return self._with_room(taken, now) if len(taken.stored) > len(stored) else taken

    def goes_on(self, said: Said, stored: Mapping[str, bytes], now: float) -> bool:
        """Tell whether *said* is a dial that goes on with what is there: what was dialled along is no answer to it.

        Raises:
          InvalidInput: a fact that its session key needs is missing.

        """
        if not _is_dial(said):
            return False
        own = self._current(said.facts, stored)
        return redial_of(self._book, said, own, stored, now).verb is not Verb.BEGIN

    def screen(self, facts: ChannelFacts, stored: Mapping[str, bytes], now: float) -> str | None:
        """Name the screen that waits for whoever *facts* tell of, as ``waiting_screen`` does.

        Raises:
          InvalidInput: a fact that its session key needs is missing.

        """
        key = self._current(facts, stored)
        if key is None:
            return None
        return waiting_screen(stored[key], now, self._live.record(key, stored[key]))

    def _dial(self, said: Said, own: str | None, stored: Mapping[str, bytes], now: float) -> Taken:
        """Do what redials.py says."""
        redial = redial_of(self._book, said, own, stored, now)
        others: list[Taken] = []
        for key in (*redial.ended, *redial.missed):
            other = self._turn(stored, now)
            other.open(key)
            if key in redial.ended:
                other.leave()
            else:
                other.miss()
            others.append(other.taken())
            stored = others[-1].stored
        taken = self._dialled(said, redial, stored, now)
        if not others:
            return taken
        told = (*others, taken)
        return replace(
            taken,
            journal=tuple(chain.from_iterable(one.journal for one in told)),
            happenings=tuple(chain.from_iterable(one.happenings for one in told)),
        )

    def _dialled(
        self, said: Said, redial: Redial, stored: Mapping[str, bytes], now: float
    ) -> Taken:
        before, key = stored, redial.key
        if key is not None and redial.verb is not Verb.BEGIN:
            key, stored = self._moved(key, said, stored)
        turn = self._turn(stored, now, said)
        if key is not None and key in stored:
            turn.open(key)
        turn.hear(said)
        if redial.key is not None and redial.verb in {Verb.SHOW, Verb.ASK}:
            turn.redialled(redial.key)
        match redial.verb:
            case Verb.BEGIN:
                self._act(turn, said)
            case Verb.ASK:
                turn.offer()
            case _:
                self._remind(turn)
        taken = turn.taken(waits=said.waits_seconds > 0)
        return self._with_room(taken, now) if len(taken.stored) > len(before) else taken

    def _moved(
        self, key: str, said: Said, stored: Mapping[str, bytes]
    ) -> tuple[str, Mapping[str, bytes]]:
        """Give the conversation *key* the key that this dial has."""
        to = self._book.moved(key, said.facts)
        if to == key:
            return key, stored
        self._live.move(key, to)
        kept = {name: raw for name, raw in stored.items() if name not in {key, to}}
        return to, {**kept, to: stored[key]}

    def _begin_unprompted(self, said: Said, stored: Mapping[str, bytes], now: float) -> Taken:
        """Begin the flow that the app wants; where it fails at once, everything is as it was, and nobody is told."""
        if not said.flow:
            raise InvalidInput("an unprompted input names the flow to begin")
        turn = self._turn(stored, now, said)
        key = self._current(said.facts, stored)
        if key is not None:
            turn.open(key)
        self._act(turn, said)
        if turn.error is not None:
            failed = self._turn(stored, now, said)
            failed.fail_silently(turn.error, said.flow)
            return failed.taken()
        taken = turn.taken()
        return self._with_room(taken, now) if len(taken.stored) > len(stored) else taken

    def settle(self, settled: Settled, stored: Mapping[str, bytes], now: float) -> Taken | None:
        """Go on with the result of a function; ``None``: the conversation does not wait for it (any more).

        It may have another key by now. Who dialled again meanwhile sees it at his next dial, and whoever waited before
        is there no more.
        """
        first = settled.conversation
        taken = self._settled_in(first, settled, stored, now) if first in stored else None
        if taken is not None:
            return taken
        for key, raw in stored.items():
            if key != first and self._waits_for(settled, key, raw):
                return self._settled_in(key, settled, stored, now)
        return None

    def _settled_in(
        self, key: str, settled: Settled, stored: Mapping[str, bytes], now: float
    ) -> Taken | None:
        turn = self._turn(stored, now)
        turn.open(key)
        waits = settled.waits_seconds > 0 and not turn.is_redialled
        goes_on = turn.settle(settled)
        return turn.taken(waits=waits) if goes_on else None

    def expire_due(self, stored: Mapping[str, bytes], now: float) -> list[Taken]:
        """End what has expired, one after the other; the last one's *stored* is what is left."""
        taken: list[Taken] = []
        for key, raw in list(stored.items()):
            due = expiry(raw)
            if due is not None and due <= now:
                turn = self._turn(stored, now)
                turn.open(key)
                turn.expire()
                taken.append(turn.taken())
                stored = taken[-1].stored
        return taken

    def end(self, key: str, stored: Mapping[str, bytes], now: float) -> Taken:
        """End the conversation *key* of *stored* from outside, and forget what is remembered in it."""
        turn = self._turn(stored, now)
        turn.open(key)
        turn.give_up(JournalEvent.RESET)
        return turn.taken()

    def resume(self, stored: Mapping[str, bytes], now: float) -> list[Taken]:
        """Find the functions that conversations wait for, to be called (again)."""
        taken: list[Taken] = []
        for key in list(stored):
            turn = self._turn(stored, now)
            turn.open(key)
            if turn.waits_for_run:
                turn.resume()
                taken.append(turn.taken())
                stored = taken[-1].stored
        return taken

    def waits_for_run(self, stored: Mapping[str, bytes]) -> bool:
        """Tell whether any of the *stored* conversations waits for a function."""
        return any(self._waits(key, raw) for key, raw in stored.items())

    def put_away(self) -> list[FlowFailed]:
        """Close every coroutine; the records are all that is left. Returns what their code raised meanwhile."""
        return self._live.put_away()

    def _waits(self, key: str, raw: bytes) -> bool:
        record = self._record(key, raw)
        return record is not None and waits_for_run(record)

    def _waits_for(self, settled: Settled, key: str, raw: bytes) -> bool:
        record = self._record(key, raw)
        return (
            record is not None
            and settled_record(record, settled.run_id, settled.result) is not None
        )

    def _record(self, key: str, raw: bytes) -> Record | None:
        try:
            return self._live.record(key, raw) or decode_conversation(raw).flow_record
        except SnapshotError:
            return None

    def _turn(
        self, stored: Mapping[str, bytes], now: float, said: Said | None = None
    ) -> ConversationTurn:
        self._live.keep_only(stored)
        return ConversationTurn(
            self._book, self._host, self._live, self._user, stored, now=now, said=said
        )

    def _current(self, facts: ChannelFacts, stored: Mapping[str, bytes]) -> str | None:
        """Find the conversation that an input with these facts belongs to.

        Where each flow has its own conversation there may be others, of flows that only remember something.
        """
        if len(stored) == 1 and self._key in stored and facts == self._facts:
            return self._key
        keys = self._book.matching(self._book.way(facts), stored)
        key = max(keys, key=lambda key: liveliness(stored[key]), default=None)
        self._facts, self._key = facts, key
        return key

    def _do(self, turn: ConversationTurn, said: Said) -> None:
        if turn.is_resuming and not said.flow:
            self._choose(turn, said)
        elif said.reminds or (turn.has_unseen and not turn.waits_for_run and not said.flow):
            self._remind(turn)
        else:
            self._act(turn, said)

    def _choose(self, turn: ConversationTurn, said: Said) -> None:
        """Take the answer of a person who was asked if he goes on."""
        if said.reminds:
            turn.offer()
            return
        match turn.choose(said.answer):
            case Resuming.CONTINUE:
                self._remind(turn)
            case Resuming.RESTART:
                turn.leave()
                self._act(turn, evolve(said, answer=Answer(), opens=True))
            case None:
                pass

    def _remind(self, turn: ConversationTurn) -> None:
        if turn.error is not None:
            turn.fail(turn.error)
        else:
            turn.remind()

    def _act(self, turn: ConversationTurn, said: Said) -> None:
        if said.flow:
            decision: Decision = Start(self._book.find(said.flow).name, resets=True)
        else:
            decision = self._book.routes.decide(_routed(turn, said))
            if isinstance(decision, Start) and self._book.routes.greets(said.answer.text):
                turn.greeted()
        error = turn.error
        if error is not None and (
            isinstance(decision, Continue) or isinstance(error, SnapshotTooNew)
        ):
            turn.fail(error)
            return
        match decision:
            case Continue():
                turn.answer(said.answer)
            case Start():
                turn.start(decision, said)
            case Say(text=text, resets=resets):
                turn.say(text, resets=resets)
            case _:
                pass

    def _with_room(self, taken: Taken, now: float) -> Taken:
        """Give up the conversation that was touched least lately, when a new one makes too many."""
        stored = taken.stored
        if len(stored) <= MAX_CONVERSATIONS:
            return taken
        others = [key for key in stored if key != taken.key]
        turn = self._turn(stored, now)
        turn.open(min(others, key=lambda key: touched(stored[key])))
        turn.give_up()
        given_up = turn.taken()
        return replace(
            taken,
            stored=given_up.stored,
            journal=(*taken.journal, *given_up.journal),
            happenings=(*taken.happenings, *given_up.happenings),
        )


def next_expiry(stored: Mapping[str, bytes], taken: Taken | None = None) -> float | None:
    """Tell when the next of the *stored* conversations expires; the one that was *taken* last is not read again."""
    dues = [
        taken.expires_at
        if taken is not None and key == taken.key and taken.expires_at is not None
        else expiry(raw)
        for key, raw in stored.items()
    ]
    return min((due for due in dues if due is not None), default=None)


def _is_dial(said: Said) -> bool:
    return said.opens and not said.flow and not said.reminds


def _routed(turn: ConversationTurn, said: Said) -> RoutedInput:
    answer = said.answer
    # Nobody knows what runs in a conversation that cannot be read: only a reset word begins anew.
    name = turn.running
    running = name if turn.error is None else _UNREADABLE
    return RoutedInput(
        text=answer.text,
        platform=said.facts.platform,
        gateway=said.facts.gateway,
        has_attachment=bool(answer.attachment or answer.location or answer.contact),
        running=running or None,
        is_gone=bool(name) and turn.is_gone,
        ended=turn.ended or None,
        accepted=turn.accepted_words,
    )
