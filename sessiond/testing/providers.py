"""A provider to test with: a real HTTP server on this machine that answers as it was told, well or badly.

::

    async with open_provider() as provider, aclosing(Outbound()) as call:     # sessiond.edges.http.outbound
        async with open_world(app, accounts=[account], call=call) as world:   # the account's api_url: provider.url
            provider.script(answer(500), half(), reset(), answer(429, headers={"retry-after": "3"}))
            ...
            calls = await provider.wait_calls(5)       # those four, and one that was answered well
            assert calls[4].json["text"] == {"body": "Hello"}

What is scripted is used up one by one, in the order in which calls come; after that, and unless told otherwise, each
call is answered with 200 and a new id, in a body that WhatsApp, Telegram and Twilio might have sent.

Sockets need real time: a ``MockClock`` may run fast (``rate``), but must not jump by itself.
"""

import json
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Final

import h11
import trio
from attrs import frozen

__all__ = [
    "Exchange",
    "Provider",
    "ProviderCalled",
    "Response",
    "answer",
    "garbage",
    "half",
    "open_provider",
    "reset",
    "slow",
    "trickle",
]

_READ: Final = 64 * 1024


@frozen
class ProviderCalled:
    """A call that came: names of headers in lower case, *at* on Trio's clock."""

    method: str
    target: str
    """Path and query, as they came."""
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Exchange:
    """One call and the connection it came on; what a scripted answer works with."""

    def __init__(self, call: ProviderCalled, stream: trio.abc.Stream, http: h11.Connection) -> None:
        self.call = call
        self.stream = stream
        self._http = http

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a whole answer; the connection stays open for the next call."""
        fields = [*headers.items(), ("content-length", str(len(body)))]
        head = h11.Response(status_code=status, headers=fields)
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            await self.stream.send_all(self._http.send(event) or b"")

    async def raw(self, sent: bytes) -> None:
        """Send *sent* and close the connection."""
        await self.stream.send_all(sent)
        await self.stream.aclose()


Response = Callable[[Exchange], Awaitable[None]]
"""What is done about a call."""


def answer(
    status: int = 200, body: object = b"", *, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with *status*; a *body* that is no bytes is sent as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def respond(exchange: Exchange) -> None:
        await exchange.answer(status, sent, {"content-type": "application/json", **(headers or {})})

    return respond


def half(sent: bytes = b'{"messages":[{"id":"wam') -> Response:
    """Answer 200 and begin the body; the rest never comes, and the connection is closed."""

    async def respond(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        await exchange.raw(head % (2 * len(sent)) + sent)

    return respond


def garbage(sent: bytes = b"\x16\x03\x01 this is no HTTP\r\n\r\n") -> Response:
    """Answer with bytes that are no HTTP."""

    async def respond(exchange: Exchange) -> None:
        await exchange.raw(sent)

    return respond


def reset() -> Response:
    """Break the connection off without an answer."""

    async def respond(exchange: Exchange) -> None:
        if isinstance(exchange.stream, trio.SocketStream):  # not an ordinary end, but RST
            exchange.stream.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(exchange.stream)

    return respond


def slow(until: trio.Event, then: Response | None = None) -> Response:
    """Answer nothing before *until* is set; *then* as if nothing had been, or as told."""

    async def respond(exchange: Exchange) -> None:
        await until.wait()
        await (then or answer())(exchange)

    return respond


def trickle(sent: bytes, seconds: float) -> Response:
    """Answer 200, and send the body byte by byte, so many *seconds* apart."""

    async def respond(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        await exchange.stream.send_all(head % len(sent))
        for byte in sent:
            await trio.sleep(seconds)
            await exchange.stream.send_all(bytes([byte]))
        await exchange.raw(b"")

    return respond


class Provider:
    """A provider that runs; made by ``open_provider``. *calls* are those that came, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        """Scheme, host and port."""
        self.port = int(url.rpartition(":")[2])
        self.calls: list[ProviderCalled] = []
        self.otherwise: Response = self._accept
        """What is done about calls for which nothing is scripted."""
        self._script: deque[Response] = deque()
        self._came = trio.Event()

    def script(self, *responses: Response) -> None:
        """Say what is done about the next calls."""
        self._script += responses

    async def wait_calls(self, count: int) -> list[ProviderCalled]:
        """Wait until *count* calls have come in all, and return those that have."""
        while len(self.calls) < count:
            await self._came.wait()
        return list(self.calls)

    async def _accept(self, exchange: Exchange) -> None:
        """Answer as providers do that have taken a message."""
        number = len(self.calls)
        name = f"id-{number}"
        result = {"message_id": number}
        body = {"messages": [{"id": name}], "ok": True, "result": result, "sid": name}
        await answer(200, body)(exchange)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection."""
        http = h11.Connection(h11.SERVER)
        try:
            while call := await _read(http, stream):
                self.calls.append(call)
                self._came.set()
                self._came = trio.Event()
                respond = self._script.popleft() if self._script else self.otherwise
                await respond(Exchange(call, stream, http))
                if http.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                    break
                http.start_next_cycle()
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass  # who called has gone
        finally:
            await trio.aclose_forcefully(stream)


async def _read(http: h11.Connection, stream: trio.abc.Stream) -> ProviderCalled | None:
    """Read one call; ``None``: the connection was closed instead."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(_READ)))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
            method, target = head.method.decode(), head.target.decode()
            return ProviderCalled(method, target, headers, bytes(body), trio.current_time())
        else:
            return None


@asynccontextmanager
async def open_provider(
    *, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Provider]:
    """Run a provider on 127.0.0.1 until the block ends; with *tls* (of a server), over TLS.

    *port* is any that is free, unless given: one that was down and is there again.
    """
    (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
    _, port = listener.socket.getsockname()
    provider = Provider(f"http{'s' if tls else ''}://127.0.0.1:{port}")

    async def serve(stream: trio.SocketStream) -> None:
        if tls is None:
            await provider.serve(stream)
        else:
            await provider.serve(
                trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
            )

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, serve, [listener])
            yield provider
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # a failed assertion of the test, as itself
            raise group.exceptions[0] from None
        raise
