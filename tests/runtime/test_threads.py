"""Functions that are not async: in threads of their own, within their time, at the cost of nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.runtime.threads import InPlace, WorkerThreads


async def test_a_function_runs_in_another_thread() -> None:
    """Its result comes back; whoever else is served meanwhile is not held up."""
    here = threading.get_ident()
    go_on = threading.Event()
    threads = WorkerThreads()

    def work(word: str) -> tuple[str, bool]:
        assert go_on.wait(10)
        return word, threading.get_ident() == here

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_after_a_turn, go_on.set)
        assert ("done", False) == await threads.call(work, ("done",), 10)


async def _after_a_turn(act: Callable[[], None]) -> None:
    await trio.lowlevel.checkpoint()
    act()


async def test_what_it_raises_is_raised() -> None:
    """As it is."""
    with pytest.raises(ZeroDivisionError):
        await WorkerThreads().call(lambda: 1 / 0, (), 10)


async def test_a_function_that_takes_too_long_is_left_to_itself() -> None:
    """Its caller goes on in time; the thread ends when the function does."""
    go_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(10)
        ended.set()

    with pytest.raises(trio.TooSlowError):
        await WorkerThreads().call(work, (), 0.02)

    assert not ended.is_set()
    go_on.set()
    assert ended.wait(10)


async def test_the_time_begins_with_the_thread(mock_clock: MockClock) -> None:
    """Waiting for others' slow functions costs no attempt: the second has its full time once it runs."""
    threads = WorkerThreads(1)
    first_runs, go_on = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()
    results: list[str] = []

    def slow() -> str:
        token.run_sync_soon(first_runs.set)
        assert go_on.wait(10)
        return "first"

    async def call_first() -> None:
        results.append(await threads.call(slow, (), 10))

    async def call_second() -> None:
        results.append(await threads.call(lambda: "second", (), 5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call_first)
        await first_runs.wait()
        nursery.start_soon(call_second)
        await wait_all_tasks_blocked()
        mock_clock.jump(7)  # longer than the second may take
        await wait_all_tasks_blocked()
        go_on.set()

    assert ["first", "second"] == results


async def test_who_is_stuck_takes_the_place_of_nobody() -> None:
    """Functions that were given up and never return: others still get a thread, and no more of them than before."""
    threads, go_on = WorkerThreads(2), threading.Event()
    for _ in range(5):
        with pytest.raises(trio.TooSlowError):
            await threads.call(go_on.wait, (20,), 0.01)
    with trio.fail_after(5):
        served = await threads.call(lambda: "served", (), 5)
    grown = threads.places
    go_on.set()
    with trio.fail_after(5):
        while threads.places != 2:
            await trio.lowlevel.checkpoint()

    assert "served" == served
    assert 7 == grown


async def test_cancelling_leaves_the_function_to_itself() -> None:
    """The caller goes at once."""
    go_on = threading.Event()
    with trio.fail_after(5):
        with trio.move_on_after(0.01) as scope:
            await WorkerThreads().call(lambda: go_on.wait(20), (), 30)
    go_on.set()

    assert scope.cancelled_caught


async def test_in_place_needs_no_thread() -> None:
    """Called here and now, whatever it returns or raises."""
    threads = InPlace()

    assert threading.get_ident() == await threads.call(threading.get_ident, (), 0.0)
    with pytest.raises(ZeroDivisionError):
        await threads.call(lambda: 1 / 0, (), 1.0)
