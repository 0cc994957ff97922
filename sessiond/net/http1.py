"""The HTTP/1.1 loop of one connection: request, handler, response, again; or the way out to websocket.

The first request decides. If it asks for an upgrade, the upgrade handler gets it, and nothing more is
read until it has answered: with a response, or with the connection object that takes over and writes
the 101. Everything else is HTTP until the end.

Bounds are checked before anything is parsed or kept: a head above its bound is 431, a body 413, a
slow one of either 408. Errors are ``{"code", "reason", "message"}`` and repeat nothing of the
request. What came in one piece and has nothing unusual is not given to h11 (whole.py).
"""

import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from enum import Enum, auto
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import h11
import trio
from attrs import field, frozen, validators

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.net.heads import Head, decode_head
from sessiond.net.messages import Handler, Headers, Request, Response
from sessiond.net.stream import AcceptedStream
from sessiond.net.transport import SansIO
from sessiond.net.whole import REASONS, read_whole, write_whole

__all__ = ["HttpLimits", "Switched", "UpgradeHandler", "error_response", "serve_http"]

_READ_BYTES: Final = 16 * 1024

#: How long a client may take to read the last answer before we close.
_GOODBYE_SECONDS: Final = 2.0


@frozen(kw_only=True)
class HttpLimits:
    """Bounds of requests: sizes in bytes, times in seconds."""

    head_bytes: int = field(default=16 * 1024, validator=validators.gt(0))
    """Request line and headers; more is answered 431. Fits a token of 8 KB."""
    body_bytes: int = field(default=1024 * 1024, validator=validators.gt(0))
    """More is answered 413, before it is read when the client says so first."""
    head_seconds: float = field(default=10.0, validator=validators.gt(0))
    """From the connection, or the end of the last answer's keep-alive, to the whole head."""
    body_seconds: float = field(default=20.0, validator=validators.gt(0))
    """From the head to the whole body."""
    keep_alive_seconds: float = field(default=60.0, validator=validators.gt(0))
    """How long a connection may be silent between two requests."""
    write_seconds: float = field(default=10.0, validator=validators.gt(0))
    """How long a client may take to read one answer."""


@frozen
class Switched:
    """The connection is websocket from now on: *link* takes over, *data* was read already."""

    link: SansIO
    data: bytes = field(default=b"", repr=False)


UpgradeHandler = Callable[[Request], Awaitable[Response | SansIO]]
"""What it returns, if no response, has to answer the upgrade itself as soon as it is connected."""


class _Purpose(Enum):
    """What is waited for."""

    HEAD = auto()
    BODY = auto()
    WRITE = auto()


