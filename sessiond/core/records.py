"""What a store keeps for one user, and the changes one commit makes to it: plain frozen values.

A user's *record* is a snapshot (opaque bytes) with a version, and beside it, appended and trimmed by deltas: the
outbox (frames), the duplicate window (consumed ids with stored replies), timers, deliveries, journal.
A partition's records: fence, inbox (accepted inputs that have not run), dead letters, timer index.

All times are seconds since the Unix epoch (wall clock). What a person or an app said is not shown by ``repr``.
"""

from enum import StrEnum
from typing import Final

from attrs import field, frozen

from sessiond.core.errors import SnapshotError
from sessiond.core.ids import Digest, NodeId, Partition, UserId
from sessiond.core.values import Value

__all__ = [
    "CAUSE",
    "EMPTY_STREAM",
    "JOURNAL_LIMIT",
    "MAX_STORED_REPLY",
    "NO_DELIVERY",
    "WINDOW_TIMER",
    "Acquired",
    "Arrival",
    "Consumed",
    "DeadLetter",
    "Delivery",
    "DueTimer",
    "Fence",
    "Frame",
    "InboxEntry",
    "Loaded",
    "NodeLease",
    "Receipt",
    "ReceiptStatus",
    "StoredUser",
    "StreamMark",
    "Timer",
    "TimerChange",
    "UserCommit",
    "Verdict",
    "VerdictStatus",
]

#: The reserved timer that closes the reconnection window; undated while the user is attached.
WINDOW_TIMER: Final = "$window"

#: A reply larger than this is not kept for repeats; the repeat is answered ``{"duplicate": true}``.
MAX_STORED_REPLY: Final = 4096


#: Entries of a user's journal that are kept, unless settings say otherwise.
JOURNAL_LIMIT: Final = 1000


@frozen
class Fence:
    """The right to write one partition: valid while the store's number *and* nonce are these.

    The nonce guards against a failover that rolls the counter back and hands the same number out twice.
    """

    partition: Partition
    number: int
    nonce: str


@frozen
class Acquired:
    """What ``acquire`` answers for one partition."""

    fence: Fence
    next_due: float | None
    """The earliest due time of the partition's timers, window timers included."""
    has_pending: bool
    """Whether accepted inputs are left that have not run."""


class Frame(Value, frozen=True):
    """One durable push: *message* is the encoded tail ``"event",{payload}`` (wire/json_v2.py)."""

    PRIVATE = frozenset({"message"})

    offset: int
    at: float
    message: bytes


class StreamMark(Value, frozen=True):
    """Where the outgoing stream stands.

    Offsets ``floor + 1 … head`` are stored. *lost* is the highest offset that was dropped by a bound before
    every device had it. *size* counts the bytes of the stored messages.
    """

    epoch: str
    head: int = 0
    floor: int = 0
    lost: int = 0
    size: int = 0


EMPTY_STREAM: Final = StreamMark("")


class Consumed(Value, frozen=True):
    """An input id of the duplicate window; *reply* is stored for repeats (``None``: none was kept).

    One that is in the window already is replaced: its reply came in a later commit.

    *reply* holds at most ``MAX_STORED_REPLY`` bytes: the encoded outcome (session/replies.py).
    """

    PRIVATE = frozenset({"reply"})

    digest: Digest
    at: float
    reply: bytes | None = None


@frozen
class Timer:
    """A named timer of a user: *due* ``None`` is undated (the window of an attached user)."""

    name: str
    generation: int
    due: float | None
    payload: bytes = field(default=b"", repr=False)
    unreadable: SnapshotError | None = field(default=None, eq=False)
    """Why the payload cannot be opened; then it is as it is stored, and the timer cannot run."""


class TimerChange(Value, frozen=True):
    """Set (*timer*) or remove (``timer=None``) the timer called *name*."""

    name: str
    timer: Timer | None


@frozen
class DueTimer:
    """A timer whose time has come."""

    user: UserId
    timer: Timer


class Delivery(Value, frozen=True):
    """A durable call to a gateway's provider; never trimmed, only delivered or dead-lettered."""

    PRIVATE = frozenset({"body"})

    id: str
    due: float
    """Not before."""
    body: bytes


#: Id and user, below every delivery.
NO_DELIVERY: Final = ("", UserId(""))


#: What the last line of a dead letter's traceback begins with; the lines above it may quote a person.
CAUSE: Final = "Cause: "


