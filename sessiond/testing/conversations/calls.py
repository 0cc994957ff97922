"""The functions that flows call with ``c.run``: called here, at once, or answered by results that were handed in.

As in the server a function may be async (Trio) or not, is tried as often as its ``Retries`` say, and its result has to
be JSON. Unlike there, nothing is waited between two attempts, and one that is not async is called in this thread.
"""

import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

import trio
from attrs import field, frozen

from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.prompts import RunRequest
from sessiond.runtime.run_results import encoded, ends_us, recordable

__all__ = ["Called", "Caller"]

Results = Mapping[str, object]


@frozen
class Called:
    """A function that a flow had called. *error* is what its flow gets instead of a *result*."""

    key: str
    run_id: str
    args: tuple[Any, ...]
    attempts: int
    result: Any = None
    error: RunFailed | None = None
    raw: bytes | RunFailed = field(default=b"null", repr=False)
    """What the flow is told, as it is recorded."""


class Caller:
    """Calls functions. *results* stand in for those of their keys: a value, a function, or an exception to raise."""

    def __init__(self, results: Results | None = None) -> None:
        self._results = {} if results is None else results

    def call(self, request: RunRequest) -> Called:
        """Call what *request* asks for until it returns, or has failed for good."""
        attempt = 1
        while True:
            try:
                value = self._value(request)
            except RunFailed as error:
                return _failed(request, attempt, recordable(error.kind, error.message))
            except BaseException as error:
                if ends_us(error):
                    raise
                if attempt >= request.retries.attempts:
                    return _failed(request, attempt, recordable(type(error).__name__, error))
            else:
                raw = encoded(request, value)
                if isinstance(raw, RunFailed):
                    return _failed(request, attempt, raw)
                return Called(request.key, request.run_id, request.args, attempt, value, raw=raw)
            attempt += 1

    def _value(self, request: RunRequest) -> Any:
        if request.key not in self._results:
            return _call(request.function, request.args, request.retries.timeout_seconds)
        result = self._results[request.key]
        if isinstance(result, BaseException):
            raise result
        if callable(result):
            return _call(result, request.args, request.retries.timeout_seconds)
        return result


def _failed(request: RunRequest, attempts: int, error: RunFailed) -> Called:
    return Called(request.key, request.run_id, request.args, attempts, error=error, raw=error)


def _call(function: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> Any:
    value = function(*args)
    if not inspect.isawaitable(value):
        return value

    async def awaited() -> Any:
        with trio.fail_after(seconds):
            return await value

    if not trio.lowlevel.in_trio_run():
        return trio.run(awaited)
    return _in_a_thread(lambda: trio.run(awaited))


def _in_a_thread(work: Callable[[], Any]) -> Any:
    """Call *work* where no Trio runs, and wait for it: the test is a Trio task itself."""
    returned: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(work())
        except BaseException as error:  # noqa: BLE001 -- raised again by who waits
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return returned[0]
