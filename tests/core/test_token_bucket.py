"""Token buckets (sessiond/core/token_bucket.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.token_bucket import RateLimit, TokenBucket, TokenBuckets


def test_a_burst_is_allowed_then_the_rate_decides() -> None:
    """A full bucket gives its burst at once; the next token comes when the rate has made it."""
    bucket = TokenBucket(RateLimit(per_second=2, burst=3), now=100.0)

    assert [bucket.take(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take(100.5) == 0.0


def test_a_refusal_takes_nothing() -> None:
    """Who is refused does not push his own turn further away by asking again."""
    bucket = TokenBucket(RateLimit(per_second=1, burst=1), now=0.0)
    bucket.take(0.0)

    assert [bucket.take(0.0) for _ in range(3)] == [1.0, 1.0, 1.0]


def test_idleness_never_saves_more_than_the_burst() -> None:
    """A day of silence allows one burst, not a day's worth."""
    bucket = TokenBucket(RateLimit(per_second=5, burst=2), now=0.0)

    assert [bucket.take(86_400.0) for _ in range(3)] == [0.0, 0.0, 0.2]


def test_time_that_goes_back_gives_nothing() -> None:
    """An earlier time counts as the last one seen."""
    bucket = TokenBucket(RateLimit(per_second=1, burst=1), now=10.0)
    bucket.take(10.0)

    assert bucket.take(5.0) == 1.0
    assert bucket.take(11.0) == 0.0


def test_a_cost_above_the_burst_can_never_be_paid() -> None:
    """The wait for the impossible is infinite, not a number that turns out to be wrong."""
    assert TokenBucket(RateLimit(per_second=1, burst=2), now=0.0).take(0.0, cost=3) == float("inf")


@pytest.mark.parametrize(
    ("per_second", "burst"),
    [(0, 1), (-1, 1), (float("inf"), 1), (float("nan"), 1), (1, 0), (1, 0.5)],
)
def test_a_limit_that_allows_nothing_or_everything_is_refused(
    per_second: float, burst: float
) -> None:
    """A limit has to be a limit."""
    with pytest.raises(InvalidInput):
        RateLimit(per_second=per_second, burst=burst)


@given(
    st.floats(0.1, 100),
    st.integers(1, 20),
    st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_never_more_than_burst_plus_rate(per_second: float, burst: int, gaps: list[float]) -> None:
    """Over any run, what was allowed is at most the burst plus the rate times the time."""
    bucket, now, allowed = TokenBucket(RateLimit(per_second, burst), now=0.0), 0.0, 0
    for gap in gaps:
        now += gap
        allowed += bucket.take(now) == 0.0

        assert allowed <= burst + per_second * now + 1e-6


def test_keys_do_not_share() -> None:
    """One key's flood costs another key nothing."""
    buckets: TokenBuckets[str] = TokenBuckets(RateLimit(per_second=1, burst=1))
    buckets.take("a", 0.0)

    assert buckets.take("a", 0.0) > 0
    assert buckets.take("b", 0.0) == 0.0


def test_the_number_of_keys_is_bounded() -> None:
    """Invented keys push out the bucket that was unused for longest: memory stays bounded."""
    buckets: TokenBuckets[int] = TokenBuckets(RateLimit(per_second=0.001, burst=1), max_keys=3)
    for key in range(100):
        buckets.take(key, 0.0)

    assert len(buckets) == 3
    assert buckets.take(99, 0.0) > 0


def test_full_buckets_are_forgotten() -> None:
    """A key that came long ago leaves when a new one comes."""
    buckets: TokenBuckets[str] = TokenBuckets(RateLimit(per_second=1, burst=1))
    buckets.take("early", 0.0)
    buckets.take("late", 60.0)

    assert len(buckets) == 1
