"""What came of a function that a flow had called, in a form that any record takes.

For the executor (runtime/runs.py) and for the test kit, which calls functions without a node.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import trio

from sessiond.core.flows.engine import encode_result
from sessiond.core.flows.faults import NotStorable, RunFailed
from sessiond.core.flows.prompts import RunRequest

__all__ = ["MAX_RESULT", "encoded", "ends_us", "recordable"]

#: Bytes of a result as JSON: it is part of the user's snapshot.
MAX_RESULT: Final = 64 * 1024

#: Of an exception's text: it is recorded, and shown to nobody but the flow.
_MAX_MESSAGE: Final = 500

#: The process ends, or the task does: nothing of the function's.
_NOT_ITS_FAILURE: Final = (trio.Cancelled, KeyboardInterrupt)

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})

_log: Final = logging.getLogger("sessiond.app")


def ends_us(error: BaseException) -> bool:
    """Tell whether *error*, or part of it, is none of the function's."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(_NOT_ITS_FAILURE) is not None
    return isinstance(error, _NOT_ITS_FAILURE)


def encoded(
    request: RunRequest, value: object, about: Mapping[str, object] = _NOTHING
) -> bytes | RunFailed:
    """Encode what a function returned; what cannot be kept is its failure, and the log says *about* what."""
    fields = {"fields": about}
    try:
        result = encode_result(request, value)
    except NotStorable as error:
        _log.error("what run %r returned cannot be kept", request.key, exc_info=error, extra=fields)
        return recordable(type(error).__name__, error.message)
    except Exception as error:  # noqa: BLE001 -- the app's own values are compared
        _log.error("what run %r returned cannot be kept", request.key, exc_info=error, extra=fields)
        return recordable(type(error).__name__, error)
    if len(result) > MAX_RESULT:
        _log.error("run %r returned %d bytes as JSON", request.key, len(result), extra=fields)
        return RunFailed("ResultTooLarge", f"a result has at most {MAX_RESULT} bytes as JSON")
    return result


def recordable(kind: object, message: object) -> RunFailed:
    """Make a failure that any record takes, whatever the app's exception holds."""
    return RunFailed(_text(kind), _text(message))


def _text(thing: object) -> str:
    try:
        text = str(thing)
    except Exception:  # noqa: BLE001 -- an app's exception has its own ``__str__``
        text = f"a {type(thing).__name__} that cannot be shown"
    # Lone surrogates have no JSON.
    return text[:_MAX_MESSAGE].encode(errors="replace").decode()
