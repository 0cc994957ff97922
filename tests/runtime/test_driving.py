"""Driving a flow under Trio: every foreign await is a plain error on the flow's line, and nobody else notices.

These tests are the reason why a private name of Trio may be used: they try each kind of await on the Trio release
that is installed.
"""

from __future__ import annotations

import asyncio  # noqa: TID251 -- what flows must not await
import contextlib
import gc
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio._core._run import GLOBAL_RUN_CONTEXT

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.engine import LiveFlow, Opening, start
from sessiond.core.flows.faults import FlowEnded, FlowFailed, ForeignAwait
from sessiond.core.flows.flow import Flow, Host
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.driving import Driving
from sessiond.runtime.entropy import SeededEntropy
from tests.core.flows.playing import line_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sessiond.core.flows.conversation import Conversation


async def sleep() -> None:
    await trio.sleep(1)  # sleep


async def sleep_zero() -> None:
    await trio.sleep(0)  # noqa: ASYNC115 -- what authors write  # sleep_zero


async def checkpoint() -> None:
    await trio.lowlevel.checkpoint()  # checkpoint


async def event() -> None:
    await trio.Event().wait()  # event


async def set_event() -> None:
    happened = trio.Event()
    happened.set()
    await happened.wait()  # set_event


async def lock() -> None:
    await trio.Lock().acquire()  # lock


async def semaphore() -> None:
    async with trio.Semaphore(0):  # semaphore
        """Never reached."""


async def nursery() -> None:
    async with trio.open_nursery() as children:  # nursery
        children.start_soon(trio.sleep, 0)


async def scope() -> None:
    with trio.move_on_after(1):  # noqa: ASYNC100 -- what authors write  # scope
        """Never reached."""


async def thread() -> None:
    await trio.to_thread.run_sync(print)  # thread


async def memory_channel() -> None:
    _, receiver = trio.open_memory_channel[int](0)
    await receiver.receive()  # memory_channel


async def network() -> None:
    await trio.open_tcp_stream("localhost", 9)  # network


async def process() -> None:
    await trio.run_process(["true"])  # process


async def file() -> None:
    await trio.open_file("/dev/null")  # file


async def lowlevel() -> None:
    await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)  # lowlevel


async def cancel_shielded() -> None:
    await trio.lowlevel.cancel_shielded_checkpoint()  # cancel_shielded


async def generator() -> None:
    async def slow() -> AsyncIterator[int]:
        yield 1
        await trio.sleep(1)  # generator

    async for _ in slow():
        """Come again."""


async def asyncio_sleep() -> None:
    await asyncio.sleep(1)  # asyncio_sleep


async def asyncio_yield() -> None:
    await asyncio.sleep(0)  # asyncio_yield


async def asyncio_event() -> None:
    await asyncio.Event().wait()  # asyncio_event


FOREIGN = [
    sleep,
    sleep_zero,
    checkpoint,
    event,
    set_event,
    lock,
    semaphore,
    nursery,
    scope,
    thread,
    memory_channel,
    network,
    process,
    file,
    lowlevel,
    cancel_shielded,
    generator,
    asyncio_sleep,
    asyncio_yield,
    asyncio_event,
]


def host() -> Host:
    return Host(SystemClock(), SeededEntropy(1), Driving)


