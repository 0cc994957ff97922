"""Listeners: TCP, TLS and Unix sockets, and the loop that accepts on them.

``open_tcp`` and ``open_unix`` bind at once, so that a port in use is an error before anything has
started. ``serve`` accepts until cancelled and gives each connection its own task. Running out of
file descriptors or memory holds it back for a moment; it never ends it.
"""

import errno
import os
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio
from attrs import define, field, frozen, validators

from sessiond import telemetry
from sessiond.core.errors import InvalidInput
from sessiond.net.stream import AcceptedStream

__all__ = [
    "AcceptLimits",
    "Accepted",
    "AddressInUse",
    "addresses_of",
    "open_tcp",
    "open_unix",
    "serve",
]

#: A burst of reconnecting clients after a deploy; the kernel caps it at net.core.somaxconn.
_BACKLOG: Final = 4096

#: Accepted in one round: waiting for the listener anew for each costs 25 µs (measured), and other
#: tasks get their turn after so many.
_ROUND_ACCEPTS: Final = 32

#: As trio.serve_listeners: long enough for something to be closed, short enough to go unnoticed.
_HOLD_SECONDS: Final = 0.1
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})

#: As trio.SocketStream: what waits to be sent should wait here, where it is counted and can be dropped.
_UNSENT_BYTES: Final = 16 * 1024
_NOTSENT_LOWAT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)

_BUSY_BODY: Final = b'{"code":"overloaded","reason":"overloaded","message":"too many connections"}'
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_BUSY_BODY), _BUSY_BODY)
)


class AddressInUse(InvalidInput):
    """Somebody else listens there."""


@frozen(kw_only=True)
class AcceptLimits:
    """How many connections a listener serves at once."""

    connections: int = field(default=20_000, validator=validators.gt(0))
    """More are answered 503 at once and closed; each needs a file descriptor."""
    handshake_seconds: float = field(default=10.0, validator=validators.gt(0))
    """How long a TLS handshake may take."""


