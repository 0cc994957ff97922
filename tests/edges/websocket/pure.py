"""A connection in memory: scripted bytes in, frames out, no socket and no task."""

from collections.abc import Callable

from attrs import define, field

from sessiond.core.ids import UserId
from sessiond.core.wire.frames import ServerFrame
from sessiond.core.wire.json_v2 import decode_server, encode_json
from sessiond.edges.websocket.connection import WebsocketConnection
from sessiond.edges.websocket.upgrade import PATH, WebsocketDoor, WebsocketSettings
from sessiond.net.messages import Request
from tests.edges.websocket.actors import FakeActor, FakeDirectory, TrioClock, tokens_are_names
from tests.edges.websocket.stand import frame


@define(eq=False)
class FakeTransport:
    """Keeps what was written, one entry per write."""

    written: list[bytes] = field(factory=list)
    is_paused: bool = False
    is_closed: bool = False

    @property
    def is_reading(self) -> bool:
        return not (self.is_paused or self.is_closed)

    @property
    def unsent_bytes(self) -> int:
        return sum(map(len, self.written))

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def discard_unsent(self) -> None:
        self.written.clear()

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


@define(eq=False)
class Pure:
    """One connection of *user*, past its handshake; its actor takes inputs only when told to."""

    connection: WebsocketConnection
    transport: FakeTransport
    actor: FakeActor
    door: WebsocketDoor

    def send(self, *parts: object) -> None:
        self.connection.data_received(frame(encode_json(list(parts))))

    def work(self) -> None:
        """Let the actor empty its mailbox."""
        while self.actor.mailbox:
            item, reply_to = self.actor.mailbox.popleft()
            self.actor.told.append(item)
            self.actor.take(item, reply_to)

    def join(self, join_ref: str = "1") -> None:
        self.send(join_ref, "1", "user:alice", "phx_join", {})
        self.work()
        self.frames()

    def frames(self) -> list[ServerFrame]:
        """Take the texts written since the last call."""
        written, self.transport.written = self.transport.written, []
        return [decode_server(text) for text in map(_text_of, written) if text is not None]

    def close_code(self) -> int | None:
        """The code of the close frame, if one was written since the last look."""
        for data in self.transport.written:
            if data[0] == 0x88:
                return int.from_bytes(data[2:4], "big")
        return None


def _text_of(data: bytes) -> bytes | None:
    if data[0] != 0x81:
        return None
    start = {126: 4, 127: 10}.get(data[1], 2)
    return data[start:]


async def open_pure(
    settings: WebsocketSettings | None = None,
    *,
    token: str = "alice",
    directory: FakeDirectory | None = None,
    door: Callable[..., WebsocketDoor] = WebsocketDoor,
) -> Pure:
    directory = directory if directory is not None else FakeDirectory()
    opened = door(
        directory=directory,
        authenticate=tokens_are_names(),
        clock=TrioClock(),
        settings=settings,
    )
    query = f"vsn=2.0.0&token={token}"
    headers = (
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    )
    request = Request(
        method="GET", target=f"{PATH}?{query}", path=PATH, query=query, headers=headers
    )
    connection = await opened.upgrade(request)
    assert isinstance(connection, WebsocketConnection)
    transport = FakeTransport()
    connection.connected(transport)
    assert transport.written.pop().startswith(b"HTTP/1.1 101 ")
    user = UserId(token.partition("@")[0])
    return Pure(connection, transport, directory.locate(user), opened)
