"""Conversations: what one user's inputs do, from the routing to the flows, sans I/O.

::

    Said ─ which conversation? (book.current) ─ what does it do? (routing.py) ─ its turn (turn.py) ─ Taken

The stored conversations are handed in and handed out; nothing is kept here but the coroutines of flows that were
driven before, each with the bytes it belongs to. Other bytes (a commit failed, the state was rolled back, another
process was the last to write) mean that the flow is rebuilt from its record.
"""

from collections.abc import Mapping

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.inputs import Said, Settled
from sessiond.core.conversations.journal import channel_of
from sessiond.core.conversations.routing import Continue, RoutedInput, Say, Start
from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.conversations.taken import Taken
from sessiond.core.conversations.turn import ConversationTurn, LiveFlows, waits_for_run
from sessiond.core.errors import InvalidInput, SnapshotError
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.flow import Host
from sessiond.core.ids import UserId

__all__ = ["MAX_CONVERSATIONS", "Conversations", "next_expiry"]

#: A user talks on a few ways at a time; beyond this the one that was touched least lately is given up.
MAX_CONVERSATIONS = 32


class Conversations:
    """The conversations of *user*."""

    __slots__ = ("_book", "_host", "_live", "_user")

    def __init__(self, book: FlowBook, host: Host, user: UserId) -> None:
        self._book = book
        self._host = host
        self._user = user
        self._live: LiveFlows = {}

    def take(self, said: Said, stored: Mapping[str, bytes], now: float) -> Taken:
        """Take what a person said.

        Raises:
          InvalidInput: a fact that its session key needs is missing, or it names no flow.

        """
        if said.flow and not self._book.knows(said.flow):
            raise InvalidInput(f"there is no flow {said.flow!r}")
        turn = self._turn(stored, now)
        key = self._book.current(said.facts, stored)
        if key is not None:
            turn.open(key, channel_of(said.facts))
        if not said.reminds:
            turn.hear(said)
        if turn.error is not None:
            turn.fail(turn.error)
        elif said.reminds or (turn.has_unseen and not said.flow):
            turn.remind()
        else:
            self._act(turn, said)
            self._make_room(turn, stored)
        return turn.taken()

    def settle(self, settled: Settled, stored: Mapping[str, bytes], now: float) -> Taken | None:
        """Go on with the result of a function; ``None``: the conversation does not wait for it (any more)."""
        if settled.conversation not in stored:
            return None
        turn = self._turn(stored, now)
        turn.open(settled.conversation)
        goes_on = turn.settle(settled.run_id, settled.result, is_awaited=settled.waits_seconds > 0)
        return turn.taken() if goes_on else None

    def expire_due(self, stored: Mapping[str, bytes], now: float) -> list[Taken]:
        """End what has expired, one after the other; the last one's *stored* is what is left."""
        taken: list[Taken] = []
        for key, raw in list(stored.items()):
            due = _expiry(raw)
            if due is not None and due <= now:
                turn = self._turn(stored, now)
                turn.open(key)
                turn.expire()
                taken.append(turn.taken())
                stored = taken[-1].stored
        return taken

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
        failures = [held.flow.put_away() for held in self._live.values()]
        self._live.clear()
        return [failure for failure in failures if failure is not None]

    def _waits(self, key: str, raw: bytes) -> bool:
        live = self._live.get(key)
        try:
            record = (
                live.flow.record
                if live is not None and live.raw is raw
                else decode_conversation(raw).flow_record
            )
        except SnapshotError:
            return False
        return record is not None and waits_for_run(record)

    def _turn(self, stored: Mapping[str, bytes], now: float) -> ConversationTurn:
        return ConversationTurn(self._book, self._host, self._live, self._user, stored, now)

    def _act(self, turn: ConversationTurn, said: Said) -> None:
        if said.flow:
            turn.start(Start(self._book.find(said.flow).name, resets=True), said)
            return
        decision = self._book.routes.decide(_routed(turn, said))
        match decision:
            case Continue():
                turn.answer(said)
            case Start():
                turn.start(decision, said)
            case Say(text=text, resets=resets):
                turn.say(text, resets=resets)
            case _:
                pass

    def _make_room(self, turn: ConversationTurn, stored: Mapping[str, bytes]) -> None:
        """Give up the conversation that was touched least lately, when a new one makes too many."""
        if turn.key in stored or len(stored) < MAX_CONVERSATIONS:
            return
        turn.give_up(min(stored, key=lambda key: _expiry(stored[key]) or 0.0))


def next_expiry(stored: Mapping[str, bytes]) -> float | None:
    """Tell when the next of the *stored* conversations expires."""
    return min((due for due in map(_expiry, stored.values()) if due is not None), default=None)


def _routed(turn: ConversationTurn, said: Said) -> RoutedInput:
    running = turn.running
    return RoutedInput(
        text=said.answer.text,
        platform=said.facts.platform,
        gateway=said.facts.gateway,
        has_attachment=said.answer.attachment is not None,
        running=running or None,
        ended=turn.conversation.ended or None if turn.conversation is not None else None,
        accepted=turn.accepted_words() if running else (),
    )


def _expiry(raw: bytes) -> float | None:
    """Tell when a stored conversation expires; ``None``: it cannot be read, and is left alone."""
    try:
        return decode_conversation(raw).expires_at
    except SnapshotError:
        return None
