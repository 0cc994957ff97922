"""One client's websocket, synchronous and sans-I/O: bytes in, messages to the actor, frames out.

Implements the core's ``Connection`` (what an actor may do) and net's ``SansIO`` (what a transport
tells). No task and no timer of its own: watch.py looks at silence, expiry and late joins, and what
has to wait (a full mailbox, a token) runs in the door's nursery.

Cost *(measured, 90 bytes, in-process, without kernel and actor)*: 4.6 µs a message and its reply;
3.7 KB a joined connection; 29 µs an upgrade, its token apart.
"""

from typing import Final

from typing_extensions import override

from sessiond import telemetry
from sessiond.core.codes import CloseClass, CloseCode, ErrorCode, close_class
from sessiond.core.errors import InvalidInput, MailboxFull, Refused
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.ports import ReplyTo
from sessiond.core.session.inputs import Input, Join, Leave
from sessiond.core.token_bucket import TokenBucket
from sessiond.core.wire.frames import (
    HEARTBEAT,
    JOIN,
    LEAVE,
    PHOENIX_TOPIC,
    REFRESH,
    USER_TOPIC,
    ClientFrame,
)
from sessiond.core.wire.json_v2 import (
    BadText,
    close_frame,
    decode_binary,
    decode_text,
    encode_json,
    error_reply,
    ok_reply,
)
from sessiond.edges.websocket.channel import UserChannel
from sessiond.edges.websocket.context import Context, Identity, UserRef
from sessiond.edges.websocket.framing import Binary, Control, Message, MessageReader, text_frame
from sessiond.edges.websocket.renewal import renew
from sessiond.net.transport import Transport

__all__ = ["WebsocketConnection"]

_EMPTY: Final = b"{}"
_PHOENIX_JSON: Final = encode_json(PHOENIX_TOPIC)

#: RFC 6455, 5.5: the payload of a close frame is 125 bytes, two of them the code.
_MAX_REASON_BYTES: Final = 123

#: Tokens taken from the bucket at once, so that the clock is read for one message in so many.
_ALLOWANCE: Final = 16

_closed: Final = telemetry.emitter("connection.closed")


