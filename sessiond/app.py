"""What app authors use: ``App`` and its decorators, and the ``Session`` that handlers are given.

A handler runs within a turn: everything it asks for (data, pushes, timers, the reply) happens together once the turn
is durable, or not at all. It may await; while it does, no other input of the same user is handled.

    from sessiond import App, Session

    app = App()

    @app.on("deal:update")
    async def deal_update(session: Session, payload: dict) -> dict:
        session.data["deal"] = payload["id"]
        session.push("deal:updated", {"id": payload["id"]})
        return {"seen": True}
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeVar

import msgspec
from attrs import frozen

from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import AppFailed, InvalidInput, Refused
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.session.outcome import (
    EndRequest,
    KickRequest,
    Outcome,
    PushRequest,
    TimerRequest,
)
from sessiond.core.session.program import Call, CallKind, Context
from sessiond.core.session.state import Attachment
from sessiond.data import DataCodec

__all__ = ["App", "Durability", "HookSpec", "Reject", "Session"]

Durability = Literal["commit", "relaxed"]

Handler = Callable[..., Awaitable[object]]
_H = TypeVar("_H", bound=Handler)

#: A handler that asks for more than this in one turn floods its user, or loops.
MAX_PUSHES: Final = 1000

#: Handlers of waiting doors: gateways and browsers give up after about ten seconds.
DEFAULT_TIMEOUT: Final = 10.0

_RESERVED_PREFIXES: Final = ("phx_", "token:", "presence_", "$")
_RESERVED_EVENTS: Final = frozenset({"ack", "heartbeat"})


class Reject(Refused):
    """Raised by a handler to turn an input down: nothing of the turn happens, and whoever waits is told.

    *code* is a word of the app's own, ``rejected`` unless given; *retry_after* is in seconds.
    """

    def __init__(self, message: str, *, code: str = "rejected", retry_after: float | None = None) -> None:
        super().__init__(code, message, retry_after=retry_after)


def check_event_name(event: str) -> str:
    """Check that the app may use *event* as the name of a push or handler.

    Raises:
      InvalidInput: it is empty, too long or reserved.

    """
    if not isinstance(event, str) or not event or len(event) > 128:  # noqa: PLR2004
        raise InvalidInput("an event name is a string of 1 to 128 characters")
    if event in _RESERVED_EVENTS or event.startswith(_RESERVED_PREFIXES):
        raise InvalidInput(f"the event name {event!r} is reserved: phx_*, ack, heartbeat, token:*, presence_*, $*")
    return event


def encode_json(value: object, what: str) -> bytes:
    """Encode *value* as JSON.

    Raises:
      AppFailed: it holds something JSON has no form for; the message lists what is right.

    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError) as error:
        raise AppFailed(
            f"{what} cannot be sent: {type(error).__name__}; use dict with str keys, list, str, int, float, bool, "
            "None, datetime, UUID, Enum, attrs classes or dataclasses"
        ) from error