@frozen
class DeadLetter:
    """An input nobody could take, with its cause, until an operator retries or drops it."""

    id: str
    user: UserId
    kind: str
    """``hook:<name>`` or ``timer:<name>``."""
    body: bytes = field(repr=False)
    error: str = field(repr=False)
    """The traceback, at most 8 KiB, whose last line is ``CAUSE`` and what anybody may read; or a reason of ours."""
    at: float
    attempts: int

    @property
    def cause(self) -> str:
        """What anybody may read of the error: nothing that a person wrote is in it."""
        before, _, last = self.error.strip().rpartition("\n")
        if last.startswith(CAUSE):
            return last.removeprefix(CAUSE)
        return "" if before else last


class Arrival(Value, frozen=True):
    """An input to be accepted into a partition's inbox; *digest* is its id in the duplicate window.

    *keep_seconds* is how long the id is remembered in the store.
    """

    PRIVATE = frozenset({"body"})

    user: UserId
    partition: Partition
    digest: Digest
    kind: str
    body: bytes
    at: float
    keep_seconds: float = 48 * 3600.0


class InboxEntry(Value, frozen=True):
    """An accepted input that has not run; *seq* orders the entries of a partition."""

    PRIVATE = frozenset({"body"})

    seq: int
    user: UserId
    digest: Digest
    kind: str
    body: bytes
    at: float
    attempts: int = 0


class ReceiptStatus(StrEnum):
    """What became of an arrival."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    FENCED = "fenced"


class Receipt(Value, frozen=True):
    """``accept``'s answer for one arrival: the entry when accepted; the stored reply, if any, of a duplicate."""

    PRIVATE = frozenset({"reply"})

    status: ReceiptStatus
    entry: InboxEntry | None = None
    reply: bytes | None = None


class UserCommit(Value, frozen=True, kw_only=True):
    """All that one user's turn, or several merged turns, change; applied as a whole or not at all.

    ``None`` and empty fields change nothing.
    """

    PRIVATE = frozenset({"snapshot", "journal"})

    user: UserId
    partition: Partition
    commit_id: bytes
    """16 random bytes, stored beside the version: the same commit sent again is answered ``applied``."""
    expected_version: int
    """The version the record must have now; 0: there is no record. Applying makes it ``expected_version + 1``."""
    snapshot: bytes | None = None
    stream: StreamMark | None = None
    frames: tuple[Frame, ...] = ()
    """Appended to the outbox. Frames at or below ``stream.floor`` are removed, all of another epoch too."""
    consumed: tuple[Consumed, ...] = ()
    forgotten: tuple[Digest, ...] = ()
    """Ids that leave the loaded window; accepted ones stay duplicates for their ``keep_seconds``."""
    inbox_done: tuple[int, ...] = ()
    """``seq`` of inbox entries this commit consumes."""
    timers: tuple[TimerChange, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    deliveries_done: tuple[str, ...] = ()
    journal: tuple[bytes, ...] = ()
    journal_limit: int = JOURNAL_LIMIT
    """Entries kept; older ones are trimmed by the same write."""
    dead_letters: tuple[DeadLetter, ...] = ()
    delete: bool = False
    """Remove the user's record and everything beside it; dead letters and unrun inbox entries (with their ids) stay.

    Of such a commit only ``inbox_done`` and ``dead_letters`` count. When the record is gone already: ``applied``.
    """


class VerdictStatus(StrEnum):
    """What became of one user's commit."""

    APPLIED = "applied"
    FENCED = "fenced"
    CONFLICT = "conflict"
    """Another commit than ours has the version: somebody wrote behind our back."""
    TOO_LARGE = "too_large"
    """This record alone was refused; others of the batch are not affected."""


class Verdict(Value, frozen=True):
    """``commit``'s answer for one user: the record's version now (0 when fenced or absent)."""

    status: VerdictStatus
    version: int = 0
    detail: str = ""


@frozen
class Loaded:
    """A user's record as it is read when the actor is activated."""

    version: int
    snapshot: bytes = field(repr=False)
    previous: bytes | None = field(repr=False)
    """The snapshot before the current one, for an operator's roll-back."""
    stream: StreamMark
    window: tuple[tuple[Digest, float], ...]
    """Digests of *consumed* ids with their times, oldest first, without the replies.

    An accepted id joins when the input has run: before, it would make the waiting entry look like its own repeat.
    """
    timers: tuple[Timer, ...]
    unreadable: SnapshotError | None = field(default=None, eq=False)
    """Why the record cannot be opened; then ``snapshot`` is empty, and ``previous`` is what a roll-back needs."""


@frozen
class StoredUser:
    """A row of the listing of stored users."""

    user: UserId
    version: int
    snapshot_bytes: int


@frozen
class NodeLease:
    """A node's proof of life, as the store shows it."""

    node: NodeId
    nonce: str
    expires_in: float
