"""Runs: functions are called until they return or have failed for good, and their results reach the actor once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import MailboxFull, Refused
from sessiond.core.flows.faults import FlowEvicted, RunFailed
from sessiond.core.flows.prompts import Retries, RunRequest
from sessiond.core.ids import UserId
from sessiond.core.ports import ReplyTo
from sessiond.core.session.effects import StartRun
from sessiond.core.session.inputs import Input, Settled
from sessiond.runtime.clock import SteadyClock
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.run_results import MAX_RESULT
from sessiond.runtime.runs import Runs
from sessiond.runtime.threads import InPlace
from tests.runtime.answers import Answer
from tests.runtime.hearing import hearing

ANN = UserId("ann")
ONCE = Retries(attempts=1)


class Office:
    """A directory whose actors are played by the test: what is told is kept, and answered unless *answers* is off."""

    def __init__(self) -> None:
        self.told: list[tuple[float, Settled]] = []
        self.replies: list[ReplyTo] = []
        self.raises: list[Exception] = []
        self.errors: list[str] = []
        self.answers = True
        self.came = trio.Event()

    def locate(self, user: UserId) -> Any:
        assert user == ANN
        return self

    def tell(
        self, item: Input, reply_to: ReplyTo | None = None, *, expires_at: float | None = None
    ) -> None:
        if self.raises:
            raise self.raises.pop(0)
        assert isinstance(item, Settled)
        assert reply_to is not None
        self.told.append((trio.current_time(), item))
        self.replies.append(reply_to)
        self.came.set()
        if self.errors:
            reply_to.error(self.errors.pop(0), "not now")
        elif self.answers:
            reply_to.ok(b'{"went":"on"}')

    async def result(self) -> bytes | RunFailed:
        """Wait for the first result."""
        await self.came.wait()
        return self.told[0][1].result


@asynccontextmanager
async def open_runs(office: Office) -> AsyncIterator[Runs]:
    runs = Runs(
        office,
        clock=SteadyClock(1_000_000.0),
        entropy=SeededEntropy(7),
        threads=InPlace(),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(runs.run)
        yield runs
        nursery.cancel_scope.cancel()


def effect(
    function: Callable[..., Any],
    *args: Any,
    waits: float = 0.0,
    retries: Retries | None = None,
    as_type: Any = None,
    run_id: str = "c1:0:1",
) -> StartRun:
    request = RunRequest("reserve", run_id, function, args, retries or Retries(), as_type)
    return StartRun("key", "order", request, waits, "One moment, please.")


async def result_of(function: Callable[..., Any], *args: Any, **options: Any) -> bytes | RunFailed:
    """What is told of one run."""
    office = Office()
    async with open_runs(office) as runs:
        runs.start(ANN, effect(function, *args, **options), None)
        return await office.result()


class Failing:
    """A function that fails so often before it returns how often it was called."""

    def __init__(self, times: int, error: BaseException | None = None) -> None:
        self.times = times
        self.error = error or OSError("the line is down")
        self.at: list[float] = []

    async def __call__(self) -> int:
        self.at.append(trio.current_time())
        if len(self.at) <= self.times:
            raise self.error
        return len(self.at)

    @property
    def waits(self) -> list[float]:
        return [after - before for before, after in zip(self.at, self.at[1:], strict=False)]


# What a function does


async def double(number: int) -> int:
    await trio.sleep(1)
    return 2 * number


def triple(number: int) -> int:
    return 3 * number


def returns_double(number: int) -> Awaitable[int]:
    return double(number)


@pytest.mark.parametrize(
    ("function", "result"), [(double, b"14"), (triple, b"21"), (returns_double, b"14")]
)
async def test_functions_async_and_plain(
    function: Callable[[int], object], result: bytes, autojump_clock: MockClock
) -> None:
    """Both are called with their arguments; so is a plain one that returns something to await."""
    assert result == await result_of(function, 7)


async def test_a_result_names_its_conversation_and_run(autojump_clock: MockClock) -> None:
    """And nobody waits for it, unless somebody does."""
    office = Office()
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 7), None)
        await office.result()

    assert [(1.0, Settled("key", "c1:0:1", b"14"))] == office.told


async def test_a_failing_function_is_tried_again_with_back_off(autojump_clock: MockClock) -> None:
    """Between half and all of the doubling wait passes between attempts, never more than the longest."""
    failing = Failing(5)
    retries = Retries(attempts=6, first_wait_seconds=1.0, longest_wait_seconds=4.0)

    assert b"6" == await result_of(failing, retries=retries)
    assert 5 == len(failing.waits)
    for wait, full in zip(failing.waits, (1, 2, 4, 4, 4), strict=True):
        assert full / 2 <= wait < full
    assert len(set(failing.waits)) == 5, "jitter: not all the same"


async def test_a_function_that_always_fails_has_failed(autojump_clock: MockClock) -> None:
    """After its attempts the flow is told the kind of the last error and its text."""
    failing = Failing(99)
    result = await result_of(failing, retries=Retries(attempts=3))

    assert isinstance(result, RunFailed)
    assert ("OSError", "the line is down") == (result.kind, result.message)
    assert 3 == len(failing.at)


async def test_a_function_can_say_that_it_has_failed_for_good(autojump_clock: MockClock) -> None:
    """``RunFailed`` is final: no other attempt is made."""
    failing = Failing(99, RunFailed("SoldOut", "nothing is left"))
    result = await result_of(failing)

    assert isinstance(result, RunFailed)
    assert ("SoldOut", "nothing is left") == (result.kind, result.message)
    assert 1 == len(failing.at)


async def test_an_attempt_that_takes_too_long_is_cancelled(autojump_clock: MockClock) -> None:
    """Each attempt has its own time; the next one may be quicker."""
    calls: list[float] = []

    async def slow_at_first() -> str:
        calls.append(trio.current_time())
        await trio.sleep(100 if len(calls) == 1 else 1)
        return "done"

    retries = Retries(attempts=2, first_wait_seconds=1.0, timeout_seconds=10.0)

    assert b'"done"' == await result_of(slow_at_first, retries=retries)
    assert 10.5 <= calls[1] < 11


async def test_a_function_that_is_always_too_slow_has_failed(autojump_clock: MockClock) -> None:
    """Named after the error of its time-out."""
    result = await result_of(trio.sleep, 100, retries=Retries(attempts=1, timeout_seconds=5))

    assert isinstance(result, RunFailed)
    assert "TooSlowError" == result.kind
    assert 5.0 == trio.current_time()


# Results that cannot be kept


class Equals:
    """An app's class that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("never compare me")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "NotStorable"),
        ({1: "a"}, "NotStorable"),
        (float("nan"), "NotStorable"),
        ("\ud800", "NotStorable"),
        ("x" * MAX_RESULT, "ResultTooLarge"),
    ],
)
async def test_a_result_that_cannot_be_kept(
    value: object, kind: str, autojump_clock: MockClock
) -> None:
    """The function has succeeded, so it is not called again; the flow is told why it gets nothing."""
    calls: list[int] = []

    async def give() -> object:
        calls.append(1)
        return value

    result = await result_of(give)

    assert isinstance(result, RunFailed)
    assert kind == result.kind
    assert [1] == calls


