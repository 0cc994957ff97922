"""Whether the store answers, as its callers see it."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.errors import StoreUnavailable
from sessiond.runtime.availability import Availability
from sessiond.runtime.clock import SystemClock
from tests.runtime.hearing import hearing


async def test_it_is_away_until_every_source_is_back(autojump_clock: MockClock) -> None:
    """Two lanes wait: one of them getting through is not enough; both changes are told once."""
    availability = Availability(SystemClock(), store="memory")
    changes: list[bool] = []
    availability.listen(changes.append)
    with hearing("store.away", "store.back") as heard:
        availability.away("lane 1", StoreUnavailable("gone"))
        availability.away("lane 2", StoreUnavailable("gone"))
        await trio.sleep(7)
        availability.back("lane 1")
        still = availability.available
        availability.back("lane 2")

    assert [False, True] == [still, availability.available]
    assert availability.since == trio.current_time()
    assert [False, True] == changes
    assert [
        ("store.away", {}, {"store": "memory", "error": "StoreUnavailable", "reason": "gone"}),
        ("store.back", {"outage": 7.0}, {"store": "memory"}),
    ] == heard


async def test_waiting_ends_when_it_is_back() -> None:
    """Whoever needs the store sleeps until it answers; a cancelled wait changes nothing."""
    availability = Availability(SystemClock())
    await availability.wait_available()
    availability.away("lane", StoreUnavailable("gone"))
    with trio.move_on_after(0):
        await availability.wait_available()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(availability.wait_available)
        await wait_all_tasks_blocked()
        availability.back("lane")
