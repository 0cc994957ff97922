"""The output gate: no effect leaves before its commit, and all leave in order.

An actor computes turn after turn; the gate keeps those that wait for a write, makes the next commit out of them
(several turns merge into one), and releases effects when the store has said *applied*. At most ``DEPTH`` turns wait.

A turn that changed nothing still waits for the turns before it. A relaxed turn's change is not written by itself:
it waits in ``lazy`` for the next commit or for a flush.

Synchronous and free of Trio: the actor feeds it, the committer takes from it and decides (runtime/committer.py).
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from sessiond.core.ids import Partition, UserId
from sessiond.core.records import JOURNAL_LIMIT, UserCommit, Verdict, VerdictStatus
from sessiond.core.session.changes import Change, merge_commit
from sessiond.core.session.effects import Effect
from sessiond.core.session.state import SessionState
from sessiond.runtime.mailbox import Envelope

__all__ = ["DEPTH", "Gate", "Turn"]

#: Turns of one user that may wait for the store: hides its latency; more would only grow what a failure throws away.
DEPTH: Final = 4


class Turn(msgspec.Struct):
    """One computed turn. *before* is the actor's state before it; *envelope* goes back if its commit fails."""

    before: SessionState
    envelope: Envelope | None = None
    change: Change | None = None
    effects: tuple[Effect, ...] = ()
    signals: list[tuple[str, Mapping[str, float], Mapping[str, object]]] = []
    """Telemetry events that are emitted when it is released."""
    lazy_before: SessionState | None = None
    """Where changes began that no commit had taken before this turn."""


def _ignore(*_nothing: object) -> None:
    """Be told what nobody wants to know any more."""


class Gate:
    """The gate of one user; also his ledger towards the committer."""

    __slots__ = (
        "_commit_ids",
        "_journal_limit",
        "_on_failure",
        "_perform",
        "_taken",
        "crash",
        "failure",
        "lazy",
        "partition",
        "separately",
        "turns",
        "user",
        "version",
    )

    def __init__(
        self,
        user: UserId,
        partition: Partition,
        *,
        perform: Callable[[Turn], None],
        on_failure: Callable[[], None],
        commit_ids: Callable[[], bytes],
        journal_limit: int = JOURNAL_LIMIT,
    ) -> None:
        """Open a gate. *perform* releases a turn; *on_failure* is told that ``failure`` was set."""
        self.user = user
        self.partition = partition
        self.version = 0
        self.turns: list[
            Turn
        ] = []  # an empty deque holds 0.7 KB, and no more than DEPTH are ever in it
        self.lazy: Change | None = None
        self.failure: Verdict | None = None
        self.crash: Exception | None = None
        """What taking or releasing raised: a bug, which the actor raises as its own."""
        self.separately = 0
        """So many turns are written one by one, to find the one that the store refused."""
        self._taken = 0
        self._perform = perform
        self._on_failure = on_failure
        self._commit_ids = commit_ids
        self._journal_limit = journal_limit

    @property
    def is_sound(self) -> bool:
        """Whether no commit has failed and nothing has crashed."""
        return self.failure is None and self.crash is None

    @property
    def is_full(self) -> bool:
        """Whether as many turns wait as may."""
        return len(self.turns) >= DEPTH

    @property
    def is_open(self) -> bool:
        """Whether nothing waits: what is computed now leaves at once."""
        return not self.turns

    def enter(self, turn: Turn, *, relaxed: bool = False) -> bool:
        """Take a computed turn; tell whether the committer has to be asked to write.

        A relaxed turn leaves behind the turns before it without waiting for a write of its own.
        """
        turn.lazy_before = self.lazy.before if self.lazy is not None else None
        change = turn.change
        if change is not None and change.is_empty:
            change = None
        if change is not None and relaxed:
            self.lazy = change if self.lazy is None else replace(self.lazy, after=change.after)
            change = None
        if change is not None and self.lazy is not None:
            change = replace(change, before=self.lazy.before)
            self.lazy = None
        turn.change = change
        if change is None and not self.turns:
            self._perform(turn)
            return False
        self.turns.append(turn)
        return change is not None

    def flush(self, now: SessionState) -> bool:
        """Turn lazy changes into a turn of their own; tell whether the committer has to be asked to write."""
        if self.lazy is None:
            return False
        change, before = self.lazy, self.lazy.before
        self.lazy = None
        self.turns.append(Turn(now, change=change, lazy_before=before))
        return True

    # The ledger towards the committer

    def has_pending(self) -> bool:
        """Tell whether there is something to write that no commit in flight covers."""
        if len(self.turns) == self._taken or not self.is_sound:
            return False
        return any(turn.change is not None for turn in self.turns[self._taken :])

    def take(self) -> UserCommit | None:
        """Make one commit of everything that waits; ``None`` when nothing does or a failure is being handled."""
        if not self.is_sound or self._taken:
            return None
        changes: list[Change] = []
        for index, turn in enumerate(self.turns, 1):
            if turn.change is None:
                continue
            changes.append(turn.change)
            self._taken = index
            if self.separately:
                self.separately -= 1
                break
        if not changes:
            return None
        return merge_commit(
            changes,
            partition=self.partition,
            version=self.version,
            commit_id=self._commit_ids(),
            journal_limit=self._journal_limit,
        )

    def decided(self, verdict: Verdict) -> None:
        """Release what the commit in flight covered, or keep everything and report the failure."""
        taken, self._taken = self._taken, 0
        if verdict.status is not VerdictStatus.APPLIED:
            self.failure = verdict
            self._on_failure()
            return
        self.version = verdict.version
        for _ in range(taken):
            self._perform(self.turns.pop(0))
        while self.turns and self.turns[0].change is None:
            self._perform(self.turns.pop(0))

    def crashed(self, error: Exception) -> None:
        """Note that ``take`` or ``decided`` raised; nothing is taken from here on."""
        self.crash = error
        self._on_failure()

    def abandon(self) -> tuple[Turn, ...]:
        """Give up every turn that was not released, for good: whatever the store decides, nothing of them leaves."""
        turns = tuple(self.turns)
        self.turns.clear()
        self.lazy = None
        self._taken = 0
        # The actor is freed with the last reference to it; a cycle would wait for the garbage collector.
        self._perform = self._on_failure = _ignore
        return turns

    def fail(self) -> tuple[Verdict, tuple[Turn, ...]]:
        """Take back every turn that was not released, in order, and the verdict; the gate is empty and open again.

        Lazy changes from before the first of them are kept.
        """
        verdict = self.failure
        if verdict is None:
            raise RuntimeError("no commit has failed")
        turns = tuple(self.turns)
        self.turns.clear()
        self.failure = None
        first = turns[0]
        self.lazy = None
        if first.lazy_before is not None:
            self.lazy = Change(before=first.lazy_before, after=first.before)
        return verdict, turns
