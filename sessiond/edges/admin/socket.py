"""The Unix socket itself: bound safely, for one user, and asked who is at the other end.

The file is made with mode 0600 before anybody can connect. One that is left from a killed server is replaced; one
that somebody listens on is not. Beside the file mode, the peer's credentials are checked on each connection.
"""

import contextlib
import errno
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import trio

from sessiond import telemetry
from sessiond.core.errors import SessiondError
from sessiond.core.operations import Node
from sessiond.edges.admin.client import AdminClient
from sessiond.edges.admin.faults import Fault, FaultCode
from sessiond.edges.admin.messages import refusal, to_line
from sessiond.edges.admin.settings import AdminSettings

__all__ = ["AdminSocketError", "allowed_uids", "serve_admin"]

_UCRED: Final = struct.Struct("3i")
_BACKLOG: Final = 64

#: What accept answers when the process or the system is out of descriptors or memory: it passes.
_PASSING: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED}
)
_PAUSE_SECONDS: Final = 0.1


class AdminSocketError(SessiondError):
    """The admin socket cannot be opened: another server listens, the path is taken, or not allowed."""


def allowed_uids() -> frozenset[int]:
    """Who may use the socket: the server's own user, and root."""
    return frozenset({os.geteuid(), 0})


async def serve_admin(
    node: Node,
    settings: AdminSettings,
    *,
    uids: frozenset[int] | None = None,
    task_status: trio.TaskStatus[Path] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve operators until cancelled; started with the socket's path once it can be connected to.

    *uids* are the users who may use it (default: ``allowed_uids``). On the way out the file is removed, if it is
    still ours; running calls are cancelled.

    Raises:
      AdminSocketError: the socket cannot be opened.

    """
    uids = allowed_uids() if uids is None else uids
    with _bound(settings.socket) as listening:
        door = trio.socket.from_stdlib_socket(listening)
        async with trio.open_nursery() as nursery:
            task_status.started(settings.socket)
            slots = trio.CapacityLimiter(settings.max_clients)
            while True:
                try:
                    accepted, _ = await door.accept()
                except OSError as error:
                    if error.errno not in _PASSING:
                        raise
                    await trio.sleep(_PAUSE_SECONDS)
                else:
                    nursery.start_soon(_serve_client, accepted, node, settings, uids, slots)


async def _serve_client(
    accepted: trio.socket.SocketType,
    node: Node,
    settings: AdminSettings,
    uids: frozenset[int],
    slots: trio.CapacityLimiter,
) -> None:
    uid = _peer_uid(accepted)
    async with trio.SocketStream(accepted) as stream:
        if uid not in uids:
            telemetry.emit("auth.refused", {}, {"door": "admin", "reason": f"uid {uid}"})
            await _turn_away(
                stream, FaultCode.FORBIDDEN, "only the server's own user and root may do this"
            )
            return
        try:
            slots.acquire_nowait()
        except trio.WouldBlock:
            await _turn_away(stream, FaultCode.TOO_MANY, "too many connections to this socket")
            return
        try:
            await AdminClient(stream, node, settings, uid).serve()
        finally:
            slots.release()


async def _turn_away(stream: trio.SocketStream, code: FaultCode, message: str) -> None:
    with trio.move_on_after(1.0), contextlib.suppress(trio.BrokenResourceError):
        await stream.send_all(to_line(refusal(None, Fault(code, message))))


def _peer_uid(accepted: trio.socket.SocketType) -> int | None:
    """Ask the system who connected; ``None``, which nobody is, where it cannot say."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    raw = accepted.getsockopt(socket.SOL_SOCKET, option, _UCRED.size)
    _, uid, _ = _UCRED.unpack(raw)
    return int(uid)


@contextlib.contextmanager
def _bound(path: Path) -> Iterator[socket.socket]:
    """Open the listening socket at *path*; on the way out close it and remove the file if it is still ours."""
    _clear(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.setblocking(False)
    with listening:
        try:
            listening.bind(str(path))
            path.chmod(0o600)
            listening.listen(_BACKLOG)  # nobody can connect before this
            ours = path.lstat().st_ino
        except OSError as error:
            raise AdminSocketError(f"cannot listen on {path}: {error.strerror or error}") from None
        try:
            yield listening
        finally:
            with contextlib.suppress(OSError):
                if path.lstat().st_ino == ours:
                    path.unlink()


def _clear(path: Path) -> None:
    """Remove the socket file of a server that is gone.

    Raises:
      AdminSocketError: it is something else, or somebody listens on it.

    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise AdminSocketError(f"cannot listen on {path}: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise AdminSocketError(f"{path} exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass  # its backlog is full: it lives
        except OSError as error:
            raise AdminSocketError(f"cannot listen on {path}: {error.strerror}") from None
    raise AdminSocketError(f"another server listens on {path}")
