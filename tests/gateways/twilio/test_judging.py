"""What the answers of the Messages resource mean (sessiond/gateways/twilio/judging.py)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.gateways.port import (
    AccountStopped,
    GivenUp,
    Judgement,
    Sent,
    TryAgain,
    WindowClosed,
)
from sessiond.gateways.twilio.judging import judge
from tests.gateways.twilio.webhooks import AMA, MESSAGE


def answered(status: int, body: Any = b"", **headers: str) -> Judgement:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(ProviderResponse(status=status, headers=named, body=raw))


def error(status: int, code: int | None) -> dict[str, Any]:
    told = {
        "message": f"to {AMA}",
        "more_info": "https://www.twilio.com/docs/errors",
        "status": status,
    }
    return told | {"code": code}


def test_a_message_that_was_taken_has_its_sid() -> None:
    """It is that of later statuses."""
    body = {"sid": MESSAGE, "status": "queued", "error_code": None, "to": AMA}

    assert Sent(MESSAGE) == answered(201, body)


def test_a_message_that_failed_at_once_is_judged_by_its_code() -> None:
    """It has a sid too."""
    assert isinstance(answered(201, {"sid": MESSAGE, "error_code": 63016}), WindowClosed)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 20003, AccountStopped),
        (401, None, AccountStopped),
        (403, 20005, AccountStopped),
        (403, 21999, GivenUp),
        (404, 20404, AccountStopped),
        (400, 21211, GivenUp),
        (400, 21610, GivenUp),
        (400, 21606, AccountStopped),
        (400, 63016, WindowClosed),
        (400, 99999, GivenUp),
        (409, 99999, TryAgain),
        (429, 20429, TryAgain),
        (429, None, TryAgain),
        (500, 20500, TryAgain),
        (503, None, TryAgain),
        (504, 99999, TryAgain),
    ],
)
def test_the_code_decides_then_the_status(
    status: int, code: int | None, kind: type[Judgement]
) -> None:
    """Twilio's words name the recipient: they are not repeated."""
    judged = answered(status, error(status, code))

    assert isinstance(judged, kind)
    assert AMA not in repr(judged)


def test_too_many_requests_hold_the_account() -> None:
    """For as long as told, a day at most."""
    assert TryAgain("20429: too many requests", 7.0, account=True) == answered(
        429, error(429, 20429), retry_after="7"
    )
    assert TryAgain("429: too many requests", 86_400.0, account=True) == answered(
        429, error(429, None), retry_after="999999999"
    )
    assert TryAgain("500: not now") == answered(500, error(500, None), retry_after="soon")


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 429, 500, 502])
@pytest.mark.parametrize("body", [b"", b'{"sid":"SM', b"<html>", b"null", b"[]", b'{"sid":1}'])
def test_half_a_response_is_tried_again(status: int, body: bytes) -> None:
    """What is not Twilio's answer decides nothing."""
    judged = answered(status, body)

    assert isinstance(judged, TryAgain)
    assert (status in {200, 201}) is judged.is_taken


def test_a_success_without_sid_is_tried_again() -> None:
    """It may have been taken, and nothing says under which id: not for a whole day."""
    judged = answered(201, {})

    assert isinstance(judged, TryAgain)
    assert judged.is_taken


@given(st.integers(100, 599), st.binary(max_size=60), st.integers() | st.text(max_size=5))
def test_whatever_is_answered_is_judged(status: int, noise: bytes, odd: object) -> None:
    """Every answer means something: nothing is raised."""
    answered(status, noise)
    answered(status, {"sid": odd, "code": odd, "error_code": odd})
