"""Conversations as operators see them: which flow, where it is, since when. Never what was said."""

from collections.abc import Mapping

from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.record import QUESTIONS
from sessiond.core.operations import ConversationDetail

__all__ = ["conversation_details"]


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
