"""One port for HTTP and websocket: accepted socket → HTTP loop → handler, or a transport.

When the first request was an upgrade, the HTTP loop's task ends: a plain socket goes to the poller,
and only what has no plain socket (TLS, platforms without epoll) keeps a task.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sessiond.net.http1 import HttpLimits, UpgradeHandler, serve_http
from sessiond.net.listen import Accepted
from sessiond.net.messages import Handler
from sessiond.net.poll import Poller
from sessiond.net.transport import StreamTransport, TransportLimits

__all__ = ["Front"]


class Front:
    """The handler that ``listen.serve`` calls for each connection of the public port.

    *poller* drives plain sockets and has to be running; ``None``: every connection keeps its task. *larger* has the
    bounds in bytes of bodies that are sent to its paths, where they are above that of *http*.
    """

    def __init__(
        self,
        handler: Handler,
        upgrade: UpgradeHandler,
        *,
        poller: Poller | None,
        http: HttpLimits | None = None,
        transport: TransportLimits | None = None,
        larger: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._handler: Final = handler
        self._upgrade: Final = upgrade
        self._poller: Final = poller
        self._http: Final = http if http is not None else HttpLimits()
        self._larger: Final = larger
        self._transport: Final = transport if transport is not None else TransportLimits()

    async def __call__(self, accepted: Accepted) -> None:
        """Serve one connection; returns when it is closed, or the poller has it."""
        stream = await accepted.stream()
        switched = await serve_http(
            stream,
            self._handler,
            upgrade=self._upgrade,
            limits=self._http,
            larger=self._larger,
            peer=accepted.peer,
        )
        if switched is None:
            return
        if self._poller is not None and accepted.is_plain:
            self._poller.adopt(accepted.sock, switched.link, switched.data, accepted.take())
            return
        await StreamTransport(stream, switched.link, self._transport).run(switched.data)
