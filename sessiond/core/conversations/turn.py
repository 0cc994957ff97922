"""One turn of one conversation: a flow is started, answered, reminded, settled or ended, and all of it is told.

A flow that fails does not fail the turn: the person reads ``FlowTexts.failed``, the record stays what it was, the
journal names the line. The same answer can be given again, and a reset word still works.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from attrs import define
from msgspec.structs import replace

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.happenings import Teller
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.journal import NO_CHANNEL, Channel, channel_of
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.conversations.routing import Start
from sessiond.core.conversations.shown import text_of
from sessiond.core.conversations.stored import (
    NO_RAW,
    StoredConversation,
    decode_conversation,
    encode_conversation,
    raw_record,
)
from sessiond.core.conversations.taken import Taken
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.engine import LiveFlow, Opening, expired, restore, settled, start
from sessiond.core.flows.faults import FlowFailed, FlowGone, RunFailed
from sessiond.core.flows.flow import Busy, Host
from sessiond.core.flows.operations import Run
from sessiond.core.flows.prompts import Message, Output, RunRequest
from sessiond.core.flows.record import Record
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.ids import UserId

__all__ = ["PUSHED_PLATFORMS", "ConversationTurn", "LiveFlows", "waits_for_run"]

#: Where we can speak first. Elsewhere what nobody waits for is shown at the next input.
PUSHED_PLATFORMS: Final = frozenset({"websocket"})

#: What people say during one run of a function; more is not taken.
_MAX_QUEUED: Final = 16

_IN_PROGRESS: Final = JournalStatus.IN_PROGRESS
_FAILURE: Final = JournalStatus.FAILURE
_INTERRUPTED: Final = JournalStatus.INTERRUPTED


@define
class _Live:
    """A flow in memory, and the stored bytes that it belongs to."""

    raw: bytes
    flow: LiveFlow


LiveFlows = dict[str, _Live]


class ConversationTurn:
    """A turn in the making: ``open`` if there is a conversation, then one of the verbs, then ``taken``."""

    def __init__(
        self,
        book: FlowBook,
        host: Host,
        live: LiveFlows,
        user: UserId,
        stored: Mapping[str, bytes],
        now: float,
    ) -> None:
        self._book = book
        self._host = host
        self._live = live
        self._user = user
        self._now = now
        self._stored = stored
        self._teller = Teller(now, NO_CHANNEL, book.journal)
        self.key = ""
        self.conversation: StoredConversation | None = None
        self.error: Exception | None = None
        self._record: Record | None = None
        self._flow: LiveFlow | None = None
        self._restored: Output | None = None
        """What a rebuilt flow showed because it did not wait where its record does."""
        self._output: Output | None = None
        self._run: RunRequest | None = None
        self._busy = self._queued = self._is_push = False

    # What there is

    def open(self, key: str, channel: Channel | None = None) -> None:
        """Open the conversation *key*; one whose time is over is closed. *channel*: the way of this input."""
        raw = self._stored[key]
        self.key = key
        live = self._live.get(key)
        if live is not None and live.raw == raw:
            self._flow = live.flow
        else:
            self._drop_live()
        try:
            conversation = decode_conversation(raw)
            self._record = conversation.flow_record if self._flow is None else self._flow.record
        except SnapshotError as error:
            self.error = error
            return
        self.conversation = conversation
        self._teller = Teller(self._now, channel or conversation.channel, self._book.journal)
        self._teller.key = key
        self._teller.flow = self.running
        if channel is not None and conversation.expires_at <= self._now:
            self._close(JournalEvent.CLEANUP)

    @property
    def running(self) -> str:
        """The name of the flow that runs; empty: none."""
        return "" if self._record is None else self._record.flow

    @property
    def has_unseen(self) -> bool:
        """Whether something was said that the person has not seen."""
        return self.conversation is not None and bool(self.conversation.unseen)

    @property
    def waits_for_run(self) -> bool:
        """Whether the flow waits for a function."""
        return self._record is not None and waits_for_run(self._record)

    def accepted_words(self) -> Collection[str]:
        """List the words that the waiting question takes: they are answers, whatever else they mean."""
        if self._record is None or self.waits_for_run:
            return ()
        try:
            if self._rebuilt() is not None or self._flow is None:
                return ()
        except (FlowFailed, SnapshotError):
            return ()  # it is said when the flow gets its answer
        prompt = self._flow.remind().prompt
        choices = () if prompt is None else prompt.choices
        return [word for choice in choices for word in (choice.label, choice.key)]

    # What can be done with it

    def hear(self, said: Said) -> None:
        """Tell that the person said something."""
        if self.conversation is None:
            self._teller = Teller(self._now, channel_of(said.facts), self._book.journal)
        answer = said.answer
        kind = "choice" if answer.choice is not None else "text"
        for name in ("attachment", "location", "contact"):
            if getattr(answer, name) is not None:
                kind = name
        text = answer.text if answer.choice is None else answer.choice
        self._teller.tell(JournalEvent.MESSAGE_RECEIVED, text=text, facts={"type": kind})

    def remind(self) -> None:
        """Show what was not seen, and the waiting question again."""
        conversation = self.conversation
        if conversation is None:
            return
        self.conversation = replace(conversation, unseen=())
        unseen = conversation.unseen
        if self.waits_for_run:
            self._run_again(unseen)
        elif self._record is None:
            self._output = Output(messages=unseen) if unseen else None
        else:
            self._attempt(lambda: self._shown_again(unseen))

    def answer(self, said: Said) -> None:
        """Hand the running flow what the person said."""
        if self.waits_for_run:
            self._while_busy(said.answer)
        else:
            waits = said.waits_seconds > 0
            self._attempt(lambda: self._answered(said.answer), waits=waits)

    def start(self, decision: Start, said: Said) -> None:
        """Begin a flow; the one that runs, if any, ends."""
        if self.running:
            self._teller.tell(JournalEvent.RESET)
        self._close()
        facts = said.facts
        flow = self._book.find(decision.flow)
        self.key = self._teller.key = self._book.key(facts, flow.name)
        self._teller.flow = flow.name
        self._teller.tell(JournalEvent.FLOW_START)
        self.conversation = StoredConversation(
            touched_at=self._now, expires_at=self._now, channel=self._teller.channel
        )
        opening = Opening(
            id=self._host.entropy.token(8).hex(),
            user=self._user,
            text=said.answer.text,
            platform=facts.platform,
            gateway=facts.gateway,
        )

        def begin() -> Output:
            self._flow, output = start(flow, opening, self._host)
            if decision.answers and output.prompt is not None:
                self._record = self._flow.record
                output = _joined(output, self._taken_answer(said.answer))
            return output

        self._attempt(begin, waits=said.waits_seconds > 0)
        if self.error is not None:
            self.conversation = self._record = None

    def say(self, text: str, *, resets: bool) -> None:
        """Say *text*, which belongs to no flow; the running one ends when it *resets*."""
        if resets:
            self._teller.tell(JournalEvent.RESET)
            self._close()
        self._output = Output(messages=(Message(text),))
        self._tell_shown(self._output)

    def settle(self, run_id: str, result: bytes | RunFailed, *, is_awaited: bool) -> bool:
        """Go on with the result of a function; ``False``: the flow does not wait for it (any more)."""
        record, conversation = self._record, self.conversation
        told = None if record is None else settled(record, run_id, result)
        if told is None or conversation is None:
            return False
        assert record is not None and record.waiting is not None  # noqa: PT018 -- ``settled`` looked
        status = _FAILURE if isinstance(result, RunFailed) else JournalStatus.SUCCESS
        self._teller.tell(JournalEvent.RUN_END, status, step=record.waiting.key)
        # Also when the flow fails with it: the function is not called again.
        self._record = told
        self.conversation = replace(conversation, record=raw_record(told))
        is_pushed = conversation.channel.platform in PUSHED_PLATFORMS
        self._attempt(lambda: self._gone_on(run_id, result), waits=is_awaited or not is_pushed)
        if is_awaited or is_pushed:
            self._show_unseen()
        else:
            self._hide()
        self._is_push = self._output is not None and is_pushed and not is_awaited
        return True

    def resume(self) -> None:
        """Find the function that the flow waits for, to be called (again); nobody has said anything."""
        try:
            self._find_run()
        except (FlowFailed, SnapshotError) as error:  # the person is told at his next input
            self.error = error
            self._drop_live()
        self._is_push = self._output is not None

    def expire(self) -> None:
        """End the conversation because its time is over."""
        record = self._record
        if record is not None:
            try:
                output = expired(self._book.find(record.flow), record)
                self._output = output if output.messages else None
            except FlowFailed as error:
                self._teller.tell(JournalEvent.FLOW_ERROR, _FAILURE, error=str(error))
                self.error = error
        self._close(JournalEvent.CLEANUP)
        self._is_push = self._teller.channel.platform in PUSHED_PLATFORMS

    def give_up(self, key: str) -> None:
        """Forget another conversation of the user: there are too many."""
        self._stored = {name: raw for name, raw in self._stored.items() if name != key}
        other = self._live.pop(key, None)
        if other is not None:
            other.flow.put_away()

    def taken(self) -> Taken:
        """Hand out what the turn did."""
        stored = self._stored_now()
        return Taken(
            stored=stored,
            key=self.key,
            flow=self._teller.flow,
            output=self._output,
            run=self._run,
            is_push=self._is_push,
            busy=self._busy,
            queued=self._queued,
            error=self.error,
            journal=self._teller.encoded(),
            happenings=tuple(self._teller.happenings),
        )

    # Driving

    def _rebuilt(self) -> Output | None:
        """Have the flow in memory; an output: it has gone on while it was rebuilt, and nothing else may drive it."""
        if self._flow is None and self._record is not None:
            flow = self._book.find(self._record.flow)
            self._flow, self._restored = restore(flow, self._record, self._host, user=self._user)
        return self._restored

    def _answered(self, answer: Answer) -> Output:
        output = self._rebuilt()
        return self._taken_answer(answer) if output is None else output

    def _taken_answer(self, answer: Answer) -> Output:
        """Let the flow take the answer, and tell what became of it."""
        flow, record = self._flow, self._record
        assert flow is not None and record is not None and record.waiting is not None  # noqa: PT018
        step = record.waiting.key
        self._teller.tell(JournalEvent.STEP_START, _IN_PROGRESS, step=step)
        output = flow.answer(answer)
        if output.rejected:
            self._teller.tell(JournalEvent.VALIDATION_ERROR, _FAILURE, step=step)
            return output
        self._teller.tell(JournalEvent.VALIDATION, step=step)
        if output.prompt is not None:
            self._teller.tell(JournalEvent.TRANSITION, step=step, to_step=output.prompt.key)
        self._record = flow.record
        return output

    def _gone_on(self, run_id: str, result: bytes | RunFailed) -> Output:
        if self._flow is None:
            output = self._rebuilt()
            assert output is not None
        else:
            self._flow.settle(run_id, result)
            output = self._flow.proceed()
        queued = () if self.conversation is None else self.conversation.queued
        for index, answer in enumerate(queued, 1):
            if output.prompt is None or self.conversation is None:
                break
            self.conversation = replace(self.conversation, queued=queued[index:])
            self._record = self._flow.record if self._flow is not None else None
            output = _joined(output, self._taken_answer(answer))
        return output

    def _shown_again(self, unseen: tuple[Message, ...]) -> Output:
        output = self._rebuilt()
        if output is None:
            assert self._flow is not None
            output = self._flow.remind()
        return replace(output, messages=(*unseen, *output.messages))

    def _attempt(self, work: Callable[[], Output], *, waits: bool = False) -> None:
        """Drive the flow; with *waits*, what it says before a function runs is shown with what comes after it."""
        try:
            output = work()
        except (FlowFailed, SnapshotError) as error:
            self.fail(error)
            return
        self._keep(output)
        if waits and output.run is not None:
            self._hide()

    def _while_busy(self, answer: Answer) -> None:
        """The flow waits for a function: its policy says what happens to what a person says."""
        conversation, record = self.conversation, self._record
        assert conversation is not None and record is not None  # noqa: PT018
        try:
            flow = self._book.find(record.flow)
        except FlowGone as error:
            self.fail(error)
            return
        if flow.busy is Busy.QUEUE and len(conversation.queued) < _MAX_QUEUED:
            self.conversation = replace(conversation, queued=(*conversation.queued, answer))
            self._queued = True
        silent = self._queued or flow.busy is Busy.IGNORE
        self._run_again(() if silent else (Message(flow.texts.busy),))

    def _run_again(self, messages: tuple[Message, ...]) -> None:
        """Say that a function runs, and see to it that it does."""
        try:
            self._find_run()
        except (FlowFailed, SnapshotError) as error:
            self.fail(error)
        if self._output is None:
            self._busy = not self._queued
            self._output = Output(messages=messages)
            self._tell_shown(self._output)

    def _find_run(self) -> None:
        output = self._rebuilt()
        if output is not None:
            self._keep(output)
        elif self._flow is not None:
            self._run = self._flow.pending_run()

    # What comes of it

    def _keep(self, output: Output) -> None:
        """Make what the flow showed, and where it is now, the conversation."""
        flow, conversation = self._flow, self.conversation
        assert flow is not None and conversation is not None  # noqa: PT018
        has_ended = output.end is not None
        channel = self._teller.channel
        self._record = None if has_ended else flow.record
        self.conversation = replace(
            conversation,
            record=NO_RAW if self._record is None else raw_record(self._record),
            ended=flow.record.flow if has_ended else "",
            channel=channel,
            touched_at=self._now,
            expires_at=self._now + self._book.sessions.ttl(channel.platform),
        )
        self._output = output
        self._run = output.run
        if output.restarted:
            self._teller.tell(JournalEvent.RECOVERY, _INTERRUPTED)
        if output.run is not None:
            self._teller.tell(JournalEvent.RUN_START, _IN_PROGRESS, step=output.run.key)
        self._tell_shown(output)
        if has_ended:
            self._teller.tell(JournalEvent.FLOW_END)
            self._drop_live()

    def _tell_shown(self, output: Output) -> None:
        if output.messages or output.prompt is not None:
            kind = "prompt" if output.end is None else "terminal"
            text = text_of(output)
            self._teller.tell(JournalEvent.MESSAGE_SENT, text=text, facts={"type": kind})

    def fail(self, error: Exception) -> None:
        """Tell the person that something went wrong, and the journal what."""
        self.error = error
        self._drop_live()
        try:
            texts = self._book.find(self._teller.flow).texts
        except FlowGone:
            texts = FlowTexts()
        self._output = Output(messages=(Message(texts.failed),))
        self._teller.tell(JournalEvent.FLOW_ERROR, _FAILURE, error=str(error))
        self._tell_shown(self._output)

    def _hide(self) -> None:
        """Keep what was said for when somebody looks; the question is asked again then."""
        output, conversation = self._output, self.conversation
        if output is not None and conversation is not None:
            unseen = (*conversation.unseen, *output.messages)
            self.conversation = replace(conversation, unseen=unseen)
            self._output = replace(output, messages=()) if output.run is not None else None

    def _show_unseen(self) -> None:
        """Show what was kept before what is said now, unless it goes on being kept."""
        output, conversation = self._output, self.conversation
        if output is not None and output.run is None and conversation is not None:
            self._output = replace(output, messages=(*conversation.unseen, *output.messages))
            self.conversation = replace(conversation, unseen=())

    def _close(self, event: JournalEvent | None = None) -> None:
        """End the conversation from outside, and forget it."""
        if self._record is not None:
            self._teller.tell(JournalEvent.FLOW_END, _INTERRUPTED)
        if event is not None:
            self._teller.tell(event)
        self._drop_live()
        self._stored = {name: raw for name, raw in self._stored.items() if name != self.key}
        self.conversation = self._record = None

    def _drop_live(self) -> None:
        self._live.pop(self.key, None)
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.put_away()

    def _stored_now(self) -> Mapping[str, bytes]:
        conversation, stored = self.conversation, self._stored
        if conversation is None:
            return stored
        keeps_end = conversation.ended and self._book.shown_after_end
        if not conversation.has_record and not conversation.unseen and not keeps_end:
            return {name: raw for name, raw in stored.items() if name != self.key}
        raw = encode_conversation(conversation)
        if stored.get(self.key) != raw:
            stored = {**stored, self.key: raw}
        if self._flow is not None and self._flow.is_alive:
            self._live[self.key] = _Live(raw, self._flow)
        return stored


def waits_for_run(record: Record) -> bool:
    """Tell whether the flow of *record* waits for a function."""
    return record.waiting is not None and record.waiting.kind == Run.kind


def _joined(first: Output, then: Output) -> Output:
    """Show two outputs of one turn as one: what the first asked was answered already."""
    return replace(
        then,
        messages=(*first.messages, *then.messages),
        restarted=first.restarted or then.restarted,
    )
