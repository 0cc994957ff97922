"""Randomness: the machine's, and a repeatable one for tests and simulations."""

import random
import secrets

__all__ = ["SeededEntropy", "SystemEntropy"]


class SystemEntropy:
    """Unpredictable bytes; jitter from a generator of its own."""

    __slots__ = ("_random",)

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311 -- jitter need not be unpredictable

    def token(self, size: int) -> bytes:
        """*size* unpredictable bytes."""
        return secrets.token_bytes(size)

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
