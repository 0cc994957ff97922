"""One websocket from handshake to close: the only module that imports trio-websocket.

It says how a connection ended as a value (``Ended``, ``Refused``), so that the decision to come back is pure.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import trio
import trio_websocket

from sessiond_client.backoff import Ended, Refused, parse_retry_after
from sessiond_client.frames import BadFrame, Frame, decode, encode

__all__ = ["Connection", "connected"]

#: A handshake that takes longer is a dead or overloaded server.
CONNECT_SECONDS: Final = 10.0

#: A close that is not answered.
CLOSE_SECONDS: Final = 2.0

#: For writing a close frame when nobody waits for its answer.
FRAME_SECONDS: Final = 0.25

ABNORMAL: Final = 1006

_Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class Connection:
    """An open websocket that speaks frames."""

    def __init__(self, websocket: trio_websocket.WebSocketConnection) -> None:
        self._websocket = websocket
        self._sending = trio.Lock()  # one frame after the other, in the order the senders came

    async def send(self, frame: Frame) -> bool:
        """Send *frame*; ``False`` when the connection is gone (its reader learns why)."""
        try:
            async with self._sending:
                await self._websocket.send_message(encode(frame))
        except (
            trio_websocket.ConnectionClosed,
            trio.BrokenResourceError,
            trio.ClosedResourceError,
        ):
            return False
        return True

    async def read(self, handle: Callable[[Frame], Awaitable[None]]) -> Ended:
        """Give every frame to *handle* until the connection ends; return how it ended."""
        while True:
            try:
                message = await self._websocket.get_message()
            except trio_websocket.ConnectionClosed as closed:
                why = closed.reason
                return Ended(why.code, why.reason or "") if why else Ended(ABNORMAL)
            try:
                frame = decode(message) if isinstance(message, str) else None
            except BadFrame as bad:
                return Ended(ABNORMAL, str(bad))
            if frame is not None:
                await handle(frame)

    async def close(self) -> None:
        """Say goodbye with 1000 and wait for the answer, two seconds at most; nothing when it is gone."""
        with trio.move_on_after(CLOSE_SECONDS):
            await self._websocket.aclose()


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncGenerator[Connection | Refused | Ended, None]:
    """Connect to *url*; yield the connection, or why there is none.

    Leaving closes it: with the close handshake, or, when cancelled, with no more than a close frame.
    """
    failure: Refused | Ended = Ended(ABNORMAL)
    stream: _Stream | None = None
    opened = False
    try:
        async with trio.open_nursery() as nursery:
            with trio.fail_after(CONNECT_SECONDS):
                stream = await _open_stream(url)
                connection = await _upgrade(nursery, stream, url, token)
            opened = True
            try:
                yield connection
            except BaseException:
                # A cancellation has ended the library's reader too, which would see the peer's answer.
                with trio.move_on_after(FRAME_SECONDS, shield=True):
                    await connection.close()
                raise
            await connection.close()
            nursery.cancel_scope.cancel()
    except* trio_websocket.HandshakeError as refusals:
        # The library's reader raises it in the nursery.
        failure = _refusal(refusals.exceptions[0])
    except* (OSError, trio.TooSlowError, trio.BrokenResourceError) as errors:
        if opened:
            raise
        failure = Ended(ABNORMAL, type(errors.exceptions[0]).__name__)
    finally:
        # The library leaves the socket open when the server closed first.
        if stream is not None:
            await trio.aclose_forcefully(stream)
    if not opened:
        yield failure


async def _open_stream(url: str) -> _Stream:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "wss":
        return await trio.open_ssl_over_tcp_stream(host, parts.port or 443, https_compatible=True)
    return await trio.open_tcp_stream(host, parts.port or 80)


async def _upgrade(nursery: trio.Nursery, stream: _Stream, url: str, token: str) -> Connection:
    parts = urlsplit(url)
    headers = [(b"Authorization", b"Bearer " + token.encode())]
    resource = f"{parts.path}?{parts.query}"
    return Connection(
        await trio_websocket.wrap_client_stream(
            nursery, stream, parts.netloc, resource, extra_headers=headers
        )
    )


def _refusal(error: BaseException) -> Refused | Ended:
    if not isinstance(error, trio_websocket.ConnectionRejected):
        return Ended(ABNORMAL, type(error).__name__)
    advice = [text for name, text in error.headers or () if name.lower() == b"retry-after"]
    wait = parse_retry_after(advice[0].decode("latin-1"), time.time()) if advice else 0.0
    return Refused(error.status_code, wait)
