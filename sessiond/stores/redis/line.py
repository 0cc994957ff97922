"""Connections to Redis that Trio waits for: redis-py opens them, what goes over them then is ours.

Prior art: redis-py's own ``Connection`` in worker threads. *(measured, a commit of a dialogue's turn)* That costs 440
µs of CPU and nine context switches, since the interpreter's lock changes hands at each system call; here it is 170 µs
and one. Of the difference some 190 µs are redis-py's pool and what it does about each command.

Nothing here is cancelled: a request that has begun is waited for, and each wait ends after the time-out.
"""

import select
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import hiredis
import trio
from redis.connection import Connection, DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse
from redis.exceptions import TimeoutError as RedisTimeoutError

from sessiond.stores.redis.topology import Address

__all__ = ["Argument", "Line", "Lines", "in_thread"]

Argument: TypeAlias = str | bytes | int | float

T = TypeVar("T")

_Wait: TypeAlias = Callable[[Any], Awaitable[None]]

_BUFFER_BYTES: Final = 65536

_INCOMPLETE: Final = object()


class Line:
    """Takes over *connection*, one of redis-py's that is connected and has no reply to come.

    Commands are sent, then as many replies are received. One that raised is of no use any more.
    """

    def __init__(self, connection: Any, *, timeout_seconds: float) -> None:
        self._connection = connection
        self._socket = connection._sock  # noqa: SLF001 -- redis-py has no other way to it
        self._timeout_seconds = timeout_seconds
        self._is_encrypted = isinstance(self._socket, ssl.SSLSocket)
        self._buffer = bytearray(_BUFFER_BYTES)
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=DefaultParser.parse_error,  # type: ignore[attr-defined, unused-ignore]
            notEnoughData=_INCOMPLETE,
        )
        self._socket.setblocking(False)
        self._alarm = select.poll()
        self._alarm.register(self._socket, select.POLLIN)

    def is_idle(self) -> bool:
        """Tell whether it can be used: the server has not hung up, and has said nothing that nobody asked for."""
        return not self._alarm.poll(0)

    async def send(self, commands: Sequence[Sequence[Argument]]) -> None:
        """Send *commands* in one go.

        Raises:
          RedisConnectionError: the connection is gone.
          RedisTimeoutError: the server takes nothing in.

        """
        packed = [hiredis.pack_command(tuple(command)) for command in commands]  # type: ignore[arg-type]
        rest = memoryview(packed[0] if len(packed) == 1 else b"".join(packed))
        while rest:
            sent = await self._try(self._socket.send, rest, trio.lowlevel.wait_writable)
            rest = rest[sent:]

    async def receive(self) -> Any:
        """Return the next reply; what the server refused is a ``ResponseError``.

        Raises:
          RedisConnectionError: the connection is gone, or the server sends us away.
          RedisTimeoutError: nothing came in time.

        """
        while (reply := self._reader.gets(False)) is _INCOMPLETE:
            if not self._is_encrypted:  # there may be more in OpenSSL than in the socket
                await self._wait(trio.lowlevel.wait_readable)
            size = await self._try(
                self._socket.recv_into, self._buffer, trio.lowlevel.wait_readable
            )
            if not size:
                raise RedisConnectionError("Connection closed by server.")
            self._reader.feed(self._buffer, 0, size)  # type: ignore[arg-type]
        if isinstance(reply, RedisConnectionError):
            raise reply
        return reply

    def close(self) -> None:
        """Hang up."""
        self._connection.disconnect()

    async def _try(self, action: Callable[[Any], int], data: Any, blocked_wait: _Wait) -> int:
        """Do *action* with *data*, after waiting if need be."""
        while True:
            try:
                return action(data)
            except ssl.SSLWantWriteError:
                await self._wait(trio.lowlevel.wait_writable)
            except ssl.SSLWantReadError:
                await self._wait(trio.lowlevel.wait_readable)
            except BlockingIOError:
                await self._wait(blocked_wait)
            except OSError as error:
                raise RedisConnectionError(str(error)) from error

    async def _wait(self, wait: _Wait) -> None:
        with trio.move_on_after(self._timeout_seconds, shield=True) as scope:
            await wait(self._socket)
        if scope.cancelled_caught:
            raise RedisTimeoutError("Timeout")


class Lines:
    """The connections to each server, opened as they are needed with *options* for redis-py and then kept."""

    def __init__(self, options: dict[str, Any], *, timeout_seconds: float) -> None:
        self._options = options
        self._timeout_seconds = timeout_seconds
        self._idle: dict[Address, list[Line]] = {}
        self._is_closed = False

    async def talk(self, asked: Mapping[Address, Sequence[Sequence[Argument]]]) -> list[list[Any]]:
        """Send the commands for each server, then return all replies in the order of *asked*.

        Raises:
          RedisError: a server cannot be reached, does not let us in, hung up or did not answer in time.

        """
        lines: list[Line] = []
        try:
            for address in asked:
                lines.append(await self._take(address))  # noqa: PERF401 -- closed if the next fails
            for line, commands in zip(lines, asked.values(), strict=True):
                await line.send(commands)
            said = [
                [await line.receive() for _ in commands]
                for line, commands in zip(lines, asked.values(), strict=True)
            ]
        except BaseException:
            for line in lines:
                line.close()  # with replies that nobody has read it is never used again
            raise
        for address, line in zip(asked, lines, strict=True):
            self._give_back(address, line)
        return said

    def drop_idle(self) -> None:
        """Hang up where no call is under way."""
        for lines in self._idle.values():
            while lines:
                lines.pop().close()

    def close(self) -> None:
        """Hang up, where a call is under way as soon as it is done."""
        self._is_closed = True
        self.drop_idle()

    async def _take(self, address: Address) -> Line:
        """Take the connection that was used last, if one is alive as far as can be seen, else a new one."""
        idle = self._idle.get(address)
        while idle:
            line = idle.pop()
            if line.is_idle():
                return line
            line.close()
        return await in_thread(lambda: self._open(address))

    def _give_back(self, address: Address, line: Line) -> None:
        if self._is_closed:
            line.close()
        else:
            self._idle.setdefault(address, []).append(line)

    def _open(self, address: Address) -> Line:
        where = {"host": address.host, "port": address.port} if address.port else {}
        options = self._options | where
        connection = options.pop("connection_class", Connection)(**options)
        connection.connect()
        return Line(connection, timeout_seconds=self._timeout_seconds)


async def in_thread(work: Callable[[], T]) -> T:
    """Do what blocks; not cancelled, for it is a part of a call that has begun."""
    result: T
    with trio.CancelScope(shield=True):
        # With a limit of its own: busy threads of others must not keep a lease from being renewed.
        limiter = trio.CapacityLimiter(1)
        result = await trio.to_thread.run_sync(work, limiter=limiter)
    return result
