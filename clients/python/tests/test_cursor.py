"""Resume bookkeeping."""

from hypothesis import given
from hypothesis import strategies as st

from sessiond_client.cursor import ACK_FRAMES, ACK_SECONDS, Cursor, Position


def test_a_new_cursor_has_nothing_to_resume() -> None:
    """Pushes before a join belong to no stream, and nothing is acknowledged."""
    cursor = Cursor()

    assert cursor.resume is None
    assert cursor.arrived(1).position is None
    assert cursor.ack_due(0.0) is None
    assert cursor.take_ack() is None


def test_what_comes_again_is_a_duplicate() -> None:
    """A replay overlaps with what was received before the break."""
    cursor = Cursor(Position("e", 4))

    assert not cursor.arrived(5).duplicate
    assert cursor.arrived(5).duplicate
    assert cursor.arrived(3).duplicate
    assert not cursor.arrived(6).duplicate
    assert cursor.resume == Position("e", 6)


def test_a_hole_in_the_stream_is_seen() -> None:
    """A part of the stream is never taken for the whole."""
    cursor = Cursor(Position("e", 4))

    assert cursor.arrived(7).gap
    assert not cursor.arrived(8).gap


def test_pushes_that_are_not_durable_have_no_position() -> None:
    """They are passed on, and change nothing."""
    cursor = Cursor(Position("e", 4))

    assert cursor.arrived(None).position is None
    assert cursor.resume == Position("e", 4)


def test_resume_follows_what_was_received_and_position_what_was_processed() -> None:
    """A reconnect of this process goes on later than another process would."""
    cursor = Cursor(Position("e", 4))
    for offset in (5, 6):
        cursor.arrived(offset)
    cursor.finished(Position("e", 5), 0.0)

    assert cursor.resume == Position("e", 6)
    assert cursor.processed == Position("e", 5)


def test_a_join_that_did_not_recover_starts_anew() -> None:
    """Marks of the old stream, and what is still being processed of it, count no more."""
    cursor = Cursor(Position("old", 90))
    cursor.arrived(91)
    cursor.joined(Position("new", 3), recovered=False)
    cursor.finished(Position("old", 91), 0.0)

    assert cursor.resume == cursor.processed == Position("new", 3)
    assert cursor.take_ack() is None


def test_a_join_that_recovered_keeps_the_marks() -> None:
    """The replay still has to come, although the reply names the head."""
    cursor = Cursor(Position("e", 4))
    cursor.joined(Position("e", 9), recovered=True)

    assert not cursor.arrived(5).gap


def test_an_ack_is_due_a_second_after_the_first_or_after_32() -> None:
    """Cumulative: one ack says it for all before."""
    cursor = Cursor(Position("e", 0))
    cursor.finished(Position("e", 1), 10.0)
    cursor.finished(Position("e", 2), 10.4)

    assert cursor.ack_due(10.4) == ACK_SECONDS - (10.4 - 10.0)
    assert cursor.ack_due(11.5) == 0.0
    assert cursor.take_ack() == 2
    assert cursor.ack_due(12.0) is None

    cursor.finished(Position("e", 2 + ACK_FRAMES), 20.0)
    assert cursor.ack_due(20.0) == 0.0


@given(offsets=st.lists(st.integers(1, 40)))
def test_nothing_is_delivered_twice_or_backwards(offsets: list[int]) -> None:
    """Whatever is replayed, what passes rises."""
    cursor = Cursor(Position("e", 0))
    passed = [offset for offset in offsets if not cursor.arrived(offset).duplicate]

    assert passed == sorted(set(passed))
