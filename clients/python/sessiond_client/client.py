"""The client: joins, comes back after every break, and resumes where it was.

One task owns the connection and reconnects; the application pushes and iterates. A push that lost its
connection is sent again with the same ``_id`` after the next join, so it is applied once. A durable push of the
server is yielded once, and acknowledged when the application asks for the next one.

The application must keep iterating: when UNREAD events wait, the socket is not read any more, and replies wait too.
"""

import math
import random
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Self

import trio
from attrs import frozen

from sessiond_client.backoff import Backoff, Ended, Refused, Stop, decide
from sessiond_client.connection import ABNORMAL, Connection, connected
from sessiond_client.cursor import Cursor, Position
from sessiond_client.errors import JoinRefused, PushTimeout, Stopped
from sessiond_client.events import Event, NotRecovered, Push
from sessiond_client.frames import Frame, socket_url
from sessiond_client.pending import PendingPush, PendingPushes

__all__ = ["Client", "ClientSettings", "TokenSource", "open_client"]

TokenSource = str | Callable[[], Awaitable[str]]
"""A token, or what fetches a fresh one: asked before every connection and before the token expires."""

#: Join errors that another attempt cannot change.
FINAL_CODES: Final = frozenset({"unauthorized", "token_expired", "forbidden", "unknown_user", "ended"})

#: Close codes and statuses that a fresh token can cure.
TOKEN_CODES: Final = frozenset({401, 4001, 4002})


@frozen
class ClientSettings:
    """Times in seconds; the defaults suit the defaults of the server."""

    heartbeat: float = 30.0
    """Between heartbeats; the server closes after 60 seconds of silence."""
    join_timeout: float = 10.0
    """For the answer to a join; the server answers within 8 seconds."""
    push_timeout: float = 30.0
    """For the answer to a push, reconnects included."""
    unread: int = 256
    """Events that may wait for the application before the socket is not read any more."""
    backoff: Backoff = Backoff()


class Client:
    """A user's session as seen by one device. Get one from ``open_client``."""

    def __init__(
        self,
        url: str,
        token: TokenSource,
        user: str,
        *,
        device: str,
        resume: Position | None,
        settings: ClientSettings,
    ) -> None:
        self._url = socket_url(url)
        self._token = token
        self._topic = f"user:{user}"
        self._device = device
        self._settings = settings
        self._cursor = Cursor(resume)
        self._pending = PendingPushes()
        self._events_in, self._events_out = trio.open_memory_channel[Event](settings.unread)
        self._joined = trio.Event()
        self._over: Stopped | None = None
        self._connection: Connection | None = None
        self._join_ref = ""
        self._unfinished: Position | None = None
        self._ack_wake = trio.Event()
        self._blocked = False
        self._heartbeat_ref: str | None = None
        self.session: Mapping[str, object] = {}
        """The server's answer to the last join: ``session_id``, ``window_seconds``, ``unread``, …"""

    @property
    def is_connected(self) -> bool:
        """Whether the session is joined at the moment."""
        return self._connection is not None

    @property
    def position(self) -> Position | None:
        """The last durable push that was processed: store it, and pass it as *resume* after a restart."""
        return self._cursor.processed

    async def wait_joined(self) -> None:
        """Return once the session was joined for the first time.

        Raises:
          JoinRefused, Stopped: it never will be.

        """
        await self._joined.wait()
        if self._over is not None and not self.session:
            raise self._over

    async def push(
        self,
        event: str,
        payload: Mapping[str, object] | None = None,
        *,
        push_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- it covers waiting for a connection too
    ) -> Mapping[str, object]:
        """Push *event* and return the handler's reply; waits for a connection when there is none.

        *push_id* (default: 128 random bits) names the push: with the same one it is applied once. Cancelling
        stops waiting; the push may have been applied.

        Raises:
          PushFailed: the server answered with an error.
          PushTimeout: no answer within *timeout* seconds.
          Stopped: the connection will not come back.

        """
        if self._over is not None:
            raise self._over
        push = PendingPush(event, payload or {}, push_id or secrets.token_hex(16))
        self._pending.add(push)
        limit = self._settings.push_timeout if timeout is None else timeout
        try:
            with trio.move_on_after(limit):
                if self._connection is not None:
                    await self._send_push(self._connection, push)
                await push.done.wait()
        finally:
            self._pending.forget(push)
        if push.error is not None:
            raise push.error
        if not push.done.is_set():
            raise PushTimeout(push.push_id)
        return push.response

    async def refresh_token(self, token: str) -> None:
        """Show the server a newer token on the open connection.

        Raises:
          PushFailed: the server does not accept it.
          PushTimeout, Stopped: as for a push.

        """
        await self.push("token:refresh", {"token": token})

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; asking for it says that the one before is processed.

        Raises:
          Stopped: the server told the client not to come back, and everything it sent was read.

        """
        self._finish()
        try:
            event = await self._events_out.receive()
        except trio.EndOfChannel:
            if self._over is not None:
                raise self._over from None
            raise StopAsyncIteration from None
        self._unfinished = event.position if isinstance(event, Push) else None
        return event

    def _finish(self) -> None:
        self._cursor.finished(self._unfinished, trio.current_time())
        self._unfinished = None
        self._ack_wake.set()

    # The task that owns the connection.

    async def run(self) -> None:
        """Connect, join and reconnect until the server says stop; ``open_client`` runs this."""
        backoff = self._settings.backoff
        fresh_token_tried = False
        with self._events_in:
            while True:
                end, joined = await self._once()
                backoff = (backoff.joined() if joined else backoff).failed()
                fresh_token_tried = fresh_token_tried and not joined
                verdict = decide(end, backoff, random.random())  # noqa: S311 -- jitter is no secret
                if isinstance(verdict, Stop):
                    if verdict.code in TOKEN_CODES and callable(self._token) and not fresh_token_tried:
                        fresh_token_tried = True
                        continue
                    self._stop(Stopped(verdict.code, verdict.reason))
                    return
                if self._over is not None:
                    return
                await trio.sleep(verdict.delay)

    def _stop(self, error: Stopped) -> None:
        self._over = self._over or error
        self._pending.fail_all(self._over)
        self._joined.set()

    async def _once(self) -> tuple[Ended | Refused, bool]:
        """Hold one connection; return how it ended and whether it was joined."""
        token = self._token if isinstance(self._token, str) else await self._token()
        async with connected(self._url, token) as connection:
            if not isinstance(connection, Connection):
                return connection, False
            return await _Attachment(self, connection).run()

    async def _send_push(self, connection: Connection, push: PendingPush) -> None:
        await connection.send(
            Frame(self._join_ref, push.ref, self._topic, push.event, push.body)
        )
