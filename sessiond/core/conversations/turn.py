"""One turn of one conversation: a flow is started, answered, reminded, settled or ended, and all of it is told.

A flow that fails does not fail the turn: the person reads ``FlowTexts.failed``, the record stays what it was, the
journal names the line. The same answer can be given again, and a reset word still works.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from msgspec.structs import replace

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.inputs import Said, Settled
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.conversations.live_flows import LiveFlows
from sessiond.core.conversations.open_conversation import OpenConversation, joined
from sessiond.core.conversations.redials import Resuming, picked, resume_menu
from sessiond.core.conversations.routing import Start
from sessiond.core.conversations.running import RunningFlow
from sessiond.core.conversations.stored import raw_record
from sessiond.core.conversations.taken import Taken
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.engine import Opening, settled
from sessiond.core.flows.faults import FlowFailed, FlowGone, RunFailed
from sessiond.core.flows.flow import Busy, Host
from sessiond.core.flows.prompts import Message, Output
from sessiond.core.flows.record import Record
from sessiond.core.ids import UserId

__all__ = ["MAX_QUEUED", "ConversationTurn"]

#: What people say during one run of a function; more is not taken.
MAX_QUEUED: Final = 16

_FAILURES: Final = (FlowFailed, SnapshotError)


class ConversationTurn:
    """A turn in the making: ``open`` if there is a conversation, then one of the verbs, then ``taken``.

    *said* is the input; ``None``: nobody said anything.
    """

    def __init__(
        self,
        book: FlowBook,
        host: Host,
        live: LiveFlows,
        user: UserId,
        stored: Mapping[str, bytes],
        *,
        now: float,
        said: Said | None = None,
    ) -> None:
        self._book = book
        self._host = host
        self._user = user
        self._running = RunningFlow(book, host, live, user, now)
        self._open = OpenConversation(book, self._running, stored, now, said)
        self._tell = self._open.teller.tell

    def open(self, key: str) -> None:
        """Open the conversation *key*; one whose time is over is closed when somebody speaks."""
        self._open.open(key)
        self._tell = self._open.teller.tell

    # What there is

    @property
    def error(self) -> Exception | None:
        """Why the conversation cannot be opened, or what failed in this turn."""
        return self._open.error

    @property
    def running(self) -> str:
        """The name of the flow that runs; empty: none."""
        return self._running.name

    @property
    def is_gone(self) -> bool:
        """Whether the flow that runs is in the app no more."""
        return not self._book.knows(self.running)

    @property
    def ended(self) -> str:
        """The name of the flow whose end was the last thing that happened; empty: none."""
        conversation = self._open.conversation
        return "" if conversation is None else conversation.ended

    @property
    def waits_for_run(self) -> bool:
        """Whether the flow waits for a function."""
        return self._running.waits_for_run

    @property
    def has_unseen(self) -> bool:
        """Whether something was said or asked that the person has not seen."""
        conversation = self._open.conversation
        return conversation is not None and bool(conversation.unseen or conversation.is_unasked)

    @property
    def is_resuming(self) -> bool:
        """Whether the person was asked if he goes on."""
        conversation = self._open.conversation
        return conversation is not None and conversation.is_resuming

    @property
    def is_redialled(self) -> bool:
        """Whether somebody dialled again since the function that runs was called."""
        conversation = self._open.conversation
        return conversation is not None and conversation.is_redialled

    def accepted_words(self) -> Collection[str]:
        """List the words that the waiting question takes: they are answers, whatever else they mean."""
        return self._running.accepted_words()

    # What can be done with it

    def hear(self, said: Said) -> None:
        """Tell that the person said something; what the door says of him now is known from here on.

        What was pushed before is on no screen any more.
        """
        conversation = self._open.conversation
        if conversation is not None and conversation.pushed is not None:
            self._open.conversation = replace(conversation, pushed=None)
        answer = said.answer
        self._running.profile = said.profile
        kind = "choice" if answer.choice is not None else "text"
        for name in ("attachment", "location", "contact"):
            if getattr(answer, name) is not None:
                kind = name
        text = answer.text if answer.choice is None else answer.choice
        self._tell(JournalEvent.MESSAGE_RECEIVED, text=text, facts={"type": kind})

    def redialled(self, key: str) -> None:
        """Tell that a new dial met this conversation, whose key was *key*."""
        facts = {} if key == self._open.key else {"from": key}
        self._tell(JournalEvent.REDIAL, facts=facts)
        self.miss()

    def miss(self) -> None:
        """Whoever waits for the function that runs is there no more."""
        if self.waits_for_run and self._open.conversation is not None:
            self._open.conversation = replace(self._open.conversation, is_redialled=True)

    def offer(self, *, error: str = "") -> None:
        """Ask whether the person goes on, or starts again."""
        conversation, record = self._open.conversation, self._running.record
        assert conversation is not None
        assert record is not None
        self._open.conversation = replace(conversation, is_resuming=True)
        menu = resume_menu(self._running.texts_of(record.flow), record.id, error)
        self._open.show(Output(prompt=menu, rejected=bool(error)))

    def choose(self, answer: Answer) -> Resuming | None:
        """Take what the person answered to that; ``None``: it was no answer, and he is asked again."""
        record = self._running.record
        assert record is not None
        texts = self._running.texts_of(record.flow)
        menu = resume_menu(texts, record.id)
        choice = picked(answer, menu)
        if choice is not None:
            self._tell(JournalEvent.VALIDATION, step=menu.key, facts={"choice": choice})
            return choice
        self._tell(JournalEvent.VALIDATION_ERROR, JournalStatus.FAILURE, step=menu.key)
        self.offer(error=texts.invalid_choice if answer.choice is None else texts.stale_choice)
        return None

    def leave(self) -> None:
        """End the flow that runs, for what the person begins anew."""
        self._reset()

    def greeted(self) -> None:
        """Tell that it was a greeting, and begins something."""
        self._tell(JournalEvent.GREETING)

    def remind(self) -> None:
        """Show what was not seen, and the waiting question again; while a function runs, that one has to wait.

        What was pushed is shown too, and how the flow ended with it: the person may have been away.
        """
        conversation, self._open.reminds = self._open.conversation, True
        pushed = None if conversation is None else conversation.pushed
        if self.waits_for_run:
            self._run_again((self._busy_message(),))
        elif self.running:
            self._attempt(self._running.remind)
        elif self.has_unseen or pushed is not None:
            self._open.teller.flow = self.ended if pushed is None else pushed.flow
            self._open.output = Output()

    def answer(self, answer: Answer) -> None:
        """Hand the running flow what the person said."""
        if self.waits_for_run:
            self._while_busy(answer)
        else:
            self._attempt(partial(self._answered, answer))

    def start(self, decision: Start, said: Said) -> None:
        """Begin a flow; the one that runs, if any, ends.

        Raises:
          InvalidInput: a fact that its session key needs is missing.

        """
        try:
            flow = self._book.find(decision.flow)
        except FlowGone as error:
            self.fail(error)
            return
        facts = said.facts
        key = self._book.key(facts, flow.name)
        self._reset()
        self._open.teller.flow = flow.name
        self._tell(JournalEvent.FLOW_START)
        opening = Opening(
            id=self._host.entropy.token(8).hex(),
            user=self._user,
            text=said.answer.text,
            matched=decision.groups,
            platform=facts.platform,
            gateway=facts.gateway,
            profile=said.profile,
            language=said.language,
        )

        def begin() -> Output:
            self._open.begin(key)
            assert self._open.conversation is not None
            output = self._running.start(flow, opening, key, self._open.conversation.session)
            if decision.answers and output.prompt is not None:
                answered = self._taken_answer(said.answer)
                # A picture that nobody asked for is no wrong answer: it only opened.
                if said.answer.text or not answered.rejected:
                    output = joined(output, answered)
            return output

        self._attempt(begin)
        if self.error is not None:
            self._open.take_back()

    def say(self, text: str, *, resets: bool) -> None:
        """Say *text*, which belongs to no flow; the running one ends when it *resets*."""
        if resets:
            self._reset()
        self._open.show(Output(messages=(Message(text),)))

    def settle(self, item: Settled) -> bool:
        """Go on with the result of a function; ``False``: the flow does not wait for it (any more)."""
        record, conversation = self._running.record, self._open.conversation
        told = None if record is None else settled(record, item.run_id, item.outcome)
        if told is None or conversation is None:
            return False
        assert record is not None and record.waiting is not None  # noqa: PT018 -- ``settled`` looked
        failed = isinstance(item.outcome, RunFailed)
        status = JournalStatus.FAILURE if failed else JournalStatus.SUCCESS
        self._tell(JournalEvent.RUN_END, status, step=record.waiting.key)
        # Also when the flow fails with it: the function is not called again.
        self._open.conversation = replace(conversation, record=raw_record(told))
        self._attempt(partial(self._settled, told, record.waiting.key, item))
        self._answer_queued()
        return True

    def resume(self) -> None:
        """Find the function that the flow waits for, to be called (again); nobody has said anything."""
        try:
            self._find_run()
        except _FAILURES as error:  # the person is told at his next input
            self._open.fail_silently(error)

    def expire(self) -> None:
        """End the conversation because its time is over."""
        if self.error is None:
            self._open.error = self._open.expire()
        else:  # it cannot be read
            self._open.fail_silently(self.error)
            self._open.close(JournalEvent.CLEANUP)

    def give_up(self, event: JournalEvent = JournalEvent.CLEANUP) -> None:
        """End the conversation with all that is remembered in it: the user has too many, or an operator says so."""
        self._open.close(event)
        self._open.forget()

    def fail(self, error: Exception) -> None:
        """Tell the person that something went wrong, and the journal what."""
        self._open.fail(error)

    def fail_silently(self, error: Exception, flow: str) -> None:
        """Tell the journal that *flow* could not be begun, and why."""
        self._open.teller.flow = flow
        self._open.fail_silently(error)

    def taken(self, *, waits: bool = False) -> Taken:
        """Hand out what the turn did. *waits*: a door waits, also for what comes of a function that is called now."""
        return self._open.taken(waits=waits)

    # How it is done

    def _attempt(self, work: Callable[[], Output]) -> None:
        try:
            output = work()
            self._running.check_size()
        except _FAILURES as error:
            self.fail(error)
            return
        self._open.keep(output)

    def _reset(self) -> None:
        if self.running:
            self._tell(JournalEvent.RESET)
        self._open.close()
        self._open.error = None

    def _answered(self, answer: Answer) -> Output:
        output = self._running.rebuilt()
        return self._taken_answer(answer) if output is None else output

    def _taken_answer(self, answer: Answer) -> Output:
        """Let the flow take the answer, and tell what became of it."""
        record = self._running.record
        assert record is not None and record.waiting is not None  # noqa: PT018
        step = record.waiting.key
        self._tell(JournalEvent.STEP_START, JournalStatus.IN_PROGRESS, step=step)
        output = self._running.answer(answer)
        if output.rejected:
            self._tell(JournalEvent.VALIDATION_ERROR, JournalStatus.FAILURE, step=step)
            return output
        self._tell(JournalEvent.VALIDATION, step=step)
        self._tell_transition(step, output)
        return output

    def _settled(self, told: Record, step: str, item: Settled) -> Output:
        output = self._running.settle(told, item)
        self._tell_transition(step, output)
        return output

    def _tell_transition(self, step: str, output: Output) -> None:
        """Tell where the flow has gone from *step*: to a question, or to a function that it waits for."""
        to = output.prompt or output.run
        if to is not None:
            self._tell(JournalEvent.TRANSITION, step=step, to_step=to.key)

    def _while_busy(self, answer: Answer) -> None:
        """The flow waits for a function: its policy says what happens to what a person says."""
        conversation = self._open.conversation
        assert conversation is not None
        try:
            self._running.check_size()
            busy = self._running.flow.busy
        except _FAILURES as error:
            self.fail(error)
            return
        if busy is Busy.QUEUE and len(conversation.queued) < MAX_QUEUED:
            queued = (*conversation.queued, answer)
            self._open.conversation = replace(conversation, queued=queued)
            self._open.queued = True
        is_silent = self._open.queued or busy is Busy.IGNORE
        self._run_again(() if is_silent else (self._busy_message(),))

    def _busy_message(self) -> Message:
        return Message(self._running.texts_of(self.running).busy)

    def _run_again(self, messages: tuple[Message, ...]) -> None:
        """Say that a function runs, and see to it that it does."""
        try:
            self._find_run()
        except _FAILURES as error:
            self.fail(error)
        if self._open.output is None:
            self._open.busy = not self._open.queued
            self._open.output = Output(messages=messages)

    def _find_run(self) -> None:
        output = self._running.rebuilt()
        if output is None:
            self._open.run = self._running.pending_run()
        else:
            self._open.queued = False
            self._open.keep(output)
            self._forget_queue()

    def _answer_queued(self) -> None:
        """Give what the person said during the run to the questions that came after it, one turn of the flow each."""
        made = self._open
        queued = () if made.conversation is None else made.conversation.queued
        for answer in queued:
            if made.output is None or made.output.prompt is None or made.conversation is None:
                break
            made.conversation = replace(made.conversation, queued=made.conversation.queued[1:])
            self._attempt(partial(self._taken_answer, answer))
        self._forget_queue()

    def _forget_queue(self) -> None:
        """What was said during a run answers what comes right after it, and nothing later."""
        made = self._open
        if made.run is None and made.conversation is not None and made.conversation.queued:
            made.conversation = replace(made.conversation, queued=())
