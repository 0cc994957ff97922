"""Records (sessiond/core/records.py)."""

import attrs
import pytest

from sessiond.core.ids import Digest, Partition, UserId
from sessiond.core.records import (
    Arrival,
    Consumed,
    DeadLetter,
    Delivery,
    DueTimer,
    Frame,
    InboxEntry,
    Loaded,
    Receipt,
    ReceiptStatus,
    StreamMark,
    Timer,
    UserCommit,
)

SECRET = b"+233201234567"
USER, PARTITION, DIGEST = UserId("ann"), Partition(1), Digest(bytes(16))
ENTRY = InboxEntry(1, USER, DIGEST, "hook:json", SECRET, 0.0)
LETTER = DeadLetter("1", USER, "hook:json", SECRET, SECRET.decode(), 0.0, 2)
TIMER = Timer("t", 1, None, SECRET)
FRAME = Frame(1, 0.0, SECRET)
CONSUMED = Consumed(DIGEST, 0.0, SECRET)
DELIVERY = Delivery("1", 0.0, SECRET)


@pytest.mark.parametrize(
    "record",
    [
        FRAME,
        CONSUMED,
        TIMER,
        DueTimer(USER, TIMER),
        DELIVERY,
        LETTER,
        Arrival(USER, PARTITION, DIGEST, "hook:json", SECRET, 0.0),
        ENTRY,
        Receipt(ReceiptStatus.DUPLICATE, ENTRY, SECRET),
        Loaded(1, SECRET, SECRET, StreamMark("e"), (), (TIMER,)),
        UserCommit(
            user=USER,
            partition=PARTITION,
            commit_id=bytes(16),
            expected_version=0,
            snapshot=SECRET,
            frames=(FRAME,),
            consumed=(CONSUMED,),
            deliveries=(DELIVERY,),
            journal=(SECRET,),
            dead_letters=(LETTER,),
        ),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_people_said_is_not_shown(record: object) -> None:
    """A record that ends up in a log or a traceback shows no payload."""
    assert SECRET.decode() not in repr(record)


def test_records_are_values() -> None:
    """Equal fields make equal records, and nobody changes one."""
    assert FRAME == Frame(1, 0.0, SECRET)
    with pytest.raises(AttributeError):
        FRAME.offset = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("Traceback …\nValueError: x\nama owes ninety\n\nCause: ValueError", "ValueError"),
        (
            "131026: cannot be delivered to this person",
            "131026: cannot be delivered to this person",
        ),
        ("Traceback …\nValueError: x\nama owes ninety", ""),
    ],
    ids=["a traceback", "a reason of ours", "a traceback of an older server"],
)
def test_the_cause_of_a_dead_letter(error: str, cause: str) -> None:
    """What the last line says of itself, never what an exception said."""
    assert cause == attrs.evolve(LETTER, error=error).cause
