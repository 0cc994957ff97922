"""Back-off: how long to wait before trying again. Pure."""

from attrs import frozen

__all__ = ["Backoff"]


@frozen
class Backoff:
    """Doubling waits between *first* and *longest* seconds, with jitter so that many do not return at once."""

    first: float
    longest: float

    def wait(self, attempt: int, jitter: float) -> float:
        """Return the seconds to wait before retry number *attempt* (from 1); *jitter* is in ``[0, 1)``.

        Between half and all of ``first × 2^(attempt - 1)``, capped at *longest* ("equal jitter": never almost zero).
        """
        full = min(self.longest, self.first * 2.0 ** min(attempt - 1, 62))
        return full * (0.5 + jitter / 2)
