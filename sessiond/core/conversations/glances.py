"""Glances: what is read of a stored conversation that is not opened: when it expires, how lively it is, what waits."""

from math import inf

from sessiond.core.conversations.redials import resume_screen
from sessiond.core.conversations.running import waits_for_run
from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.errors import SnapshotError, SnapshotTooNew
from sessiond.core.flows.record import Record

__all__ = ["expiry", "liveliness", "touched", "waiting_screen"]


def expiry(raw: bytes) -> float | None:
    """Tell when a stored conversation expires; ``None``: it cannot be read, and is left alone."""
    try:
        return decode_conversation(raw).expires_at
    except SnapshotError:
        return None


def liveliness(raw: bytes) -> tuple[int, float]:
    """Tell how likely it is that an input is for it: something runs, it cannot be read, it only remembers."""
    try:
        conversation = decode_conversation(raw)
    except SnapshotError:
        return 1, 0.0
    return 2 if conversation.is_live else 0, conversation.touched_at


def touched(raw: bytes) -> float:
    """Tell when a conversation was touched; what a newer server wrote is given up last."""
    try:
        return decode_conversation(raw).touched_at
    except SnapshotTooNew:
        return inf
    except SnapshotError:
        return 0.0


def waiting_screen(raw: bytes, now: float, record: Record | None = None) -> str | None:
    """Name the screen of the question that waits; *record* is the conversation's, where it is known.

    ``None``: nothing waits for the person, and nothing is left that he has not seen. Empty: no question does.
    """
    try:
        conversation = decode_conversation(raw)
        record = record or conversation.flow_record
    except SnapshotError:
        return ""
    if conversation.expires_at <= now:
        return None
    if record is None:
        return "" if conversation.unseen else None
    if conversation.is_resuming:
        return resume_screen(record.id)
    return "" if waits_for_run(record) else record.place
