"""The topic ``user:<id>`` of one connection: join, leave, messages, pushes.

A join is told to the user's actor and becomes real when its answer passes the gate: the topic counts
as joined from that reply on, so that nothing live can overtake it. Until then, and between the two
joins of a rejoin, pushes are dropped here: a durable one is replayed by the join that follows, when
the client resumes.

Every ``Join`` that was told is followed by exactly one ``Leave``, whatever happens to the socket,
unless the actor itself refused it.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from typing_extensions import override

from sessiond import telemetry
from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import InvalidInput
from sessiond.core.ids import Digest, UserId, input_digest
from sessiond.core.ports import Connection, ReplyTo
from sessiond.core.position import StreamPosition
from sessiond.core.session.inputs import Ack, ClientMessage, Input, Join, Leave
from sessiond.core.wire.frames import ACK, JOIN, LEAVE, is_reserved, user_topic
from sessiond.core.wire.json_v2 import (
    close_frame,
    encode_json,
    error_reply,
    ok_reply,
    push_frame,
    push_prefix,
)
from sessiond.edges.websocket.context import Context
from sessiond.gateways.web import FLOW_EVENTS, read_flow_event

__all__ = ["Carrier", "JoinReply", "MessageReply", "UserChannel"]

_EMPTY: Final = b"{}"
_NULL: Final = b"null"

#: Refusals of a join after which coming back is useless: the connection is closed with these.
_FINAL: Final[Mapping[str, CloseCode]] = {
    ErrorCode.UNKNOWN_USER: CloseCode.UNKNOWN_USER,
    ErrorCode.ENDED: CloseCode.ENDED,
    ErrorCode.FORBIDDEN: CloseCode.FORBIDDEN,
    ErrorCode.UNAUTHORIZED: CloseCode.UNAUTHORIZED,
    ErrorCode.TOKEN_EXPIRED: CloseCode.TOKEN_EXPIRED,
}

#: Names a device across connections; long enough for a UUID with a prefix.
_MAX_DEVICE_CHARS: Final = 128
_MAX_META_BYTES: Final = 4096
_MAX_EPOCH_CHARS: Final = 64


class Carrier(Connection, Protocol):
    """What the topic needs of the connection that carries it."""

    @property
    def user(self) -> UserId: ...

    @property
    def context(self) -> Context: ...

    def send(self, text: bytes) -> None:
        """Send a text message."""
        ...

    def refuse(self, address: tuple[str | None, str | None, str], code: str, message: str) -> None:
        """Answer join_ref, ref and topic with an error."""
        ...

    def tell(
        self, item: Input, reply_to: ReplyTo | None, *, expires_at: float | None = None
    ) -> None:
        """Tell the user's actor, now or when its mailbox has room."""
        ...

    def tell_leave(self, leave: Leave) -> None:
        """Tell the actor that we left, whatever happens."""
        ...


class MessageReply:
    """Answers one message; remembers the join it came on, which a rejoin may have replaced."""

    __slots__ = ("_channel", "_join_ref", "_ref")

    def __init__(self, channel: "UserChannel", join_ref: bytes, ref: bytes) -> None:
        self._channel = channel
        self._join_ref = join_ref
        self._ref = ref

    def ok(self, payload: bytes) -> None:
        channel = self._channel
        channel.connection.send(ok_reply(self._join_ref, self._ref, channel.topic_json, payload))

    def error(self, code: str, message: str, retry_after: float | None = None) -> None:
        refs = (self._join_ref, self._ref, self._channel.topic_json)
        self._channel.connection.send(error_reply(refs, code, message, retry_after))


