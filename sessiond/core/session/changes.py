"""Changes: from turns to one commit.

A turn is a pair of states and what the states do not hold (the new frames, stored replies, consumed inbox entries,
dead letters). Several turns of one user merge into one write: snapshot, stream and timers are the difference between
the first *before* and the last *after*; the rest is appended.
"""

from collections.abc import Sequence
from typing import TypeVar

from sessiond.core.ids import Digest, Partition
from sessiond.core.records import (
    JOURNAL_LIMIT,
    Consumed,
    DeadLetter,
    Delivery,
    Frame,
    TimerChange,
    UserCommit,
)
from sessiond.core.session.phases import Phase
from sessiond.core.session.snapshot import encode_snapshot
from sessiond.core.session.state import SessionState
from sessiond.core.values import Value

__all__ = ["Change", "merge_commit"]

T = TypeVar("T")


class Change(Value, frozen=True, kw_only=True):
    """What one turn makes durable."""

    PRIVATE = frozenset({"frames", "consumed", "dead_letters", "journal"})

    before: SessionState
    after: SessionState
    frames: tuple[Frame, ...] = ()
    consumed: tuple[Consumed, ...] = ()
    forgotten: tuple[Digest, ...] = ()
    inbox_done: tuple[int, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    journal: tuple[bytes, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    deliveries_done: tuple[str, ...] = ()
    erase: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be written."""
        before, after = self.before, self.after
        if before is not after and (
            before.phase is Phase.NEW
            or _differ(before.snapshot, after.snapshot)
            or _differ(before.stream, after.stream)
            or _differ(before.timers, after.timers)
        ):
            return False
        return not (
            self.frames
            or self.consumed
            or self.inbox_done
            or self.dead_letters
            or self.journal
            or self.deliveries
            or self.deliveries_done
            or self.erase
        )


def merge_commit(
    changes: Sequence[Change],
    *,
    partition: Partition,
    version: int,
    commit_id: bytes,
    journal_limit: int = JOURNAL_LIMIT,
) -> UserCommit:
    """Make the one commit that takes the record from before the first change to after the last.

    *version* is the record's version now; 0: there is no record, and the snapshot is always written. Of the journal
    *journal_limit* entries are kept.
    """
    change = changes[0] if len(changes) == 1 else _merged(changes)
    before, after = change.before, change.after
    if change.erase:
        return UserCommit(
            user=after.user,
            partition=partition,
            commit_id=commit_id,
            expected_version=version,
            inbox_done=change.inbox_done,
            dead_letters=change.dead_letters,
            delete=True,
        )
    frames, floor = change.frames, after.stream.floor
    snapshot = None
    if version == 0 or _differ(before.snapshot, after.snapshot):
        snapshot = encode_snapshot(after.snapshot)
    has_restarted = len(changes) > 1 and _restarted(changes)
    return UserCommit(
        user=after.user,
        partition=partition,
        commit_id=commit_id,
        expected_version=version,
        snapshot=snapshot,
        stream=after.stream if has_restarted or _differ(before.stream, after.stream) else None,
        frames=tuple([frame for frame in frames if frame.offset > floor]) if frames else (),
        consumed=change.consumed,
        forgotten=change.forgotten,
        inbox_done=change.inbox_done,
        timers=_timer_changes(before, after),
        deliveries=change.deliveries,
        deliveries_done=change.deliveries_done,
        dead_letters=change.dead_letters,
        journal=change.journal,
        journal_limit=journal_limit,
    )


def _merged(changes: Sequence[Change]) -> Change:
    """Make one change of all of them; nearly always there is one alone."""
    return Change(
        before=changes[0].before,
        after=changes[-1].after,
        frames=_joined([change.frames for change in _of_last_epoch(changes)]),
        consumed=_joined([c.consumed for c in changes]),
        forgotten=_forgotten(changes),
        inbox_done=_joined([c.inbox_done for c in changes]),
        dead_letters=_joined([c.dead_letters for c in changes]),
        journal=_joined([c.journal for c in changes]),
        deliveries=_deliveries(changes),
        deliveries_done=_joined([c.deliveries_done for c in changes]),
        erase=changes[-1].erase,
    )


def _restarted(changes: Sequence[Change]) -> bool:
    return any(c.before.stream.epoch != c.after.stream.epoch for c in changes)


def _differ(before: object, after: object) -> bool:
    """Compare what most turns leave as it is: the same object."""
    return before is not after and before != after


def _joined(parts: list[tuple[T, ...]]) -> tuple[T, ...]:
    """Put the parts of all changes behind each other."""
    return tuple([item for part in parts for item in part])


def _deliveries(changes: Sequence[Change]) -> tuple[Delivery, ...]:
    """List the deliveries that are not done already by a later turn."""
    done = {one for change in changes for one in change.deliveries_done}
    return tuple(one for change in changes for one in change.deliveries if one.id not in done)


def _of_last_epoch(changes: Sequence[Change]) -> Sequence[Change]:
    """Drop the frames of epochs that a later change has ended already."""
    last = changes[-1].after.stream.epoch
    return [change for change in changes if change.after.stream.epoch == last]


def _forgotten(changes: Sequence[Change]) -> tuple[Digest, ...]:
    """List the ids that left the window and did not come back by a later turn."""
    gone: dict[Digest, None] = {}
    for change in changes:
        for consumed in change.consumed:
            gone.pop(consumed.digest, None)
        gone |= dict.fromkeys(change.forgotten)
    return tuple(gone)


def _timer_changes(before: SessionState, after: SessionState) -> tuple[TimerChange, ...]:
    if before.timers is after.timers:
        return ()
    gone = [TimerChange(name, None) for name in before.timers if name not in after.timers]
    kept = [
        TimerChange(name, timer)
        for name, timer in after.timers.items()
        if before.timers.get(name) != timer
    ]
    return (*gone, *kept)
