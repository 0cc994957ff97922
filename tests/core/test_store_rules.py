"""Sizes, stored replies and attempt counters are the same in every store."""

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.ids import Digest, Partition, UserId
from sessiond.core.records import (
    MAX_STORED_REPLY,
    Consumed,
    DeadLetter,
    Delivery,
    Fence,
    Frame,
    Timer,
    TimerChange,
    UserCommit,
    Verdict,
    VerdictStatus,
)
from sessiond.core.store_rules import (
    Attempts,
    attempt_slot,
    commit_bytes,
    count_attempt,
    kept_reply,
    timer_slot,
    verdict_on_other_version,
    verdict_on_size,
)


def test_everything_a_commit_stores_is_counted() -> None:
    """Each field that holds bytes of somebody counts; nothing else does."""
    user = UserId("ann")
    empty = UserCommit(user=user, partition=Partition(1), commit_id=b"x" * 16, expected_version=0)
    full = UserCommit(
        user=user,
        partition=Partition(1),
        commit_id=b"x" * 16,
        expected_version=0,
        snapshot=b"1",
        frames=(Frame(1, 0, b"2" * 2),),
        consumed=(Consumed(Digest(b"d"), 0, b"3" * 4), Consumed(Digest(b"e"), 0)),
        timers=(TimerChange("t", Timer("t", 1, 0, b"4" * 8)), TimerChange("u", None)),
        deliveries=(Delivery("d", 0, b"5" * 16),),
        journal=(b"6" * 32,),
        dead_letters=(DeadLetter("l", user, "k", b"7" * 64, "8" * 128, 0, 1),),
    )

    assert commit_bytes(empty) == 0
    assert commit_bytes(full) == 255


def test_a_reply_is_kept_up_to_its_limit() -> None:
    """One byte more and nothing is kept of it."""
    fits = b"x" * MAX_STORED_REPLY

    assert kept_reply(fits) == fits
    assert kept_reply(fits + b"x") is None
    assert kept_reply(None) is None
    assert kept_reply(b"") == b""


def test_generations_of_a_timer_share_a_counter() -> None:
    """Also when the user id or the name holds colons."""
    for user, name in (("ann", "tea"), ("urn:x:7", "a:b")):
        slot = timer_slot(UserId(user), name)
        assert attempt_slot(f"timer:{user}:{name}:12") == (slot, 12)
        assert attempt_slot(f"timer:{user}:{name}:13") == (slot, 13)


def test_an_inbox_entry_has_a_counter_of_its_own() -> None:
    """Entries have no generations."""
    assert attempt_slot("inbox:7") == ("inbox:7", 0)


@pytest.mark.parametrize(
    "key", ["", "inbox", "inbox:x", "inbox:-1", "timer:a:1", "timer:a:b:", "x:1"]
)
def test_another_key_is_refused(key: str) -> None:
    """A typo would count for ever without being forgotten."""
    with pytest.raises(InvalidInput):
        attempt_slot(key)


@pytest.mark.parametrize(
    ("version", "commit_id", "delete", "expected"),
    [
        (4, b"ours", False, Verdict(VerdictStatus.APPLIED, 4)),
        (4, b"other", False, Verdict(VerdictStatus.CONFLICT, 4)),
        (5, b"ours", False, Verdict(VerdictStatus.CONFLICT, 5)),
        (2, b"ours", False, Verdict(VerdictStatus.CONFLICT, 2)),
        (0, b"", False, Verdict(VerdictStatus.CONFLICT, 0)),
        (0, b"", True, Verdict(VerdictStatus.APPLIED, 0)),
        (4, b"other", True, Verdict(VerdictStatus.CONFLICT, 4)),
    ],
)
def test_a_commit_sent_again_is_told_from_a_foreign_one(
    version: int, commit_id: bytes, delete: bool, expected: Verdict
) -> None:
    """By the id stored beside the next version; a delete by what it leaves, which is nothing."""
    commit = UserCommit(
        user=UserId("ann"),
        partition=Partition(1),
        commit_id=b"ours",
        expected_version=3,
        delete=delete,
    )

    assert verdict_on_other_version(commit, version, commit_id) == expected


def test_a_commit_that_is_turned_down_for_its_size_is_told_both_sizes() -> None:
    """Its own, and the bound: an operator reads which of them to change."""
    expected = Verdict(VerdictStatus.TOO_LARGE, 3, "12 bytes; the bound is 10")
    commit = UserCommit(
        user=UserId("ann"),
        partition=Partition(1),
        commit_id=b"ours",
        expected_version=3,
        snapshot=b"x" * 12,
    )

    assert verdict_on_size(commit, 3, 12) is None
    assert expected == verdict_on_size(commit, 3, 10)


def test_an_attempt_counts_once_per_fence() -> None:
    """The same fence again changes nothing, a later one counts on, another generation begins at one."""
    first, second = Fence(Partition(1), 1, "a"), Fence(Partition(1), 2, "b")
    once = count_attempt(None, 7, first)

    assert once == Attempts(7, 1, first)
    assert count_attempt(once, 7, first) is once
    assert count_attempt(once, 7, second) == Attempts(7, 2, second)
    assert count_attempt(once, 8, first) == Attempts(8, 1, first)