async def test_a_result_as_large_as_may_be(autojump_clock: MockClock) -> None:
    """The bound counts the bytes of the JSON."""
    result = await result_of(lambda: "x" * (MAX_RESULT - 2))

    assert isinstance(result, bytes)
    assert MAX_RESULT == len(result)


async def test_a_result_of_a_type(autojump_clock: MockClock) -> None:
    """What *as_type* brings back equal is a result; what it does not is none."""

    class Place(msgspec.Struct):
        name: str

    good = await result_of(lambda: Place("Accra"), as_type=Place)
    bad = await result_of(lambda: "Accra", as_type=Place)

    assert b'{"name":"Accra"}' == good
    assert isinstance(bad, RunFailed)
    assert "NotStorable" == bad.kind


class Spoilt(Exception):
    """An error that fails when it is shown."""

    def __str__(self) -> str:
        raise RuntimeError("not even this works")


class FromElsewhere(BaseException):
    """What another library cancels with."""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("x" * 10_000), "x" * 500),
        (OSError("half a pair: \ud800"), "half a pair: ?"),
        (Spoilt(), "a Spoilt that cannot be shown"),
        (FromElsewhere("stop"), "stop"),
        (FlowEvicted("this conversation is over"), "this conversation is over"),
        (SystemExit(3), "3"),
        (ExceptionGroup("two", [OSError("a"), ValueError("b")]), "two (2 sub-exceptions)"),
        (RunFailed("Long", "x" * 10_000), "x" * 500),
        (RunFailed(object, 7), "7"),  # type: ignore[arg-type]
    ],
)
async def test_whatever_a_function_raises_is_only_its_own_failure(
    error: BaseException, message: str, autojump_clock: MockClock
) -> None:
    """Errors that cannot be shown, recorded or caught by ``except Exception`` end nothing but the run."""
    office = Office()
    async with open_runs(office) as runs:
        runs.start(ANN, effect(Failing(99, error), retries=ONCE), None)
        result = await office.result()
        office.came = trio.Event()
        runs.start(ANN, effect(triple, 7, run_id="c1:0:2"), None)
        await office.came.wait()

    assert isinstance(result, RunFailed)
    assert message == result.message
    msgspec.json.encode([result.kind, result.message])
    assert b"21" == office.told[1][1].result