class JoinReply(MessageReply):
    """Answers a join, and makes it real first. An answer that comes too late changes nothing."""

    __slots__ = ()

    @override
    def ok(self, payload: bytes) -> None:
        if self._channel.settle(self, is_joined=True):
            super().ok(payload)

    @override
    def error(self, code: str, message: str, retry_after: float | None = None) -> None:
        channel = self._channel
        if not channel.settle(self, is_joined=False):
            return
        telemetry.emit(
            "join.refused", metadata={"user": channel.connection.user, "code": str(code)}
        )
        super().error(code, message, retry_after)
        if code in _FINAL:
            channel.connection.send(close_frame(self._join_ref, channel.topic_json))
            channel.connection.close(_FINAL[code])

    def expire(self) -> None:
        """Give up on the actor: ``unavailable``; whatever it still does with the join is undone."""
        if self._channel.give_up(self):
            super().error(ErrorCode.UNAVAILABLE, "the session did not answer in time", 1.0)


class UserChannel:
    """The state of the topic; its *connection* carries the bytes and holds the client back."""

    __slots__ = (
        "_has_told_join",
        "_join_ref",
        "_join_ref_json",
        "_pending",
        "_prefix",
        "connection",
        "topic",
        "topic_json",
    )

    def __init__(self, connection: "Carrier") -> None:
        self.connection = connection
        self.topic: Final = user_topic(connection.user)
        self.topic_json: Final[bytes] = encode_json(self.topic)
        self._join_ref: str | None = None
        self._join_ref_json = _NULL
        self._prefix: bytes | None = None  # what stands before each push; None: not joined
        self._pending: JoinReply | None = None
        self._has_told_join = False

    def push(self, tail: bytes) -> None:
        """Send a push of the actor, if the topic is joined."""
        if self._prefix is not None:
            self.connection.send(push_frame(self._prefix, tail))

    def handle(self, join_ref: str | None, ref: str | None, event: str, payload: Any) -> None:
        """Act on a frame of this topic."""
        if event == JOIN:
            self._join(join_ref, ref, payload)
        elif event == LEAVE:
            self._leave(join_ref, ref)
        elif self._prefix is None or (join_ref is not None and join_ref != self._join_ref):
            self._refuse(join_ref, ref, ErrorCode.UNMATCHED_TOPIC, "the topic is not joined")
        elif event == ACK:
            self._ack(ref, payload)
        elif is_reserved(event) and event not in FLOW_EVENTS:
            self._refuse(join_ref, ref, ErrorCode.BAD_REQUEST, "this event name is reserved")
        else:
            self._message(ref, event, payload)

    def say_goodbye(self) -> None:
        """Tell stock clients not to join again: they come back after every close of a socket."""
        if self._prefix is not None or self._pending is not None:
            self.connection.send(close_frame(self._join_ref_json, self.topic_json))

    def detach(self) -> None:
        """Leave, if a join was told. Idempotent."""
        self._forget_pending()
        self._prefix = None
        if self._has_told_join:
            self._has_told_join = False
            self.connection.tell_leave(Leave(self.connection.id))

    # ------------------------------------------------------------ answers to joins

    def settle(self, reply: JoinReply, *, is_joined: bool) -> bool:
        """Take the actor's answer to *reply*'s join; False when nobody waits for it any more."""
        if reply is not self._pending:
            return False
        self._forget_pending()
        if is_joined:
            self._prefix = push_prefix(self._join_ref_json, self.topic_json)
        else:
            self._has_told_join = False
        return True

    def give_up(self, reply: JoinReply) -> bool:
        """Stop waiting for *reply*'s join, and leave in case it still happens."""
        if reply is not self._pending:
            return False
        self.detach()
        return True

    def _forget_pending(self) -> None:
        if self._pending is not None:
            self.connection.context.joins.pop(self._pending, None)
            self._pending = None

    # ------------------------------------------------------------ events

    def _message(self, ref: str | None, event: str, payload: Any) -> None:
        connection = self.connection
        item: Input
        try:
            has_id = payload.__class__ is dict and "_id" in payload
            digest = _strip_id(payload) if has_id else None
            if event in FLOW_EVENTS:
                item = read_flow_event(event, payload, connection.user, digest)
            else:
                item = ClientMessage(connection.id, event, payload, digest)
        except InvalidInput as error:
            self._refuse(self._join_ref, ref, ErrorCode.BAD_REQUEST, str(error))
            return
        reply = None if ref is None else MessageReply(self, self._join_ref_json, encode_json(ref))
        connection.tell(item, reply)

    def _ack(self, ref: str | None, payload: Any) -> None:
        offset = payload.get("offset") if isinstance(payload, dict) else None
        if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
            self._refuse(
                self._join_ref, ref, ErrorCode.BAD_REQUEST, "an ack is {offset: whole number >= 0}"
            )
            return
        self.connection.tell(Ack(self.connection.id, offset), None)
        if ref is not None:
            MessageReply(self, self._join_ref_json, encode_json(ref)).ok(_EMPTY)

    def _join(self, join_ref: str | None, ref: str | None, payload: Any) -> None:
        connection = self.connection
        try:
            device, meta, resume = _parse_join(payload)
        except InvalidInput as error:
            self._refuse(join_ref, ref, ErrorCode.BAD_REQUEST, str(error))
            return
        # The old join_ref: a null one would close the new channel too (phoenix.js).
        self.say_goodbye()
        self._forget_pending()
        self._prefix = None
        self._join_ref = join_ref
        self._join_ref_json = encode_json(join_ref)
        self._has_told_join = True
        reply = self._pending = JoinReply(self, self._join_ref_json, encode_json(ref))
        context = connection.context
        now = context.clock.monotonic()
        # Looked at once a second: one second early keeps the promise.
        context.joins[reply] = now + context.limits.join_seconds - 1
        connection.tell(
            Join(connection, device, meta, resume),
            reply,
            expires_at=now + context.limits.join_seconds,
        )

    def _leave(self, join_ref: str | None, ref: str | None) -> None:
        refs = encode_json(join_ref), encode_json(ref)
        self.connection.send(ok_reply(*refs, self.topic_json, _EMPTY))
        if join_ref is not None and join_ref != self._join_ref:
            return  # of a join that was replaced: its close was sent then
        self.say_goodbye()
        self.detach()

    def _refuse(self, join_ref: str | None, ref: str | None, code: ErrorCode, message: str) -> None:
        self.connection.refuse((join_ref, ref, self.topic), code, message)


