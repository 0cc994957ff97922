"""Calls have their turns in order, and those that wait together become one."""

from contextlib import suppress

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sessiond.stores.redis.turns import Gathered, Turns


async def test_so_many_at_once_and_the_others_in_order() -> None:
    """Whoever waits longest is next; nobody who comes later is before."""
    turns = Turns(2)
    had: list[int] = []

    async def call(number: int) -> None:
        await turns.take()
        had.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(call, number)
            await wait_all_tasks_blocked()
        assert had == [0, 1]
        for count in (3, 4):
            turns.give_back()
            await wait_all_tasks_blocked()
            assert had == [0, 1, 2, 3][:count]


async def test_cancelled_call_takes_no_turn() -> None:
    """Neither one that waits nor one that comes when it is cancelled already."""
    turns = Turns(1)
    await turns.take()
    with trio.move_on_after(0) as waiting:
        await turns.take()
    turns.give_back()
    with trio.CancelScope() as late:
        late.cancel()
        await turns.take()
    with trio.fail_after(1):
        await turns.take()

    assert waiting.cancelled_caught
    assert late.cancelled_caught


def weigh(answer: int) -> int:
    """Nothing, as far as these go."""
    return 0 * answer


class Squares:
    """Answers when it may."""

    def __init__(self) -> None:
        self.go_on = trio.Event()
        self.asked: list[list[int]] = []

    async def __call__(self, asked: list[int]) -> list[int]:
        self.asked.append(asked)
        await self.go_on.wait()
        return [number * number for number in asked]


async def test_calls_that_wait_together_are_made_as_one() -> None:
    """While there is no turn questions gather; each gets its own answer, and a cancelled one is not asked."""
    turns, squares = Turns(1), Squares()
    squares.go_on.set()
    gathered = Gathered(turns, squares, weigh)
    answers: dict[int, int] = {}

    async def ask(number: int) -> None:
        answers[number] = await gathered.run(number)

    await turns.take()
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as cancelled:
                cancelled.start_soon(ask, 7)  # the first, for whom the turn is awaited
                await wait_all_tasks_blocked()
                for number in range(3):
                    nursery.start_soon(ask, number)
                await wait_all_tasks_blocked()
                scope.cancel()
        turns.give_back()

    assert [sorted(asked) for asked in squares.asked] == [[0, 1, 2]]
    assert answers == {0: 0, 1: 1, 2: 4}


async def test_call_that_all_have_left_asks_nothing() -> None:
    """And who comes later is answered."""
    turns, squares = Turns(1), Squares()
    squares.go_on.set()
    gathered = Gathered(turns, squares, weigh)
    await turns.take()
    with trio.move_on_after(0):
        await gathered.run(1)
    turns.give_back()
    await wait_all_tasks_blocked()
    assert squares.asked == []

    assert await gathered.run(2) == 4


async def test_question_that_is_asked_is_waited_for() -> None:
    """Cancellation comes too late for it: the answer is returned."""
    squares = Squares()
    gathered = Gathered(Turns(1), squares, weigh)
    answers: list[int] = []
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                answers.append(await gathered.run(3))

            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            scope.cancel()
            squares.go_on.set()

    assert answers == [9]


async def test_more_and_more_but_no_more_than_64_at_once() -> None:
    """Few at first, for nobody knows how large the answers are; while these are small, twice as many each time."""
    squares = Squares()
    gathered = Gathered(Turns(1), squares, weigh)
    squares.go_on.set()
    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(gathered.run, number)

    assert [len(asked) for asked in squares.asked] == [4, 8, 16, 32, 64, 64, 12]


async def test_the_others_are_asked_at_the_same_time_when_there_is_a_turn() -> None:
    """Who does not fit into the first call does not wait for it."""
    squares = Squares()
    gathered = Gathered(Turns(2), squares, weigh)
    async with trio.open_nursery() as nursery:
        for number in range(7):
            nursery.start_soon(gathered.run, number)
        await wait_all_tasks_blocked()
        assert [len(asked) for asked in squares.asked] == [4, 3]
        squares.go_on.set()


async def test_what_has_large_answers_is_asked_a_few_at_a_time() -> None:
    """About a megabyte together, for Redis does nothing else meanwhile; one by one, if each has more."""
    turns, squares = Turns(1), Squares()
    squares.go_on.set()
    sizes = [300_000] * 12 + [5_000_000] * 4 + [1] * 9
    gathered = Gathered(turns, squares, lambda square: sizes[round(square**0.5)])
    async with trio.open_nursery() as nursery:
        await turns.take()
        for number in range(len(sizes)):
            nursery.start_soon(gathered.run, number)
            await wait_all_tasks_blocked()
        turns.give_back()

    assert [len(asked) for asked in squares.asked] == [4, 3, 3, 3, 1, 1, 1, 1, 2, 4, 2]


async def test_after_a_failure_few_are_asked() -> None:
    """It may have been too much to be answered in time: the repeat must not be as much again."""
    asked: list[int] = []

    async def ask(numbers: list[int]) -> list[int]:
        asked.append(len(numbers))
        if len(numbers) > 16:
            raise LookupError
        return numbers

    gathered = Gathered(Turns(1), ask, weigh)

    async def insist(number: int) -> None:
        while True:
            with suppress(LookupError):
                await gathered.run(number)
                return

    async with trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(insist, number)

    assert asked == [4, 8, 16, 32, 4, 8, 16, 4]


async def test_what_a_gathered_call_raises_is_raised_to_all() -> None:
    """Nobody is left without an answer, and the turn is given back."""
    turns = Turns(1)

    async def fail(asked: list[int]) -> list[int]:
        raise LookupError(len(asked))

    gathered = Gathered(turns, fail, weigh)

    async def ask(number: int) -> None:
        with pytest.raises(LookupError, match="3"):
            await gathered.run(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(ask, number)
    with trio.fail_after(1):
        await turns.take()