# Never twice


async def test_a_run_is_never_called_twice_at_a_time(autojump_clock: MockClock) -> None:
    """Until its result is durable: the actor may ask again while it is called, and while the result is on its way."""
    office, calls = Office(), []
    office.answers = False

    async def slow() -> None:
        calls.append(trio.current_time())
        await trio.sleep(20)

    async with open_runs(office) as runs:
        runs.start(ANN, effect(slow), None)
        await trio.sleep(15)
        runs.start(ANN, effect(slow), None)
        await office.result()
        runs.start(ANN, effect(slow), None)
        assert 1 == len(runs)
        office.replies[0].ok(b"{}")
        await trio.sleep(60)

        assert 0 == len(runs)
        assert [0.0] == calls
        assert 1 == len(office.told)
        runs.start(ANN, effect(slow), None)
        await trio.sleep(1)

    assert 2 == len(calls), "it is the actor who knows what is pending"


async def test_two_runs_of_one_user_go_on_side_by_side(autojump_clock: MockClock) -> None:
    """Each has its own id."""
    office = Office()
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 1, run_id="a"), None)
        runs.start(ANN, effect(double, 2, run_id="b"), None)
        assert 2 == len(runs)
        await trio.sleep(2)

    assert {("a", b"2"), ("b", b"4")} == {(s.run_id, s.result) for _, s in office.told}


# Delivery


async def test_a_full_mailbox_is_tried_again(autojump_clock: MockClock) -> None:
    """With back-off, until it has room; the function is not called again."""
    office, failing = Office(), Failing(0)
    office.raises = [MailboxFull("full")] * 4
    async with open_runs(office) as runs:
        runs.start(ANN, effect(failing), None)
        await office.result()

    assert 1 == len(failing.at)
    assert 0.75 <= office.told[0][0] < 1.5


async def test_a_result_is_told_again_while_its_user_cannot_be_loaded(
    autojump_clock: MockClock,
) -> None:
    """It waits for the user source, or for the node to have started, without another call of the function."""
    office, failing = Office(), Failing(0)
    office.raises = [Refused(ErrorCode.UNAVAILABLE, "starting")]
    office.errors = [ErrorCode.UNAVAILABLE, ErrorCode.UNAVAILABLE]
    async with open_runs(office) as runs:
        runs.start(ANN, effect(failing), None)
        await trio.sleep(10)
        assert 0 == len(runs)

    assert 1 == len(failing.at)
    assert 3 == len(office.told)


@pytest.mark.parametrize("code", [ErrorCode.QUARANTINED, ErrorCode.DRAINING])
async def test_a_result_that_is_refused_is_given_up(
    code: ErrorCode, autojump_clock: MockClock
) -> None:
    """The record says that it is pending: the user's next activation, here or elsewhere, calls the function again."""
    office, waiting = Office(), Answer()
    office.raises = [Refused(code, "no")]
    async with open_runs(office) as runs:
        runs.start(ANN, effect(triple, 1, waits=30.0), waiting)
        await trio.sleep(1)
        assert 0 == len(runs)

    assert [] == office.told
    assert [{"pending": True}] == pending(waiting)


async def test_a_result_whose_turn_failed_is_given_up(autojump_clock: MockClock) -> None:
    """As one that was refused."""
    office, waiting = Office(), Answer()
    office.errors = [ErrorCode.GONE]
    async with open_runs(office) as runs:
        runs.start(ANN, effect(triple, 1, waits=30.0), waiting)
        await trio.sleep(1)
        assert 0 == len(runs)

    assert 1 == len(office.told)
    assert [{"pending": True}] == pending(waiting)


# Whoever waits


def pending(answer: Answer) -> list[dict[str, Any]]:
    """What a waiting door was told, without what all such answers have."""
    shown = [msgspec.json.decode(said) for said in answer.said]
    for one in shown:
        assert "key" == one.pop("conversation")
        assert "order" == one.pop("flow")
        assert [{"text": "One moment, please."}] == one.pop("messages")
    return shown


async def test_a_door_waits_for_what_comes_of_it(autojump_clock: MockClock) -> None:
    """It gets the answer of the turn that the result made, and the turn knows how much longer it waits."""
    office, waiting = Office(), Answer()
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 1, waits=5.0), waiting)
        await office.result()

    assert [b'{"went":"on"}'] == waiting.said
    assert 4.0 == office.told[0][1].waits_seconds


