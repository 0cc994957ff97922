"""Foreign awaits that need no library: a bare yield to whoever drives the coroutine.

Those of Trio and asyncio: tests/runtime/test_driving.py.
"""

from __future__ import annotations

import contextlib
import re
import types
from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.flows.faults import FlowFailed, ForeignAwait
from tests.core.flows.playing import begin, body, line_after, rebuild, said

if TYPE_CHECKING:
    from collections.abc import Generator

    from sessiond.core.flows.conversation import Conversation


@types.coroutine
def checkpoint(token: object) -> Generator[object, Any, None]:
    """What every event loop's switch comes down to."""
    yield token


@pytest.mark.parametrize("token", [None, 42, "ask", object()], ids=lambda t: type(t).__name__)
def test_a_bare_yield_is_named_by_file_and_line(token: object) -> None:
    """The innermost line of the flow's own package, also inside a helper."""

    async def helper() -> None:
        await checkpoint(token)  # helper

    async def flow(c: Conversation) -> None:
        await helper()

    line = line_after("helper", __file__)
    with pytest.raises(ForeignAwait, match=rf"{re.escape(__file__)}:{line}: a flow awaits only"):
        begin(flow)


def test_a_foreign_await_rolls_the_turn_back() -> None:
    """The question before it still waits."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "What?")
        await checkpoint(None)

    live, _ = begin(flow)
    with pytest.raises(ForeignAwait):
        live.answer(said("x"))

    assert () == live.record.entries
    assert "What?" == body(rebuild(live, flow)[0].remind())


@pytest.mark.parametrize("times", [1, 10])
def test_an_await_while_put_away_is_told(times: int) -> None:
    """In a finally nobody waits; a flow that goes on waiting is left to itself, and reported."""

    async def flow(c: Conversation) -> None:
        try:
            await c.ask("it", "What?")
        finally:
            for _ in range(times):
                with contextlib.suppress(GeneratorExit):
                    await checkpoint(None)

    live, _ = begin(flow)
    problem = live.put_away()

    assert problem is not None
    assert "awaits in a finally or except" in str(problem)
    assert not live.is_alive


def test_a_flows_own_runtime_error_is_its_own() -> None:
    """Only errors that come out of an asynchronous library are called foreign awaits."""

    async def flow(c: Conversation) -> None:
        raise RuntimeError

    with pytest.raises(FlowFailed, match="the flow raised RuntimeError") as caught:
        begin(flow)

    assert not isinstance(caught.value, ForeignAwait)
