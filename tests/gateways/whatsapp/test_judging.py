"""What the Graph API's answers mean (sessiond/gateways/whatsapp/judging.py)."""

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
from sessiond.gateways.whatsapp.judging import CODES, judge, judge_code


def answered(status: int, body: Any = b"", **headers: str) -> Judgement:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(ProviderResponse(status=status, headers=named, body=raw))


def error(code: int | None, **more: Any) -> dict[str, Any]:
    told = {"message": "(#1) to 233241112223", "type": "OAuthException", "fbtrace_id": "A"}
    return {"error": told | ({} if code is None else {"code": code}) | more}


def test_a_message_that_was_taken_has_its_id() -> None:
    """The id is that of later statuses."""
    body = {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "233241112223", "wa_id": "233241112223"}],
        "messages": [{"id": "wamid.1", "message_status": "accepted"}],
    }

    assert Sent("wamid.1") == answered(200, body)


def test_a_read_receipt_that_was_taken_has_none() -> None:
    """``{"success": true}`` is all there is."""
    assert Sent("") == answered(200, {"success": True})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 131047, WindowClosed),
        (400, 131026, GivenUp),
        (400, 131051, GivenUp),
        (400, 131052, GivenUp),
        (400, 131053, GivenUp),
        (400, 100, GivenUp),
        (400, 132001, GivenUp),
        (400, 132999, GivenUp),
        (400, 130429, TryAgain),
        (400, 131048, TryAgain),
        (400, 131056, TryAgain),
        (400, 4, TryAgain),
        (400, 80007, TryAgain),
        (500, 131000, TryAgain),
        (500, 1, TryAgain),
        (503, 2, TryAgain),
        (401, 190, AccountStopped),
        (401, 0, AccountStopped),
        (403, 10, AccountStopped),
        (403, 200, AccountStopped),
        (403, 299, AccountStopped),
        (403, 368, AccountStopped),
        (403, 131031, AccountStopped),
        (400, 131042, AccountStopped),
    ],
)
def test_the_code_decides(status: int, code: int, kind: type[Judgement]) -> None:
    """Meta's table of error codes."""
    assert isinstance(answered(status, error(code)), kind)


@pytest.mark.parametrize(
    ("code", "account"),
    [(4, True), (80007, True), (130429, True), (131048, True), (131056, False), (131000, False)],
)
def test_some_limits_are_the_accounts(code: int, *, account: bool) -> None:
    """131056 is about one person: the others need not wait."""
    judged = judge_code(code)

    assert isinstance(judged, TryAgain)
    assert account is judged.account


def test_the_code_is_stronger_than_the_status() -> None:
    """A closed window is one whatever status it comes with, and a rate limit with 403 stops no account."""
    assert isinstance(answered(500, error(131047)), WindowClosed)
    assert isinstance(answered(403, error(80007)), TryAgain)


def test_a_number_that_is_not_ours_stops_the_account() -> None:
    """Code 100 with subcode 33: a mistake in the settings, not in the message."""
    assert isinstance(answered(400, error(100, error_subcode=33)), AccountStopped)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, GivenUp),
        (404, GivenUp),
        (401, AccountStopped),
        (403, AccountStopped),
        (408, TryAgain),
        (429, TryAgain),
        (500, TryAgain),
        (502, TryAgain),
        (599, TryAgain),
        (302, TryAgain),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error":{"code":', error(None), error(999_999), {"error": "x"}]
)
def test_without_a_known_code_the_status_decides(
    status: int, kind: type[Judgement], body: Any
) -> None:
    """Half an error, a proxy's page, a code that does not exist yet."""
    assert isinstance(answered(status, body), kind)


def test_an_unknown_error_that_will_pass_is_tried_again() -> None:
    """Meta says so itself."""
    assert isinstance(answered(400, error(999_999, is_transient=True)), TryAgain)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"messaging_product":"whatsapp","mess',
        b"<html>OK</html>",
        b"{}",
        b'{"messages":[]}',
        b"\xff",
        b"[]",
    ],
)
def test_half_a_success_is_tried_again(body: bytes) -> None:
    """At least once: a message that may come twice rather than one that may not come."""
    judged = answered(200, body)

    assert isinstance(judged, TryAgain)
    assert judged.is_taken


@pytest.mark.parametrize(
    ("code", "kind"),
    [(190, AccountStopped), (131047, WindowClosed), (131026, GivenUp), (131056, TryAgain)],
)
def test_an_error_in_a_success_is_an_error(code: int, kind: type[Judgement]) -> None:
    """The code decides, whatever the status: a message that nobody took is not sent again and again."""
    judged = answered(200, error(code))

    assert isinstance(judged, kind)
    assert not getattr(judged, "is_taken", False)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("9" * 30, 86_400.0),
        ("soon", None),
        ("-1", None),
        ("١", None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_kept(header: str, seconds: float | None) -> None:
    """In seconds, a day at most; what is no number is left to the back-off."""
    judged = answered(429, retry_after=header)

    assert isinstance(judged, TryAgain)
    assert seconds == judged.seconds


def test_metas_estimate_is_kept() -> None:
    """Of a business use case: the longest of them, in minutes."""
    usage = {
        "106": [{"type": "messaging", "estimated_time_to_regain_access": 19}, {"call_count": 100}]
    }
    judged = answered(400, error(80007), x_business_use_case_usage=json.dumps(usage))

    assert TryAgain("80007: the business account's rate limit", 1140.0, account=True) == judged


@pytest.mark.parametrize("code", sorted(CODES))
def test_reasons_name_their_code_and_nobody(code: int) -> None:
    """Meta's own words may hold the recipient's number: they are not repeated."""
    judged = answered(400, error(code))

    assert not isinstance(judged, Sent)
    assert judged.reason.startswith(f"{code}: ")
    assert "233" not in judged.reason


def test_an_unknown_code_is_not_judged() -> None:
    """Of a status it then says nothing."""
    assert judge_code(7) is None


@given(st.integers(200, 599), st.binary(max_size=80), st.text(max_size=30))
def test_every_answer_is_judged(status: int, body: bytes, header: str) -> None:
    """Whatever bytes come back, the outbox learns what to do."""
    for raw in (body, b'{"error":' + body + b"}", b'{"messages":[{"id":' + body + b"}]}"):
        judged = answered(status, raw, retry_after=header, x_business_use_case_usage=header)
        assert isinstance(judged, Sent | TryAgain | GivenUp | WindowClosed | AccountStopped)
