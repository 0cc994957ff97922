"""One websocket from handshake to close: the only module that imports trio-websocket.

It says how a connection ended as a value (``Ended``, ``Refused``), so that the decision to come back is pure.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio
import trio_websocket

from sessiond_client.backoff import Ended, Refused, parse_retry_after
from sessiond_client.frames import BadFrame, Frame, decode, encode

__all__ = ["Connection", "connected"]

#: A handshake that takes longer is a dead or overloaded server.
CONNECT_SECONDS: Final = 10.0

#: A close that is not answered.
CLOSE_SECONDS: Final = 2.0

ABNORMAL: Final = 1006


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
        except (trio_websocket.ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
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
        """Say goodbye with 1000; does nothing when the connection is gone."""
        with trio.move_on_after(CLOSE_SECONDS):
            await self._websocket.aclose()


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncGenerator[Connection | Refused | Ended, None]:
    """Connect to *url*; yield the connection, or why there is none. Leaving closes it within two seconds."""
    async with trio.open_nursery() as nursery:
        connection = await _connect(nursery, url, token)
        try:
            yield connection
        finally:
            if isinstance(connection, Connection):
                with trio.CancelScope(shield=True):
                    await connection.close()
            nursery.cancel_scope.cancel()


async def _connect(nursery: trio.Nursery, url: str, token: str) -> Connection | Refused | Ended:
    headers = [(b"Authorization", b"Bearer " + token.encode())]
    try:
        with trio.fail_after(CONNECT_SECONDS):
            websocket = await trio_websocket.connect_websocket_url(
                nursery, url, extra_headers=headers
            )
    except trio_websocket.ConnectionRejected as refused:
        advice = [text for name, text in refused.headers or () if name.lower() == b"retry-after"]
        wait = parse_retry_after(advice[0].decode("latin-1"), time.time()) if advice else 0.0
        return Refused(refused.status_code, wait)
    except (trio_websocket.HandshakeError, trio_websocket.ConnectionClosed) as error:
        return Ended(ABNORMAL, type(error).__name__)
    except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
        return Ended(ABNORMAL, type(error).__name__)
    return Connection(websocket)
