"""What providers tell later of a message (sessiond/core/gateways/statuses.py)."""

import pytest

from sessiond.core.gateways.arrivals import StatusUpdate
from sessiond.core.gateways.port import GivenUp, Judgement, WindowClosed
from sessiond.core.gateways.statuses import judge_status


def judge_code(code: int) -> Judgement | None:
    return WindowClosed("he has not written lately") if code == 131047 else None


def update(state: str, code: int | str | None = None) -> StatusUpdate:
    return StatusUpdate(id="m1", state=state, recipient="", error_code=code)


@pytest.mark.parametrize("state", ["sent", "delivered", "read"])
def test_what_has_not_failed_is_not_judged(state: str) -> None:
    """It is on its way, or arrived, whatever code comes with it."""
    assert judge_status(update(state, 131047), judge_code) is None


def test_a_code_that_is_known_says_what_a_failure_means() -> None:
    """As the gateway reads it."""
    assert isinstance(judge_status(update("failed", 131047), judge_code), WindowClosed)


@pytest.mark.parametrize("code", [None, 5, "131047", "E1"])
def test_any_other_failure_is_final(code: int | str | None) -> None:
    """Codes that are not known, or are none."""
    assert isinstance(judge_status(update("failed", code), judge_code), GivenUp)
