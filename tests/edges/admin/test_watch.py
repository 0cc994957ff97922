"""Watching events as they happen."""

import pytest
import trio

from sessiond import telemetry
from sessiond.core.errors import InvalidInput
from sessiond.edges.admin.client import MAX_WATCHES
from sessiond.edges.admin.watch import QUIET_EVENTS, Watch, WatchFilter
from tests.edges.admin.conftest import Door


def emit(user: str, name: str = "session.created") -> None:
    telemetry.emit(name, {}, {"user": user})


async def emit_in_a_thread() -> None:
    await trio.to_thread.run_sync(lambda: emit("ann"))


async def test_events_come_as_notifications(door: Door) -> None:
    """Each says which watch, when, what, and about whom."""
    async with door.connect() as lines:
        number = (await lines.result("watch"))["watch"]
        await lines.ask("version")
        emit("ann")
        event = await lines.read()

    assert event["method"] == "watch.event"
    assert "id" not in event
    at = event["params"].pop("at")
    assert at > 1.7e9
    assert event["params"] == {
        "watch": number,
        "event": "session.created",
        "measurements": {},
        "metadata": {"user": "ann"},
    }


async def test_filters(door: Door) -> None:
    """Both prefixes must fit."""
    async with door.connect() as lines:
        await lines.result("watch", user="a", event="session.c")
        await lines.ask("version")
        emit("bob")
        emit("ann", "session.window_expired")
        emit("ann")
        event = await lines.read()

    assert (event["params"]["event"], event["params"]["metadata"]["user"]) == (
        "session.created",
        "ann",
    )


async def test_cancelling_ends_it_and_calls_go_on_meanwhile(door: Door) -> None:
    """A watch shares its connection with other calls."""
    async with door.connect() as lines:
        number = (await lines.result("watch"))["watch"]
        emit("ann")
        assert (await lines.read())["method"] == "watch.event"
        assert await lines.result("watch.cancel", watch=number) == {}
        again = await lines.error("watch.cancel", watch=number)
        emit("ann")
        assert "result" in await lines.ask("version")

    assert again["data"]["name"] == "unknown_target"


async def test_closing_detaches(door: Door) -> None:
    """Nobody listens any more when the watcher is gone."""
    before = telemetry.emitter("session.created").listeners
    async with door.connect() as lines:
        await lines.result("watch", event="session.created")
        await lines.ask("version")
        assert len(telemetry.emitter("session.created").listeners) == len(before) + 1
        await lines.stream.send_eof()
        assert await lines.read() is None

    await trio.testing.wait_all_tasks_blocked()
    assert telemetry.emitter("session.created").listeners == before


async def test_what_does_not_fit_is_dropped_and_reported() -> None:
    """A burst beyond the queue costs the emitter nothing; the watcher is told how many are missing."""
    watch = Watch(1, WatchFilter(), 5, now=lambda: 1.0)
    detach = watch.attach()
    for _ in range(8):
        emit("ann")
    taken = await watch.take()
    emit("bob")
    after = await watch.take()
    detach()

    assert [one["method"] for one in taken] == ["watch.event"] * 5 + ["watch.dropped"]
    assert taken[-1]["params"] == {"watch": 1, "count": 3}
    assert len(after) == 1


async def test_events_of_other_threads_wake_the_watcher() -> None:
    """Stores emit from their worker threads."""
    watch = Watch(1, WatchFilter(), 5)
    detach = watch.attach()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(emit_in_a_thread)
            (taken,) = await watch.take()
    detach()

    assert taken["method"] == "watch.event"


async def test_watches_are_bounded(door: Door) -> None:
    """A connection cannot listen without end."""
    async with door.connect() as lines:
        for _ in range(MAX_WATCHES):
            await lines.result("watch")
        error = await lines.error("watch")

    assert error["data"]["name"] == "too_many"


def test_frequent_events_are_watched_by_name_only() -> None:
    """Without a filter the busiest are left out; all named ones exist."""
    assert set(telemetry.EVENTS) >= QUIET_EVENTS
    assert WatchFilter().names().isdisjoint(QUIET_EVENTS)
    assert WatchFilter(event="turn.st").names() == {"turn.stop"}


def test_a_filter_that_nothing_can_pass_is_refused() -> None:
    """A typo is not a silent watch."""
    with pytest.raises(InvalidInput, match="no event"):
        WatchFilter(event="sesion.").names()
