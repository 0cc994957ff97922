"""The flow that runs in one conversation, for one turn: its record, its session, and its coroutine once it is needed.

A coroutine that belongs to the stored bytes is gone on with; else it is rebuilt from the record when somebody wants
something of it. Every method that drives the flow raises ``FlowFailed`` or ``SnapshotError``; then ``drop`` it: the
next turn rebuilds it from what is stored.
"""

from collections.abc import Collection, Mapping

import msgspec
from attrs import evolve

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.happenings import Teller
from sessiond.core.conversations.inputs import Settled
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.conversations.live_flows import LiveFlows
from sessiond.core.conversations.stored import NO_RAW, StoredConversation
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.engine import LiveFlow, Opening, restore, start
from sessiond.core.flows.faults import FlowFailed, FlowGone
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.flow_session import (
    FlowSession,
    SessionRecord,
    decode_record,
    encode_record,
)
from sessiond.core.flows.operations import Run
from sessiond.core.flows.prompts import Output, RunRequest
from sessiond.core.flows.record import Record
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.ids import UserId

__all__ = ["RunningFlow", "waits_for_run"]


class RunningFlow:
    """The flow of one conversation in one turn at *now*; nothing runs until ``open`` or ``start``."""

    def __init__(
        self, book: FlowBook, host: Host, live: LiveFlows, user: UserId, now: float
    ) -> None:
        self._book = book
        self._host = host
        self._live = live
        self._user = user
        self._now = now
        self._key = ""
        self._flow: LiveFlow | None = None
        self._gone_on: Output | None = None
        self._session: FlowSession | None = None
        self._read: SessionRecord | None = None
        self._stored_session = NO_RAW
        self.profile: Mapping[str, str] = {}
        """What the door says of the person."""
        self.platform = ""
        """Where the person is now: how long the session lives."""
        self.teller: Teller | None = None
        """Told when the flow was rebuilt from its record. No callback: nothing of a turn may be left in a cycle."""
        self.too_large = ""
        """Why what the flow makes of this turn is its failure; empty: it may fit."""
        self.record: Record | None = None
        """Where the flow is; ``None``: none runs."""

    def open(self, key: str, raw: bytes, conversation: StoredConversation) -> None:
        """Open the flow of a stored conversation.

        Raises:
          RecordCorrupt, RecordTooNew: its record cannot be read.

        """
        self._key = key
        self._stored_session = conversation.session
        self._flow = self._live.find(key, raw)
        self.record = conversation.flow_record if self._flow is None else self._flow.record

    @property
    def name(self) -> str:
        """The name of the flow, as its record has it; empty: none runs."""
        return "" if self.record is None else self.record.flow

    @property
    def waits_for_run(self) -> bool:
        """Whether it waits for a function."""
        return self.record is not None and waits_for_run(self.record)

    @property
    def flow(self) -> Flow:
        """The flow as its author defined it.

        Raises:
          FlowGone: it was removed.

        """
        return self._book.find(self.name)

    def texts_of(self, name: str) -> FlowTexts:
        """Give the sentences of the flow *name* in the conversation's language; the engine's own when it is gone."""
        try:
            flow = self._book.find(name)
        except FlowGone:
            return FlowTexts()
        return flow.rules_in("" if self.record is None else self.record.speaks).texts

    def accepted_words(self) -> Collection[str]:
        """List the words that the waiting question takes: they are answers, whatever else they mean."""
        if self.record is None or self.waits_for_run:
            return ()
        try:
            if self.rebuilt() is not None or self._flow is None:
                return ()
        except (FlowFailed, SnapshotError):
            return ()  # it is said when the flow gets its answer
        prompt = self._flow.remind().prompt
        choices = () if prompt is None else prompt.choices
        return [word for choice in choices for word in (choice.label, choice.key)]

    # Driving

    def start(self, flow: Flow, opening: Opening, key: str, session: msgspec.Raw) -> Output:
        """Begin *flow* as the conversation *key*, whose flows remember *session*."""
        self._key = key
        self._stored_session = session
        opening = evolve(opening, session=self._remembered())
        self._flow, output = start(flow, opening, self._host)
        self.record = self._flow.record
        return output

    def rebuilt(self) -> Output | None:
        """Have the flow in memory; an output: it has gone on while it was rebuilt, and nothing else may drive it."""
        if self._flow is None and self.record is not None:
            self._flow, self._gone_on = restore(
                self.flow,
                self.record,
                self._host,
                user=self._user,
                profile=self.profile,
                session=self._remembered(),
            )
            self.record = self._flow.record
            restarted = self._gone_on is not None and self._gone_on.restarted
            if self.teller is not None:
                self.teller.tell(JournalEvent.FLOW_RESTART if restarted else JournalEvent.RECOVERY)
        return self._gone_on

    def answer(self, answer: Answer) -> Output:
        """Give it an answer; ``rebuilt`` it is, and has not gone on."""
        assert self._flow is not None
        output = self._flow.answer(answer, profile=self.profile or None, session=self._remembered())
        self.record = self._flow.record
        return output

    def settle(self, told: Record, item: Settled) -> Output:
        """Go on with the result of its function; *told* is the record that holds it."""
        self.record, self.too_large = told, item.too_large
        if self._flow is None:
            output = self.rebuilt()
            assert output is not None
            return output
        self._flow.settle(item.run_id, item.outcome)
        output = self._flow.proceed(session=self._remembered())
        self.record = self._flow.record
        return output

    def remind(self) -> Output:
        """Show its question again, or what it has gone on to."""
        output = self.rebuilt()
        if output is None:
            assert self._flow is not None
            output = self._flow.remind()
        return output

    def check_size(self) -> None:
        """Fail, on the line that it has come to, when what it makes of this turn is known to be too large."""
        if self.too_large:
            if self._flow is None:
                self.rebuilt()
            message = f"what the flow keeps and shows by here is too large ({self.too_large})"
            raise FlowFailed(message, where="" if self._flow is None else self._flow.where)

    def pending_run(self) -> RunRequest | None:
        """Find the function that it waits for; ``rebuilt`` it is, and has not gone on."""
        return None if self._flow is None else self._flow.pending_run()

    # What is left

    def use_session(self) -> tuple[msgspec.Raw, FlowSession | None]:
        """Take what the flow has made of its session since the last call, encoded: the turn keeps it."""
        session, self._session = self._session, None
        if session is not None and session.record is not self._read:
            record = session.record
            self._stored_session = NO_RAW if record is None else msgspec.Raw(encode_record(record))
        return self._stored_session, session

    def keep(self, raw: bytes) -> None:
        """Hold the coroutine for the turns that find the conversation stored as *raw*."""
        if self._flow is not None and self._flow.is_alive:
            self._live.keep(self._key, raw, self._flow)

    def drop(self) -> None:
        """Put the coroutine away; the record stays."""
        self._live.drop(self._key, self._flow)
        self._flow = self._session = None

    def end(self) -> None:
        """Nothing runs any more."""
        self.drop()
        self.record = None

    def _remembered(self) -> FlowSession:
        """Give the session as the flow reads and writes it until ``use_session``."""
        if self._session is None:
            raw = bytes(self._stored_session)
            record = None if raw == bytes(NO_RAW) else decode_record(raw)
            self._session = FlowSession(
                record, now=self._now, platform=self.platform, limits=self._book.sessions
            )
            self._read = self._session.record  # an expired one is left to the next write
        return self._session


def waits_for_run(record: Record) -> bool:
    """Tell whether the flow of *record* waits for a function."""
    return record.waiting is not None and record.waiting.kind == Run.kind
