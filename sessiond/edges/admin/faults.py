"""Error codes of the admin protocol: one table, read by the server, ``sessionctl`` and the documentation.

The first five are JSON-RPC's own (specification, section 5.1); the others are ours.
"""

from enum import Enum, unique
from typing import Final

from sessiond.core.errors import (
    ActorGone,
    AskTimeout,
    InvalidInput,
    MailboxFull,
    Refused,
    StoreError,
    TurnFailed,
)
from sessiond.core.operations import UnknownTarget
from sessiond.core.structuring import InvalidShape

__all__ = ["Fault", "FaultCode", "fault_of"]


@unique
class FaultCode(Enum):
    """``(code, name, explanation)``; the code and the name are stable."""

    PARSE_ERROR = (-32700, "parse_error", "The line is not JSON. The connection stays usable.")
    INVALID_REQUEST = (-32600, "invalid_request", "Not a JSON-RPC 2.0 request, or too long a line.")
    METHOD_NOT_FOUND = (-32601, "method_not_found", "There is no such method.")
    INVALID_PARAMS = (-32602, "invalid_params", "`data.problems` lists each with its path.")
    INTERNAL_ERROR = (-32603, "internal_error", "A bug of ours; the server's log has it.")
    UNKNOWN_TARGET = (
        -32001,
        "unknown_target",
        "There is no such user, connection, dead letter or watch.",
    )
    REFUSED = (
        -32002,
        "refused",
        "Policy turns it down: `data.code` says why (an error code of clients).",
    )
    TIMEOUT = (
        -32003,
        "timeout",
        "No answer in time; `data.applied` is false when it surely was not done.",
    )
    UNAVAILABLE = (-32004, "unavailable", "The store is away or the session is busy: try again.")
    TURN_FAILED = (-32005, "turn_failed", "The app's handler failed; nothing was changed.")
    FORBIDDEN = (-32006, "forbidden", "The peer is neither the server's user nor root.")
    TOO_MANY = (-32007, "too_many", "Too many connections to this socket, or watches on this one.")

    def __init__(self, code: int, label: str, explanation: str) -> None:
        self.code = code
        self.label = label
        self.explanation = explanation


class Fault(Exception):
    """What a request is answered with instead of a result; *data* is JSON."""

    def __init__(
        self, code: FaultCode, message: str, data: dict[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, object]:
        """Give the ``error`` member."""
        error: dict[str, object] = {"code": self.code.code, "message": self.message}
        error["data"] = {"name": self.code.label} | (self.data or {})
        return error


#: The first row whose class fits counts.
_CODES: Final[tuple[tuple[type[Exception], FaultCode], ...]] = (
    (InvalidInput, FaultCode.INVALID_PARAMS),
    (UnknownTarget, FaultCode.UNKNOWN_TARGET),
    (Refused, FaultCode.REFUSED),
    (AskTimeout, FaultCode.TIMEOUT),
    (TurnFailed, FaultCode.TURN_FAILED),
    (StoreError, FaultCode.UNAVAILABLE),
    (ActorGone, FaultCode.UNAVAILABLE),
    (MailboxFull, FaultCode.UNAVAILABLE),
)


def fault_of(error: Exception) -> Fault:
    """Translate what a node raised; what is not in the table is a bug of ours, whose message is not shown."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Fault(code, str(error) or code.label, _data(error))
    return Fault(FaultCode.INTERNAL_ERROR, "internal error: see the server's log")


def _data(error: Exception) -> dict[str, object]:
    match error:
        case InvalidShape(problems=problems):
            return {"problems": [{"path": one.path, "message": one.message} for one in problems]}
        case InvalidInput():
            return {"problems": [{"path": "", "message": str(error)}]}
        case Refused(code=code, retry_after=retry_after):
            return {"code": str(code), "retry_after": retry_after}
        case AskTimeout(applied=applied):
            return {"applied": applied}
        case _:
            return {}