def begin(function: Callable[[Conversation], Any]) -> LiveFlow:
    flow = Flow(name="test", function=function)
    return start(flow, Opening(id="c1", user="u1"), host())[0]


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda f: f.__name__)
async def test_a_foreign_await_is_an_error_that_names_the_line(
    foreign: Callable[[], Any], autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever it is, it fails on its own line, and the actor's task and every other one go on unharmed."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "What?")
        await foreign()

    line = line_after(foreign.__name__, __file__)
    turns: list[int] = []

    async def other(task_status: trio.TaskStatus[None]) -> None:
        waiting = begin(harmless)
        task_status.started()
        for turn in range(5):
            await trio.sleep(1)
            waiting.answer(Answer(text=str(turn)))
            turns.append(turn)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(other)
            me = trio.lowlevel.current_task()
            live = begin(flow)
            with pytest.raises(ForeignAwait, match=rf"^{re.escape(__file__)}:{line}: a flow"):
                live.answer(Answer(text="x"))

            assert me is trio.lowlevel.current_task()
            await trio.sleep(2)
            assert () == live.record.entries

    assert [0, 1, 2, 3, 4] == turns


async def harmless(c: Conversation) -> None:
    for number in range(10):
        await c.ask(f"q{number}", "What?")


async def test_a_foreign_await_that_the_flow_swallows_has_done_nothing() -> None:
    """The flow goes on with its conversation; nothing was entered anywhere."""

    async def flow(c: Conversation) -> None:
        try:
            await trio.Event().wait()
        except RuntimeError:
            await c.ask("it", "What?")

    live = begin(flow)
    before = trio.lowlevel.current_task()
    await trio.lowlevel.checkpoint()

    assert before is trio.lowlevel.current_task()
    assert "What?" == live.remind().prompt.text  # type: ignore[union-attr]


async def test_a_foreign_await_in_a_finally_is_told_when_the_flow_is_put_away() -> None:
    """Closing is driving too: the guard is held, and the loop is unharmed."""

    async def flow(c: Conversation) -> None:
        try:
            await c.ask("it", "What?")
        finally:
            await trio.sleep(1)

    problem = begin(flow).put_away()
    await trio.lowlevel.checkpoint()

    assert isinstance(problem, FlowFailed)
    assert "test_driving.py" in problem.where


async def test_what_needs_no_task_works_inside_a_flow() -> None:
    """Setting an event or asking for Trio's time is no wait."""
    happened = trio.Event()

    async def flow(c: Conversation) -> None:
        happened.set()
        await c.ask("it", f"{trio.current_time() > 0}")

    live = begin(flow)

    assert happened.is_set()
    assert "True" == live.remind().prompt.text  # type: ignore[union-attr]


async def questions(c: Conversation, events: list[str]) -> AsyncIterator[str]:
    try:
        for number in range(3):
            yield await c.ask(f"it{number}", "What?")
    finally:
        events.append("finally")


async def exhausting(c: Conversation, events: list[str]) -> None:
    async for _ in questions(c, events):
        """Come again."""


async def leaving(c: Conversation, events: list[str]) -> None:
    async for _ in questions(c, events):
        break


async def failing(c: Conversation, events: list[str]) -> None:
    async for _ in questions(c, events):
        await trio.sleep(0)  # noqa: ASYNC115 -- what authors write


@pytest.mark.parametrize("function", [exhausting, leaving, failing], ids=lambda f: f.__name__)
@pytest.mark.parametrize("answers", [0, 1, 3])
async def test_an_async_generator_of_a_flow_is_closed_with_it(
    function: Callable[..., Any], answers: int
) -> None:
    """Whether it is at its end, was left, failed or is put away while it asks: at once, by nobody else."""
    events: list[str] = []

    async def flow(c: Conversation) -> None:
        await function(c, events)
        await c.ask("after", "After?")

    live = begin(flow)
    for number in range(answers):
        with contextlib.suppress(ForeignAwait, FlowEnded):
            live.answer(Answer(text=str(number)))
    assert live.put_away() is None

    assert ["finally"] == events
    assert not GLOBAL_RUN_CONTEXT.runner.asyncgens.foreign
    gc.collect()
    assert ["finally"] == events


async def test_trio_closes_the_generators_of_its_own_tasks() -> None:
    """Also after a flow was driven."""
    with Driving():
        before = sys.get_asyncgen_hooks()
    after = sys.get_asyncgen_hooks()

    assert (None, None) == tuple(before)
    assert None not in after


async def test_the_task_is_back_after_every_way_out() -> None:
    """Returning, raising, nesting."""
    me = trio.lowlevel.current_task()

    with Driving():
        with pytest.raises(RuntimeError):
            trio.lowlevel.current_task()
        with Driving(), pytest.raises(RuntimeError):
            trio.lowlevel.current_task()
        with pytest.raises(RuntimeError):
            trio.lowlevel.current_task()
    assert me is trio.lowlevel.current_task()
    with pytest.raises(ZeroDivisionError), Driving():
        raise ZeroDivisionError

    assert me is trio.lowlevel.current_task()


def test_outside_of_trio_there_is_nothing_to_hide() -> None:
    """The testing kit plays flows without a loop."""
    with Driving(), pytest.raises(RuntimeError):
        trio.lowlevel.current_task()