class Session:
    """One user's session, as a handler sees it during one turn. Not valid after the handler has returned."""

    __slots__ = ("_codec", "_context", "_data", "_end", "_kicks", "_pushes", "_timers", "_unread", "connection_id")

    def __init__(self, context: Context, codec: DataCodec, connection: ConnectionId | None = None) -> None:
        self._context = context
        self._codec = codec
        self._data: Any = None
        self._pushes: list[PushRequest] = []
        self._timers: list[TimerRequest] = []
        self._kicks: list[KickRequest] = []
        self._unread: int | None = None
        self._end: EndRequest | None = None
        self.connection_id = connection
        """The connection whose input this is; ``None`` for webhooks and timers."""

    @property
    def user_id(self) -> str:
        """Who the user is."""
        return self._context.state.user

    @property
    def account(self) -> Any:
        """What ``load_user`` returned when the session was activated; ``None`` without one."""
        return self._context.account

    @property
    def now(self) -> float:
        """When this turn began, in seconds since the Unix epoch."""
        return self._context.now

    @property
    def session_id(self) -> str:
        """Names this session from its creation until its record is removed."""
        return self._context.state.snapshot.session_id

    @property
    def data(self) -> Any:
        """The session's data: a dict, or an instance of the app's data model. Change it in place or assign it."""
        if self._data is None:
            self._data = self._codec.decode(self._context.state.snapshot.data)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value

    @property
    def connections(self) -> tuple[Attachment, ...]:
        """The user's connections as the turn began: ``connection``, ``device``, ``since``, ``meta``."""
        return self._context.state.attachments

    @property
    def unread(self) -> int:
        """The number of unread things that clients are told when they join."""
        return self._context.state.snapshot.unread if self._unread is None else self._unread

    @unread.setter
    def unread(self, value: int) -> None:
        if not isinstance(value, int) or value < 0:
            raise InvalidInput("unread is a count: 0 or more")
        self._unread = value

    def push(
        self, event: str, payload: dict[str, Any], *, durable: bool = True, to: ConnectionId | None = None
    ) -> None:
        """Push *event* to the user's connections.

        A durable push is kept for connections that are away and resume; it is for all of them. With
        ``durable=False`` it reaches who is connected now, or only the connection *to*.

        Raises:
          InvalidInput: a reserved name, a payload that is not a dict, or a durable push to one connection.
          AppFailed: more pushes than one turn may ask for, or a payload that cannot be encoded.

        """
        check_event_name(event)
        if not isinstance(payload, dict):
            raise InvalidInput(f"the payload of a push is a dict, not {type(payload).__name__}")
        if durable and to is not None:
            raise InvalidInput("a durable push is for all connections; use durable=False with to=…")
        if len(self._pushes) >= MAX_PUSHES:
            raise AppFailed(f"more than {MAX_PUSHES} pushes in one turn")
        body = encode_json(payload, "the payload of a push")
        self._pushes.append(PushRequest(msgspec.json.encode(event), body, durable, to))

    def set_timer(
        self, name: str, *, after: float | None = None, at: float | None = None, payload: object = None
    ) -> None:
        """Call the app's ``on_timer(name)`` handler in *after* seconds or *at* a wall-clock time, also after restarts.

        Setting a timer of the same name again replaces it. Resolution: one second. Fires at least once.

        Raises:
          InvalidInput: a reserved or empty name, or not exactly one of *after* and *at*.

        """
        check_event_name(name)
        if (after is None) == (at is None):
            raise InvalidInput("a timer needs exactly one of after=seconds and at=time")
        due = self._context.now + after if after is not None else at
        self._timers.append(TimerRequest(name, due, encode_json(payload, "the payload of a timer")))

    def cancel_timer(self, name: str) -> None:
        """Cancel a timer; one that is not set is no error."""
        check_event_name(name)
        self._timers.append(TimerRequest(name, None))

    def kick(self, connection: ConnectionId | None = None) -> None:
        """Close one connection, or all of them; stock clients are told not to come back by themselves."""
        self._kicks.append(KickRequest(connection, CloseCode.KICKED))

    def end(self, reason: str = "ended", *, erase: bool = False) -> None:
        """End the session after this turn: connections are closed, timers go; *erase* removes the record at once."""
        self._end = EndRequest(reason, CloseCode.ENDED, erase)

    def outcome(self, reply: object, *, relaxed: bool) -> Outcome:
        """Collect everything that was asked for; called once, by the app's program."""
        return Outcome(
            data=None if self._data is None else self._codec.encode(self._data),
            unread=self._unread,
            pushes=tuple(self._pushes),
            timers=tuple(self._timers),
            kicks=tuple(self._kicks),
            end=self._end,
            reply=None if reply is None else encode_json(reply, "what the handler returned"),
            relaxed=relaxed,
        )


@frozen
class _Registered:
    handler: Handler
    takes_payload: bool
    timeout: float
    relaxed: bool = False


@frozen
class HookSpec:
    """A webhook as the HTTP door needs it: *waits* for the handler's answer, or accepts with ``202``."""

    name: str
    waits: bool
    timeout_seconds: float


