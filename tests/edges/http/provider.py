"""A real HTTP server on loopback that plays a provider: it keeps what it is sent and answers as it is told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import h11
import trio
from attrs import define, field, frozen

__all__ = ["Asked", "Provider", "answer", "open_provider"]


@frozen
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Play = Callable[[trio.SocketStream], Awaitable[None]]


@define
class Provider:
    """What it was sent, and what it answers next: ``script`` first, then ``usual``."""

    port: int
    usual: bytes
    script: list[bytes | Play] = field(factory=list)
    asked: list[Asked] = field(factory=list)
    _heard: trio.Event = field(factory=trio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def wait_for(self, count: int) -> list[Asked]:
        """Wait until *count* requests came."""
        while len(self.asked) < count:
            self._heard = trio.Event()
            await self._heard.wait()
        return self.asked

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            connection = h11.Connection(h11.SERVER)
            request, body = None, b""
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.ConnectionClosed):
                    return
                else:
                    connection.receive_data(await stream.receive_some(65536))
            assert request is not None
            headers = {name.decode(): value.decode() for name, value in request.headers}
            self.asked.append(
                Asked(request.method.decode(), request.target.decode(), headers, body)
            )
            answer = self.script.pop(0) if self.script else self.usual
            self._heard.set()
            with suppress(trio.BrokenResourceError):  # the caller has heard enough
                if isinstance(answer, bytes):
                    await stream.send_all(answer)
                else:
                    await answer(stream)


def answer(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    """Write an answer after which the connection is closed."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join((*lines, "", "")).encode() + body


@asynccontextmanager
async def open_provider(usual: bytes) -> AsyncIterator[Provider]:
    """Run a provider until the block ends."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        provider = Provider(listener.socket.getsockname()[1], usual)
        nursery.start_soon(partial(trio.serve_listeners, provider.serve, [listener]))
        yield provider
        nursery.cancel_scope.cancel()
