"""A conversation as ``Snapshot.conversations`` keeps it: the flow's record and everything around it.

Around the record: what the flow remembers (flow_session.py), when it was last touched and when it expires, what was
said while nobody listened (*unseen*), what was pushed since the person last spoke (*pushed*), what people said
while a function ran (*queued*), and whether a new dial asked first what to do with it (*is_resuming*).
"""

from typing import Final

import msgspec

from sessiond.core.conversations.journal import NO_CHANNEL, Channel
from sessiond.core.errors import SnapshotCorrupt, SnapshotTooNew
from sessiond.core.flows import flow_session
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.prompts import End, Message, Output
from sessiond.core.flows.record import Record, decode_record, encode_record
from sessiond.core.values import Value

__all__ = [
    "CONVERSATION_VERSION",
    "MAX_KEPT_BYTES",
    "MAX_KEPT_MESSAGES",
    "NO_RAW",
    "Pushed",
    "StoredConversation",
    "decode_conversation",
    "encode_conversation",
    "latest",
    "pushed_with",
    "raw_record",
    "without_flow",
]

CONVERSATION_VERSION: Final = 1

_NULL: Final = b"null"

#: Stands for nothing: a union of raw JSON and ``None`` cannot be decoded (msgspec).
NO_RAW: Final = msgspec.Raw(_NULL)

#: What is kept for a person who is away: the last so many messages, of so many bytes (as JSON) together.
MAX_KEPT_MESSAGES: Final = 32
MAX_KEPT_BYTES: Final = 16_384


class Pushed(Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was pushed since the person last said something: his screen, for a client that shows it anew."""

    PRIVATE = frozenset({"messages", "result"})

    flow: str
    messages: tuple[Message, ...] = ()
    end: End | None = None
    """How the flow ended with it; ``None``: it did not."""
    result: msgspec.Raw = NO_RAW
    """What the flow returned; left out beyond ``MAX_KEPT_BYTES``."""


class StoredConversation(
    Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One conversation. Times in seconds since the Unix epoch."""

    PRIVATE = frozenset({"record", "session", "unseen", "pushed", "queued"})

    version: int = CONVERSATION_VERSION
    touched_at: float
    expires_at: float
    began_at: float = 0.0
    """When its flow began."""
    record: msgspec.Raw = NO_RAW
    """Of the flow that runs (flows/record.py)."""
    ended: str = ""
    """The flow whose end was the last thing that happened."""
    channel: Channel = NO_CHANNEL
    account: str = ""
    """The account that the person was last heard on."""
    session: msgspec.Raw = NO_RAW
    """What flows remember (flow_session.py)."""
    unseen: tuple[Message, ...] = ()
    """Said while nobody waited, on a platform where we cannot speak first: shown at the next input."""
    is_unasked: bool = False
    """The question that waits was asked then: the next input is no answer to it."""
    pushed: Pushed | None = None
    """Shown again by a reminder, until the person says something."""
    is_resuming: bool = False
    """A new dial asked whether it goes on: the next input is the answer to that."""
    is_redialled: bool = False
    """Somebody dialled again while a function ran: whoever waited for its result before is there no more."""
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
        """Whether it is more than what is remembered of it: a flow runs, or something may not have been seen."""
        return self.has_record or bool(self.unseen) or self.pushed is not None


class _Version(msgspec.Struct):
    version: int = CONVERSATION_VERSION


_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder(StoredConversation).decode
_VERSION: Final = msgspec.json.Decoder(_Version).decode


def raw_record(record: Record) -> msgspec.Raw:
    """Encode *record* for a ``StoredConversation``."""
    return msgspec.Raw(encode_record(record))


def latest(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Keep the last of *messages*, within the bounds; the very last in any case."""
    kept, size = 0, 0
    for message in reversed(messages[-MAX_KEPT_MESSAGES:]):
        size += len(_ENCODE(message))
        if kept and size > MAX_KEPT_BYTES:
            break
        kept += 1
    return messages[len(messages) - kept :]


def pushed_with(before: Pushed | None, flow: str, output: Output) -> Pushed | None:
    """Add what is pushed now; questions are not kept, the flow's record has them."""
    if not output.messages and output.end is None:
        return before
    messages = (() if before is None else before.messages) + output.messages
    told = output.result
    result = NO_RAW if told is None or len(told) > MAX_KEPT_BYTES else msgspec.Raw(told)
    return Pushed(flow=flow, messages=latest(messages), end=output.end, result=result)


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
        account=conversation.account,
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
      SnapshotTooNew: a newer version wrote it.

    """
    try:
        conversation = _DECODE(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        _check_version(raw)
        # The error's own text could hold what people said; its kind is enough.
        raise SnapshotCorrupt(f"not a stored conversation ({type(error).__name__})") from None
    if conversation.version != CONVERSATION_VERSION:
        _check_version(raw)
        raise SnapshotCorrupt(f"not a stored conversation (of version {conversation.version})")
    return conversation


def _check_version(raw: bytes) -> None:
    """Look at the version alone: a newer one may have anything else in it."""
    try:
        version = _VERSION(raw).version
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if version > CONVERSATION_VERSION:
        raise SnapshotTooNew(
            f"stored conversation of version {version}; this server reads up to {CONVERSATION_VERSION}"
        )
