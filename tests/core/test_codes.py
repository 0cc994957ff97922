"""Close and error codes (sessiond/core/codes.py)."""

import re

import pytest

from sessiond.core.codes import CloseClass, CloseCode, ErrorCode, close_class


def test_numbers_and_reasons_are_unique() -> None:
    """A client that sees a number or a reason knows which code it was."""
    codes = list(CloseCode)

    assert len(codes) == len({code.number for code in codes})
    assert len(codes) == len({code.reason for code in codes})


@pytest.mark.parametrize("code", CloseCode)
def test_codes_fit_the_wire(code: CloseCode) -> None:
    """Numbers are standard or private (RFC 6455, 7.4.2); a reason fits a close frame and is one word."""
    assert code.number in {1000, 1002, 1003, 1007, 1009} or 4000 <= code.number < 4300
    assert len(code.reason.encode()) <= 123
    assert re.fullmatch(r"[a-z_]+", code.reason)
    assert code.explanation.endswith(".")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1000, CloseClass.BACKOFF),
        (1006, CloseClass.BACKOFF),
        (3999, CloseClass.BACKOFF),
        (4000, CloseClass.STOP),
        (4099, CloseClass.STOP),
        (4100, CloseClass.BACKOFF),
        (4199, CloseClass.BACKOFF),
        (4200, CloseClass.NOW),
        (4299, CloseClass.NOW),
    ],
)
def test_the_range_says_whether_to_come_back(number: int, expected: CloseClass) -> None:
    """A client that does not know a code still knows what to do."""
    assert expected is close_class(number)


@pytest.mark.parametrize("code", ErrorCode)
def test_error_codes_are_words(code: ErrorCode) -> None:
    """Codes are words for programs; only Phoenix's own has a space in it."""
    assert re.fullmatch(r"[a-z_]+|unmatched topic", code.value)


@pytest.mark.parametrize(
    "name",
    ["UNAUTHORIZED", "TOKEN_EXPIRED", "UNKNOWN_USER", "QUARANTINED", "UNAVAILABLE", "DRAINING"],
)
def test_a_refused_request_and_a_closed_connection_share_their_word(name: str) -> None:
    """What is told in a reply and in a close is the same word for the same thing."""
    assert CloseCode[name].reason == ErrorCode[name].value
