"""A served stand-in node, and a client that speaks raw lines, as ``nc -U`` does."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.admin.socket import serve_admin
from tests.edges.admin.standin import StandInNode


class Lines:
    """One connection: send lines, read lines."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, line: bytes) -> None:
        await self.stream.send_all(line + b"\n")

    async def read(self) -> Any:
        """Give the next line's document; ``None`` at the end."""
        while b"\n" not in self._buffer:
            chunk = await self.stream.receive_some()
            if not chunk:
                assert not self._buffer
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    async def ask(self, method: str, **params: object) -> Any:
        """Call *method* and give its answer's line."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        await self.send(json.dumps(request).encode())
        return await self.read()

    async def result(self, method: str, **params: object) -> Any:
        return (await self.ask(method, **params))["result"]

    async def error(self, method: str, **params: object) -> Any:
        return (await self.ask(method, **params))["error"]


class Door:
    """The door under test."""

    def __init__(self, node: StandInNode, settings: AdminSettings) -> None:
        self.node = node
        self.settings = settings

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Lines]:
        stream = await trio.open_unix_socket(str(self.settings.socket))
        async with stream:
            with trio.fail_after(10):
                yield Lines(stream)


@pytest.fixture
def admin_settings(short_tmp_path: Path) -> AdminSettings:
    return AdminSettings(
        socket=short_tmp_path / "a.sock", max_clients=4, watch_queue=5, request_seconds=5
    )


@pytest.fixture
async def door(admin_settings: AdminSettings, nursery: trio.Nursery) -> Door:
    node = StandInNode()
    await nursery.start(serve_admin, node, admin_settings)
    return Door(node, admin_settings)
