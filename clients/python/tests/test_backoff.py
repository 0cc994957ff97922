"""Whether and when to connect again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond_client.backoff import Backoff, Ended, Refused, Retry, Stop, decide, parse_retry_after

ONCE = Backoff().failed()


@pytest.mark.parametrize("code", [4000, 4005, 4099])
def test_the_first_class_does_not_come_back(code: int) -> None:
    """4000-4099: stop, with the server's reason."""
    assert decide(Ended(code, "kicked"), ONCE, 0.5) == Stop(code, "kicked")


@pytest.mark.parametrize("code", [4100, 4199, 1000, 1006, 1011, 3000, 4300])
def test_the_second_class_and_all_other_codes_back_off(code: int) -> None:
    """4100-4199 and everything that is the world's doing: wait."""
    assert decide(Ended(code), ONCE, 1.0) == Retry(0.5)
    assert decide(Ended(code), ONCE.failed().failed(), 1.0) == Retry(2.0)


@pytest.mark.parametrize("code", [4200, 4299])
def test_the_third_class_comes_back_at_once(code: int) -> None:
    """4200-4299: now; but not in a loop when no join comes in between."""
    assert decide(Ended(code), ONCE, 1.0) == Retry(0.0)
    assert decide(Ended(code), ONCE.failed(), 1.0) == Retry(1.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_handshake_that_cannot_succeed_is_not_repeated(status: int) -> None:
    """The same request would get the same answer."""
    assert isinstance(decide(Refused(status), ONCE, 0.5), Stop)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retry_after_is_honoured_with_jitter(status: int) -> None:
    """Not before the time the server asks for, and not everybody at the same moment."""
    assert decide(Refused(status, 5.0), ONCE, 0.0) == Retry(5.25)
    assert decide(Refused(status, 5.0), ONCE, 1.0) == Retry(5.5)
    assert decide(Refused(status), ONCE, 1.0) == Retry(0.5)


@given(failures=st.integers(0, 10_000), jitter=st.floats(0, 1))
def test_delays_are_bounded(failures: int, jitter: float) -> None:
    """Never shorter than half of the first, never longer than the longest."""
    assert 0.25 <= Backoff(failures=failures).delay(jitter) <= 30.0


def test_a_join_starts_the_count_anew() -> None:
    """A session that worked is worth a quick return."""
    assert Backoff(failures=7).joined().failed() == ONCE


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Sat, 21 Nov 2026 00:01:00 GMT", 60.0),
        ("Fri, 20 Nov 2026 00:01:00 GMT", 0.0),
        ("999999999", 3600.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    """RFC 9110 section 10.2.3; nonsense says nothing, and nobody waits for more than an hour."""
    midnight = 1_795_219_200.0
    assert parse_retry_after(text, midnight) == seconds