class WebsocketConnection:
    """A client's connection after its handshake; *first* is the handshake's answer."""

    __slots__ = (
        "_allowance",
        "_bucket",
        "_channel",
        "_close_number",
        "_expires_at",
        "_first",
        "_held",
        "_is_open",
        "_is_refreshing",
        "_opened_at",
        "_reader",
        "_ref",
        "_refusals",
        "_silence",
        "_transport",
        "_waiting",
        "context",
        "id",
        "user",
    )

    def __init__(
        self,
        context: Context,
        connection_id: ConnectionId,
        identity: Identity,
        reader: MessageReader,
        first: bytes,
    ) -> None:
        self.context: Final = context
        self.id: Final = connection_id
        self.user: Final[UserId] = identity.user
        self._expires_at = identity.expires_at
        self._reader = reader
        self._first = first
        self._ref: Final[UserRef] = context.directory.locate(identity.user)
        self._channel = UserChannel(self)
        self._transport: Transport | None = None
        self._is_open = False
        self._close_number = 1006
        self._opened_at = context.clock.monotonic()
        rate = context.limits.rate
        self._bucket = None if rate is None else TokenBucket(rate, self._opened_at)
        self._allowance = 0
        self._refusals = 0
        self._silence = 0
        self._is_refreshing = False
        self._held: tuple[Input, ReplyTo | None, float | None] | None = None
        self._waiting: list[Message] = []  # messages behind the one that is held

    @override
    def __repr__(self) -> str:
        return f"<WebsocketConnection {self.id}>"

    # ------------------------------------------------------------ Connection: for the actor

    @property
    def unsent_bytes(self) -> int:
        return 0 if self._transport is None else self._transport.unsent_bytes

    def push(self, message: bytes) -> None:
        if self._is_open:
            self._channel.push(message)

    def close(self, code: CloseCode, message: str = "") -> None:
        if not self._is_open:
            return
        if code.number >= 4000 and close_class(code.number) is CloseClass.STOP:
            self._channel.say_goodbye()
        reason = f"{code.reason}: {message}" if message else code.reason
        cut = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        self._finish(self._reader.close(code.number, cut), code.number)

    # ------------------------------------------------------------ SansIO: for the transport

    def connected(self, transport: Transport) -> None:
        self._transport = transport
        self._is_open = True
        self.context.connections[self.id] = self
        transport.write(self._first)
        self._first = b""

    def data_received(self, data: bytes) -> None:
        self._silence = 0
        reader = self._reader
        messages = reader.read(data)
        for position, message in enumerate(messages):
            if self._held is not None:
                self._waiting.extend(messages[position:])
                break
            if not self._is_open:
                break
            self._take(message)
        # Only frames that are not plain texts leave answers or end the connection.
        answers = reader.answers()
        if answers and self._is_open:
            self._write(answers)
            if not reader.is_open:
                self._finish([], reader.close_code or 1006)

    def eof_received(self) -> None:
        if self._is_open:
            self._finish(self._reader.end(), 1006)

    def too_slow(self) -> None:
        if self._is_open and self._transport is not None:
            about = {"connection": self.id, "user": self.user}
            telemetry.emit("connection.slow", {"queued": self.unsent_bytes}, about)
            self._transport.discard_unsent()
            self.close(CloseCode.SLOW_CONSUMER)

    def connection_lost(self) -> None:
        self._is_open = False
        self.context.connections.pop(self.id, None)
        self._channel.detach()
        self._waiting.clear()
        self._transport = self._held = None
        del self._channel  # a cycle would keep both until the garbage collector comes
        if _closed.listeners:
            _closed(
                {"duration": self.context.clock.monotonic() - self._opened_at},
                {"connection": self.id, "user": self.user, "code": self._close_number},
            )

    # ------------------------------------------------------------ for the channel

    def send(self, text: bytes) -> None:
        """Send a text message."""
        if self._is_open:
            self._transport.write(text_frame(text))  # type: ignore[union-attr]  # open: connected

    def refuse(self, address: tuple[str | None, str | None, str], code: str, message: str) -> None:
        """Answer join_ref, ref and topic with an error; a frame without a ref cannot be answered."""
        join_ref, ref, topic = address
        if ref is not None:
            refs = encode_json(join_ref), encode_json(ref), encode_json(topic)
            self.send(error_reply(refs, code, message))

    def tell(
        self,
        item: Input,
        reply_to: ReplyTo | None,
        *,
        expires_at: float | None = None,
        is_again: bool = False,
    ) -> None:
        """Tell the user's actor; when its mailbox is full the client is held back until it is not."""
        try:
            self._ref.tell(item, reply_to, expires_at=expires_at)
        except MailboxFull:
            self._held = (item, reply_to, expires_at)
            if not is_again:
                self.stop_reading()
                self.context.spawn(self._tell_later)
        except Refused as refused:
            if reply_to is not None:
                reply_to.error(refused.code, refused.message, refused.retry_after)

    def tell_leave(self, leave: Leave) -> None:
        """Tell the actor that we left, however full its mailbox is."""
        if self._held is not None and isinstance(self._held[0], Join):
            self._held = None  # the join never got in
            return
        try:
            self._ref.tell(leave)
        except MailboxFull:
            self.context.spawn(lambda: self._leave_later(leave))
        except Refused:
            pass  # there is no actor that could still believe in us

    # ------------------------------------------------------------ for watch.py and the door

    def look(self, now: float, silent_looks: int) -> None:
        """See whether the token has expired at wall-clock *now*, or nothing was heard for too long."""
        if not self._is_open or self._transport is None:
            return
        if self._expires_at is not None and self._expires_at <= now:
            self.close(CloseCode.TOKEN_EXPIRED)
        elif not self._transport.is_reading:
            self._silence = 0  # we do not listen: silence is ours
        else:
            self._silence += 1
            if self._silence > silent_looks:
                self.close(CloseCode.HEARTBEAT_TIMEOUT)

    def stop_reading(self) -> None:
        """Leave what the client sends where it is (draining)."""
        if self._transport is not None:
            self._transport.pause_reading()

    # ------------------------------------------------------------ messages

    def _take(self, message: Message) -> None:
        if self._allowance:
            self._allowance -= 1
            is_allowed = True
        else:
            is_allowed = self._may_pass()
        if isinstance(message, Control):
            if not is_allowed:
                self._refuse_flood(None)
            return
        try:
            frame = _decode(message)
        except BadText:
            self.close(CloseCode.INVALID_DATA)
        except InvalidInput as error:
            is_binary = isinstance(message, Binary)
            code = CloseCode.UNSUPPORTED_DATA if is_binary else CloseCode.BAD_FRAME
            self.close(code, str(error))
        else:
            if is_allowed:
                self._dispatch(frame)
            else:
                self._refuse_flood(frame)

    def _dispatch(self, frame: ClientFrame) -> None:
        join_ref, ref, topic, event, payload = frame
        if topic == self._channel.topic:
            if event == REFRESH:
                self._refresh(frame)
            else:
                self._channel.handle(join_ref, ref, event, payload)
        elif topic == PHOENIX_TOPIC and event == HEARTBEAT:
            if ref is not None:
                self.send(ok_reply(encode_json(join_ref), encode_json(ref), _PHOENIX_JSON, _EMPTY))
        else:
            self._refuse_topic(join_ref, ref, topic, event)

    def _refuse_topic(self, join_ref: str | None, ref: str | None, topic: str, event: str) -> None:
        address = (join_ref, ref, topic)
        if event == LEAVE:
            refs = encode_json(join_ref), encode_json(ref), encode_json(topic)
            self.send(ok_reply(*refs, _EMPTY))
        elif event == JOIN and topic.startswith(USER_TOPIC):
            telemetry.emit(
                "join.refused", metadata={"user": self.user, "code": ErrorCode.FORBIDDEN.value}
            )
            self.refuse(address, ErrorCode.FORBIDDEN, "this topic belongs to somebody else")
            # Or stock clients would try again for ever; the socket serves its own topic on.
            self.send(close_frame(encode_json(join_ref), encode_json(topic)))
        else:
            self.refuse(address, ErrorCode.UNMATCHED_TOPIC, "the topic is not joined")

    def _may_pass(self) -> bool:
        if self._bucket is None:
            self._allowance = _ALLOWANCE
            return True
        now = self.context.clock.monotonic()
        if not self._bucket.take(now, _ALLOWANCE):
            self._allowance = _ALLOWANCE - 1
            self._refusals = 0
            return True
        return not self._bucket.take(now)

    def _refuse_flood(self, frame: ClientFrame | None) -> None:
        if self._refusals == 0:
            telemetry.emit("rate.limited", metadata={"scope": "connection", "user": self.user})
        self._refusals += 1
        if self._refusals > self.context.limits.refusals:
            self.close(CloseCode.RATE_LIMITED)
        elif frame is not None and frame[1] is not None and self._bucket is not None:
            refs = encode_json(frame[0]), encode_json(frame[1]), encode_json(frame[2])
            wait = round(1 / self.context.limits.rate.per_second, 3)  # type: ignore[union-attr]
            self.send(error_reply(refs, ErrorCode.RATE_LIMITED, "too many messages", wait))

    # ------------------------------------------------------------ what has to wait

    async def _tell_later(self) -> None:
        """Tell what is held as soon as the mailbox has room, then go on with what came behind it."""
        while self._held is not None:
            await self._ref.wait_capacity()
            if not self._is_open:
                return
            held, self._held = self._held, None
            if held is not None:
                item, reply_to, expires_at = held
                self.tell(item, reply_to, expires_at=expires_at, is_again=True)
        self._go_on()

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for position, message in enumerate(waiting):
            if not self._is_open:
                return
            self._take(message)
            if self._held is not None:
                self._waiting = waiting[position + 1 :] + self._waiting
                return
        if self._transport is not None:
            self._transport.resume_reading()

    async def _leave_later(self, leave: Leave) -> None:
        while True:
            await self._ref.wait_capacity()
            try:
                self._ref.tell(leave)
            except MailboxFull:
                continue
            except Refused:
                pass
            return

    def _refresh(self, frame: ClientFrame) -> None:
        join_ref, ref, topic, _, payload = frame
        token = payload.get("token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or not token:
            self.refuse((join_ref, ref, topic), ErrorCode.BAD_REQUEST, "send {token: string}")
        elif self._is_refreshing:
            self.refuse((join_ref, ref, topic), ErrorCode.RATE_LIMITED, "one at a time")
        else:
            self._is_refreshing = True
            self.context.spawn(lambda: self._check_token((join_ref, ref, topic), token))

    async def _check_token(self, address: tuple[str | None, str | None, str], token: str) -> None:
        try:
            self._expires_at = await renew(self, address, token, self._expires_at)
        finally:
            self._is_refreshing = False

    def _write(self, chunks: list[bytes]) -> None:
        data = b"".join(chunks)
        if data and self._transport is not None:
            self._transport.write(data)

    def _finish(self, chunks: list[bytes], number: int) -> None:
        """Write the last bytes; from here on nothing is sent, and the actor knows that we left."""
        self._write(chunks)
        self._is_open = False
        self._close_number = number
        if self._transport is not None:
            self._transport.close()
        self._channel.detach()


def _decode(message: bytes | Binary) -> ClientFrame:
    return decode_binary(message.data) if isinstance(message, Binary) else decode_text(message)
