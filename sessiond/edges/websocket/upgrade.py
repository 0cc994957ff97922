"""The door: upgrade requests → connections, and all connections together.

What is cheap is checked first (draining, path, origin, version), then the token, then the handshake.
A refused upgrade is an HTTP answer and has cost no actor and no store call. Neither tokens nor
headers are ever repeated.
"""

import itertools
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import trio
from attrs import field, frozen

from sessiond import telemetry
from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.ids import ConnectionId
from sessiond.core.ports import Clock
from sessiond.core.wire.negotiate import check_version, find_token, parse_query
from sessiond.edges.websocket.connection import WebsocketConnection
from sessiond.edges.websocket.context import Authenticate, Context, UserDirectory, Watched
from sessiond.edges.websocket.framing import MessageReader
from sessiond.edges.websocket.handshake import offered_subprotocols, shake_hands
from sessiond.edges.websocket.limits import WebsocketLimits
from sessiond.edges.websocket.watch import watch
from sessiond.net.http1 import error_response
from sessiond.net.messages import Request, Response

__all__ = ["PATH", "WebsocketDoor", "WebsocketSettings"]

PATH: Final = "/socket/websocket"

#: How long a client waits before it tries a draining node again: about one deploy's step.
_RETRY_AFTER_SECONDS: Final = 5

_opened: Final = telemetry.emitter("connection.opened")

_STATUS: Final[Mapping[str, int]] = {
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.BAD_REQUEST: 400,
}


@frozen(kw_only=True)
class WebsocketSettings:
    """What a deployment decides about the door."""

    limits: WebsocketLimits = field(factory=WebsocketLimits)
    origins: tuple[str, ...] = ()
    """Origins of other sites whose pages may connect (``https://shop.example``); ``*``: all.
    Pages of the host itself always may, and clients that are no browsers send none."""


class WebsocketDoor:
    """Serves websockets for *directory*'s users; ``upgrade`` is an ``UpgradeHandler`` of net/http1."""

    def __init__(
        self,
        *,
        directory: UserDirectory,
        authenticate: Authenticate,
        clock: Clock,
        settings: WebsocketSettings | None = None,
    ) -> None:
        self._settings = settings if settings is not None else WebsocketSettings()
        self._context = Context(directory, authenticate, clock, self._settings.limits)
        self._ids = itertools.count(1)
        self._is_draining = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look after the connections until cancelled; must run while there are any."""
        async with trio.open_nursery() as nursery:
            self._context.nursery = nursery
            task_status.started()
            await watch(self._context)

    # ------------------------------------------------------------ all connections

    @property
    def connections(self) -> tuple[Watched, ...]:
        """Those that are open now."""
        return tuple(self._context.connections.values())

    def find(self, connection_id: ConnectionId) -> Watched | None:
        """Return the open connection of that id (operators close single ones)."""
        return self._context.connections.get(connection_id)

    def drain(self) -> None:
        """Answer upgrades 503 from now on, and read from nobody any more."""
        self._is_draining = True
        for connection in self.connections:
            connection.stop_reading()

    async def close_all(
        self, code: CloseCode, *, batch: int = 100, pause_seconds: float = 0.05
    ) -> None:
        """Close every connection, *batch* at a time, so that not all come back at the same instant.

        Cancelled: those that were not reached stay open.
        """
        everyone = self.connections
        for start in range(0, len(everyone), batch):
            for connection in everyone[start : start + batch]:
                connection.close(code)
            await trio.sleep(pause_seconds)

    # ------------------------------------------------------------ one upgrade

    async def upgrade(self, request: Request) -> Response | WebsocketConnection:
        """Turn an upgrade *request* into a connection or a refusal."""
        started = self._context.clock.monotonic()
        refusal = self._refuse_early(request)
        if refusal is not None:
            return refusal
        try:
            parameters = parse_query(request.query)
            check_version(parameters)
        except InvalidInput as error:
            return error_response(400, ErrorCode.BAD_REQUEST, str(error))
        offers = offered_subprotocols(request)
        try:
            token = find_token(request.header("authorization"), offers, parameters)
            identity = await self._context.authenticate(token)
        except Refused as refused:
            return _refusal(refused)
        first = shake_hands(request, offers)
        if isinstance(first, Response):
            return first
        limits = self._context.limits
        reader = MessageReader(limit=limits.message_bytes, fragments=limits.fragments)
        connection_id = ConnectionId(next(self._ids))
        connection = WebsocketConnection(self._context, connection_id, identity, reader, first)
        if _opened.listeners:
            duration = self._context.clock.monotonic() - started
            _opened({"duration": duration}, {"connection": connection_id})
        return connection

    def _refuse_early(self, request: Request) -> Response | None:
        if self._is_draining:
            return error_response(
                503,
                ErrorCode.DRAINING,
                "the server is being stopped; connect again",
                headers=(("retry-after", str(_RETRY_AFTER_SECONDS)),),
            )
        if request.path != PATH:
            return error_response(404, ErrorCode.BAD_REQUEST, f"websockets are at {PATH}")
        if not self._is_origin_allowed(request):
            telemetry.emit("auth.refused", metadata={"door": "websocket", "reason": "origin"})
            return error_response(403, ErrorCode.FORBIDDEN, "pages of this origin may not connect")
        return None

    def _is_origin_allowed(self, request: Request) -> bool:
        given = request.values("origin")
        if not given or "*" in self._settings.origins:
            return True
        origin = given[0].lower()
        return len(given) == 1 and (
            origin in self._settings.origins
            or urlsplit(origin).netloc == (request.header("host") or "").lower()
        )


def _refusal(refused: Refused) -> Response:
    telemetry.emit("auth.refused", metadata={"door": "websocket", "reason": str(refused.code)})
    status = _STATUS.get(refused.code, 503)
    headers: tuple[tuple[str, str], ...] = ()
    if status == 401:
        headers = (("www-authenticate", "Bearer"),)
    elif refused.retry_after is not None or status == 503:
        headers = (("retry-after", str(round(refused.retry_after or _RETRY_AFTER_SECONDS))),)
    return error_response(status, refused.code, refused.message, headers=headers)
