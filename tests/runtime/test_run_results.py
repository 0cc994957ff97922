"""What came of a function that a flow had called (sessiond/runtime/run_results.py)."""

import pytest
import trio
from typing_extensions import override

from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.prompts import Retries, RunRequest
from sessiond.runtime.run_results import MAX_RESULT, encoded, ends_us, recordable

REQUEST = RunRequest("look", "c1:0:1", print, (), Retries())


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "NotStorable"),
        (float("nan"), "NotStorable"),
        ({1: 2}, "NotStorable"),
        ("x" * MAX_RESULT, "ResultTooLarge"),
    ],
    ids=["object", "nan", "keys", "large"],
)
def test_what_cannot_be_kept(value: object, kind: str) -> None:
    """It is the function's failure, which its flow can handle."""
    failed = encoded(REQUEST, value)

    assert isinstance(failed, RunFailed)
    assert kind == failed.kind


@pytest.mark.parametrize("value", [object(), "x" * MAX_RESULT], ids=["object", "large"])
def test_the_log_says_whose_result_it_was(caplog: pytest.LogCaptureFixture, value: object) -> None:
    """The run by its key, and what the caller knows about it."""
    encoded(REQUEST, value, {"flow": "order"})

    (logged,) = caplog.records
    assert "run 'look' returned" in logged.getMessage()
    assert {"flow": "order"} == logged.__dict__["fields"]


def test_what_is_kept() -> None:
    """JSON, up to the bound."""
    assert b'{"a":[1,null]}' == encoded(REQUEST, {"a": (1, None)})
    assert MAX_RESULT == len(encoded(REQUEST, "x" * (MAX_RESULT - 2)))  # type: ignore[arg-type]


class Mute(Exception):
    """An exception whose text cannot be had."""

    @override
    def __str__(self) -> str:
        raise LookupError


def test_any_failure_can_be_recorded() -> None:
    """Whatever its text is: too long, without JSON, or none."""
    assert 500 == len(recordable("Long", "x" * 1000).message)
    assert "?" == recordable("Odd", "\ud800").message
    assert "a Mute that cannot be shown" == recordable("Mute", Mute()).message


async def test_what_is_no_failure_of_the_function() -> None:
    """The end of the process and of the task, also in a group."""
    ends: list[bool] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as cancelled:
            ends += [
                ends_us(cancelled),
                ends_us(BaseExceptionGroup("", [LookupError(), cancelled])),
            ]
            raise

    assert [True, True] == ends
    assert ends_us(KeyboardInterrupt())
    assert not ends_us(LookupError())
    assert not ends_us(ExceptionGroup("", [LookupError()]))
