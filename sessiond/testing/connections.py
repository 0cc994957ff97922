"""Recording connections: what a client does, in a test, and everything it was sent, in order."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
import trio
from attrs import field, frozen
from typing_extensions import override

from sessiond.core.codes import CloseCode
from sessiond.core.errors import SessiondError
from sessiond.core.ids import ConnectionId, UserId, input_digest
from sessiond.core.ports import Connection as SessionConnection
from sessiond.core.position import StreamPosition
from sessiond.core.session.inputs import Ack, ClientMessage, Input, Join, Leave
from sessiond.gateways.web import FLOW_EVENTS, read_flow_event

__all__ = ["Closed", "Connection", "Post", "Pushed", "Reply", "WorldError"]


class WorldError(SessiondError):
    """The session answered a request of the test with an error; *code* and *retry_after* as clients get them."""

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after = retry_after


class Reply:
    """The answer to one request: ``await reply.get()`` waits for it. An answer after the first fails the test."""

    def __init__(self, on_answer: Callable[["Reply"], None] = lambda _: None) -> None:
        self.payload: Any = None
        self.failure: WorldError | None = None
        self._on_answer = on_answer
        self._answered = trio.Event()

    @override
    def __repr__(self) -> str:
        """Show what came, for failing tests."""
        return f"Reply({self.failure or self.payload!r})" if self.is_answered else "Reply(waiting)"

    @property
    def is_answered(self) -> bool:
        """Whether the answer is there."""
        return self._answered.is_set()

    async def get(self) -> Any:
        """Wait for the answer and return its decoded payload.

        Raises:
          WorldError: the answer is an error.

        """
        await self._answered.wait()
        if self.failure is not None:
            raise self.failure
        return self.payload

    async def refusal(self) -> str:
        """Wait for the answer, which has to be an error, and return its code."""
        await self._answered.wait()
        if self.failure is None:
            raise AssertionError(f"expected an error, got {self.payload!r}")
        return self.failure.code

    # core.ports.ReplyTo

    def ok(self, payload: bytes) -> None:
        """Take an answer; called by the session."""
        self._answer(msgspec.json.decode(payload), None)

    def error(self, code: str, message: str, retry_after: float | None = None) -> None:
        """Take an error; called by the session."""
        self._answer(None, WorldError(str(code), message, retry_after))

    def _answer(self, payload: Any, failure: WorldError | None) -> None:
        if self.is_answered:
            raise AssertionError(f"answered a second time: {self!r}, then {failure or payload!r}")
        self.payload, self.failure = payload, failure
        self._answered.set()
        self._on_answer(self)


@frozen
class Pushed:
    """A push, in ``Connection.got``."""

    event: str
    payload: Mapping[str, Any]


@frozen
class Closed:
    """A close by the server, in ``Connection.got``."""

    code: CloseCode
    message: str = field(default="", eq=False)


class Post(Protocol):
    """How a connection reaches its node."""

    def tell(self, user: UserId, item: Input, reply: Reply | None) -> None:
        """Tell the user's session."""
        ...


