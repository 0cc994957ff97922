"""What redis-py's errors and the server's refusals mean for us. Pure."""

import ssl
from typing import Any

from redis.exceptions import (
    AuthenticationError,
    MasterDownError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = [
    "SentinelRefused",
    "check_replicas",
    "explain",
    "is_demoted",
    "why_distrusted",
    "without_arguments",
]


class SentinelRefused(AuthenticationError):
    """A Sentinel does not let us ask, or we do not trust it; the message says which and why."""


def explain(error: RedisError, place: str, timeout_seconds: float) -> str:
    """Say what went wrong with the server at *place*, without what may be secret."""
    if isinstance(error, SentinelRefused):
        return str(error)
    if isinstance(error, AuthenticationError):
        return f"Redis at {place} refused the user name or password"
    if isinstance(error, RedisTimeoutError):
        return f"Redis at {place} did not answer within {timeout_seconds:g} s"
    if reason := why_distrusted(error):
        return f"the certificate of Redis at {place} is not trusted: {reason}"
    if isinstance(error, RedisConnectionError):
        return f"Redis at {place} is out of reach: {without_arguments(error)}"
    return f"Redis at {place} failed: {without_arguments(error)}"


def why_distrusted(error: BaseException) -> str:
    """Say why the server's certificate was refused, if that is what *error* is about."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return ""


def is_demoted(reply: Any) -> bool:
    """Tell whether the server has become a replica; before Redis 7 a script's error only mentions it."""
    if isinstance(reply, ReadOnlyError | MasterDownError):
        return True
    return isinstance(reply, ResponseError) and "READONLY" in str(reply)


def check_replicas(reply: Any) -> None:
    """See that ``WAIT 1`` found one.

    Raises:
      ResponseError: it did not, or was refused.

    """
    if isinstance(reply, ResponseError):
        raise reply
    if int(reply) < 1:
        raise ResponseError("written, but no replica confirmed it in time")


def without_arguments(error: Exception) -> str:
    """Cut what Redis quotes of a command ("with args beginning with"): it may be a key, a payload, a password."""
    words = str(error).partition(", with args")[0]
    code = getattr(error, "status_code", None)  # MOVED, OOM, …: redis-py cuts it off
    return (words if code in {None, "ERR"} else f"{code} {words}")[:200]