async def test_a_door_is_told_that_it_is_pending_when_its_time_is_over(
    autojump_clock: MockClock,
) -> None:
    """At its budget, once; the result comes as one that nobody waits for."""
    office, waiting = Office(), Answer()
    async with open_runs(office) as runs:
        runs.start(ANN, effect(trio.sleep, 20, waits=5.0), waiting)
        await trio.sleep(4.9)
        assert [] == waiting.said
        await trio.sleep(0.2)
        assert [{"pending": True}] == pending(waiting)
        await office.result()

    assert 1 == len(waiting.said)
    assert 0.0 == office.told[0][1].waits_seconds


async def test_a_door_does_not_wait_longer_for_a_full_mailbox(autojump_clock: MockClock) -> None:
    """Its time runs on after the function has returned."""
    office, waiting = Office(), Answer()
    office.raises = [MailboxFull("full")] * 20
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 1, waits=5.0), waiting)
        await trio.sleep(5.1)

        assert [{"pending": True}] == pending(waiting)


async def test_a_door_that_the_result_was_computed_for_gets_it(autojump_clock: MockClock) -> None:
    """Also when the store is slow and its time is over: nobody else is shown what that turn shows."""
    office, waiting = Office(), Answer()
    office.answers = False
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 1, waits=5.0), waiting)
        await trio.sleep(6)
        assert [] == waiting.said
        office.replies[0].ok(b'{"went":"on"}')
        await trio.lowlevel.checkpoint()

    assert 4.0 == office.told[0][1].waits_seconds
    assert [b'{"went":"on"}'] == waiting.said


async def test_a_door_is_let_go_when_the_result_was_turned_down(autojump_clock: MockClock) -> None:
    """Its time was over meanwhile: it is told at once, and the result comes as one that nobody waits for."""
    office, waiting = Office(), Answer()
    office.answers = False
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 1, waits=5.0), waiting)
        await trio.sleep(6)
        office.answers = True
        office.replies[0].error(ErrorCode.UNAVAILABLE, "not now")
        await trio.testing.wait_all_tasks_blocked()
        assert [{"pending": True}] == pending(waiting)
        await trio.sleep(10)

    assert [4.0, 0.0] == [settled.waits_seconds for _, settled in office.told]
    assert 1 == len(waiting.said)


async def test_a_door_waits_across_the_next_run(autojump_clock: MockClock) -> None:
    """The turn that the result made may start another function: the same door then waits for that one."""
    office, waiting = Office(), Answer()
    office.answers = False
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 1, waits=5.0), waiting)
        await office.result()
        seconds = office.told[0][1].waits_seconds
        runs.start(ANN, effect(double, 2, waits=seconds, run_id="c1:0:2"), office.replies[0])
        office.answers = True
        await trio.sleep(2)
        assert 0 == len(runs)

    assert [b'{"went":"on"}'] == waiting.said
    assert [4.0, 3.0] == [settled.waits_seconds for _, settled in office.told]


async def test_a_second_door_is_told_at_once(autojump_clock: MockClock) -> None:
    """The run that it asks about is under way, and the first waits for it."""
    office, first, second = Office(), Answer(), Answer()
    async with open_runs(office) as runs:
        runs.start(ANN, effect(double, 1, waits=5.0), first)
        runs.start(ANN, effect(double, 1, waits=5.0), second)
        assert [{"pending": True}] == pending(second)
        await office.result()

    assert [b'{"went":"on"}'] == first.said


# The end of the node


async def test_runs_end_with_the_node(autojump_clock: MockClock) -> None:
    """Functions are cancelled where they are, and whoever waits is told that there is no result."""
    office, waiting, ended = Office(), Answer(), []

    async def cleans_up() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(True)

    async with open_runs(office) as runs:
        runs.start(ANN, effect(cleans_up, waits=50.0), waiting)
        await trio.sleep(1)

    assert [True] == ended
    assert [] == office.told
    assert [{"pending": True}] == pending(waiting)
    assert 0 == len(runs)


async def test_nothing_is_started_before_or_after(autojump_clock: MockClock) -> None:
    """Whoever waits is not left waiting."""
    waiting = Answer()
    runs = Runs(
        Office(),
        clock=SteadyClock(0.0),
        entropy=SeededEntropy(1),
        threads=InPlace(),
    )
    runs.start(ANN, effect(double, 1, waits=5.0), waiting)

    assert [{"pending": True}] == pending(waiting)


async def test_telemetry_tells_how_a_run_went(autojump_clock: MockClock) -> None:
    """Its flow, its key and how long it took; never what it was called with."""
    about = {"user": ANN, "flow": "order", "run": "reserve"}
    with hearing("run.start", "run.stop") as heard:
        await result_of(double, 7)
        await result_of(Failing(9), retries=ONCE)

    assert [
        ("run.start", {}, about),
        ("run.stop", {"duration": 1.0}, {**about, "outcome": "success"}),
        ("run.start", {}, about),
        ("run.stop", {"duration": 0.0}, {**about, "outcome": "failure"}),
    ] == heard
