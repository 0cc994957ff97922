"""Answers and the table of statuses (sessiond/edges/http/answers.py)."""

import json

import pytest

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import (
    ActorGone,
    AskTimeout,
    Fenced,
    InvalidInput,
    MailboxFull,
    Refused,
    SessiondError,
    SnapshotCorrupt,
    StoreUnavailable,
    TurnFailed,
)
from sessiond.edges.http.answers import (
    STATUSES,
    WrongMediaType,
    error_answer,
    explain,
    json_answer,
)


def test_every_code_has_a_status() -> None:
    """No code of the table of codes is forgotten."""
    assert set(STATUSES) == set(ErrorCode)


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (Refused(ErrorCode.UNAUTHORIZED, "no"), 401, "unauthorized", None),
        (Refused(ErrorCode.TOKEN_EXPIRED, "no"), 401, "token_expired", None),
        (Refused(ErrorCode.FORBIDDEN, "no"), 403, "forbidden", None),
        (Refused(ErrorCode.UNKNOWN_USER, "no"), 404, "unknown_user", None),
        (Refused(ErrorCode.UNKNOWN_EVENT, "no"), 404, "unknown_event", None),
        (Refused(ErrorCode.BAD_REQUEST, "no"), 400, "bad_request", None),
        (Refused(ErrorCode.TOO_LARGE, "no"), 413, "too_large", None),
        (Refused(ErrorCode.OVERLOADED, "no"), 503, "overloaded", "1"),
        (Refused(ErrorCode.RATE_LIMITED, "no", retry_after=2.1), 429, "rate_limited", "3"),
        (Refused(ErrorCode.QUARANTINED, "no"), 503, "quarantined", None),
        (Refused(ErrorCode.UNAVAILABLE, "no", retry_after=0.2), 503, "unavailable", "1"),
        (Refused(ErrorCode.DRAINING, "no"), 503, "draining", "5"),
        (Refused(ErrorCode.HANDLER_FAILED, "no"), 500, "handler_failed", None),
        (Refused(ErrorCode.TIMEOUT, "no"), 504, "timeout", None),
        (Refused(ErrorCode.GONE, "no"), 503, "gone", "1"),
        (Refused("sold_out", "no"), 400, "sold_out", None),
        (InvalidInput("no"), 400, "bad_request", None),
        (WrongMediaType("no"), 415, "bad_request", None),
        (TurnFailed("secret detail"), 500, "handler_failed", None),
        (AskTimeout(applied=False), 504, "timeout", None),
        (ActorGone("no"), 503, "gone", "1"),
        (Fenced("no"), 503, "gone", "1"),
        (MailboxFull("no"), 503, "overloaded", "1"),
        (StoreUnavailable("redis://secret"), 503, "unavailable", "5"),
    ],
)
def test_an_error_is_answered_by_the_table(
    error: SessiondError, status: int, code: str, retry_after: str | None
) -> None:
    """Status, code and Retry-After follow from the error; inner details stay inside."""
    explained = explain(error)
    assert explained is not None
    answer = explained.answer()
    body = json.loads(answer.body)
    headers = dict(answer.headers)

    assert (answer.status, body["code"], body["reason"]) == (status, code, code)
    assert (headers.get("retry-after"), "retry_after" in body) == (
        retry_after,
        retry_after is not None,
    )
    assert headers["content-type"] == "application/json"
    assert "secret" not in answer.body.decode()


@pytest.mark.parametrize(("applied", "said"), [(False, False), (None, "unknown")])
def test_a_timeout_says_what_is_known(applied: bool | None, said: object) -> None:
    """A sender learns whether it may have been applied."""
    explained = explain(AskTimeout(applied=applied))

    assert explained is not None
    assert explained.details == {"applied": said}


def test_our_bugs_are_not_explained() -> None:
    """What no caller can do anything about has no explanation."""
    assert explain(SnapshotCorrupt("no")) is None


def test_a_time_that_never_comes_is_not_promised() -> None:
    """An infinite wait is left out, of the header and of the body."""
    answer = error_answer(ErrorCode.RATE_LIMITED, "no", retry_after=float("inf"))

    assert b"retry_after" not in answer.body
    assert "retry-after" not in dict(answer.headers)


def test_encoded_json_is_passed_on() -> None:
    """Bytes are JSON already."""
    assert json_answer(200, b'{"a": 1}').body == b'{"a": 1}'
    assert json_answer(200, {"a": 1}).body == b'{"a":1}'
