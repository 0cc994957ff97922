"""A conversation as ``Snapshot.conversations`` keeps it: the flow's record and everything around it.

Around the record: what the flow remembers (flow_session.py), when it was last touched and when it expires, what was
said while nobody listened (*unseen*), and what people said while a function ran (*queued*).
"""

from typing import Final

import msgspec

from sessiond.core.conversations.journal import NO_CHANNEL, Channel
from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.flows import flow_session
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.prompts import Message
from sessiond.core.flows.record import Record, decode_record, encode_record
from sessiond.core.values import Value

__all__ = [
    "NO_RAW",
    "StoredConversation",
    "decode_conversation",
    "encode_conversation",
    "raw_record",
    "without_flow",
]

_NULL: Final = b"null"

#: Stands for nothing: a union of raw JSON and ``None`` cannot be decoded (msgspec).
NO_RAW: Final = msgspec.Raw(_NULL)


class StoredConversation(
    Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One conversation. Times in seconds since the Unix epoch."""

    PRIVATE = frozenset({"record", "session", "unseen", "queued"})

    touched_at: float
    expires_at: float
    began_at: float = 0.0
    """When its flow began."""
    record: msgspec.Raw = NO_RAW
    """Of the flow that runs (flows/record.py)."""
    ended: str = ""
    """The flow whose end was the last thing that happened."""
    channel: Channel = NO_CHANNEL
    session: msgspec.Raw = NO_RAW
    """What flows remember (flow_session.py)."""
    unseen: tuple[Message, ...] = ()
    """Said while nobody waited, on a platform where we cannot speak first: shown at the next input."""
    is_unasked: bool = False
    """The question that waits was asked then: the next input is no answer to it."""
    queued: tuple[Answer, ...] = ()
    """Said by the person while a function ran; the next questions get it."""

    @property
    def flow_record(self) -> Record | None:
        """The record of the running flow.

        Raises:
          RecordCorrupt, RecordTooNew: it cannot be read.

        """
        return decode_record(bytes(self.record)) if self.has_record else None

    @property
    def has_record(self) -> bool:
        """Whether a flow runs."""
        return bytes(self.record) != _NULL

    @property
    def has_session(self) -> bool:
        """Whether flows remember anything."""
        return bytes(self.session) != _NULL

    @property
    def is_live(self) -> bool:
        """Whether it is more than what is remembered of it: a flow runs, or something was not seen."""
        return self.has_record or bool(self.unseen)


_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder(StoredConversation).decode


def raw_record(record: Record) -> msgspec.Raw:
    """Encode *record* for a ``StoredConversation``."""
    return msgspec.Raw(encode_record(record))


def without_flow(conversation: StoredConversation, now: float) -> StoredConversation | None:
    """Leave what flows remember, until its own time is over; ``None``: there is nothing, or it cannot be read."""
    if not conversation.has_session:
        return None
    try:
        expires_at = flow_session.decode_record(bytes(conversation.session)).expires_at
    except SnapshotCorrupt:
        return None
    if expires_at <= now:
        return None
    return StoredConversation(
        touched_at=conversation.touched_at,
        expires_at=expires_at,
        channel=conversation.channel,
        session=conversation.session,
    )


def encode_conversation(conversation: StoredConversation) -> bytes:
    """Encode as JSON; equal conversations give equal bytes."""
    # A copy: the encoder hands out more memory than it filled, and this is kept.
    return bytes(memoryview(_ENCODE(conversation)))


def decode_conversation(raw: bytes) -> StoredConversation:
    """Decode what ``encode_conversation`` made.

    Raises:
      SnapshotCorrupt: it is something else.

    """
    try:
        return _DECODE(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # The error's own text could hold what people said; its kind is enough.
        raise SnapshotCorrupt(f"not a stored conversation ({type(error).__name__})") from None
