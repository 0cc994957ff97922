"""The door on a real port, with a stand-in for the runtime behind it."""

import os
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from attrs import define, field
from trio_websocket import WebSocketConnection, connect_websocket_url

from sessiond.core.ids import UserId
from sessiond.core.wire.frames import ServerFrame
from sessiond.core.wire.json_v2 import decode_server, encode_json
from sessiond.edges.websocket import WebsocketDoor, WebsocketSettings
from sessiond.net.front import Front
from sessiond.net.http1 import HttpLimits
from sessiond.net.listen import open_tcp, serve
from sessiond.net.messages import Request, Response
from sessiond.net.poll import Poller
from sessiond.net.transport import TransportLimits
from tests.edges.websocket.actors import FakeActor, FakeDirectory, TrioClock, tokens_are_names

PATH = "/socket/websocket?vsn=2.0.0"


@define(eq=False)
class Stand:
    port: int
    directory: FakeDirectory
    door: WebsocketDoor
    nursery: trio.Nursery
    scheme: str = "ws"
    sockets: list[WebSocketConnection] = field(factory=list)

    def url(self, token: str = "alice", path: str = PATH) -> str:
        return f"{self.scheme}://localhost:{self.port}{path}&token={token}"

    def actor(self, name: str = "alice") -> FakeActor:
        return self.directory.locate(UserId(name))

    async def connect(self, token: str = "alice") -> "Client":
        socket = await connect_websocket_url(self.nursery, self.url(token))
        self.sockets.append(socket)
        return Client(socket, f"user:{token.partition('@')[0]}")

    async def joined(self, token: str = "alice", **payload: object) -> "Client":
        client = await self.connect(token)
        reply = await client.call("phx_join", payload)
        assert reply.payload["status"] == "ok"
        return client

    async def joined_over_tls(self, context: ssl.SSLContext) -> "Client":
        socket = await connect_websocket_url(self.nursery, self.url(), ssl_context=context)
        self.sockets.append(socket)
        client = Client(socket, "user:alice")
        await client.join()
        return client

    @asynccontextmanager
    async def raw(self, token: str = "alice") -> AsyncIterator[trio.SocketStream]:
        """A socket past the handshake, for bytes that no library would send."""
        async with await trio.open_tcp_stream("localhost", self.port) as stream:
            await stream.send_all(handshake(f"{PATH}&token={token}"))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += bytes(await stream.receive_some(1))
            assert head.startswith(b"HTTP/1.1 101 ")
            yield stream


@define(eq=False)
class Client:
    """A Phoenix client made of trio-websocket, which shares no code with the server."""

    socket: WebSocketConnection
    topic: str
    _ref: int = 0

    async def send(self, event: str, payload: object, **other: str | None) -> str:
        self._ref += 1
        frame = [
            other.get("join_ref", "1"),
            other.get("ref", str(self._ref)),
            other.get("topic", self.topic),
            event,
            payload,
        ]
        await self.socket.send_message(encode_json(frame).decode())
        return str(self._ref)

    async def receive(self) -> ServerFrame:
        return decode_server(await self.socket.get_message())

    async def call(self, event: str, payload: object, **other: str | None) -> ServerFrame:
        await self.send(event, payload, **other)
        return await self.receive()

    async def join(self, join_ref: str = "1", **payload: object) -> ServerFrame:
        return await self.call("phx_join", payload, join_ref=join_ref)


def handshake(target: str, *headers: str, method: str = "GET") -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(payload: bytes, *, opcode: int = 1, fin: bool = True, masked: bool = True) -> bytes:
    """Frame *payload* by hand as a client does, or as it must not."""
    head = bytes([opcode | (0x80 if fin else 0)])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


async def receive_close(stream: trio.abc.ReceiveStream) -> int:
    """Read unmasked server frames up to a close frame, and return its code."""
    buffer = b""
    while True:
        while len(buffer) >= 2:
            size, start = buffer[1], 2
            if size == 126:
                size, start = int.from_bytes(buffer[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(buffer[2:10], "big"), 10
            if len(buffer) < start + size:
                break
            if buffer[0] == 0x88:
                return int.from_bytes(buffer[start : start + 2], "big")
            buffer = buffer[start + size :]
        data = await stream.receive_some(65536)
        assert data, "closed without a close frame"
        buffer += bytes(data)


async def not_found(request: Request) -> Response:
    return Response(404, (), b"no")


@asynccontextmanager
async def open_stand(
    settings: WebsocketSettings | None = None,
    *,
    transport: TransportLimits | None = None,
    http: HttpLimits | None = None,
    tls: ssl.SSLContext | None = None,
    uses_poller: bool = True,
) -> AsyncIterator[Stand]:
    async with trio.open_nursery() as nursery:
        directory = FakeDirectory(nursery)
        door = WebsocketDoor(
            directory=directory,
            authenticate=tokens_are_names(),
            clock=TrioClock(),
            settings=settings,
        )
        await nursery.start(door.run)
        poller = Poller(transport) if uses_poller else None
        if poller is not None:
            await nursery.start(poller.run)
        front = Front(not_found, door.upgrade, poller=poller, http=http, transport=transport)
        listeners = open_tcp("127.0.0.1", 0)

        async def accept(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
            await serve(front, listeners, tls=tls, task_status=task_status)

        addresses = await nursery.start(accept)
        port = int(addresses[0].rpartition(":")[2])
        stand = Stand(port, directory, door, nursery, "ws" if tls is None else "wss")
        try:
            with trio.fail_after(20):
                yield stand
        finally:
            for socket in stand.sockets:
                await trio.aclose_forcefully(socket._stream)
            nursery.cancel_scope.cancel()
