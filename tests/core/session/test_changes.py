"""From turns to one commit (sessiond/core/session/changes.py); any split of any turns: tests/core/test_session.py."""

import pytest
from msgspec.structs import replace

from sessiond.core.ids import Digest, UserId, partition_of
from sessiond.core.records import (
    Consumed,
    DeadLetter,
    Frame,
    StreamMark,
    Timer,
    TimerChange,
    UserCommit,
)
from sessiond.core.session.changes import Change, merge_commit
from sessiond.core.session.phases import Phase
from sessiond.core.session.snapshot import decode_snapshot
from sessiond.core.session.state import SessionState, fresh_state

USER = UserId("ann")
FRESH = fresh_state(USER, session_id="s", now=0.0)
STATE = replace(FRESH, phase=Phase.AWAKE)
ID, OTHER = Digest(bytes(16)), Digest(b"\x01" * 16)
LETTER = DeadLetter("1", USER, "hook:json", b"", "", 0.0, 2)
FRAMES = tuple(Frame(offset, 0.0, b"x") for offset in (1, 2, 3))


def with_data(state: SessionState, data: bytes) -> SessionState:
    return replace(state, snapshot=replace(state.snapshot, data=data))


def commit(*changes: Change, version: int = 1) -> UserCommit:
    return merge_commit(changes, partition=partition_of(USER), version=version, commit_id=bytes(16))


def test_turns_that_are_written_together_share_a_journal() -> None:
    """Their entries in their order, and one bound."""
    changes = [Change(before=STATE, after=STATE, journal=(entry,)) for entry in (b"1", b"2")]
    merged = merge_commit(
        changes, partition=partition_of(USER), version=1, commit_id=bytes(16), journal_limit=7
    )

    assert ((b"1", b"2"), 7) == (merged.journal, merged.journal_limit)


@pytest.mark.parametrize(
    "change",
    [
        Change(before=STATE, after=STATE),
        Change(before=STATE, after=replace(STATE, phase=Phase.PASSIVE)),
        Change(before=STATE, after=replace(STATE, outbox=FRAMES)),
    ],
    ids=["same", "phase", "memory"],
)
def test_what_only_memory_knows_is_not_written(change: Change) -> None:
    """Phases, connections and the outbox in memory are no reason for a write."""
    assert change.is_empty


@pytest.mark.parametrize(
    "change",
    [
        Change(before=FRESH, after=STATE),
        Change(before=STATE, after=with_data(STATE, b"[]")),
        Change(before=STATE, after=replace(STATE, stream=StreamMark("e"))),
        Change(before=STATE, after=replace(STATE, timers={"t": Timer("t", 1, 1.0)})),
        Change(before=STATE, after=STATE, frames=FRAMES),
        Change(before=STATE, after=STATE, consumed=(Consumed(ID, 0.0),)),
        Change(before=STATE, after=STATE, inbox_done=(1,)),
        Change(before=STATE, after=STATE, dead_letters=(LETTER,)),
        Change(before=STATE, after=STATE, journal=(b"x",)),
        Change(before=STATE, after=STATE, erase=True),
    ],
    ids=[
        "first",
        "data",
        "stream",
        "timers",
        "frames",
        "ids",
        "inbox",
        "letters",
        "journal",
        "erase",
    ],
)
def test_everything_else_is_written(change: Change) -> None:
    """A user's first turn too: it makes the record."""
    assert not change.is_empty


def test_a_state_that_came_back_is_not_written() -> None:
    """Only the difference between the first *before* and the last *after* counts."""
    there = Change(before=STATE, after=with_data(STATE, b"[]"), journal=(b"1",))
    back = Change(before=there.after, after=STATE, journal=(b"2",))
    result = commit(there, back)

    assert (None, None, ()) == (result.snapshot, result.stream, result.timers)
    assert (b"1", b"2") == result.journal
    first = commit(there, back, version=0).snapshot
    assert first is not None
    assert STATE.snapshot == decode_snapshot(first)


def test_frames_that_everybody_has_are_not_sent() -> None:
    """What was pushed and acknowledged before it could be written needs no write."""
    pushed = replace(STATE, stream=StreamMark("e", head=3))
    acknowledged = replace(STATE, stream=StreamMark("e", head=3, floor=2))
    result = commit(
        Change(before=STATE, after=pushed, frames=FRAMES),
        Change(before=pushed, after=acknowledged),
    )

    assert (FRAMES[2:], acknowledged.stream) == (result.frames, result.stream)


def test_frames_of_an_ended_epoch_are_not_sent() -> None:
    """A new epoch begins in a later turn of the same write: the old one's frames belong to nobody."""
    pushed = replace(STATE, stream=StreamMark("old", head=3))
    anew = replace(STATE, stream=StreamMark("new"))
    result = commit(
        Change(before=STATE, after=pushed, frames=FRAMES), Change(before=pushed, after=anew)
    )

    assert ((), anew.stream) == (result.frames, result.stream)


def test_an_id_that_came_back_is_not_forgotten() -> None:
    """It left the window and was used again before the write: it is in the window."""
    result = commit(
        Change(before=STATE, after=STATE, consumed=(Consumed(OTHER, 0.0),), forgotten=(ID,)),
        Change(before=STATE, after=STATE, consumed=(Consumed(ID, 1.0),), forgotten=(OTHER,)),
    )

    assert (OTHER,) == result.forgotten
    assert [OTHER, ID] == [consumed.digest for consumed in result.consumed]


def test_timers_are_changed_by_name() -> None:
    """Removed, set, set anew; one that is as it was is not mentioned."""
    old = {name: Timer(name, 1, 1.0) for name in ("gone", "kept", "moved")}
    new = {"kept": old["kept"], "moved": Timer("moved", 2, 9.0), "new": Timer("new", 1, None)}
    before = replace(STATE, timers=old)
    result = commit(Change(before=before, after=replace(before, timers=new)))

    assert {
        TimerChange("gone", None),
        TimerChange("moved", new["moved"]),
        TimerChange("new", new["new"]),
    } == {*result.timers}


def test_an_erased_user_leaves_only_what_was_promised() -> None:
    """The record goes; inbox entries that were taken and dead letters are still accounted for."""
    result = commit(
        Change(before=STATE, after=with_data(STATE, b"[]"), inbox_done=(1,)),
        Change(before=STATE, after=STATE, dead_letters=(LETTER,), inbox_done=(2,), erase=True),
    )

    assert (True, (1, 2), (LETTER,)) == (
        result.delete,
        result.inbox_done,
        result.dead_letters,
    )
    assert (None, None, ()) == (result.snapshot, result.stream, result.frames)
