"""JSON-RPC 2.0 messages: lines of bytes to calls, answers to lines.  Pure.

https://www.jsonrpc.org/specification, with two bounds: a line has at most 1 MiB, a batch at most 100 requests.
Parameters are given by name.
"""

from typing import Final

import msgspec
from attrs import frozen

from sessiond.edges.admin.faults import Fault, FaultCode

__all__ = ["MAX_BATCH", "MAX_LINE_BYTES", "Call", "answer", "notification", "parse_line", "refusal"]

#: A push to one user may be this large and more is a mistake; the whole line is held in memory.
MAX_LINE_BYTES: Final = 1024 * 1024

#: Requests of a batch run one after the other; a longer list can be sent as lines.
MAX_BATCH: Final = 100

_Id = str | int | float | None


@frozen
class Call:
    """One request; a notification is not answered."""

    method: str
    params: dict[str, object]
    id: _Id
    is_notification: bool


@frozen
class Invalid:
    """An item that is not a request, and what it is answered with."""

    fault: Fault
    id: _Id = None


@frozen
class Line:
    """What a line asks for; a batch is answered with one line too, unless all were notifications."""

    items: tuple[Call | Invalid, ...]
    is_batch: bool = False


def parse_line(line: bytes) -> Line:
    """Read one line; whatever is wrong with it is in the items, nothing is raised."""
    try:
        document = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Line((Invalid(Fault(FaultCode.PARSE_ERROR, "the line is not JSON")),))
    if not isinstance(document, list):
        return Line((_parse_item(document),))
    if not document or len(document) > MAX_BATCH:
        fault = Fault(FaultCode.INVALID_REQUEST, f"a batch has 1 to {MAX_BATCH} requests")
        return Line((Invalid(fault),))
    return Line(tuple(map(_parse_item, document)), is_batch=True)


def _parse_item(item: object) -> Call | Invalid:
    if not isinstance(item, dict):
        return Invalid(Fault(FaultCode.INVALID_REQUEST, "a request is an object"))
    identity = item.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int | float | None):
        return Invalid(Fault(FaultCode.INVALID_REQUEST, "id must be a string or a number"))
    if item.get("jsonrpc") != "2.0":
        return Invalid(Fault(FaultCode.INVALID_REQUEST, 'jsonrpc must be "2.0"'), identity)
    method = item.get("method")
    if not isinstance(method, str):
        return Invalid(Fault(FaultCode.INVALID_REQUEST, "method must be a string"), identity)
    params = item.get("params", {})
    if not isinstance(params, dict):
        return Invalid(Fault(FaultCode.INVALID_PARAMS, "params must be an object"), identity)
    return Call(method, params, identity, "id" not in item)


def answer(identity: _Id, result: object) -> dict[str, object]:
    """Make the response to a request that went well."""
    return {"jsonrpc": "2.0", "id": identity, "result": result}


def refusal(identity: _Id, fault: Fault) -> dict[str, object]:
    """Make the response to a request that did not."""
    return {"jsonrpc": "2.0", "id": identity, "error": fault.to_json()}


def notification(method: str, params: dict[str, object]) -> dict[str, object]:
    """Make what the server sends by itself."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def to_line(message: object) -> bytes:
    """Encode *message*, with the line's end."""
    return msgspec.json.encode(message) + b"\n"


#: What a line of more than 1 MiB is answered with; it was not even kept.
TOO_LONG: Final = Line(
    (Invalid(Fault(FaultCode.INVALID_REQUEST, f"a line has at most {MAX_LINE_BYTES} bytes")),)
)
