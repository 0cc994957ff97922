"""One connection's life as a session: join, re-send, deliver, acknowledge, keep alive."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio

from sessiond_client.backoff import Ended
from sessiond_client.connection import ABNORMAL, Connection
from sessiond_client.cursor import Position
from sessiond_client.errors import JoinRefused
from sessiond_client.events import Event, NotRecovered, Push
from sessiond_client.frames import Frame
from sessiond_client.pending import PendingPush
from sessiond_client.state import State
from sessiond_client.tokens import seconds_until_refresh

__all__ = ["Link"]

#: Join errors that another attempt cannot change, and those that a fresh token can cure, as close codes.
FINAL_CODES: Final = frozenset({"forbidden", "unknown_user", "ended", "bad_request"})
TOKEN_CODES: Final = {"unauthorized": 4001, "token_expired": 4002}

#: After ``phx_close`` the server closes the socket with the code that says why.
CLOSE_GRACE_SECONDS: Final = 5.0

NORMAL: Final = 1000

#: For the last ack when the application leaves.
LAST_ACK_SECONDS: Final = 1.0


class Link:
    """One connection of the client; *refetch* gets fresh tokens, ``None`` when there is only one token."""

    def __init__(
        self,
        state: State,
        connection: Connection,
        token: str,
        refetch: Callable[[], Awaitable[str]] | None,
    ) -> None:
        self._state = state
        self._connection = connection
        self._token = token
        self._refetch = refetch
        self._join_ref = state.pending.next_ref()
        self._reading = trio.CancelScope()
        self._gave_up: Ended | None = None
        self._joined = trio.Event()
        self._closing = trio.Event()
        self._blocked = False
        self._unanswered: str | None = None

    @property
    def is_joined(self) -> bool:
        """Whether the server has accepted the join."""
        return self._joined.is_set()

    async def run(self) -> Ended:
        """Serve the session until the connection ends, and say how; cancelling sends a last ack."""
        end: Ended | None = None
        async with trio.open_nursery() as nursery:
            for task in (self._join, self._heartbeats, self._acks, self._refresh, self._grace):
                nursery.start_soon(task)
            try:
                with self._reading:
                    end = await self._connection.read(self._handle)
            finally:
                with trio.move_on_after(LAST_ACK_SECONDS, shield=True):
                    await self._send_ack()
            nursery.cancel_scope.cancel()
        return self._gave_up or end or Ended(ABNORMAL)

    async def send(self, push: PendingPush) -> None:
        """Send a push; its reply comes to ``state.pending``."""
        await self._send(push.event, push.body, ref=push.ref)

    def leave(self) -> None:
        """End the connection from our side, with a last ack; the session stays in its window."""
        self._give_up(Ended(NORMAL))

    async def _send(self, event: str, payload: Mapping[str, object], *, ref: str = "") -> None:
        ref = ref or self._state.pending.next_ref()
        frame = Frame(self._join_ref, ref, self._state.topic, event, payload)
        await self._connection.send(frame)

    def _give_up(self, end: Ended) -> None:
        self._gave_up = self._gave_up or end
        self._reading.cancel()

    async def _join(self) -> None:
        payload: dict[str, object] = {}
        if self._state.device:
            payload["device"] = self._state.device
        if (resume := self._state.cursor.resume) is not None:
            payload["resume"] = {"epoch": resume.epoch, "offset": resume.offset}
        with trio.move_on_after(self._state.settings.join_timeout):
            await self._send("phx_join", payload, ref=self._join_ref)
            await self._joined.wait()
            return
        self._give_up(Ended(ABNORMAL, "the join was not answered"))

    async def _handle(self, frame: Frame) -> None:
        if frame.event == "phx_reply":
            await self._reply(frame)
        elif frame.topic != self._state.topic or frame.join_ref not in {None, self._join_ref}:
            return
        elif frame.event == "phx_close":
            self._closing.set()
        elif frame.event == "phx_error":
            self._give_up(Ended(ABNORMAL, "phx_error"))
        else:
            await self._deliver(frame)

    async def _reply(self, frame: Frame) -> None:
        if frame.ref == self._unanswered:
            self._unanswered = None
        elif frame.ref != self._join_ref:
            self._state.pending.answer(frame.ref, frame.payload)
        elif frame.payload.get("status") == "ok":
            await self._accepted(_mapping(frame.payload.get("response")))
        else:
            self._refused(_mapping(frame.payload.get("response")))

    async def _accepted(self, response: Mapping[str, object]) -> None:
        state = self._state
        asked = state.cursor.resume is not None
        recovered = response.get("recovered") is True
        epoch, offset = response.get("epoch"), response.get("offset")
        if isinstance(epoch, str) and isinstance(offset, int):
            position = Position(epoch, offset)
            state.cursor.joined(position, recovered=recovered)
            if asked and not recovered:
                await self._to_app(NotRecovered(str(response.get("reason") or "unknown"), position))
        state.session = response
        self._joined.set()
        state.joined.set()
        for push in state.pending.renumbered():
            await self.send(push)

    def _refused(self, details: Mapping[str, object]) -> None:
        code = str(details.get("code") or details.get("reason") or "error")
        wait = details.get("retry_after")
        if code in FINAL_CODES:
            self._state.stop(JoinRefused(code, str(details.get("message") or "")))
        number = TOKEN_CODES.get(code, ABNORMAL)
        self._give_up(Ended(number, code, float(wait) if isinstance(wait, int | float) else 0.0))

    async def _deliver(self, frame: Frame) -> None:
        payload = dict(frame.payload)
        arrival = self._state.cursor.arrived(payload.pop("_offset", None))
        if arrival.duplicate:
            return
        if arrival.gap and arrival.position is not None:
            await self._to_app(NotRecovered("gap", arrival.position))
        await self._to_app(Push(frame.event, payload, arrival.position))

    async def _to_app(self, event: Event) -> None:
        """Hand *event* over; while the application does not read, neither do we."""
        self._blocked = True
        await self._state.events.send(event)
        self._blocked = False

    async def _heartbeats(self) -> None:
        await self._joined.wait()
        while True:
            await trio.sleep(self._interval())
            if self._unanswered is not None and not self._blocked:
                self._give_up(Ended(ABNORMAL, "no answer to a heartbeat"))
                return
            self._unanswered = self._state.pending.next_ref()
            await self._connection.send(Frame(None, self._unanswered, "phoenix", "heartbeat"))

    def _interval(self) -> float:
        """Return the seconds between heartbeats: ours, or the server's wish if that is shorter."""
        wish = self._state.session.get("heartbeat_seconds")
        ours = self._state.settings.heartbeat
        return min(ours, wish) if isinstance(wish, int | float) and wish > 0 else ours

    async def _acks(self) -> None:
        await self._joined.wait()
        while True:
            self._state.ack_wake = trio.Event()
            due = self._state.cursor.ack_due(trio.current_time())
            if due == 0:
                await self._send_ack()
            else:
                with trio.move_on_after(due if due is not None else float("inf")):
                    await self._state.ack_wake.wait()

    async def _send_ack(self) -> None:
        if self.is_joined and (offset := self._state.cursor.take_ack()) is not None:
            await self._send("ack", {"offset": offset})

    async def _refresh(self) -> None:
        """Fetch a new token before the old one expires, and show it to the server."""
        token, refetch = self._token, self._refetch
        await self._joined.wait()
        while refetch and (wait := seconds_until_refresh(token, time.time())) is not None:
            await trio.sleep(max(1.0, wait))
            token = await refetch()
            await self._send("token:refresh", {"token": token})

    async def _grace(self) -> None:
        await self._closing.wait()
        await trio.sleep(CLOSE_GRACE_SECONDS)
        self._give_up(Ended(ABNORMAL, "phx_close"))


def _mapping(thing: object) -> Mapping[str, object]:
    return thing if isinstance(thing, Mapping) else {}