def _strip_id(payload: dict[str, Any]) -> Digest:
    """Take ``_id`` out of *payload*: handlers never see it."""
    input_id = payload.pop("_id")
    if not isinstance(input_id, str):
        raise InvalidInput("_id has to be a string")
    return input_digest("client", input_id)


def _parse_join(payload: Any) -> tuple[str, dict[str, object], StreamPosition | None]:
    """Read ``{device?, meta?, resume?: {epoch, offset}}``; other keys belong to apps, and are let be.

    Raises:
      InvalidInput: says what is wrong with which.

    """
    if not isinstance(payload, dict):
        raise InvalidInput("the payload of a join is an object")
    device = payload.get("device", "")
    device = "" if device is None else device
    if not isinstance(device, str) or len(device) > _MAX_DEVICE_CHARS or not _is_plain(device):
        raise InvalidInput(
            f"device is a printable string of at most {_MAX_DEVICE_CHARS} characters"
        )
    meta = payload.get("meta", {})
    meta = {} if meta is None else meta
    if not isinstance(meta, dict) or len(encode_json(meta)) > _MAX_META_BYTES:
        raise InvalidInput(f"meta is an object of at most {_MAX_META_BYTES} bytes")
    resume = payload.get("resume")
    return device, meta, None if resume is None else _parse_position(resume)


def _is_plain(text: str) -> bool:
    return not text or text.isprintable()


def _parse_position(resume: Any) -> StreamPosition:
    if isinstance(resume, dict):
        epoch, offset = resume.get("epoch"), resume.get("offset")
        if (
            isinstance(epoch, str)
            and len(epoch) <= _MAX_EPOCH_CHARS
            and isinstance(offset, int)
            and not isinstance(offset, bool)
            and offset >= 0
        ):
            return StreamPosition(epoch, offset)
    raise InvalidInput("resume is {epoch: string, offset: whole number >= 0}")
