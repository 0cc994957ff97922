"""Doubling waits."""

from __future__ import annotations

from sessiond.runtime.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    """Without jitter luck: half of 0.1, 0.2, 0.4 … and then half of the longest for ever."""
    waits = [Backoff(0.1, 0.5).wait(attempt, 0.0) for attempt in range(1, 6)]

    assert [0.05, 0.1, 0.2, 0.25, 0.25] == waits


def test_jitter_spreads_over_the_upper_half() -> None:
    """The wait is never almost zero, and never more than asked for."""
    backoff = Backoff(1.0, 1.0)

    assert (0.5, 0.75) == (backoff.wait(1, 0.0), backoff.wait(1, 0.5))
