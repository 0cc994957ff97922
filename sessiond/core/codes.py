"""Close and error codes: the one table that clients, dashboards and support read.

The range of a close code is the contract with every client library (Centrifugo's and Pusher's idea):

- 4000-4099: do not come back by yourself;
- 4100-4199: come back with back-off and jitter;
- 4200-4299: come back now.

Standard codes (RFC 6455 section 7.4.1) are used where they fit: 1000, 1002, 1003, 1007, 1009.
``docs/reference/codes.md`` is generated from this module.
"""

from enum import Enum, StrEnum, unique
from typing import Final

__all__ = ["CloseClass", "CloseCode", "ErrorCode", "close_class"]


class CloseClass(StrEnum):
    """What a client does after a close."""

    STOP = "stop"
    BACKOFF = "backoff"
    NOW = "now"


@unique
class CloseCode(Enum):
    """Why a connection is closed: ``(number, reason sent on the wire, explanation for people)``."""

    NORMAL = (1000, "normal", "The client closed, or left its last topic.")
    PROTOCOL_ERROR = (1002, "protocol_error", "The client broke RFC 6455.")
    UNSUPPORTED_DATA = (
        1003,
        "unsupported_data",
        "A binary message that is not a Phoenix binary push.",
    )
    INVALID_DATA = (1007, "invalid_data", "A text message that is not UTF-8.")
    MESSAGE_TOO_BIG = (1009, "message_too_big", "A message larger than the configured bound.")

    ENDED = (4000, "ended", "The session was ended by the app or an operator.")
    UNAUTHORIZED = (4001, "unauthorized", "The token is no longer acceptable.")
    TOKEN_EXPIRED = (4002, "token_expired", "The token expired and was not refreshed in time.")
    UNKNOWN_USER = (4003, "unknown_user", "The app does not know this user.")
    REPLACED = (4004, "replaced", "The same device connected again; the newer connection is kept.")
    KICKED = (4005, "kicked", "An operator closed this connection.")
    BAD_FRAME = (4006, "bad_frame", "A message that is not a Phoenix v2 frame.")
    FORBIDDEN = (4007, "forbidden", "Not this user's topic.")
    IDLE = (4008, "idle", "Attached but silent for the idle timeout; come back when the user does.")

    SLOW_CONSUMER = (
        4100,
        "slow_consumer",
        "The client did not read fast enough; resume gets what was missed.",
    )
    RATE_LIMITED = (4101, "rate_limited", "The client kept sending more than its limit allows.")
    HEARTBEAT_TIMEOUT = (
        4102,
        "heartbeat_timeout",
        "Nothing was heard from the client for 60 seconds.",
    )
    QUARANTINED = (
        4103,
        "quarantined",
        "This user's session keeps failing; an operator has to look.",
    )
    UNAVAILABLE = (4104, "unavailable", "The server cannot serve this user at the moment.")
    INTERNAL_ERROR = (4105, "internal_error", "Our bug, logged on our side.")

    DRAINING = (4200, "draining", "The server is being stopped or replaced.")
    MOVED = (4201, "moved", "Another node owns this user now.")
    RESTARTED = (4202, "restarted", "The user's session was restarted after a failure.")

    def __init__(self, number: int, reason: str, explanation: str) -> None:
        self.number = number
        self.reason = reason
        self.explanation = explanation


_FIRST_PRIVATE: Final = 4000
_FIRST_BACKOFF: Final = 4100
_FIRST_NOW: Final = 4200


def close_class(number: int) -> CloseClass:
    """Tell what a client does after close code *number*; codes below 4000 mean: back off."""
    if number >= _FIRST_NOW:
        return CloseClass.NOW
    if number >= _FIRST_BACKOFF or number < _FIRST_PRIVATE:
        return CloseClass.BACKOFF
    return CloseClass.STOP


@unique
class ErrorCode(StrEnum):
    """What went wrong with one request; ``code`` and ``reason`` of an error payload."""

    UNAUTHORIZED = "unauthorized"
    """The token is missing, badly signed, or made for somebody else."""
    TOKEN_EXPIRED = "token_expired"
    """The token is no longer valid; get a new one."""
    FORBIDDEN = "forbidden"
    """The topic belongs to somebody else."""
    UNMATCHED_TOPIC = "unmatched topic"
    """The topic was not joined on this connection (the words stock Phoenix clients know)."""
    UNKNOWN_USER = "unknown_user"
    """The app does not know this user."""
    UNKNOWN_EVENT = "unknown_event"
    """The app has no handler for this event or webhook."""
    BAD_REQUEST = "bad_request"
    """The payload has the wrong shape; the message says what is right."""
    HANDLER_FAILED = "handler_failed"
    """The app's handler failed; nothing was applied."""
    TIMEOUT = "timeout"
    """The handler took too long; nothing was applied."""
    TOO_LARGE = "too_large"
    """The state or a reply would be larger than allowed; nothing was applied."""
    OVERLOADED = "overloaded"
    """The user's mailbox is full; try again after ``retry_after`` seconds."""
    RATE_LIMITED = "rate_limited"
    """More requests than the limit allows."""
    QUARANTINED = "quarantined"
    """This user's session keeps failing; an operator has to look."""
    UNAVAILABLE = "unavailable"
    """The store or the node cannot serve this user now."""
    DRAINING = "draining"
    """The server is being stopped; connect again."""
    ENDED = "ended"
    """The session was ended."""
    GONE = "gone"
    """The session was stopped before it could answer; the same id may be sent again."""
    INTERNAL_ERROR = "internal_error"
    """Our bug, logged on our side."""
