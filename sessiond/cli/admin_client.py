"""A client of the admin socket, for ``sessionctl`` and for programs on Trio.

One call at a time; what the server sends by itself meanwhile (``watch``) is kept for ``next_notification``.
"""

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trio

__all__ = ["AdminCallFailed", "AdminConnection", "CannotConnect", "open_admin"]


class CannotConnect(Exception):
    """Nobody listens, or we may not, or the connection broke."""


class AdminCallFailed(Exception):
    """The server answered with an error: *name* is stable (edges/admin/faults.py), *data* says more."""

    def __init__(self, name: str, message: str, data: dict[str, Any]) -> None:
        super().__init__(message)
        self.name = name
        self.data = data


@asynccontextmanager
async def open_admin(socket: Path) -> "AsyncIterator[AdminConnection]":
    """Connect to the admin socket at *socket*; closed on the way out.

    Raises:
      CannotConnect: with the reason, and what to do about it.

    """
    try:
        stream = await trio.open_unix_socket(str(socket))
    except FileNotFoundError:
        raise CannotConnect(f"there is no admin socket {socket}: is the server running?") from None
    except ConnectionRefusedError:
        raise CannotConnect(f"nobody listens on {socket}: the server is gone") from None
    except PermissionError:
        raise CannotConnect(
            f"{socket} may only be used by the server's own user and root"
        ) from None
    except (OSError, RuntimeError) as error:
        raise CannotConnect(f"cannot connect to {socket}: {error}") from None
    async with stream:
        yield AdminConnection(stream)


class AdminConnection:
    """One connection; from ``open_admin``. Not for several tasks at once."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._kept: deque[dict[str, Any]] = deque()
        self._last_id = 0

    async def call(self, method: str, **params: object) -> Any:
        """Call *method* and return its result. Cancelled, it may or may not have been carried out.

        Raises:
          AdminCallFailed: the server refused or failed.
          CannotConnect: the connection broke; it may or may not have been carried out.

        """
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        with suppress(trio.BrokenResourceError):  # it may have said why before it closed
            await self._stream.send_all(json.dumps(request).encode() + b"\n")
        while True:
            message = await self._read()
            if "method" in message:
                self._kept.append(message)
            elif message.get("id") in (self._last_id, None):
                return _result(message)

    async def next_notification(self) -> dict[str, Any] | None:
        """Wait for what the server sends by itself; ``None``: the connection has ended."""
        while not self._kept:
            try:
                message = await self._read()
            except CannotConnect:
                return None
            if "method" in message:
                self._kept.append(message)
        return self._kept.popleft()

    async def _read(self) -> dict[str, Any]:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            try:
                chunk = await self._stream.receive_some(64 * 1024)
            except trio.BrokenResourceError:
                chunk = b""
            if not chunk:
                raise CannotConnect("the server closed the connection")
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise CannotConnect("what listens there does not speak our protocol")
        return message


def _result(message: dict[str, Any]) -> Any:
    error = message.get("error")
    if error is None:
        return message.get("result")
    data = error.get("data") or {}
    raise AdminCallFailed(data.get("name", "internal_error"), error.get("message", ""), data)
