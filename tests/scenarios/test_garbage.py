"""What has ended is freed by its last reference: a server seldom lets the garbage collector look for cycles."""

import gc
from collections import Counter
from pathlib import Path

import trio

from sessiond import App
from sessiond.core.session.limits import SessionLimits
from sessiond.edges.websocket.channel import UserChannel
from sessiond.edges.websocket.connection import WebsocketConnection
from sessiond.net.poll_transport import PollTransport
from sessiond.runtime.actor import SessionActor
from sessiond.runtime.cell import Cell
from sessiond.runtime.gate import Gate
from tests.scenarios.live import Live, open_live

PER_SESSION = (Cell, Gate, PollTransport, SessionActor, UserChannel, WebsocketConnection)


def alive() -> Counter[str]:
    """Count the objects of sessions and connections that nobody has freed."""
    return Counter(type(one).__name__ for one in gc.get_objects() if type(one) in PER_SESSION)


async def come_and_go(live: Live, *, politely: bool) -> None:
    """Join as five users, be counted, and leave; returns when nobody is in memory."""
    clients = [await live.joined(f"{politely}-{number}") for number in range(5)]
    assert set(alive()) == {one.__name__ for one in PER_SESSION}
    for client in clients:
        if politely:
            await client.socket.aclose()
        else:
            await trio.aclose_forcefully(client.socket._stream)
    while (await live.admin("sessions.list"))["rows"]:  # noqa: ASYNC110 -- of a server, from outside
        await trio.sleep(0.05)


async def test_nothing_of_a_session_waits_for_the_collector(tmp_path: Path) -> None:
    """Sockets closed and sockets dropped, sessions put away: none of their objects is left, and none is in a cycle."""
    async with open_live(App(), tmp_path, session=SessionLimits(window_seconds=0.05)) as live:
        gc.collect()
        gc.disable()
        try:
            await come_and_go(live, politely=True)
            await come_and_go(live, politely=False)
            # The poller's loop still names the connection that it handled last.
            assert max(alive().values(), default=0) <= 1, alive()
        finally:
            gc.enable()
