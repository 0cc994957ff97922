"""Randomness: the machine's, and a repeatable one for tests and simulations."""

import random
import secrets
from typing import Final

__all__ = ["SeededEntropy", "SystemEntropy"]


#: Read from the system at once: each read lets go of the interpreter's lock, and the store's thread takes it
#: *(measured beside a busy thread: 23 µs a token, against 0.3 from the pool)*.
_POOL_BYTES: Final = 4096


class SystemEntropy:
    """Unpredictable bytes; jitter from a generator of its own. Not to be shared by threads or over a fork."""

    __slots__ = ("_pool", "_random", "_used")

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311 -- jitter need not be unpredictable
        self._pool = b""
        self._used = 0

    def token(self, size: int) -> bytes:
        """*size* unpredictable bytes, never given to anybody else."""
        end = self._used + size
        if end > len(self._pool):
            self._pool = secrets.token_bytes(max(_POOL_BYTES, size))
            end = size
        token, self._used = self._pool[end - size : end], end
        return token

    def jitter(self) -> float:
        """A number in ``[0, 1)``."""
        return self._random.random()


class SeededEntropy:
    """The same bytes and jitters for the same *seed*: never for what must be secret."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- repeatable on purpose

    def token(self, size: int) -> bytes:
        """*size* bytes of the seed's sequence."""
        return self._random.randbytes(size)

    def jitter(self) -> float:
        """A number in ``[0, 1)`` of the seed's sequence."""
        return self._random.random()
