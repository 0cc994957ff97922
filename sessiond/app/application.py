"""``App``: the registry of an application's handlers and flows, and the ``Program`` that the runtime calls."""

import inspect
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, TypeVar

from attrs import frozen

from sessiond.app.data import DataCodec
from sessiond.app.flows import FlowRegistry
from sessiond.app.session import Session
from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.routing import RoutingSettings
from sessiond.core.conversations.session_keys import OwnIdentifier
from sessiond.core.errors import AppFailed, InvalidInput, Refused
from sessiond.core.event_names import check_event_name
from sessiond.core.flows.answers import Attachment
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import Translations
from sessiond.core.gateways.media import Download, Downloads
from sessiond.core.ids import UserId
from sessiond.core.session.outcome import Outcome
from sessiond.core.session.program import Call, CallKind, Context

__all__ = ["App", "Durability", "HookSpec"]

Durability = Literal["commit", "relaxed"]

Handler = Callable[..., Awaitable[object]]
_H = TypeVar("_H", bound=Callable[..., Any])

#: Handlers of waiting doors: gateways and browsers give up after about ten seconds.
DEFAULT_TIMEOUT: Final = 10.0

#: Part of a URL, and of the scope that input ids are hashed under, which counts 64 bytes (core/ids.py).
_HOOK_NAME: Final = re.compile(r"[a-z0-9_-]{1,48}")


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


class App(FlowRegistry):
    """An application: handlers by event, webhook, timer and moment of a session's life.

    *data* is the type of ``session.data``: ``dict`` (the default) or an attrs class whose fields all have
    defaults. *timeout* is how long a handler may take, in seconds. For flows: *routing* holds the words that are no
    answers and what happens to inputs that nothing claims, *texts* the engine's own sentences, *translations* them and
    the app's in other languages, *own_identifier* the function for session keys with ``identifier = "own"``.
    """

    def __init__(
        self,
        *,
        data: type = dict,
        timeout: float = DEFAULT_TIMEOUT,
        routing: RoutingSettings | None = None,
        texts: FlowTexts | None = None,
        translations: Translations | None = None,
        own_identifier: OwnIdentifier | None = None,
    ) -> None:
        super().__init__(
            routing=routing,
            texts=texts,
            translations=translations,
            own_identifier=own_identifier,
        )
        self.codec = DataCodec(data)
        self.default_timeout = timeout
        self.handlers: dict[tuple[CallKind, str], _Registered] = {}
        self.hooks: dict[str, HookSpec] = {"json": HookSpec("json", False, timeout)}
        self.downloads: Downloads | None = None
        """Set by the server that runs this app."""
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
        return self._register(
            CallKind.EVENT, check_event_name(event), timeout, relaxed=durability == "relaxed"
        )

    def on_webhook(
        self, name: str = "json", *, wait: bool = False, timeout: float | None = None
    ) -> Callable[[_H], _H]:
        """Register the handler of ``POST /hooks/<name>/<user>``: ``async def handler(session, payload) -> reply``.

        Accepting (the default): the sender gets ``202`` once the webhook is durable. With ``wait=True`` he waits for
        the reply. Without a handler, ``json`` pushes the body to the user's connections as an event.
        """
        if not _HOOK_NAME.fullmatch(name):
            raise InvalidInput("a webhook's name has 1 to 48 of: a-z 0-9 _ -")
        self.hooks[name] = HookSpec(
            name, wait, self.default_timeout if timeout is None else timeout
        )
        return self._register(CallKind.HOOK, name, timeout)

    def on_timer(self, name: str, *, timeout: float | None = None) -> Callable[[_H], _H]:
        """Register the handler of a named timer: ``async def handler(session, payload)``."""
        return self._register(CallKind.TIMER, check_event_name(name), timeout)

    def on_start(self, handler: _H) -> _H:
        """Register what runs when a session begins: ``async def handler(session)``. ``Reject`` turns the user away.

        No connection is there yet: greet from ``on_connect``.
        """
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

    def on_delivery(self, handler: _H) -> _H:
        """Register what hears of messages on accounts: ``async def handler(session, update)``, a ``DeliveryUpdate``."""
        return self._register(CallKind.DELIVERY, "", None)(handler)

    def on_link(self, handler: _H) -> _H:
        """Register what hears of links between users: ``async def handler(session, update)``, a ``LinkUpdate``."""
        return self._register(CallKind.LINK, "", None)(handler)

    def load_user(
        self, source: Callable[[str], Awaitable[object]]
    ) -> Callable[[str], Awaitable[object]]:
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
                raise InvalidInput(
                    f"the handler of {kind} {name!r} takes (session) or (session, payload)"
                )
            seconds = self.default_timeout if timeout is None else timeout
            self.handlers[kind, name] = _Registered(handler, takes == 2, seconds, relaxed)
            return handler

        return register

    # Media

    def download(self, attachment: Attachment) -> AbstractAsyncContextManager[Download]:
        """Fetch what a person sent, from the provider of the account that it came by.

        For functions of ``c.run`` and for handlers: ``async with app.download(photo) as file``, then
        ``async for chunk in file`` or ``await file.read()``. Leaving the block ends it; so does cancellation.

        Raises, when entered or read:
          DownloadFailed: it cannot be had; ``problem`` says why.
          AppFailed: no server runs this app.

        """
        if self.downloads is None:
            raise AppFailed("what people sent is fetched by a server: none runs this app")
        return self.downloads.open(attachment)

    # The runtime's side (core/session/program.py)

    @property
    def has_accounts(self) -> bool:
        """Tell whether there is a user source; see ``Program``."""
        return self.user_source is not None

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
        registered = self.handlers.get(
            (call.kind, call.name if call.kind is not CallKind.END else "")
        )
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