class App:
    """An application: handlers by event, webhook, timer and moment of a session's life.

    *data* is the type of ``session.data``: ``dict`` (the default) or an attrs class whose fields all have
    defaults. *timeout* is how long a handler may take, in seconds.
    """

    def __init__(self, *, data: type = dict, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.codec = DataCodec(data)
        self.default_timeout = timeout
        self.handlers: dict[tuple[CallKind, str], _Registered] = {}
        self.hooks: dict[str, HookSpec] = {"json": HookSpec("json", False, timeout)}
        self.user_source: Callable[[str], Awaitable[object]] | None = None

    # Registration

    def on(
        self, event: str, *, durability: Durability = "commit", timeout: float | None = None
    ) -> Callable[[_H], _H]:
        """Register the handler of a client's push: ``async def handler(session, payload) -> reply``.

        The reply is any JSON value; ``None`` answers ``{}``. With ``durability="relaxed"`` losing the last second
        of its changes in a crash is acceptable: they are written with the next commit.
        """
        if durability not in {"commit", "relaxed"}:
            raise InvalidInput(f"durability is 'commit' or 'relaxed', not {durability!r}")
        return self._register(CallKind.EVENT, check_event_name(event), timeout, relaxed=durability == "relaxed")

    def on_webhook(self, name: str = "json", *, wait: bool = False, timeout: float | None = None) -> Callable[[_H], _H]:
        """Register the handler of ``POST /hooks/<name>/<user>``: ``async def handler(session, payload) -> reply``.

        Accepting (the default): the sender gets ``202`` once the webhook is durable. With ``wait=True`` he waits for
        the reply. Without a handler, ``json`` pushes the body to the user's connections as an event.
        """
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise InvalidInput("a webhook's name holds letters, digits, - and _")
        self.hooks[name] = HookSpec(name, wait, self.default_timeout if timeout is None else timeout)
        return self._register(CallKind.HOOK, name, timeout)

    def on_timer(self, name: str, *, timeout: float | None = None) -> Callable[[_H], _H]:
        """Register the handler of a named timer: ``async def handler(session, payload)``."""
        return self._register(CallKind.TIMER, check_event_name(name), timeout)

    def on_start(self, handler: _H) -> _H:
        """Register what runs when a user's session begins: ``async def handler(session)``. ``Reject`` turns him away."""
        return self._register(CallKind.START, "", None)(handler)

    def on_connect(self, handler: _H) -> _H:
        """Register what runs when a connection joins: ``async def handler(session)``. ``Reject`` turns it away."""
        return self._register(CallKind.CONNECT, "", None)(handler)

    def on_disconnect(self, handler: _H) -> _H:
        """Register what runs when a connection has left: ``async def handler(session)``."""
        return self._register(CallKind.DISCONNECT, "", None)(handler)

    def on_window_expired(self, handler: _H) -> _H:
        """Register what runs, exactly once, when nobody came back in time: ``async def handler(session)``."""
        return self._register(CallKind.WINDOW_EXPIRED, "", None)(handler)

    def on_idle(self, handler: _H) -> _H:
        """Register what runs before a silent user's connections are closed: ``async def handler(session)``."""
        return self._register(CallKind.IDLE, "", None)(handler)

    def on_end(self, handler: _H) -> _H:
        """Register what runs when the session ends: ``async def handler(session, reason)``."""
        return self._register(CallKind.END, "", None)(handler)

    def load_user(self, source: Callable[[str], Awaitable[object]]) -> Callable[[str], Awaitable[object]]:
        """Register where users come from: ``async def source(user_id)``; ``None`` means there is no such user."""
        self.user_source = source
        return source

    def _register(
        self, kind: CallKind, name: str, timeout: float | None, *, relaxed: bool = False
    ) -> Callable[[_H], _H]:
        def register(handler: _H) -> _H:
            if not inspect.iscoroutinefunction(handler):
                raise InvalidInput(f"the handler of {kind} {name!r} must be an async function")
            if (kind, name) in self.handlers:
                raise InvalidInput(f"{kind} {name!r} has a handler already")
            takes = len(inspect.signature(handler).parameters)
            if takes not in {1, 2}:
                raise InvalidInput(f"the handler of {kind} {name!r} takes (session) or (session, payload)")
            seconds = self.default_timeout if timeout is None else timeout
            self.handlers[kind, name] = _Registered(handler, takes == 2, seconds, relaxed)  # noqa: PLR2004
            return handler

        return register

    # The runtime's side (core/session/program.py)

    async def load_account(self, user: UserId) -> object:
        """Load what the app knows about *user*; see ``Program``."""
        if self.user_source is None:
            return None
        account = await self.user_source(user)
        if account is None:
            raise Refused(ErrorCode.UNKNOWN_USER, "there is no such user")
        return account

    def handles(self, kind: CallKind, name: str) -> bool:
        """Tell whether there is a handler; see ``Program``."""
        return (kind, name) in self.handlers

    def timeout(self, kind: CallKind, name: str) -> float:
        """Seconds a handler may take; see ``Program``."""
        registered = self.handlers.get((kind, name))
        return self.default_timeout if registered is None else registered.timeout

    async def call(self, call: Call, context: Context) -> Outcome:
        """Run one handler; see ``Program``."""
        session = Session(context, self.codec, call.connection)
        registered = self.handlers.get((call.kind, call.name if call.kind is not CallKind.END else ""))
        if registered is None:
            return self._without_handler(call, session)
        if not registered.takes_payload:
            reply = await registered.handler(session)
        elif call.kind is CallKind.END:
            reply = await registered.handler(session, call.name)
        else:
            reply = await registered.handler(session, call.payload)
        return session.outcome(reply, relaxed=registered.relaxed)

    def _without_handler(self, call: Call, session: Session) -> Outcome:
        if call.kind is CallKind.HOOK and call.name == "json":
            _push_body(session, call.payload)
            return session.outcome(None, relaxed=False)
        raise Refused(ErrorCode.UNKNOWN_EVENT, f"there is no handler for this {call.kind}")


def _push_body(session: Session, body: object) -> None:
    """Push a webhook's body: the event is its ``type`` (Standard Webhooks, "payload structure"), else ``webhook``."""
    payload = body if isinstance(body, dict) else {"data": body}
    event = payload.get("type")
    try:
        session.push(check_event_name(event) if isinstance(event, str) else "webhook", payload)
    except InvalidInput:
        session.push("webhook", payload)
