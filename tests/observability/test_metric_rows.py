"""Rows of the table of metrics, and the buckets they share."""

import pytest

from sessiond.observability.metric_rows import BATCH, FAST, FRAMES, LIFE, SLOW


@pytest.mark.parametrize(
    "buckets", [BATCH, FAST, FRAMES, LIFE, SLOW], ids=["batch", "fast", "frames", "life", "slow"]
)
def test_buckets_rise(buckets: tuple[float, ...]) -> None:
    """A list of buckets that does not rise is a typo."""
    assert list(buckets) == sorted(set(buckets))
