"""The client: joins, comes back after every break, and resumes where it was.

One task owns the connection and reconnects (``Client.run``); the application pushes and iterates. A push that lost
its connection is sent again with the same ``_id`` after the next join, so it is applied once. A durable push of the
server is yielded once, and acknowledged when the application asks for the next event.

The application must keep iterating: when ``settings.unread`` events wait, the socket is not read any more, and
replies wait too.
"""

import random
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import trio

from sessiond_client.backoff import Ended, Refused, Stop, decide
from sessiond_client.connection import Connection, connected
from sessiond_client.cursor import Cursor, Position
from sessiond_client.errors import PushTimeout, Stopped
from sessiond_client.events import Event, Push
from sessiond_client.frames import socket_url
from sessiond_client.link import Link
from sessiond_client.pending import PendingPush
from sessiond_client.shown import Shown
from sessiond_client.state import ClientSettings, State

__all__ = ["Client", "TokenSource", "open_client"]

TokenSource = str | Callable[[], Awaitable[str]]
"""A token, or what fetches a fresh one: asked before every connection and before the token expires."""

#: Close codes and handshake answers that a fresh token can cure.
TOKEN_CODES: Final = frozenset({401, 4001, 4002})


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
        events, self._events = trio.open_memory_channel[Event](settings.unread)
        self._state = State(f"user:{user}", device, settings, Cursor(resume), events)
        self._link: Link | None = None
        self._unfinished: Position | None = None
        self._leaving = False
        self._ended = trio.Event()

    @property
    def is_joined(self) -> bool:
        """Whether the session is joined at the moment."""
        return self._link is not None and self._link.is_joined

    @property
    def session(self) -> Mapping[str, object]:
        """The server's answer to the last join, with ``session_id``, ``window_seconds`` and so on."""
        return self._state.session

    @property
    def position(self) -> Position | None:
        """The last durable push that was processed: store it, and pass it as *resume* after a restart."""
        return self._state.cursor.processed

    async def wait_joined(self) -> None:
        """Return once the session was joined for the first time.

        Raises:
          Stopped: it never will be (``JoinRefused`` when the server refused the join).

        """
        await self._state.joined.wait()
        if self._state.over is not None and not self.session:
            raise self._state.over

    async def push(
        self,
        event: str,
        payload: Mapping[str, object] | None = None,
        *,
        push_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- it bounds several connections, not one wait
    ) -> Mapping[str, object]:
        """Push *event* and return the handler's reply; waits for a connection when there is none.

        *push_id* (default: 128 random bits) names the push: with the same one it is applied once. Cancelling
        stops waiting; the push may have been applied.

        Raises:
          PushFailed: the server answered with an error.
          PushTimeout: no answer within *timeout* seconds.
          Stopped: the connection will not come back.

        """
        if self._state.over is not None:
            raise self._state.over
        push = PendingPush(event, payload or {}, push_id or secrets.token_hex(16))
        self._state.pending.add(push)
        limit = self._state.settings.push_timeout if timeout is None else timeout
        try:
            with trio.move_on_after(limit):
                if self._link is not None and self._link.is_joined:
                    await self._link.send(push)
                await push.done.wait()
        finally:
            self._state.pending.forget(push)
        if push.error is not None:
            raise push.error
        if not push.done.is_set():
            raise PushTimeout(push.push_id)
        return push.response

    async def say(
        self,
        text: str = "",
        *,
        choice: str | None = None,
        screen: str | None = None,
        attachment: Mapping[str, object] | None = None,
        location: Mapping[str, object] | None = None,
        contact: Mapping[str, object] | None = None,
        language: str | None = None,
        push_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- as for push
    ) -> Shown:
        """Say something to the conversation and return what it shows: text, a tap or one of the others.

        A tap is the *choice*'s key, with the *screen* of the prompt that it was shown on. *language* is what the person
        speaks, a tag such as ``fr-CA``. Raises what ``push`` raises.
        """
        parts = {
            "text": text or None,
            "choice": choice,
            "screen": screen,
            "attachment": attachment,
            "location": location,
            "contact": contact,
            "language": language,
        }
        said = {name: part for name, part in parts.items() if part is not None}
        return Shown.read(await self.push("flow:say", said, push_id=push_id, timeout=timeout))

    async def start_flow(
        self,
        flow: str,
        *,
        language: str | None = None,
        push_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- as for push
    ) -> Shown:
        """Start *flow*, ending the one that runs, and return what it shows; *language* as for ``say``.

        Raises what ``push`` raises.
        """
        payload = {"flow": flow} if language is None else {"flow": flow, "language": language}
        return Shown.read(await self.push("flow:start", payload, push_id=push_id, timeout=timeout))

    async def remind(self, *, timeout: float | None = None) -> Shown:  # noqa: ASYNC109 -- as for push
        """Have shown again what was pushed since the person spoke, and the question that waits; nothing changes.

        Raises what ``push`` raises.
        """
        return Shown.read(await self.push("flow:remind", timeout=timeout))

    async def refresh_token(self, token: str) -> None:
        """Show the server a newer token on the open connection; raises what ``push`` raises."""
        await self.push("token:refresh", {"token": token})

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; asking for it says that the one before is processed.

        Raises:
          Stopped: the server told the client not to come back, and everything it sent was read.

        """
        self._state.cursor.finished(self._unfinished, trio.current_time())
        self._unfinished = None
        self._state.ack_wake.set()
        try:
            event = await self._events.receive()
        except trio.EndOfChannel:
            if self._state.over is not None:
                raise self._state.over from None
            raise StopAsyncIteration from None
        self._unfinished = event.position if isinstance(event, Push) else None
        return event

    async def leave(self) -> None:
        """Send the last ack and close the connection; the server keeps the session for its window."""
        self._leaving = True
        if self._link is not None:
            self._link.leave()
            await self._ended.wait()

    async def run(self) -> None:
        """Connect, join and reconnect until the server says stop (``open_client`` runs this).

        An exception of the token source ends it.
        """
        try:
            await self._run()
        finally:
            self._ended.set()

    async def _run(self) -> None:
        backoff = self._state.settings.backoff
        fresh_token_tried = False
        with self._state.events:
            while True:
                end, joined = await self._attempt()
                backoff = (backoff.joined() if joined else backoff).failed()
                fresh_token_tried = fresh_token_tried and not joined
                verdict = decide(end, backoff, random.random())  # noqa: S311 -- jitter is no secret
                if self._leaving or self._state.over is not None:
                    return
                if not isinstance(verdict, Stop):
                    await trio.sleep(verdict.delay)
                elif (
                    verdict.code in TOKEN_CODES and callable(self._token) and not fresh_token_tried
                ):
                    fresh_token_tried = True
                    await trio.sleep(backoff.delay(random.random()))  # noqa: S311
                else:
                    self._state.stop(Stopped(verdict.code, verdict.reason))
                    return

    async def _attempt(self) -> tuple[Ended | Refused, bool]:
        """Hold one connection; return how it ended and whether it was joined."""
        refetch = None if isinstance(self._token, str) else self._token
        token = await refetch() if refetch else str(self._token)
        async with connected(self._url, token) as connection:
            if not isinstance(connection, Connection):
                return connection, False
            link = self._link = Link(self._state, connection, token, refetch)
            try:
                return await link.run(), link.is_joined
            finally:
                self._link = None


@asynccontextmanager
async def open_client(
    url: str,
    token: TokenSource,
    user: str,
    *,
    device: str = "",
    resume: Position | None = None,
    settings: ClientSettings | None = None,
) -> AsyncGenerator[Client, None]:
    """Connect to the server at *url* as *user* and yield the joined client; leaving closes the connection.

    Waits as long as the server cannot be reached: bound it with ``trio.fail_after``. *device* names this client
    across connections, so that the server knows what it has acknowledged. *resume* continues where an earlier
    process stopped (``Client.position``).

    Raises:
      JoinRefused: the server will not serve this user.
      Stopped: the server told the client not to come back.

    """
    client = Client(
        url, token, user, device=device, resume=resume, settings=settings or ClientSettings()
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            await client.wait_joined()
            try:
                yield client
            finally:
                await client.leave()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # The nursery is our affair: the caller's exception leaves as it was raised.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
