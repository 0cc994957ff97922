"""The functions of ``c.run`` in the test kit (sessiond/testing/conversations/calls.py)."""

from typing import Any

import pytest
import trio
import trio.lowlevel

from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.prompts import Retries, RunRequest
from sessiond.testing.conversations.calls import Caller


def request(function: Any, *args: Any, **retries: Any) -> RunRequest:
    return RunRequest("key", "c1:0:1", function, args, Retries(**retries))


async def double(number: int) -> int:
    await trio.lowlevel.checkpoint()
    return 2 * number


def plain(number: int) -> int:
    return 2 * number


def promising(number: int) -> Any:
    return double(number)


@pytest.mark.parametrize("function", [double, plain, promising])
def test_functions_of_all_kinds(function: Any) -> None:
    """Async or not, or not async and returning what can be awaited."""
    called = Caller().call(request(function, 4))

    assert ("key", (4,), 8, b"8", 1) == (
        called.key,
        called.args,
        called.result,
        called.raw,
        called.attempts,
    )


async def test_inside_trio() -> None:
    """The function has a Trio of its own, and what it raises is what counts."""

    async def breaks() -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("gone")

    assert 8 == Caller().call(request(double, 4)).result
    failed = Caller().call(request(breaks))
    assert failed.error is not None
    assert ("LookupError", "gone") == (failed.error.kind, failed.error.message)
    await trio.lowlevel.checkpoint()


def test_it_is_tried_as_often_as_its_retries_say() -> None:
    """Without a wait in between."""
    tries = 0

    def flaky() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("away")
        return "there"

    assert ("there", 3) == (
        (called := Caller().call(request(flaky))).result,
        called.attempts,
    )
    tries = 0
    failed = Caller().call(request(flaky, attempts=2))
    assert failed.error is not None
    assert ("OSError", 2) == (failed.error.kind, failed.attempts)


def test_what_is_not_tried_again() -> None:
    """A failure that the function declares, and a result that cannot be recorded."""

    def declares() -> None:
        raise RunFailed("Sold", "out")

    for function, kind in ((declares, "Sold"), (object, "NotStorable")):
        called = Caller().call(request(function))
        assert called.error is not None
        assert (kind, 1, called.error) == (called.error.kind, called.attempts, called.raw)


def test_an_interrupt_is_nobodys_failure() -> None:
    """It ends the test, whatever the retries say."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Caller().call(request(interrupted))


def test_one_that_takes_too_long() -> None:
    """It is stopped after its own time-out."""
    called = Caller().call(request(trio.sleep, 60, attempts=1, timeout_seconds=0.001))

    assert called.error is not None
    assert "TooSlowError" == called.error.kind


def test_results_in_its_place() -> None:
    """By key; ``None`` is a result as well."""
    assert Caller({"key": None}).call(request(double, 4)).result is None
    assert [4] == Caller({"key": lambda n: [n]}).call(request(double, 4)).result
    assert 8 == Caller({"other": 1}).call(request(double, 4)).result
