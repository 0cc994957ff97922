"""Patience: reads that wait for a store that is away, instead of failing the user who needs them."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from sessiond.core.errors import StoreUnavailable
from sessiond.core.ports import Entropy
from sessiond.runtime.availability import Availability
from sessiond.runtime.backoff import Backoff

__all__ = ["until_decided"]

T = TypeVar("T")

#: The committer's: quick enough for a blip, slow enough not to hammer a store that restarts.
_BACKOFF: Final = Backoff(0.05, 2.0)


async def until_decided(
    call: Callable[[], Awaitable[T]], availability: Availability, entropy: Entropy
) -> T:
    """Repeat *call* until the store answers, with back-off and jitter; the answer, or its other errors.

    Cancelling gives up; the call may or may not have been made.
    """
    attempt = 0
    source = object()
    try:
        while True:
            try:
                return await call()
            except StoreUnavailable as error:
                availability.away(source, error)
            attempt += 1
            await trio.sleep(_BACKOFF.wait(attempt, entropy.jitter()))
    finally:
        availability.back(source)
