"""Whether and when a crashed actor is started again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.ids import UserId
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.restart import Breaker, RestartHistory, RestartPolicy

POLICY = RestartPolicy()


def test_three_restarts_in_a_minute_and_no_fourth() -> None:
    """The intensity is 3 in 60 s: the fourth crash within it quarantines."""
    history = RestartHistory()
    delays = [history.next_delay(POLICY, now, 0.0) for now in (0.0, 10.0, 20.0, 59.9)]

    assert [0.05, 0.1, 0.2, None] == delays
    assert history.crashes == 4


def test_old_crashes_are_forgiven() -> None:
    """A crash each half minute goes on for ever, with the back-off of its neighbours only."""
    history = RestartHistory()
    delays = [history.next_delay(POLICY, 30.0 * n, 0.0) for n in range(20)]

    assert None not in delays
    assert delays[-1] == 0.1


def test_a_systemic_failure_is_not_held_against_a_user() -> None:
    """Restarts are delayed, and the budget is as full as before."""
    history = RestartHistory()
    delays = [history.uncounted_delay(POLICY, jitter) for jitter in (0.0, 0.5, 0.99)]

    assert all(5.0 <= delay < 10.0 for delay in delays)
    assert history.next_delay(POLICY, 1.0, 0.0) == 0.05


@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_backoff_stays_between_its_bounds(attempt: int, jitter: float) -> None:
    """However often one tries: never below half of the first wait, never above the longest."""
    wait = Backoff(0.1, 30.0).wait(attempt, jitter)

    assert 0.05 <= wait <= 30.0


def crash(breaker: Breaker, count: int, at: float = 0.0) -> None:
    for number in range(count):
        breaker.crashed(UserId(f"u{number}"), at)


def test_nine_crashing_users_are_nine_accidents() -> None:
    """Below ten users nothing is systemic, however few there are."""
    breaker = Breaker(POLICY)
    crash(breaker, 9)

    assert not breaker.is_systemic(1.0, 9)


def test_ten_crashing_users_of_few_are_systemic_and_of_many_are_not() -> None:
    """The share decides: more than a fifth of those in memory."""
    breaker = Breaker(POLICY)
    crash(breaker, 10)

    assert breaker.is_systemic(1.0, 49)
    assert not breaker.is_systemic(1.0, 50)


def test_one_user_crashing_often_is_one_user() -> None:
    """A restart loop of a single user never looks like everybody's."""
    breaker = Breaker(POLICY)
    for _ in range(100):
        breaker.crashed(UserId("u"), 1.0)

    assert not breaker.is_systemic(1.0, 1)


def test_systemic_failures_pass() -> None:
    """Ten seconds after the last crash it is over."""
    breaker = Breaker(POLICY)
    crash(breaker, 20)
    assert breaker.is_systemic(9.9, 20)

    assert not breaker.is_systemic(10.0, 20)
    assert breaker.crashed_users == 0
