"""One conversation while a turn is made of it: what is stored of it, what is shown, and what is told.

What is said while nobody waits for it:

- on an account that we can speak first on (``FlowBook.calling``) is handed out like any output: the caller delivers it;
- on a connection is pushed, and kept as well (*pushed*): nobody knows who is there. A reminder shows it again, until
  the person says something;
- elsewhere is kept (*unseen*) and shown at the next input.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.happenings import Teller
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.journal import NO_CHANNEL, Channel, Plain, channel_of
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.conversations.running import RunningFlow
from sessiond.core.conversations.shown import text_of
from sessiond.core.conversations.stored import (
    NO_RAW,
    Pushed,
    StoredConversation,
    decode_conversation,
    encode_conversation,
    latest,
    pushed_with,
    raw_record,
    without_flow,
)
from sessiond.core.conversations.taken import Taken
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.engine import expired
from sessiond.core.flows.faults import FlowFailed, FlowGone, FlowMismatch, kind_of_failure
from sessiond.core.flows.prompts import Message, Output, RunRequest
from sessiond.core.linking import LinkRequest

__all__ = ["PUSHED_PLATFORMS", "OpenConversation"]

#: Where what nobody waits for is pushed to connections.
PUSHED_PLATFORMS: Final = frozenset({"websocket"})

#: Trying again does not help; the old code does.
_UNTIL_LATER: Final = (FlowGone, FlowMismatch)


class OpenConversation:
    """The conversation of one turn; ``open`` it if there is one. *said*: the input; ``None``: nobody said anything."""

    def __init__(
        self,
        book: FlowBook,
        running: RunningFlow,
        stored: Mapping[str, bytes],
        now: float,
        said: Said | None,
    ) -> None:
        self._book = book
        self._now = now
        self._resume_seconds = 0.0 if said is None else said.resume_seconds
        self._on_input = said is not None
        """Whether the input says where the person is; else the conversation does."""
        self._is_heard = said is not None and not said.unprompted
        self.running = running
        running.too_large = "" if said is None else said.too_large
        self.stored = stored
        self.key = ""
        self.conversation: StoredConversation | None = None
        self.output: Output | None = None
        self.run: RunRequest | None = None
        self.links: tuple[LinkRequest, ...] = ()
        self.error: Exception | None = None
        self.busy = self.queued = self.reminds = self._has_ended = self._is_open = False
        self._pushed: Pushed | None = None
        self._left: StoredConversation | None = None
        """What another flow, or a word, ended in this turn."""
        if said is None:
            self._speak_on(NO_CHANNEL, "")
        else:
            self._speak_on(channel_of(said.facts), said.account)

    def _speak_on(self, channel: Channel, account: str) -> None:
        self.account = account
        self.teller = Teller(self._now, channel, self._book.journal)
        self.running.teller = self.teller
        self.running.platform = channel.platform

    def open(self, key: str) -> None:
        """Open the conversation *key*; one whose time is over ends when somebody speaks, with its flow's words."""
        raw = self.stored[key]
        self.key = self.teller.key = key
        self._is_open = True
        try:
            conversation = decode_conversation(raw)
            if not self._on_input:
                self._speak_on(conversation.channel, conversation.account)
                self.teller.key = key
            self.running.open(key, raw, conversation)
        except SnapshotError as error:
            self.error = error
            return
        self.conversation = conversation
        self.teller.flow = self.running.name
        if self._on_input and conversation.expires_at <= self._now:
            self.expire()  # what goes wrong with it is no failure of what is said now

    def begin(self, key: str) -> None:
        """Begin the conversation *key*, with what is remembered in it.

        What the one that ended for it has not shown yet is shown in this one.
        """
        self.key = self.teller.key = key
        self._is_open = True
        raw = self.stored.get(key)
        session = NO_RAW if raw is None else decode_conversation(raw).session
        left = self._left
        self.conversation = StoredConversation(
            began_at=self._now,
            touched_at=self._now,
            expires_at=self._now,
            session=session,
            unseen=() if left is None else left.unseen,
            pushed=None if left is None else left.pushed,
        )

    def take_back(self) -> None:
        """It has not begun: its flow failed."""
        self.running.end()
        self.conversation = None

    # What the flow has done

    def keep(self, output: Output) -> None:
        """Make what the flow showed, and where it is now, the conversation."""
        running, conversation, channel = self.running, self.conversation, self.teller.channel
        assert conversation is not None
        has_ended, name = output.end is not None, running.name
        session = self._told_session()
        if has_ended:
            running.end()
        self.conversation = replace(
            conversation,
            record=NO_RAW if running.record is None else raw_record(running.record),
            ended=name if has_ended else "",
            channel=channel,
            account=self.account,
            session=session,
            touched_at=self._now,
            expires_at=self._expiry(conversation),
            is_resuming=False,
            is_redialled=False,
        )
        self.show(output)
        self.run = output.run
        self._has_ended = has_ended
        if output.run is not None:
            self.teller.tell(JournalEvent.RUN_START, JournalStatus.IN_PROGRESS, step=output.run.key)

    def _expiry(self, conversation: StoredConversation) -> float:
        """Tell when the conversation expires, touched now; not before its dial can be resumed no more."""
        ttl = self._book.sessions.ttl(self.teller.channel.platform)
        expires_at = self._now + max(ttl, self._resume_seconds)
        return expires_at if self._on_input else max(expires_at, conversation.expires_at)

    def fail(self, error: Exception) -> None:
        """Tell the person that something went wrong, and the journal what."""
        texts = self.running.texts_of(self.teller.flow)
        failed = texts.unavailable if isinstance(error, _UNTIL_LATER) else texts.failed
        messages = () if self.output is None else self.output.messages
        self.output = Output(messages=(*messages, Message(failed)))
        self.run = None
        self.fail_silently(error)

    def fail_silently(self, error: Exception) -> None:
        """Tell the journal what went wrong; the flow is rebuilt when it is wanted next."""
        self.error = error
        self.running.drop()
        self._tell_failure(error)

    def _tell_failure(self, error: Exception) -> None:
        self.teller.tell(
            JournalEvent.FLOW_ERROR,
            JournalStatus.FAILURE,
            error=str(error),
            facts={"error": kind_of_failure(error), "where": getattr(error, "where", "")},
        )

    def show(self, output: Output) -> None:
        """Show *output*, after what this turn has shown already."""
        self.output = output if self.output is None else joined(self.output, output)

    def expire(self) -> FlowFailed | None:
        """End the conversation because its time is over, with the words that its flow has for that, if it has any.

        Returns what went wrong with them.
        """
        record, failure = self.running.record, None
        if self.conversation is not None:
            self._pushed = self.conversation.pushed
        if record is not None:
            try:
                output = expired(self.running.flow, record)
            except FlowFailed as error:
                failure = error
                self._tell_failure(error)
            else:
                self.output = output if output.messages else None
        self.close(JournalEvent.CLEANUP)
        return failure

    def close(self, event: JournalEvent | None = None) -> None:
        """End the conversation from outside; what its flows remember stays. Nothing happens the second time."""
        if not self._is_open:
            return
        self._is_open = False
        conversation = self.conversation
        self._left = conversation if event is None else None
        if self.running.record is not None:
            self._tell_end(JournalStatus.INTERRUPTED, "reset" if event is None else "expired")
        if event is not None:
            self.teller.tell(event)
        self.running.end()
        kept = None if conversation is None else without_flow(conversation, self._now)
        if conversation is not None and conversation.has_session and kept is None:
            self.teller.tell(JournalEvent.SESSION_DESTROYED, JournalStatus.INTERRUPTED)
        self._remove()
        if kept is not None:
            self.stored = {**self.stored, self.key: encode_conversation(kept)}

    def forget(self) -> None:
        """Forget what is still remembered in it after it was closed."""
        if self.key in self.stored:
            self.teller.tell(JournalEvent.SESSION_DESTROYED, JournalStatus.INTERRUPTED)
        self._remove()

    def _remove(self) -> None:
        self.conversation = None
        self.stored = {name: raw for name, raw in self.stored.items() if name != self.key}

    def _tell_end(self, status: JournalStatus, outcome: str) -> None:
        began_at = self._now if self.conversation is None else self.conversation.began_at
        # Clocks of two nodes may differ.
        seconds = round(max(0.0, self._now - began_at), 3)
        facts: dict[str, Plain] = {"outcome": outcome, "duration": seconds}
        self.teller.tell(JournalEvent.FLOW_END, status, facts=facts)

    def _told_session(self) -> msgspec.Raw:
        """Take what the flow has made of its session, and tell when there is a new one, or none any more."""
        raw, session = self.running.use_session()
        if session is not None:
            self.links += session.links
        if session is not None and session.created:
            self.teller.tell(JournalEvent.SESSION_CREATED)
        if session is not None and session.destroyed:
            self.teller.tell(JournalEvent.SESSION_DESTROYED)
        return raw

    # What comes of it

    def taken(self, *, waits: bool) -> Taken:
        """Hand out what the turn did. *waits*: a door waits, also for what comes of a function that is called now."""
        nobody = not waits and not self._is_heard
        can_call = self.account in self._book.calling
        can_push = not can_call and self.teller.channel.platform in PUSHED_PLATFORMS
        is_push = nobody and can_push and self.output is not None
        if (nobody and not (can_push or can_call)) or (waits and self._goes_on):
            self._hide(bounded=nobody)
        else:
            self._show_unseen(can_push=can_push)
        if is_push:
            self._keep_pushed()
        self._tell_shown()
        stored = self._stored_now()
        return Taken(
            stored=stored,
            key=self.key,
            expires_at=None if self.conversation is None else self.conversation.expires_at,
            flow=self.teller.flow,
            account=self.account,
            output=self.output,
            run=self.run,
            links=self.links,
            waiting_text="" if self.run is None else self.running.texts_of(self.teller.flow).busy,
            is_push=is_push,
            busy=self.busy,
            queued=self.queued,
            error=self.error,
            journal=self.teller.encoded(),
            happenings=tuple(self.teller.happenings),
        )

    @property
    def _goes_on(self) -> bool:
        """Whether what comes of a function belongs to this output."""
        return self.output is not None and self.output.run is not None

    def _hide(self, *, bounded: bool) -> None:
        """Keep what was said for when somebody looks; the question is asked again then.

        *bounded*: nobody waits, and nobody may come for long.
        """
        output, conversation = self.output, self.conversation
        if output is None:
            return
        if conversation is not None:
            unseen = (*conversation.unseen, *output.messages)
            self.conversation = replace(
                conversation,
                unseen=latest(unseen) if bounded else unseen,
                is_unasked=output.prompt is not None,
            )
        self.output = replace(output, messages=()) if output.run is not None else None

    def _show_unseen(self, *, can_push: bool) -> None:
        """Show what was kept before what is said now; a reminder shows what was pushed, and drops nothing of it."""
        output, conversation = self.output, self.conversation
        if output is None:
            return
        if conversation is None:
            unseen = () if self._left is None else self._left.unseen
            self.output = replace(output, messages=(*unseen, *output.messages))
            return
        unseen, pushed = conversation.unseen, conversation.pushed
        if unseen or conversation.is_unasked:
            conversation = replace(conversation, unseen=(), is_unasked=False)
        if self.reminds and can_push:
            pushed = pushed_with(pushed, self.teller.flow, Output(messages=unseen))
            unseen = () if pushed is None else pushed.messages
            conversation = replace(conversation, pushed=pushed)
            if pushed is not None and pushed.end is not None and output.end is None:
                result = None if pushed.result == NO_RAW else bytes(pushed.result)
                output = replace(output, end=pushed.end, result=result)
        self.output = replace(output, messages=(*unseen, *output.messages)) if unseen else output
        self.conversation = conversation

    def _keep_pushed(self) -> None:
        """Keep what is pushed; where nothing runs any more, as long as a conversation lives."""
        assert self.output is not None
        conversation = self.conversation
        if conversation is None:  # its time is over, and it has said so
            raw = self.stored.get(self.key)
            session = NO_RAW if raw is None else decode_conversation(raw).session
            channel = self.teller.channel
            conversation = StoredConversation(
                touched_at=self._now,
                expires_at=self._now + self._book.sessions.ttl(channel.platform),
                channel=channel,
                account=self.account,
                session=session,
                pushed=self._pushed,
            )
        pushed = pushed_with(conversation.pushed, self.teller.flow, self.output)
        self.conversation = replace(conversation, pushed=pushed)

    def _tell_shown(self) -> None:
        """Tell what is shown, and then that the flow ended with it."""
        output = self.output
        if output is not None and (output.messages or output.prompt is not None):
            kind = "prompt" if output.prompt is not None else "message"
            kind = "terminal" if self._has_ended else kind
            self.teller.tell(JournalEvent.MESSAGE_SENT, text=text_of(output), facts={"type": kind})
        if self._has_ended:
            self._tell_end(JournalStatus.SUCCESS, "completed")

    def _stored_now(self) -> Mapping[str, bytes]:
        conversation = self.conversation
        if conversation is None:
            return self.stored
        if not conversation.is_live and not (conversation.ended and self._book.shown_after_end):
            self.close()
            return self.stored
        raw = encode_conversation(conversation)
        if self.stored.get(self.key) != raw:
            self.stored = {**self.stored, self.key: raw}
        self.running.keep(raw)
        return self.stored


def joined(first: Output, then: Output) -> Output:
    """Show two outputs of one turn as one: what the first asked was answered already."""
    return replace(
        then,
        messages=(*first.messages, *then.messages),
        restarted=first.restarted or then.restarted,
    )
