"""Whether and when to connect again: a pure decision from what ended the last attempt.

The range of a close code is the server's contract: 4000-4099 stop, 4100-4199 come back with back-off, 4200-4299
come back at once. Everything else (no close frame, connection refused, 1006, 1011, …) is the world's doing: back off.
"""

import email.utils
from typing import Final

from attrs import evolve, frozen

__all__ = ["Backoff", "Ended", "Refused", "Retry", "Stop", "Verdict", "decide", "parse_retry_after"]

FIRST_PRIVATE: Final = 4000
FIRST_BACKOFF: Final = 4100
FIRST_NOW: Final = 4200
LAST_PRIVATE: Final = 4299

#: The handshake's answer that another attempt cannot change: bad version, token, path.
FINAL_STATUSES: Final = frozenset({400, 401, 403, 404, 405, 410, 426})

#: A server's advice is followed up to an hour; more would be a broken header.
MAX_RETRY_AFTER: Final = 3600.0


@frozen
class Ended:
    """A connection ended with close code *code* (1006: without a close frame, or it never came to be)."""

    code: int
    reason: str = ""
    retry_after: float = 0.0


@frozen
class Refused:
    """The handshake was answered with HTTP *status* instead of a websocket."""

    status: int
    retry_after: float = 0.0


@frozen
class Stop:
    """Do not come back."""

    code: int
    reason: str


@frozen
class Retry:
    """Connect again after *delay* seconds."""

    delay: float


Verdict = Stop | Retry


@frozen
class Backoff:
    """Delays that double from *first* to *longest* seconds; *failures* counts attempts in a row without a join."""

    first: float = 0.5
    longest: float = 30.0
    failures: int = 0

    def failed(self) -> "Backoff":
        """Return the back-off after one more failure."""
        return evolve(self, failures=self.failures + 1)

    def joined(self) -> "Backoff":
        """Return the back-off after a successful join."""
        return evolve(self, failures=0)

    def delay(self, jitter: float) -> float:
        """Return the seconds to wait; *jitter* from 0 to 1 spreads clients over half of the delay."""
        doublings = min(max(self.failures, 1) - 1, 16)
        return min(self.longest, self.first * 2.0**doublings) * (0.5 + jitter / 2)


def decide(end: Ended | Refused, backoff: Backoff, jitter: float) -> Verdict:
    """Decide what follows *end*; *backoff* already counts it as a failure when no join came in between.

    "At once" holds for the first time: a server that keeps saying so without serving a join is backed off from.
    """
    wait = backoff.delay(jitter)
    match end:
        case Refused(status=status) if status in FINAL_STATUSES:
            return Stop(status, f"the handshake was answered with HTTP {status}")
        case Refused(retry_after=advice):
            return Retry(_advised(advice, wait))
        case Ended(code=code) if FIRST_PRIVATE <= code < FIRST_BACKOFF:
            return Stop(code, end.reason)
        case Ended(code=code) if FIRST_NOW <= code <= LAST_PRIVATE and backoff.failures <= 1:
            return Retry(min(end.retry_after, MAX_RETRY_AFTER))
        case Ended(retry_after=advice):
            return Retry(_advised(advice, wait))


def _advised(advice: float, wait: float) -> float:
    """Wait as long as the server asks, plus our own jittered delay, so that clients do not return as one."""
    return min(advice, MAX_RETRY_AFTER) + wait if advice > 0 else wait


def parse_retry_after(text: str, now: float) -> float:
    """Read a ``Retry-After`` header (seconds or an HTTP date; *now* is Unix time); 0 when it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return min(max(0.0, moment.timestamp() - now), MAX_RETRY_AFTER)
