"""Redials: what a new dial does with the conversation that an earlier one began.

A dial looks for conversations of the same person that nothing but the dial separates from it: where keys are made of
the provider's session (``request_id``) that is a conversation under another key, which then moves to the new one;
where they are made of the number, the same conversation is met again. The first rule that fits decides:

====  =========================================================  ====================================================
 no.  there is a conversation                                    the dial
====  =========================================================  ====================================================
  1   with something unseen; which waits for a function          shows it, and the question that waits, or that the
                                                                 function still runs. The oldest one, before those
                                                                 whose functions run
  2   whose flow waits for an answer, and got its last one       asks whether to continue or to start again
      at most ``resume_seconds`` ago
  3   under the dial's own key, and ``resume_seconds`` is 0      shows its question again
  4   none of these                                              begins anew
====  =========================================================  ====================================================

Then:

- Every other flow on this way that waits for an answer ends (journal: ``reset``). What has something to show is never
  ended: the next dial shows it. So of the dials of one person one conversation is left, and nothing is lost unseen.
- A flow that had ended with something unseen shows it, and nothing more: the next dial begins anew.
- Unseen is also what was shown too late, since the store was slow (``taken_back``).
- *Continue* shows the question that waits. *Start again* ends the flow, and the dial is routed as a first one. Anything
  else, also a reset word, gets the same question again. While it waits, the time to continue does not begin anew.
- What was dialled along (``*920*1*2#``) belongs to a dial that begins anew. ``Conversations.goes_on`` tells beforehand
  whether this one does not; then whoever holds these answers drops them.
- A conversation lives at least as long as it can be continued, whatever its platform's time is.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.journal import Channel
from sessiond.core.conversations.running import waits_for_run
from sessiond.core.conversations.stored import (
    StoredConversation,
    decode_conversation,
    encode_conversation,
)
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.answers import Answer, clean_text, match_choice
from sessiond.core.flows.prompts import Choice, Message, Prompt, PromptKind
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.values import Value

__all__ = [
    "Missed",
    "Redial",
    "Resuming",
    "Verb",
    "picked",
    "redial_of",
    "resume_menu",
    "resume_screen",
    "taken_back",
]

_KEY: Final = "resume"


class Verb(StrEnum):
    """What a dial does."""

    SHOW = "show"
    """What was not seen, and what waits."""
    ASK = "ask"
    """Whether to go on."""
    REMIND = "remind"
    """The question that waits, as if the dial were none."""
    BEGIN = "begin"


class Resuming(StrEnum):
    """The choices of who may go on."""

    CONTINUE = "continue"
    RESTART = "restart"


class Redial(Value, frozen=True):
    """What a dial does, and with which conversation; *key* is the stored one.

    Before that the flows of *ended* end, and whoever waited for a function of *missed* is there no more.
    """

    verb: Verb
    key: str | None
    ended: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


class Missed(Value, frozen=True):
    """What the conversation *key* showed to nobody, besides the question that waits."""

    key: str
    flow: str
    account: str
    channel: Channel
    messages: tuple[Message, ...]


class _Met(Value, frozen=True):
    """A conversation that a dial has met."""

    key: str
    conversation: StoredConversation
    is_running: bool
    """It waits for a function."""

    @property
    def has_unseen(self) -> bool:
        return bool(self.conversation.unseen or self.conversation.is_unasked)

    @property
    def is_promised(self) -> bool:
        return self.has_unseen or self.is_running

    @property
    def is_interrupted(self) -> bool:
        return self.conversation.has_record and not self.is_promised


def redial_of(
    book: FlowBook, said: Said, own: str | None, stored: Mapping[str, bytes], now: float
) -> Redial:
    """Say what the dial *said* does, *own* being the conversation under its own key, if there is one.

    Raises:
      InvalidInput: a fact that the session key needs is missing.

    """
    met = list(_met(book, said, own, stored, now))
    waiting = [one for one in met if one.is_interrupted]
    promised = [one for one in met if one.is_promised]
    found: _Met | None = None
    verb = Verb.BEGIN
    if promised:
        found = min(promised, key=_urgency)
        verb = Verb.SHOW
    elif waiting:
        last = max(waiting, key=lambda one: one.conversation.touched_at)
        if said.resume_seconds and now - last.conversation.touched_at <= said.resume_seconds:
            found, verb = last, Verb.ASK
        elif not said.resume_seconds:
            found = next((one for one in waiting if one.key == own), None)
            verb = Verb.BEGIN if found is None else Verb.REMIND
    ended = tuple(one.key for one in waiting if one is not found)
    missed = tuple(one.key for one in met if one.is_running and one is not found)
    return Redial(verb, own if found is None else found.key, ended, missed)


def _urgency(one: _Met) -> tuple[bool, bool, float]:
    return one.is_running, not one.has_unseen, one.conversation.touched_at


def _met(
    book: FlowBook, said: Said, own: str | None, stored: Mapping[str, bytes], now: float
) -> Iterator[_Met]:
    """Find what a dial meets; what cannot be read, or is over, is left to those that look after it."""
    for key in (*([] if own is None else [own]), *book.beside(said.facts, stored)):
        try:
            conversation = decode_conversation(stored[key])
            record = conversation.flow_record
        except SnapshotError:
            continue
        if conversation.expires_at <= now:
            continue
        if key == own or book.begins_with_dial(conversation.channel.platform):
            yield _Met(key, conversation, record is not None and waits_for_run(record))


def taken_back(raw: bytes | None, missed: Missed, now: float, ttl: float) -> bytes:
    """Keep for the next dial what a stored conversation has shown to nobody, and the question that waits in it.

    *raw* is ``None`` when it ended with that: then it is kept for *ttl* seconds. The menu of rule 2 comes by itself.

    Raises:
      SnapshotError: it cannot be read.

    """
    ended = StoredConversation(touched_at=now, expires_at=now + ttl)
    conversation = ended if raw is None else decode_conversation(raw)
    if raw is not None and conversation.is_resuming:
        return raw
    record = conversation.flow_record
    if record is None:
        conversation = replace(
            conversation,
            ended=missed.flow,
            channel=missed.channel,
            account=missed.account,
            expires_at=max(conversation.expires_at, now + ttl),
        )
    return encode_conversation(
        replace(
            conversation,
            unseen=(*conversation.unseen, *missed.messages),
            is_unasked=record is not None and not waits_for_run(record),
        )
    )


def resume_menu(texts: FlowTexts, conversation: str, error: str = "") -> Prompt:
    """Make the question whether to go on with *conversation* (its record's id), below an *error*, if there is one."""
    return Prompt(
        kind=PromptKind.CHOICE,
        key=_KEY,
        screen=resume_screen(conversation),
        text=texts.resume,
        choices=(
            Choice(Resuming.CONTINUE.value, texts.resume_continue, 1),
            Choice(Resuming.RESTART.value, texts.resume_restart, 2),
        ),
        error=error,
    )


def resume_screen(conversation: str) -> str:
    """Name the screen of that question."""
    return f"{conversation}:{_KEY}"


def picked(answer: Answer, menu: Prompt) -> Resuming | None:
    """Say which choice of *menu* is meant by *answer*: typed or tapped like any other; ``None``: neither."""
    if answer.choice is not None and answer.screen not in {None, menu.screen}:
        return None
    choice = match_choice(answer, clean_text(answer.text), menu.choices)
    return None if choice is None else Resuming(choice.key)
