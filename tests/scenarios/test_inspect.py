"""What an operator sees of a session on the whole server."""

from pathlib import Path
from typing import Any

from tests.edges.websocket.stand import frame
from tests.scenarios.crash_app import app
from tests.scenarios.live import open_live


async def test_a_client_that_does_not_read_is_seen(short_tmp_path: Path) -> None:
    """Inspecting a session tells how much waits for each of its connections."""
    async with open_live(app, short_tmp_path) as live, live.raw("ada") as stream:
        await stream.send_all(frame(b'["1","1","user:ada","phx_join",{"device":"phone"}]'))
        while await live.phase("ada") != "attached":
            pass
        big = {"user": "ada", "event": "news", "payload": {"x": "y" * 50_000}, "durable": False}
        connection: dict[str, Any] = {}
        while not connection.get("buffered_bytes"):
            for _ in range(5):
                await live.admin("sessions.send", **big)
            (connection,) = (await live.admin("sessions.inspect", user="ada"))["connections"]

    assert connection["device"] == "phone"
    assert connection["peer"] == ""
