"""Token buckets: how much somebody may do, with bursts, decided without a clock.

A bucket holds at most *burst* tokens and gains *per_second* of them each second; what is done
costs one. The caller hands in the time (monotonic seconds), so that the same code serves frames of
a connection, webhooks of a hook, and tests. Prior art: RFC 2697 section 3; the generic cell rate
algorithm would save one number and cost the names.

Here and not a library: those on offer read the clock themselves, count in windows, or want asyncio
or Redis.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from attrs import field, frozen

from sessiond.core.errors import InvalidInput

__all__ = ["RateLimit", "TokenBucket", "TokenBuckets"]

K = TypeVar("K", bound=Hashable)

#: Some hundred bytes each: enough for every hook and tenant, too few for invented keys to matter.
DEFAULT_MAX_KEYS: Final = 10_000


@frozen
class RateLimit:
    """How much is allowed: *per_second* in the long run, *burst* at once.

    Raises:
      InvalidInput: the rate is not positive, or the burst below one (nothing would ever pass).

    """

    per_second: float = field()
    """How many pass a second in the long run; more than 0. Given together with ``burst``."""
    burst: float = field()
    """How many pass at once after a quiet time; at least 1. Given together with ``per_second``."""

    @per_second.validator
    def _check_rate(self, _attribute: object, value: float) -> None:
        if not 0 < value < float("inf"):
            raise InvalidInput("a rate limit allows more than 0 per second")

    @burst.validator
    def _check_burst(self, _attribute: object, value: float) -> None:
        if not 1 <= value < float("inf"):
            raise InvalidInput("the burst of a rate limit is at least 1")


class TokenBucket:
    """One bucket, full at *now*. Not for subclassing."""

    __slots__ = ("_at", "_limit", "_tokens")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self._limit = limit
        self._tokens = limit.burst
        self._at = now

    def take(self, now: float, cost: float = 1.0) -> float:
        """Take *cost* tokens: 0.0 when they were there.

        Else nothing is taken, and the answer is the number of seconds until they will be there;
        infinite for a *cost* above the burst, which can never be paid. A *now* before the last one
        counts as the last one.
        """
        self._refill(now)
        if cost <= self._tokens:
            self._tokens -= cost
            return 0.0
        if cost > self._limit.burst:
            return float("inf")
        return (cost - self._tokens) / self._limit.per_second

    def is_full(self, now: float) -> bool:
        """Whether forgetting this bucket and starting a new one would change nothing."""
        self._refill(now)
        return self._tokens >= self._limit.burst

    def _refill(self, now: float) -> None:
        elapsed = now - self._at
        if elapsed > 0:
            self._tokens = min(self._limit.burst, self._tokens + elapsed * self._limit.per_second)
            self._at = now


class TokenBuckets(Generic[K]):
    """A bucket per key, at most *max_keys* of them.

    The one unused for longest is forgotten first, and so is full again when its key comes back.
    """

    __slots__ = ("_buckets", "_limit", "_max_keys")

    def __init__(self, limit: RateLimit, *, max_keys: int = DEFAULT_MAX_KEYS) -> None:
        self._limit = limit
        self._max_keys = max_keys
        self._buckets: OrderedDict[K, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: K, now: float, cost: float = 1.0) -> float:
        """Take *cost* tokens from *key*'s bucket; see :meth:`TokenBucket.take`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[key] = TokenBucket(self._limit, now)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(now, cost)

    def _make_room(self, now: float) -> None:
        oldest = next(iter(self._buckets.items()), None)
        if oldest is not None and (len(self._buckets) >= self._max_keys or oldest[1].is_full(now)):
            del self._buckets[oldest[0]]
