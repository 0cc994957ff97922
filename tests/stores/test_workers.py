"""Blocking calls run in threads of their own, and cancellation is exact about which of them ran."""

import threading
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from sessiond.core.errors import StoreUnavailable
from sessiond.stores.workers import Gathered, Workers, open_workers


def _echo(asked: list[int]) -> list[int]:
    return asked


async def _ask_together(
    workers: Workers, nursery: trio.Nursery, ask: Callable[[int], Awaitable[None]]
) -> None:
    """Have 0, 1 and 2 asked while the only thread is busy."""
    go_on = threading.Event()
    nursery.start_soon(workers.run, lambda: go_on.wait(5))
    await trio.testing.wait_all_tasks_blocked()
    for number in range(3):
        nursery.start_soon(ask, number)
    await trio.testing.wait_all_tasks_blocked()
    go_on.set()


async def test_results_and_errors_come_back() -> None:
    """What the call returned is returned, what it raised is raised; neither in Trio's thread."""
    async with open_workers("t", 2) as workers:
        assert await workers.run(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0)


async def test_as_many_calls_run_as_there_are_threads() -> None:
    """Two calls that wait for each other both get a thread."""
    barrier = threading.Barrier(2, timeout=5)
    async with open_workers("t", 2) as workers, trio.open_nursery() as nursery:
        nursery.start_soon(workers.run, barrier.wait)
        nursery.start_soon(workers.run, barrier.wait)


async def test_call_that_has_not_begun_is_withdrawn() -> None:
    """A cancelled call in the queue never runs."""
    begun, go_on = threading.Event(), threading.Event()
    ran: list[str] = []
    async with open_workers("t", 1) as workers, trio.open_nursery() as nursery:

        def first() -> None:
            begun.set()
            assert go_on.wait(5)

        nursery.start_soon(workers.run, first)
        await trio.to_thread.run_sync(begun.wait, 5)
        with trio.move_on_after(0) as scope:
            await workers.run(lambda: ran.append("second"))
        go_on.set()
        await workers.run(lambda: ran.append("third"))

        assert scope.cancelled_caught
        assert ran == ["third"]


async def test_call_that_has_begun_is_waited_for() -> None:
    """A cancelled call that runs returns its result: nobody is left in doubt without need."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert go_on.wait(5)
        return "done"

    results: list[str] = []
    async with open_workers("t", 1) as workers:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def call() -> None:
                    results.append(await workers.run(work))

                nursery.start_soon(call)
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(begun.wait, 5)
                    scope.cancel()
                    go_on.set()

    assert results == ["done"]
    assert scope.cancel_called


async def test_answers_that_are_there_together_come_back_together() -> None:
    """However many calls a thread has answered since Trio looked last: each task has its own answer."""
    answers: dict[int, int] = {}
    async with open_workers("t", 1) as workers, trio.open_nursery() as nursery:

        async def call(number: int) -> None:
            answers[number] = await workers.run(lambda: number * number)

        for number in range(5):
            nursery.start_soon(call, number)
        await trio.testing.wait_all_tasks_blocked()
        done = threading.Event()
        workers.call_soon(done.set)
        assert done.wait(5)  # Trio's loop stands still until all five are answered

    assert answers == {number: number * number for number in range(5)}


async def test_call_that_runs_when_the_block_ends_is_answered() -> None:
    """Leaving waits for it, and its task has what it returned."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert go_on.wait(5)
        return "done"

    answers: list[str] = []
    async with trio.open_nursery() as nursery, open_workers("t", 1) as workers:

        async def call() -> None:
            answers.append(await workers.run(work))

        nursery.start_soon(call)
        await trio.to_thread.run_sync(begun.wait, 5)
        go_on.set()
    assert answers == ["done"]