class _Rejected(Exception):
    """Answer with *response* and close."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def error_response(status: int, code: str, message: str, *, headers: Headers = ()) -> Response:
    """Make the JSON answer that every error of an HTTP door has."""
    body = json.dumps({"code": code, "reason": code, "message": message}).encode()
    return Response(status, (("content-type", "application/json"), *headers), body)


_HEAD_TOO_LARGE: Final = error_response(
    431, ErrorCode.TOO_LARGE, "the head of the request is too large"
)


async def serve_http(
    stream: trio.abc.Stream,
    handler: Handler,
    *,
    upgrade: UpgradeHandler | None = None,
    limits: HttpLimits | None = None,
    larger: Mapping[str, int] = MappingProxyType({}),
    peer: str = "",
) -> Switched | None:
    """Serve one connection until it closes, or is switched.

    *larger* has the bounds of bodies that are sent to its paths, where they are above that of *limits*.

    On ``None`` the stream is closed. On ``Switched`` it is the caller's, and no byte is lost: what
    was read too much is in it. An exception of *handler* is answered 500.

    Raises:
      trio.BrokenResourceError: the client went away in the middle.

    """
    connection = _HttpConnection(
        stream, handler, upgrade, limits if limits is not None else HttpLimits(), larger, peer
    )
    switched = None
    try:
        switched = await connection.run()
    finally:
        if switched is None:
            await trio.aclose_forcefully(stream)
    return switched


class _HttpConnection:
    def __init__(
        self,
        stream: trio.abc.Stream,
        handler: Handler,
        upgrade: UpgradeHandler | None,
        limits: HttpLimits,
        larger: Mapping[str, int],
        peer: str,
    ) -> None:
        self._stream = stream
        self._handler = handler
        self._upgrade = upgrade
        self._limits = limits
        self._larger = larger
        self._peer = peer
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._is_first = True
        self._is_head = False
        self._patience = trio.CancelScope()
        self._purpose = _Purpose.HEAD
        self._is_eof = False

    async def run(self) -> Switched | None:
        try:
            switched = None
            with self._patience:
                switched = await self._converse()
            if switched is not None:
                return switched
            self._check_patience()
        except h11.RemoteProtocolError as error:
            await self._reject(_protocol_error(error))
        except _Rejected as rejected:
            await self._reject(rejected.response)
        await self._say_goodbye()
        return None

    async def _converse(self) -> Switched | None:
        silence_seconds = self._limits.head_seconds
        while True:
            whole = await self._read_whole(silence_seconds)
            if whole is not None:
                await self._answer_whole(*whole)
            else:
                head = await self._read_head(silence_seconds)
                if head is None:
                    return None
                if head.wants_upgrade:
                    return await self._switch(head)
                await self._answer(head)
                if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                    return None
                self._h11.start_next_cycle()
            self._is_first = self._is_head = False
            silence_seconds = self._limits.keep_alive_seconds

    # ------------------------------------------------------------ patience

    def _wait_until(self, deadline: float, purpose: _Purpose) -> None:
        """Bound what is awaited from here on: one scope whose deadline moves, for all of them."""
        self._patience.deadline = deadline
        self._purpose = purpose

    def _wait_for_ever(self) -> None:
        self._patience.deadline = math.inf

    def _check_patience(self) -> None:
        """Act on a deadline that passed: answer, if the client waits for something."""
        if not self._patience.cancelled_caught:
            return
        if self._purpose is _Purpose.WRITE:
            raise trio.BrokenResourceError("the client does not read the answer")
        if self._purpose is _Purpose.BODY:
            raise _Rejected(error_response(408, ErrorCode.TIMEOUT, "the body took too long"))
        if self._h11.trailing_data[0]:
            raise _Rejected(error_response(408, ErrorCode.TIMEOUT, "the request took too long"))

    # ------------------------------------------------------------ whole requests

    async def _read_whole(self, silence_seconds: float) -> tuple[Head, bytes] | None:
        """Read what comes next; ``None``: h11 has it, and goes on with it."""
        if self._h11.trailing_data[0]:
            return None
        self._wait_until(trio.current_time() + silence_seconds, _Purpose.HEAD)
        data = await self._receive()
        whole = read_whole(data)
        self._wait_for_ever()
        if whole is None or len(data) - len(whole[1]) > self._limits.head_bytes:
            self._h11.receive_data(data)
            return None
        return whole

    async def _answer_whole(self, head: Head, body: bytes) -> None:
        self._is_head = head.method == "HEAD"
        bound = self._body_bound(head)
        if len(body) > bound:
            raise _Rejected(_too_large(bound))
        response = await self._handle(head.request(body, self._peer))
        data = write_whole(response, date=_date(int(time.time())), is_head=self._is_head)
        if isinstance(self._stream, AcceptedStream):
            data = self._stream.send_now(data)
        if data:
            await self._write(data)

    # ------------------------------------------------------------ reading

    async def _read_head(self, silence_seconds: float) -> Head | None:
        """Read a request's head; ``None`` when the client has gone."""
        self._wait_until(trio.current_time() + silence_seconds, _Purpose.HEAD)
        has_begun = False
        while True:
            event = self._h11.next_event()
            if isinstance(event, h11.Request):
                self._wait_for_ever()
                head = decode_head(event)
                self._check_head(head)
                return head
            if event is not h11.NEED_DATA:
                return None
            if not has_begun and self._h11.trailing_data[0]:
                has_begun = True
                deadline = trio.current_time() + self._limits.head_seconds
                self._wait_until(deadline, _Purpose.HEAD)
            self._h11.receive_data(await self._receive())

    def _check_head(self, head: Head) -> None:
        self._is_head = head.method == "HEAD"
        # h11 bounds what is incomplete; a head that it got in one piece is bounded here.
        size = len(head.target) + sum(len(name) + len(value) for name, value in head.headers)
        if size > self._limits.head_bytes:
            raise _Rejected(_HEAD_TOO_LARGE)

    async def _receive(self) -> bytes:
        data = bytes(await self._stream.receive_some(_READ_BYTES))
        self._is_eof = not data
        return data

    def _body_bound(self, head: Head) -> int:
        larger = self._larger.get(head.target.partition("?")[0], 0) if self._larger else 0
        return max(self._limits.body_bytes, larger)

    async def _read_body(self, head: Head) -> bytes:
        length = head.joined("content-length")
        bound = self._body_bound(head)
        # The bound on digits keeps int() quick; h11 has checked that they are digits.
        if len(length) > 15 or int(length or "0") > bound:
            raise _Rejected(_too_large(bound))
        deadline = trio.current_time() + self._limits.body_seconds
        body = bytearray()
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                if self._h11.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self._wait_until(deadline, _Purpose.BODY)
                self._h11.receive_data(await self._receive())
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > bound:
                    raise _Rejected(_too_large(bound))
            elif isinstance(event, h11.EndOfMessage):
                self._wait_for_ever()
                return bytes(body)
            else:
                raise _Rejected(
                    error_response(400, ErrorCode.BAD_REQUEST, "the body ended too early")
                )

    # ------------------------------------------------------------ answering

    async def _answer(self, head: Head) -> None:
        request = head.request(await self._read_body(head), self._peer)
        await self._respond(await self._handle(request))

    async def _handle(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except Exception as error:  # noqa: BLE001 -- reported; the client gets an answer
            telemetry.emit("door.failed", metadata={"door": "http", "error": type(error).__name__})
            return error_response(500, ErrorCode.INTERNAL_ERROR, "our fault; it was logged")

    async def _respond(self, response: Response) -> None:
        headers = [
            *response.headers,
            ("content-length", str(len(response.body))),
            ("date", _date(int(time.time()))),
        ]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        body = b"" if self._is_head or response.status in {204, 304} else response.body
        await self._send(
            h11.Response(
                status_code=response.status,
                headers=encoded,
                reason=REASONS.get(response.status, b""),
            ),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )

    async def _send(self, *events: h11.Event) -> None:
        await self._write(b"".join([self._h11.send(event) or b"" for event in events]))

    async def _write(self, data: bytes) -> None:
        self._wait_until(trio.current_time() + self._limits.write_seconds, _Purpose.WRITE)
        await self._stream.send_all(data)

    async def _reject(self, response: Response) -> None:
        """Answer for the last time; the scope of everything before is over."""
        if self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = (*response.headers, ("connection", "close"))
            last = Response(response.status, headers, response.body)
            self._patience = trio.CancelScope()
            about = {"route": "unrouted", "status": response.status}
            telemetry.emit("http.answered", {"duration": 0.0}, about)
            with self._patience:
                # Not by h11: it has not seen what came in one piece.
                data = write_whole(last, date=_date(int(time.time())), is_head=self._is_head)
                await self._write(data)
            self._check_patience()

    async def _say_goodbye(self) -> None:
        """Close so that the last answer arrives: data that was never read would make it a reset."""
        if self._is_eof or not isinstance(self._stream, trio.abc.HalfCloseableStream):
            return
        with trio.move_on_after(_GOODBYE_SECONDS):
            await self._stream.send_eof()
            while await self._stream.receive_some(_READ_BYTES):
                pass

    # ------------------------------------------------------------ switching

    async def _switch(self, head: Head) -> Switched | None:
        if not self._is_first or self._upgrade is None:
            raise _Rejected(
                error_response(400, ErrorCode.BAD_REQUEST, "only the first request may upgrade")
            )
        if head.joined("content-length") not in {"", "0"} or head.joined("transfer-encoding"):
            raise _Rejected(
                error_response(400, ErrorCode.BAD_REQUEST, "an upgrade must not have a body")
            )
        request = head.request(b"", self._peer)
        try:
            answer = await self._upgrade(request)
        except Exception as error:  # noqa: BLE001 -- reported; the client gets an answer
            about = {"door": "upgrade", "error": type(error).__name__}
            telemetry.emit("door.failed", metadata=about)
            answer = error_response(500, ErrorCode.INTERNAL_ERROR, "our fault; it was logged")
        if isinstance(answer, Response):
            raise _Rejected(answer)
        return Switched(answer, self._h11.trailing_data[0])


def _too_large(bound: int) -> Response:
    return error_response(413, ErrorCode.TOO_LARGE, f"the body is larger than {bound} bytes")


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _protocol_error(error: h11.RemoteProtocolError) -> Response:
    # The hint's message may quote the request; ours never does.
    if error.error_status_hint == 431:
        return _HEAD_TOO_LARGE
    if error.error_status_hint == 501:
        message = "the only transfer coding here is chunked"
        return error_response(501, ErrorCode.BAD_REQUEST, message)
    return error_response(400, ErrorCode.BAD_REQUEST, "not a valid HTTP/1.1 request")
