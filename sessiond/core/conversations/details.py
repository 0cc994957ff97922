"""Conversations as operators see them: which flow, where it is, since when. Never what was said."""

from collections.abc import Mapping

from attrs import frozen

from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.record import QUESTIONS

__all__ = ["ConversationDetail", "conversation_details"]


@frozen(kw_only=True)
class ConversationDetail:
    """One conversation; what was said in it is not here. Times are seconds since the Unix epoch."""

    key: str
    """Its session key."""
    flow: str = ""
    """The flow that runs; empty: none does."""
    waits_for: str = ""
    """The question or function it waits for, like ``ask count`` or ``run charge``."""
    answers: int = 0
    """Questions that were answered."""
    platform: str = ""
    gateway: str = ""
    member: str = ""
    """Who it is with, masked."""
    unseen: int = 0
    """Messages that wait until the person says something."""
    touched_at: float | None = None
    """When its last turn was."""
    expires_at: float | None = None
    unreadable: str = ""
    """Why it cannot be read."""


def conversation_details(stored: Mapping[str, bytes]) -> tuple[ConversationDetail, ...]:
    """Describe the conversations of a snapshot, those touched last first; one that cannot be read says so."""
    found = [_describe(key, raw) for key, raw in stored.items()]
    return tuple(sorted(found, key=lambda one: one.touched_at or 0.0, reverse=True))


def _describe(key: str, raw: bytes) -> ConversationDetail:
    try:
        conversation = decode_conversation(raw)
        record = conversation.flow_record
    except SnapshotError as error:
        return ConversationDetail(key=key, unreadable=str(error))
    channel = conversation.channel
    waiting = None if record is None else record.waiting
    return ConversationDetail(
        key=key,
        flow="" if record is None else record.flow,
        waits_for="" if waiting is None else f"{waiting.kind} {waiting.key}",
        answers=0 if record is None else sum(one.kind in QUESTIONS for one in record.entries),
        platform=channel.platform,
        gateway=channel.gateway,
        member=channel.member,
        unseen=len(conversation.unseen),
        touched_at=conversation.touched_at,
        expires_at=conversation.expires_at,
    )
