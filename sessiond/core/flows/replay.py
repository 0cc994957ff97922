"""Tape: a record that is played back while the flow's code runs again, and written while it goes on.

While entries are left, what the code asks is compared with the next one. What does not fit is a *mismatch*: the
flow's policy either gives up (``Mismatched``), or keeps the rest of the entries for the questions that still exist.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.record import QUESTIONS, Entry, Record, Waiting
from sessiond.core.flows.stored import decode_value

__all__ = [
    "NOTHING",
    "RUN_FAILED",
    "Failure",
    "Mismatched",
    "Tape",
    "failure_value",
    "recorded_value",
    "unrecorded",
]

#: A run that failed for good is recorded under this kind, with ``[kind, message]`` as value.
RUN_FAILED = "run_failed"


class Mismatched(BaseException):
    """The code no longer fits the record. Not an ``Exception``: it may pass through the flow's own code."""


class _Nothing:
    """Nothing is recorded here: the flow is at its end of the record."""


NOTHING = _Nothing()


class Failure:
    """A recorded value that is raised in the flow instead of returned."""

    __slots__ = ("error",)

    def __init__(self, error: RunFailed) -> None:
        self.error = error


def failure_value(error: RunFailed) -> bytes:
    """Encode a failed run for the record."""
    return msgspec.json.encode([error.kind, error.message])


def _fits(recorded: str, kind: str) -> bool:
    """Tell whether an entry of kind *recorded* answers an operation of *kind*."""
    return recorded == kind or (recorded == RUN_FAILED and kind == "run")


class Tape:
    """The record, and how much of it the flow has been told in this run."""

    __slots__ = ("keeps", "position", "record")

    def __init__(self, record: Record, *, keeps: bool) -> None:
        self.record = record
        self.position = 0
        self.keeps = keeps
        """On a mismatch: keep what still fits, instead of raising."""

    def next(self, kind: str, key: str, as_type: Any) -> Any:
        """Return what is recorded for this operation, or ``NOTHING`` when the flow has to wait for it.

        Raises:
          Mismatched: something else is recorded here.

        """
        entries = self.record.entries
        if self.position == len(entries):
            return self._kept(kind, key, as_type) if self.record.kept else self._at_end(kind, key)
        entry = entries[self.position]
        if entry.key == key and _fits(entry.kind, kind):
            value = recorded_value(entry, as_type)
            if value is not NOTHING:
                self.position += 1
                return value
        self.diverge(f"it holds {entry.kind} {entry.key!r} where the code has {kind} {key!r}")
        return self._kept(kind, key, as_type)

    @property
    def is_at_end(self) -> bool:
        """Whether the flow was told everything that is recorded."""
        return self.position == len(self.record.entries)

    def waits_for(self, kind: str, key: str) -> bool:
        """Tell whether this is what the record waits on."""
        waiting = self.record.waiting
        return waiting is not None and waiting.kind == kind and waiting.key == key

    def question(self, to: str | None) -> int | None:
        """Find the question *to* among what was told, or the one before the last; ``None``: there is none."""
        told = self.record.entries[: self.position]
        places = [index for index, entry in enumerate(told) if entry.kind in QUESTIONS]
        if to is None:
            return places[-2] if len(places) > 1 else None
        return next((index for index in places if told[index].key == to), None)

    def diverge(self, what: str) -> None:
        """Set the entries that were not told aside.

        Raises:
          Mismatched: the policy does not keep them; *what* says why.

        """
        if not self.keeps:
            raise Mismatched(what)
        record = self.record
        kept = (*record.entries[self.position :], *record.kept)
        waiting = record.waiting
        self.record = replace(record.back_to(self.position), kept=kept, waiting=waiting)

    def tell(self, kind: str, key: str, value: bytes) -> None:
        """Record what the flow is about to be told."""
        self.record = self.record.told(kind, key, value)
        self.position += 1

    def wait(self, kind: str, key: str) -> None:
        """Record what the flow waits on."""
        self.record = replace(self.record, waiting=Waiting(kind, key))

    def fact(
        self, kind: str, make: Callable[[], object], key: str = "", as_type: Any = None
    ) -> Any:
        """Return the recorded fact that is next, or make and record one.

        Raises:
          Mismatched: something else is recorded here.
          msgspec.MsgspecError: what was made is not *as_type*.

        """
        value = self.next(kind, key, as_type)
        if value is NOTHING:
            raw = msgspec.json.encode(make())
            value = decode_value(raw, as_type)
            waiting = self.record.waiting
            self.tell(kind, key, raw)
            if waiting is not None:
                self.record = replace(self.record, waiting=waiting)
        return value

    def _at_end(self, kind: str, key: str) -> Any:
        waiting = self.record.waiting
        if waiting is not None and not self.keeps and not self.waits_for(kind, key):
            raise Mismatched(
                f"it waits on {waiting.kind} {waiting.key!r} where the code has {kind} {key!r}"
            )
        return NOTHING

    def _kept(self, kind: str, key: str, as_type: Any) -> Any:
        """Use the first kept entry that answers this operation."""
        kept = self.record.kept
        for index, entry in enumerate(kept):
            if entry.key == key and _fits(entry.kind, kind):
                value = recorded_value(entry, as_type)
                waiting = self.record.waiting
                rest = kept[:index] + kept[index + 1 :]
                self.record = replace(self.record, kept=rest)
                if value is NOTHING:
                    break
                self.tell(entry.kind, key, bytes(entry.value))
                self.record = replace(self.record, waiting=waiting)
                return value
        return self._at_end(kind, key)


def unrecorded(value: object, as_type: Any) -> Any:
    """Make of *value* what a recorded fact would be.

    Raises:
      msgspec.MsgspecError: it is not *as_type*.

    """
    return decode_value(msgspec.json.encode(value), as_type)


def recorded_value(entry: Entry, as_type: Any) -> Any:
    """Decode a recorded value; ``NOTHING`` when the code of now reads another type."""
    if entry.kind == RUN_FAILED:
        name, message = msgspec.json.decode(entry.value)
        return Failure(RunFailed(name, message))
    try:
        return decode_value(entry.value, as_type)
    except Exception:  # noqa: BLE001 -- the author's own class refuses it, with whatever it raises
        return NOTHING
