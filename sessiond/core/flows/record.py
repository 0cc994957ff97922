"""The record of a conversation: everything a flow was told, in order, and what it is waiting on.

It is one JSON object (``Snapshot.conversations`` embeds it). Replay compares kind and key of each entry with what
the code asks; texts may change freely. What is *kept* was answered, but at another place than the code of now asks
it; it is used when its question comes.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from sessiond.core.flows.faults import RecordCorrupt, RecordTooNew
from sessiond.core.values import Value

__all__ = [
    "LANGUAGE",
    "QUESTIONS",
    "RECORD_VERSION",
    "Entry",
    "Record",
    "Waiting",
    "decode_record",
    "encode_record",
]

RECORD_VERSION: Final = 1

#: Entries of these kinds were answered by a person; ``go_back`` counts them.
QUESTIONS: Final = frozenset({"ask", "select", "confirm", "attachment", "location", "contact"})

#: Entries of this kind are languages that the flow chose, as tags.
LANGUAGE: Final = "language"


class Entry(Value, frozen=True, array_like=True):
    """One thing the flow was told. *value* is JSON."""

    PRIVATE = frozenset({"value"})

    kind: str
    key: str
    value: msgspec.Raw


class Waiting(Value, frozen=True, array_like=True):
    """What a flow waits on."""

    kind: str
    key: str


class Record(Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One conversation. Values only; replaced, never changed."""

    PRIVATE = frozenset({"entries", "kept", "started_by", "matched"})

    version: int = RECORD_VERSION
    flow: str
    id: str
    """Names this conversation; part of run ids and screens."""
    entries: tuple[Entry, ...] = ()
    waiting: Waiting | None = None
    """``None``: it has something to go on with (it was never driven, or a result has come)."""
    kept: tuple[Entry, ...] = ()
    attempt: int = 0
    """How often entries were dropped: by going back, by a restart, by changed code."""
    unattended: int = 0
    """Turns since a person last said something."""
    spoken: bool = False
    """Whether anything was said since then."""
    started_by: str = ""
    """The text that started it."""
    matched: Mapping[str, str] = {}
    """What the named groups of the pattern that started it have matched."""
    platform: str = ""
    gateway: str = ""
    language: str = ""
    """The language it began in, as a tag; empty: the default."""

    @property
    def speaks(self) -> str:
        """The language it speaks now, as a tag; empty: the default."""
        for entry in reversed(self.entries):
            if entry.kind == LANGUAGE:
                return str(msgspec.json.decode(entry.value))
        return self.language

    @property
    def place(self) -> str:
        """Names the place where the flow is, uniquely over all its detours: the next screen, the next run."""
        return f"{self.id}:{self.attempt}:{len(self.entries)}"

    def told(self, kind: str, key: str, value: bytes) -> "Record":
        """Append what the flow was told; it waits on nothing any more."""
        entry = Entry(kind, key, msgspec.Raw(value))
        return replace(self, entries=(*self.entries, entry), waiting=None)

    def back_to(self, count: int) -> "Record":
        """Forget everything after the first *count* entries."""
        return replace(self, entries=self.entries[:count], waiting=None, attempt=self.attempt + 1)

    def anew(self) -> "Record":
        """Forget everything but the language."""
        return replace(self.back_to(0), kept=(), language=self.speaks)

    def answers(self) -> Mapping[str, object]:
        """Decode what persons have answered, by key."""
        return {
            entry.key: msgspec.json.decode(entry.value)
            for entry in self.entries
            if entry.kind in QUESTIONS
        }


class _Version(msgspec.Struct):
    version: int = RECORD_VERSION


_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder(Record).decode
_VERSION: Final = msgspec.json.Decoder(_Version).decode


def encode_record(record: Record) -> bytes:
    """Encode as JSON; equal records give equal bytes."""
    # A copy: the encoder hands out more memory than it filled, and this is kept.
    return bytes(memoryview(_ENCODE(record)))


def decode_record(raw: bytes) -> Record:
    """Decode a record.

    Raises:
      RecordCorrupt: not JSON, or of the wrong shape.
      RecordTooNew: a newer version wrote it.

    """
    try:
        version = _VERSION(raw).version
        if version == RECORD_VERSION:
            return _DECODE(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        # The error's own text could hold answers; its kind is enough.
        raise RecordCorrupt(f"not a conversation record ({type(error).__name__})") from None
    if version > RECORD_VERSION:
        raise RecordTooNew(
            f"conversation record of version {version}; this server reads up to {RECORD_VERSION}"
        )
    raise RecordCorrupt(f"conversation record of version {version}")
