"""Twilio's error codes (sessiond/gateways/twilio/codes.py)."""

import pytest

from sessiond.core.gateways.port import (
    AccountStopped,
    GivenUp,
    Judgement,
    Sent,
    TryAgain,
    WindowClosed,
)
from sessiond.gateways.twilio.codes import CODES, judge_code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (20003, AccountStopped),
        (20429, TryAgain),
        (21211, GivenUp),
        (21610, GivenUp),
        (21611, TryAgain),
        (21614, GivenUp),
        (30001, TryAgain),
        (30002, AccountStopped),
        (30003, GivenUp),
        (30004, GivenUp),
        (30005, GivenUp),
        (30006, GivenUp),
        (30007, GivenUp),
        (30008, GivenUp),
        (63016, WindowClosed),
        (63018, TryAgain),
        (63024, GivenUp),
    ],
)
def test_codes_mean_what_they_should(code: int, kind: type[Judgement]) -> None:
    """Twilio's dictionary."""
    assert isinstance(judge_code(code), kind)


def test_each_reason_begins_with_its_code() -> None:
    """So that whoever reads a log finds Twilio's page of it."""
    for code, judged in CODES.items():
        assert not isinstance(judged, Sent)
        assert judged.reason.startswith(f"{code}: ")


def test_a_code_that_is_not_known_is_none() -> None:
    """The status decides."""
    assert judge_code(99_999) is None
    assert judge_code(0) is None
