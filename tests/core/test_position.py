"""Positions in a stream (sessiond/core/position.py)."""

from hypothesis import given

from sessiond.core.position import RecoveryReason, StreamPosition
from sessiond.testing.strategies import stream_positions


@given(stream_positions(), stream_positions())
def test_a_position_is_one_value(one: StreamPosition, other: StreamPosition) -> None:
    """Two positions are the same only when epoch and offset both are."""
    assert (one == other) == ((one.epoch, one.offset) == (other.epoch, other.offset))


def test_the_reasons_are_those_of_the_protocol() -> None:
    """Clients know these six words."""
    assert {"new", "epoch", "gap", "expired", "overflow", "ahead"} == {*RecoveryReason}
