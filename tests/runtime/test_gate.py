"""The output gate alone: order, merging, laziness, and what a refusal gives back."""

from __future__ import annotations

from itertools import count

import pytest
from msgspec.structs import replace

from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import Verdict, VerdictStatus
from sessiond.core.session.changes import Change
from sessiond.core.session.phases import Phase
from sessiond.core.session.snapshot import Snapshot, decode_snapshot
from sessiond.core.session.state import SessionState
from sessiond.runtime.gate import DEPTH, Gate, Turn

ANN = UserId("ann")
APPLIED = Verdict(VerdictStatus.APPLIED, 1)


class Keeper:
    """A gate with a log of what it released."""

    def __init__(self) -> None:
        self.released: list[Turn] = []
        self.failures = 0
        ids = count()
        self.gate = Gate(
            ANN,
            partition_of(ANN),
            perform=self.released.append,
            on_failure=self.failed,
            commit_ids=lambda: next(ids).to_bytes(16, "big"),
            journal_limit=7,
        )
        self.state = SessionState(
            user=ANN, phase=Phase.PASSIVE, snapshot=Snapshot(session_id="s", created_at=0.0)
        )

    def failed(self) -> None:
        self.failures += 1

    def turn(self, data: bytes | None, *, relaxed: bool = False) -> Turn:
        """Enter a turn that leaves *data* behind, ``None``: changes nothing."""
        before = self.state
        change = None
        if data is not None:
            self.state = replace(before, snapshot=replace(before.snapshot, data=data))
            change = Change(before=before, after=self.state)
        turn = Turn(before, change=change)
        self.asked = self.gate.enter(turn, relaxed=relaxed)
        return turn


def test_without_a_change_an_open_gate_lets_through() -> None:
    """Nothing to write, nothing to wait for."""
    keeper = Keeper()
    turn = keeper.turn(None)

    assert (keeper.released, keeper.asked, keeper.gate.is_open) == ([turn], False, True)


def test_turns_leave_in_order_when_their_commit_is_applied() -> None:
    """What is behind the commit in flight waits; what changed nothing leaves with the one before it."""
    keeper = Keeper()
    first = keeper.turn(b"1")
    commit = keeper.gate.take()
    echo, second = keeper.turn(None), keeper.turn(b"2")
    assert commit is not None
    assert keeper.gate.take() is None
    keeper.gate.decided(APPLIED)

    assert keeper.released == [first, echo]
    assert keeper.gate.has_pending()
    again = keeper.gate.take()
    assert again is not None
    assert (again.expected_version, again.commit_id != commit.commit_id) == (1, True)
    assert again.journal_limit == 7
    keeper.gate.decided(replace(APPLIED, version=2))
    assert keeper.released == [first, echo, second]
    assert keeper.gate.version == 2


def test_several_turns_are_one_commit() -> None:
    """Everything that waits when a batch is formed is merged."""
    keeper = Keeper()
    for n in range(DEPTH):
        assert not keeper.gate.is_full
        keeper.turn(b"%d" % n)
    assert keeper.gate.is_full
    commit = keeper.gate.take()

    assert commit is not None
    assert commit.snapshot is not None
    assert decode_snapshot(commit.snapshot).data == b"%d" % (DEPTH - 1)
    keeper.gate.decided(APPLIED)
    assert len(keeper.released) == DEPTH


def test_a_relaxed_change_waits_for_the_next_commit_or_a_flush() -> None:
    """It leaves at once; the write carries it later."""
    keeper = Keeper()
    relaxed = keeper.turn(b"1", relaxed=True)
    assert keeper.released == [relaxed]
    assert not keeper.gate.has_pending()
    keeper.turn(b"2", relaxed=True)
    assert keeper.gate.flush(keeper.state)
    assert not keeper.gate.flush(keeper.state)
    commit = keeper.gate.take()
    assert commit is not None
    assert commit.snapshot is not None
    assert decode_snapshot(commit.snapshot).data == b"2"
    keeper.gate.decided(APPLIED)

    assert keeper.gate.is_open


def test_a_refusal_gives_everything_back() -> None:
    """All turns that were not released, with the lazy changes from before them."""
    keeper = Keeper()
    keeper.turn(b"1", relaxed=True)
    first, second = keeper.turn(b"2"), keeper.turn(None)
    keeper.gate.take()
    keeper.gate.decided(Verdict(VerdictStatus.TOO_LARGE))
    assert keeper.failures == 1
    assert keeper.gate.take() is None
    assert not keeper.gate.has_pending()
    verdict, turns = keeper.gate.fail()

    assert verdict.status is VerdictStatus.TOO_LARGE
    assert turns == (first, second)
    assert keeper.gate.is_open
    assert keeper.gate.is_sound
    assert keeper.gate.lazy is not None
    assert keeper.gate.lazy.after is first.before
    with pytest.raises(RuntimeError):
        keeper.gate.fail()


def test_the_blame_is_found_one_turn_at_a_time() -> None:
    """After a merged commit was refused its turns are written singly."""
    keeper = Keeper()
    keeper.gate.separately = 2
    for n in range(3):
        keeper.turn(b"%d" % n)
    data = []
    for version in (1, 2):
        commit = keeper.gate.take()
        assert commit is not None
        assert commit.snapshot is not None
        data.append(decode_snapshot(commit.snapshot).data)
        keeper.gate.decided(replace(APPLIED, version=version))

    assert data == [b"0", b"1"]
    assert keeper.gate.separately == 0


def test_what_was_given_up_never_leaves() -> None:
    """The verdict of a commit in flight comes too late for turns that were abandoned."""
    keeper = Keeper()
    turn = keeper.turn(b"1")
    keeper.gate.take()
    assert keeper.gate.abandon() == (turn,)
    keeper.gate.decided(APPLIED)

    assert keeper.released == []
    assert not keeper.gate.has_pending()


def test_a_bug_shuts_the_gate() -> None:
    """Nothing is taken after taking or releasing raised; the actor is told."""
    keeper = Keeper()
    keeper.turn(b"1")
    keeper.gate.crashed(RuntimeError("a bug"))

    assert keeper.failures == 1
    assert not keeper.gate.is_sound
    assert keeper.gate.take() is None
