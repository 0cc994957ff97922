"""Answers in JSON, and the one table from error codes to HTTP statuses.

Every error has the body ``{code, reason, message, retry_after?}``, as over the websocket: *reason*
repeats *code*, because that is the key stock clients read.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import msgspec
from attrs import field, frozen

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import (
    ActorGone,
    AskTimeout,
    Fenced,
    InvalidInput,
    MailboxFull,
    Refused,
    SessiondError,
    StoreError,
    TurnFailed,
)
from sessiond.net.messages import Headers, Response

__all__ = [
    "RETRY_AFTER_SECONDS",
    "STATUSES",
    "Explained",
    "WrongMediaType",
    "error_answer",
    "explain",
    "json_answer",
]

STATUSES: Final[Mapping[str, HTTPStatus]] = MappingProxyType(
    {
        ErrorCode.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
        ErrorCode.TOKEN_EXPIRED: HTTPStatus.UNAUTHORIZED,
        ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
        ErrorCode.UNMATCHED_TOPIC: HTTPStatus.BAD_REQUEST,
        ErrorCode.UNKNOWN_USER: HTTPStatus.NOT_FOUND,
        ErrorCode.UNKNOWN_EVENT: HTTPStatus.NOT_FOUND,
        ErrorCode.BAD_REQUEST: HTTPStatus.BAD_REQUEST,
        ErrorCode.HANDLER_FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
        ErrorCode.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
        ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ErrorCode.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
        ErrorCode.QUARANTINED: HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.DRAINING: HTTPStatus.SERVICE_UNAVAILABLE,
        # Not 410: to senders of webhooks that means "disable this endpoint for good".
        ErrorCode.ENDED: HTTPStatus.CONFLICT,
        ErrorCode.GONE: HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)

#: When to come back, where whoever refused did not say: at once what a moment clears, else the time
#: a restart or a store's fail-over takes.
RETRY_AFTER_SECONDS: Final[Mapping[str, float]] = MappingProxyType(
    {
        ErrorCode.OVERLOADED: 1.0,
        ErrorCode.RATE_LIMITED: 1.0,
        ErrorCode.UNAVAILABLE: 5.0,
        ErrorCode.DRAINING: 5.0,
        ErrorCode.GONE: 1.0,
    }
)

_JSON_HEADERS: Final[Headers] = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
)


def json_answer(status: int, body: object, headers: Headers = ()) -> Response:
    """Answer with *body*, which msgspec can encode; bytes are taken as encoded JSON."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Response(int(status), (*_JSON_HEADERS, *headers), raw)


def error_answer(
    code: str,
    message: str,
    *,
    retry_after: float | None = None,
    status: int | None = None,
    details: Mapping[str, object] | None = None,
    headers: Headers = (),
) -> Response:
    """Answer with an error; *retry_after* in seconds, *details* are added to the body.

    *code* is an ``ErrorCode``, or a word of the app's own, whose status is 400 unless given.

    ``Retry-After`` is whole seconds, rounded up; the body has the exact number.
    """
    seconds = RETRY_AFTER_SECONDS.get(code) if retry_after is None else retry_after
    body: dict[str, object] = {"code": code, "reason": code, "message": message}
    if seconds is not None and math.isfinite(seconds):
        body["retry_after"] = seconds
        headers = (*headers, ("retry-after", str(max(1, math.ceil(seconds)))))
    return json_answer(
        status or STATUSES.get(code, HTTPStatus.BAD_REQUEST), body | dict(details or {}), headers
    )


class WrongMediaType(InvalidInput):
    """A body of a type that is not taken here: 415."""


@frozen
class Explained:
    """What an error means to the caller; *status* when it is not the one of its code."""

    code: str
    message: str
    retry_after: float | None = None
    details: Mapping[str, object] = field(factory=dict)
    status: HTTPStatus | None = None

    def answer(self) -> Response:
        """Say it."""
        return error_answer(
            self.code,
            self.message,
            retry_after=self.retry_after,
            status=self.status,
            details=self.details,
        )


def explain(error: SessiondError) -> Explained | None:
    """Tell what *error* means to the caller; ``None``: nothing, it is a bug of ours."""
    match error:
        case Refused():
            return Explained(error.code, error.message, error.retry_after)
        case WrongMediaType():
            status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
            return Explained(ErrorCode.BAD_REQUEST, str(error), status=status)
        case InvalidInput():
            return Explained(ErrorCode.BAD_REQUEST, str(error))
        case TurnFailed():
            return Explained(ErrorCode.HANDLER_FAILED, "the handler failed; nothing was applied")
        case AskTimeout():
            applied = "unknown" if error.applied is None else error.applied
            return Explained(ErrorCode.TIMEOUT, str(error), details={"applied": applied})
        case ActorGone() | Fenced():
            return Explained(ErrorCode.GONE, "stopped before it could answer; send it again")
        case MailboxFull():
            return Explained(ErrorCode.OVERLOADED, "too much is waiting for this user")
        case StoreError():
            return Explained(ErrorCode.UNAVAILABLE, "the store cannot be written at the moment")
        case _:
            return None