@define(eq=False)
class Accepted:
    """One connection of a client: a non-blocking socket that still has to be served.

    The handler owns it: it closes it, or hands it on (``take``) to somebody who outlives the
    handler's task and then calls ``release``.
    """

    sock: socket.socket
    peer: str
    """The client's address without the port; empty: a Unix socket."""
    _tls: ssl.SSLContext | None
    _handshake_seconds: float
    _release: Callable[[], None]
    is_taken: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the socket carries the bytes as they are (no TLS)."""
        return self._tls is None

    async def stream(self) -> trio.abc.Stream:
        """Make a Trio stream of it, after the TLS handshake if there is one.

        Raises:
          trio.BrokenResourceError: the handshake failed or took too long.

        """
        plain = AcceptedStream(self.sock)
        if self._tls is None:
            return plain
        secure = trio.SSLStream(plain, self._tls, server_side=True, https_compatible=True)
        with trio.move_on_after(self._handshake_seconds):
            await secure.do_handshake()
            return secure
        raise trio.BrokenResourceError("the TLS handshake took too long")

    def take(self) -> Callable[[], None]:
        """Keep the socket beyond the handler; call what is returned when it is closed."""
        self.is_taken = True
        return self._release


def open_tcp(host: str, port: int) -> tuple[socket.socket, ...]:
    """Bind every address of *host* (a name, an address, or empty for all) at *port* (0: any free).

    Raises:
      AddressInUse: somebody listens there already.
      InvalidInput: the host has no such address here, or the port may not be used.

    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError, OverflowError) as error:
        raise InvalidInput(f"cannot listen on {host}:{port}: {error}") from None
    opened: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in found:
            if port == 0 and opened:
                address = (address[0], opened[0].getsockname()[1], *address[2:])  # noqa: PLW2901
            sock = socket.socket(family, kind, protocol)
            opened.append(sock)
            _bind_tcp(sock, address)
    except OSError as error:
        for sock in opened:
            sock.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"cannot listen on {host}:{port}: the port is in use") from None
        raise InvalidInput(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return tuple(opened)


def _bind_tcp(sock: socket.socket, address: tuple[object, ...]) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    # What is accepted inherits these; set on each connection they would be two system calls more.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if _NOTSENT_LOWAT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _UNSENT_BYTES)
    sock.bind(address)
    sock.listen(_BACKLOG)


def open_unix(path: Path, *, mode: int = 0o600) -> socket.socket:
    """Bind a Unix socket at *path* with the permissions *mode*; a dead one's file is replaced.

    Raises:
      AddressInUse: a living process listens there.
      InvalidInput: the path is too long, its folder is missing or closed to us, or something that
        is no socket is in its place.

    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        _remove_stale(path)
        # The file must never exist with wider permissions than asked for, however shortly.
        old_mask = os.umask(0o777 & ~mode)
        try:
            sock.bind(str(path))
        finally:
            os.umask(old_mask)
        path.chmod(mode)
        sock.listen(_BACKLOG)
    except InvalidInput:
        sock.close()
        raise
    except OSError as error:
        sock.close()
        raise InvalidInput(f"cannot listen on {path}: {error.strerror or error}") from None
    return sock


def _remove_stale(path: Path) -> None:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise InvalidInput(f"cannot listen on {path}: there is something that is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass
    raise AddressInUse(f"cannot listen on {path}: another process does")


def addresses_of(listeners: Iterable[socket.socket]) -> tuple[str, ...]:
    """Name what is listened on: ``127.0.0.1:4000``, ``[::1]:4000``, a path."""
    return tuple(_name(sock) for sock in listeners)


def _name(sock: socket.socket) -> str:
    address = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return str(address)
    host = f"[{address[0]}]" if sock.family == socket.AF_INET6 else address[0]
    return f"{host}:{address[1]}"


class _Door:
    """The accept loops of one ``serve``: they share handler, limits and the number of connections."""

    def __init__(
        self,
        handler: Callable[[Accepted], Awaitable[None]],
        limits: AcceptLimits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._tls = tls
        self._open = 0

    async def accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        while True:
            await trio.lowlevel.wait_readable(listener)
            try:
                for sock, peer in _waiting(listener):
                    self._begin(sock, peer, nursery)
            except OSError as error:
                reason = errno.errorcode.get(error.errno or 0, "unknown")
                telemetry.emit("listener.held", metadata={"reason": reason})
                await trio.sleep(_HOLD_SECONDS)

    def _begin(self, sock: socket.socket, peer: str, nursery: trio.Nursery) -> None:
        if self._open >= self._limits.connections:
            telemetry.emit("listener.held", metadata={"reason": "limit"})
            self._turn_away(sock)
            return
        self._open += 1
        accepted = Accepted(sock, peer, self._tls, self._limits.handshake_seconds, self._release)
        nursery.start_soon(self._serve, accepted)

    async def _serve(self, accepted: Accepted) -> None:
        try:
            await self._handler(accepted)
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass  # the client went away
        except Exception as error:  # noqa: BLE001 -- one connection's trouble is not the others'
            telemetry.emit(
                "door.failed", metadata={"door": "listener", "error": type(error).__name__}
            )
        finally:
            if not accepted.is_taken:
                accepted.sock.close()
                self._release()

    def _turn_away(self, sock: socket.socket) -> None:
        if self._tls is None:
            with suppress(OSError):
                sock.send(_BUSY)
        sock.close()

    def _release(self) -> None:
        self._open -= 1


def _waiting(listener: socket.socket) -> Iterator[tuple[socket.socket, str]]:
    """Accept who waits at *listener*, up to a bound, with their addresses.

    Raises:
      OSError: there are no file descriptors or no memory for more.

    """
    is_unix = listener.family == socket.AF_UNIX
    for _ in range(_ROUND_ACCEPTS):
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            continue  # about one client, that left before it was served
        sock.setblocking(False)
        yield sock, "" if is_unix else address[0]


async def serve(
    handler: Callable[[Accepted], Awaitable[None]],
    listeners: Sequence[socket.socket],
    *,
    limits: AcceptLimits | None = None,
    tls: ssl.SSLContext | None = None,
    task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept on *listeners*, calling *handler* in a task of its own for each connection.

    ``started()`` hands back the bound addresses. Runs until cancelled; then the handlers are
    cancelled too and the listeners closed. An exception of a handler costs only its connection.
    """
    door = _Door(handler, limits if limits is not None else AcceptLimits(), tls)
    try:
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(door.accept, listener, nursery)
            task_status.started(addresses_of(listeners))
    finally:
        for listener in listeners:
            listener.close()
