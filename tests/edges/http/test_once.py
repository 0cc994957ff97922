"""What is asked again while it is being answered (sessiond/edges/http/once.py)."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sessiond.edges.http.once import Once


class Asked:
    """Something that is made when the test says so."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = trio.Event()
        self.error: Exception | None = None

    async def make(self) -> int:
        self.calls += 1
        number = self.calls
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_the_second_waits_for_the_answer_of_the_first() -> None:
    """It is made once, however many ask; another key is another answer."""
    once, asked, told = Once[int](), Asked(), list[tuple[int, bool]]()

    async def ask(key: str) -> None:
        told.append(await once.do(key, asked.make))

    async with trio.open_nursery() as nursery:
        for key in ("a", "a", "a", "b"):
            nursery.start_soon(ask, key)
            await wait_all_tasks_blocked()
        assert 2 == len(once)
        asked.go.set()

    assert [(1, False), (1, False), (1, True), (2, True)] == sorted(told)
    assert 0 == len(once)


async def test_what_was_answered_is_made_anew() -> None:
    """Only what is under way is shared."""
    once, asked = Once[int](), Asked()
    asked.go.set()

    assert (1, True) == await once.do("a", asked.make)
    assert (2, True) == await once.do("a", asked.make)


async def test_a_failure_is_nobody_elses() -> None:
    """Whoever waited tries by himself."""
    once, asked, told = Once[int](), Asked(), list[object]()
    asked.error = ValueError()

    async def ask() -> None:
        try:
            told.append(await once.do("a", asked.make))
        except ValueError:
            told.append("failed")
            asked.error = None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        asked.go.set()

    assert ["failed", (2, True)] == told


async def test_a_cancelled_one_leaves_the_others_to_themselves() -> None:
    """They do not wait for what nobody makes any more."""
    once, asked, told = Once[int](), Asked(), list[tuple[int, bool]]()

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            told.append(await once.do("a", asked.make))

    first = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, first)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, trio.CancelScope())
        await wait_all_tasks_blocked()
        first.cancel()
        await wait_all_tasks_blocked()
        asked.go.set()

    assert [(2, True)] == told


async def test_an_error_is_raised() -> None:
    """As it is."""
    asked = Asked()
    asked.error = KeyError("x")
    asked.go.set()
    with pytest.raises(KeyError):
        await Once[int]().do("a", asked.make)
