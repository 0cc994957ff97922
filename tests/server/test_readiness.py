"""Readiness is told when it changes."""

import trio
from trio.testing import MockClock

from sessiond.server.readiness import watch_readiness
from tests.runtime.hearing import hearing


async def test_each_change_is_told_once(autojump_clock: MockClock) -> None:
    """At once, and whenever the reasons become others; nothing while they stay."""
    reasons = ["starting", "the store is away"]
    async with trio.open_nursery() as nursery:
        with hearing("node.ready", "node.not_ready") as heard:
            nursery.start_soon(watch_readiness, lambda: tuple(reasons), "n")
            await trio.sleep(5)
            reasons.pop()
            await trio.sleep(5)
            reasons.clear()
            await trio.sleep(5)
            nursery.cancel_scope.cancel()

    assert [(name, about.get("reason")) for name, _, about in heard] == [
        ("node.not_ready", "starting, the store is away"),
        ("node.not_ready", "starting"),
        ("node.ready", None),
    ]