class Connection:
    """One client's connection. *got* holds what it was sent: ``Reply`` (answered), ``Pushed`` and ``Closed``.

    Like a real door it tells the session that it left when it is closed, whoever closed it.
    """

    def __init__(self, post: Post, number: ConnectionId, user: UserId, device: str = "") -> None:
        self.id: Final = number
        self.user: Final = user
        self.device: Final = device
        self.got: list[Reply | Pushed | Closed] = []
        self.is_open = True
        self.closed: CloseCode | None = None
        """What the server closed it with."""
        self.position: StreamPosition | None = None
        """The last durable push it got, as a client remembers it to resume."""
        self.wire: Final[SessionConnection] = _Wire(self)
        """What the session holds of it."""
        self._post = post
        self._resume: StreamPosition | None = None
        self._has_joined = False

    @override
    def __repr__(self) -> str:
        """Name it, for failing tests."""
        return f"Connection({self.id}, user={self.user!r}, device={self.device!r})"

    @property
    def pushes(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What was pushed to it, in order: ``(event, payload)``."""
        return [(one.event, one.payload) for one in self.got if isinstance(one, Pushed)]

    async def join(
        self,
        *,
        resume: "StreamPosition | Connection | None" = None,
        meta: Mapping[str, object] | None = None,
    ) -> Any:
        """Join the user's topic and return the join reply. *resume*: a position, or the connection that had it.

        Raises:
          WorldError: the join was refused.

        """
        return await self.start_join(resume=resume, meta=meta).get()

    def start_join(
        self,
        *,
        resume: "StreamPosition | Connection | None" = None,
        meta: Mapping[str, object] | None = None,
    ) -> Reply:
        """Join without waiting for the answer."""
        self._resume = resume.position if isinstance(resume, Connection) else resume
        self._has_joined = True
        reply = Reply(self._welcomed)
        self._post.tell(self.user, Join(self.wire, self.device, meta or {}, self._resume), reply)
        return reply

    async def push(self, event: str, payload: object = None, *, input_id: str | None = None) -> Any:
        """Push *event* and return the handler's reply; *input_id* is what clients send as ``_id``.

        Raises:
          WorldError: the message was answered with an error.

        """
        return await self.send(event, payload, input_id=input_id).get()

    async def say(self, text: str = "", **parts: Any) -> Any:
        """Say *text* to the conversation (``flow:say``; *parts* such as ``choice``) and return what it shows.

        Raises:
          WorldError: the message was answered with an error.

        """
        return await self.push("flow:say", {"text": text, **parts} if text else parts)

    def send(self, event: str, payload: object = None, *, input_id: str | None = None) -> Reply:
        """Push *event* without waiting for the answer. *payload* is ``{}`` unless given."""
        digest = None if input_id is None else input_digest("client", input_id)
        body = {} if payload is None else payload
        message: Input
        if event in FLOW_EVENTS:
            message = read_flow_event(event, body, self.user, digest)
        else:
            message = ClientMessage(self.id, event, body, digest)
        reply = Reply(self.got.append)
        self._post.tell(self.user, message, reply)
        return reply

    def ack(self, offset: int | None = None) -> None:
        """Acknowledge durable pushes up to *offset*: all it got, unless given."""
        if offset is None:
            offset = 0 if self.position is None else self.position.offset
        self._post.tell(self.user, Ack(self.id, offset), None)

    def drop(self) -> None:
        """Lose the connection, as a phone in a tunnel does."""
        if self.is_open:
            self.is_open = False
            self._leave()

    def lose(self) -> None:
        """Lose the node: nobody is told, nothing more comes."""
        self.is_open = False
        self._has_joined = False

    def take_push(self, message: bytes) -> None:
        """Take an encoded push of the session."""
        if not self.is_open:
            return
        event, payload = msgspec.json.decode(b"[%b]" % message)
        self.got.append(Pushed(event, payload))
        if self.position is not None and "_offset" in payload:
            self.position = StreamPosition(self.position.epoch, payload["_offset"])

    def take_close(self, code: CloseCode, message: str) -> None:
        """Take a close by the session or the node."""
        if self.is_open:
            self.is_open = False
            self.closed = code
            self.got.append(Closed(code, message))
            self._leave()

    def _welcomed(self, reply: Reply) -> None:
        self.got.append(reply)
        if reply.failure is None:
            welcome = reply.payload
            fresh = StreamPosition(welcome["epoch"], welcome["offset"])
            self.position = self._resume if welcome["recovered"] else fresh

    def _leave(self) -> None:
        if self._has_joined:
            self._has_joined = False
            self._post.tell(self.user, Leave(self.id), None)


class _Wire:
    """The session's side of a connection: ``core.ports.Connection``."""

    __slots__ = ("_end", "id")

    def __init__(self, end: Connection) -> None:
        self.id = end.id
        self._end = end

    @property
    def unsent_bytes(self) -> int:
        return 0  # the end takes everything at once

    def push(self, message: bytes) -> None:
        self._end.take_push(message)

    def close(self, code: CloseCode, message: str = "") -> None:
        self._end.take_close(code, message)
