"""Calls have their turns in order, and those that wait together become one."""

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
    gathered = Gathered(turns, squares)
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
    gathered = Gathered(turns, squares)
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
    gathered = Gathered(Turns(1), squares)
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


async def test_no_more_than_64_at_once() -> None:
    """The others come next, or at the same time when there is a turn."""
    squares = Squares()
    gathered = Gathered(Turns(2), squares)
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(gathered.run, number)
        await wait_all_tasks_blocked()
        assert [len(asked) for asked in squares.asked] == [64, 36]
        squares.go_on.set()


async def test_what_a_gathered_call_raises_is_raised_to_all() -> None:
    """Nobody is left without an answer, and the turn is given back."""
    turns = Turns(1)

    async def fail(asked: list[int]) -> list[int]:
        raise LookupError(len(asked))

    gathered = Gathered(turns, fail)

    async def ask(number: int) -> None:
        with pytest.raises(LookupError, match="3"):
            await gathered.run(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(ask, number)
    with trio.fail_after(1):
        await turns.take()
