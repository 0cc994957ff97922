"""What all connections of a door share: tasks beside them, and when there are none any more."""

from functools import partial

import trio

from sessiond.core.ids import UserId
from sessiond.edges.websocket.context import Context
from tests.edges.websocket.pure import open_pure


async def context_of_a_door() -> Context:
    return (await open_pure()).connection.context


async def test_what_waits_runs_beside_its_connection() -> None:
    """As many tasks as are wanted, each to its end."""
    context = await context_of_a_door()
    ended: list[UserId] = []

    async def check(user: UserId) -> None:
        await trio.lowlevel.checkpoint()
        ended.append(user)

    async with trio.open_nursery() as nursery:
        context.nursery = nursery
        for name in ("ann", "bob"):
            context.spawn(partial(check, UserId(name)))

    assert {"ann", "bob"} == set(ended)


async def test_a_door_that_is_not_open_starts_nothing() -> None:
    """There is nobody who would wait for it, before it opens or while it closes."""
    context = await context_of_a_door()
    started: list[str] = []

    async def check() -> None:
        started.append("ran")
        await trio.lowlevel.checkpoint()

    context.nursery = None
    context.spawn(check)
    async with trio.open_nursery() as nursery:
        context.nursery = nursery
        nursery.cancel_scope.cancel()
        context.spawn(check)

    assert [] == started


async def test_a_door_begins_empty() -> None:
    """Two doors share neither connections nor joins."""
    one, other = await context_of_a_door(), await context_of_a_door()

    assert one.joins == {}
    assert one.connections is not other.connections