async def test_calls_that_wait_when_the_block_ends_are_all_made() -> None:
    """More of them than are gathered at once, too; nobody waits for ever."""
    begun, go_on = threading.Event(), threading.Event()
    answers: list[int] = []

    def work() -> None:
        begun.set()
        assert go_on.wait(5)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery, open_workers("t", 1) as workers:
            gathered = Gathered(workers, _echo)

            async def ask(number: int) -> None:
                answers.append(await gathered.run(number))

            nursery.start_soon(workers.run, work)
            await trio.to_thread.run_sync(begun.wait, 5)
            for number in range(200):
                nursery.start_soon(ask, number)
            await trio.testing.wait_all_tasks_blocked()
            go_on.set()

    assert sorted(answers) == list(range(200))


async def test_call_after_the_block_is_refused() -> None:
    """There is nobody left who would answer it."""
    async with open_workers("t", 1) as workers:
        gathered = Gathered(workers, _echo)
    with trio.fail_after(5):
        with pytest.raises(trio.ClosedResourceError):
            await workers.run(lambda: None)
        with pytest.raises(trio.ClosedResourceError):
            await gathered.run(1)


async def test_threads_end_with_the_block() -> None:
    """Nothing is left behind."""
    async with open_workers("leaver", 3):
        named = [t for t in threading.enumerate() if t.name.startswith("leaver-")]
        assert len(named) == 3

    assert not any(thread.is_alive() for thread in named)


async def test_calls_that_wait_together_are_made_as_one() -> None:
    """While the thread is busy calls gather; each gets its own answer, and one that was cancelled is not asked."""
    go_on = threading.Event()
    made: list[list[int]] = []
    answers: dict[int, int] = {}

    def squares(asked: list[int]) -> list[int]:
        made.append(asked)
        return [number * number for number in asked]

    async with open_workers("t", 1) as workers, trio.open_nursery() as nursery:
        gathered = Gathered(workers, squares)

        async def ask(number: int) -> None:
            answers[number] = await gathered.run(number)

        nursery.start_soon(workers.run, lambda: go_on.wait(5))
        await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            nursery.start_soon(ask, number)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as cancelled:
                cancelled.start_soon(ask, 7)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        go_on.set()

    assert [sorted(asked) for asked in made] == [[0, 1, 2]]
    assert answers == {0: 0, 1: 1, 2: 4}


async def test_what_a_gathered_call_raises_is_raised_to_all() -> None:
    """Nobody is left without an answer."""

    def fail(asked: list[int]) -> list[int]:
        raise LookupError(len(asked))

    async with open_workers("t", 1) as workers, trio.open_nursery() as nursery:
        gathered = Gathered(workers, fail)

        async def ask(number: int) -> None:
            with pytest.raises(LookupError):
                await gathered.run(number)

        for number in range(3):
            nursery.start_soon(ask, number)


async def test_who_is_at_fault_is_told_alone() -> None:
    """When a call for many fails, it is made for each: the others have their answers all the same."""
    made: list[list[int]] = []

    def inverses(asked: list[int]) -> list[float]:
        made.append(list(asked))
        return [1 / number for number in asked]

    answers: dict[int, float] = {}
    async with open_workers("t", 1) as workers, trio.open_nursery() as nursery:
        gathered = Gathered(workers, inverses)

        async def ask(number: int) -> None:
            if number:
                answers[number] = await gathered.run(number)
            else:
                with pytest.raises(ZeroDivisionError):
                    await gathered.run(number)

        await _ask_together(workers, nursery, ask)

    assert answers == {1: 1.0, 2: 0.5}
    assert [len(asked) for asked in made] == [3, 1, 1, 1]


async def test_a_store_that_is_away_is_asked_once() -> None:
    """It would be away for each of them too: all are told."""
    made: list[int] = []

    def fail(asked: list[int]) -> list[int]:
        made.append(len(asked))
        raise StoreUnavailable("away")

    async with open_workers("t", 1) as workers, trio.open_nursery() as nursery:
        gathered = Gathered(workers, fail)

        async def ask(number: int) -> None:
            with pytest.raises(StoreUnavailable):
                await gathered.run(number)

        await _ask_together(workers, nursery, ask)

    assert made == [3]
