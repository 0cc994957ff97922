"""A place in a user's outgoing stream: ``(epoch, offset)`` is one value, never two loose integers.

The *offset* counts the durable pushes of one incarnation of the stream from 1; the *epoch* names the
incarnation. A stream that cannot prove its continuity (restored snapshot, foreign commit, lost primary)
starts a new epoch, so that an old offset can never be mistaken for a new one
(the accident that Centrifugo's epoch was introduced for).
"""

from enum import StrEnum
from typing import Final

from attrs import frozen

__all__ = ["NO_RESUME", "RecoveryReason", "StreamPosition"]


@frozen
class StreamPosition:
    """How far a client has seen: every durable push of *epoch* up to and including *offset*."""

    epoch: str
    offset: int


class RecoveryReason(StrEnum):
    """Why a client that wanted to resume could not (``reason`` of the join reply)."""

    NEW = "new"
    """There was no stream yet."""
    EPOCH = "epoch"
    """The stream was started anew; nothing of the old one can be compared with it."""
    GAP = "gap"
    """Some of the missed pushes were already acknowledged by other devices and are gone."""
    EXPIRED = "expired"
    """The client was away for longer than missed pushes are kept."""
    OVERFLOW = "overflow"
    """More was missed than the outbox may hold."""
    AHEAD = "ahead"
    """The client claims to have seen what was never sent."""


#: A join without ``resume`` replays nothing.
NO_RESUME: Final = None
