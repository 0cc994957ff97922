"""A client that never gives up: what it was promised is written down here, for the test to compare.

Made of trio-websocket and plain JSON, so that it shares nothing with the server.
"""

import json
import random
import time
from contextlib import suppress
from typing import Any

import trio
from attrs import define, field
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from sessiond.core.ids import UserId
from sessiond.edges.auth import issue_token, signing_key
from tests.scenarios.crash_server import AUTH

__all__ = ["StubbornClient"]

_AWAY = (ConnectionClosed, HandshakeError, OSError, trio.BrokenResourceError, trio.TooSlowError)


@define
class StubbornClient:
    """One user's client: numbers are sent until they are acknowledged, and the stream is resumed each time."""

    user: str
    port: int
    nursery: trio.Nursery
    random: random.Random
    device: str = field(default="phone", kw_only=True)
    acknowledged: list[int] = field(factory=list)
    received: list[tuple[str, int, str, int]] = field(factory=list)
    """``(epoch, offset, event, n)`` of every durable push, as it came."""
    joins: list[dict[str, Any]] = field(factory=list)
    offset: int = 0
    epoch: str = ""
    _refs: int = 0
    _socket: WebSocketConnection | None = None
    _stream: trio.SocketStream | None = None

    async def run(self, numbers: range) -> None:
        """Have every number acknowledged, whatever happens to the server."""
        await self.push_until_acknowledged("add", numbers)

    async def push_until_acknowledged(self, event: str, numbers: range) -> None:
        """The same with an event of one's own."""
        for n in numbers:
            while n not in self.acknowledged:
                with suppress(*_AWAY):
                    await self.push(event, {"n": n, "_id": f"{self.user}-{n}"})
                    self.acknowledged.append(n)
                    break
                await trio.sleep(0.02)
            await trio.sleep(self.random.random() * 0.02)

    async def push(self, event: str, payload: dict[str, Any]) -> Any:
        """Send one push and wait for its reply; raises when the connection is lost first."""
        with trio.fail_after(5):
            if self._socket is None:
                await self._connect()
            return await self._call(event, payload)

    async def _connect(self) -> None:
        token = issue_token(
            signing_key(AUTH), UserId(self.user), now=time.time(), lifetime_seconds=600
        )
        path = f"/socket/websocket?vsn=2.0.0&token={token}"
        payload: dict[str, Any] = {"device": self.device}
        if self.epoch:
            payload["resume"] = {"epoch": self.epoch, "offset": self.offset}
        try:
            self._stream = await trio.open_tcp_stream("127.0.0.1", self.port)
            self._socket = await wrap_client_stream(self.nursery, self._stream, "localhost", path)
            welcome = await self._call("phx_join", payload)
        except BaseException:
            await self.close()
            raise
        self.joins.append(welcome)
        self.epoch = welcome["epoch"]
        if not welcome["recovered"]:
            self.offset = welcome["offset"]

    async def _call(self, event: str, payload: dict[str, Any]) -> Any:
        self._refs += 1
        ref = str(self._refs)
        assert self._socket is not None
        try:
            await self._socket.send_message(
                json.dumps(["1", ref, f"user:{self.user}", event, payload])
            )
            while True:
                frame = json.loads(await self._socket.get_message())
                if frame[3] == "phx_reply" and frame[1] == ref:
                    if frame[4]["status"] != "ok":
                        raise trio.BrokenResourceError(str(frame[4]))
                    return frame[4]["response"]
                self._take(frame[3], frame[4])
        except BaseException:
            await self.close()
            raise

    async def take_one(self) -> None:
        """Wait for one message and take it; connects when there is no connection."""
        if self._socket is None:
            await self._connect()
        assert self._socket is not None
        frame = json.loads(await self._socket.get_message())
        self._take(frame[3], frame[4])

    async def listen(self) -> None:
        """Read pushes until the connection closes, which raises ``ConnectionClosed``."""
        assert self._socket is not None
        while True:
            frame = json.loads(await self._socket.get_message())
            self._take(frame[3], frame[4])

    async def close(self) -> None:
        """Drop the connection as a phone in a tunnel does: without a word."""
        self._socket = None
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)

    def _take(self, event: str, payload: dict[str, Any]) -> None:
        if "_offset" in payload:
            self.received.append((self.epoch, payload["_offset"], event, payload["n"]))
            self.offset = payload["_offset"]
