"""Connections to Redis that Trio waits for: redis-py opens them, what goes over them then is ours.

Prior art: redis-py's own ``Connection`` in worker threads. *(measured, a commit of a dialogue's turn)* That costs 490
µs of CPU and nine context switches, for the interpreter's lock changes hands at each system call; here it is 300 µs and
one. A bare ``PING`` by ``send``, ``epoll`` and ``recv`` takes 60 µs.

Nothing here is cancelled: a request that has begun is waited for, and each wait ends after the time-out.
"""

import math
import select
import socket
import ssl
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

import hiredis
import trio
from redis.connection import Connection, DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from sessiond.stores.redis.topology import Address

__all__ = ["Argument", "Line", "Lines", "in_thread"]

Argument: TypeAlias = str | bytes | int | float

T = TypeVar("T")

_BUFFER_BYTES: Final = 65536

_INCOMPLETE: Final = object()

#: To linger for no time at all: closing drops what was not sent, and resets the connection.
_AT_ONCE: Final = struct.pack("ii", 1, 0)


class Line:
    """Takes over *connection*, one of redis-py's that is connected and has no reply to come.

    One request at a time: commands are sent, then their replies are waited for. One that raised is of no use any more.

    A task waits for the server for as long as the connection lasts. *(measured)* If whoever asks waited itself, the
    time-out around each wait would take 16 µs; this way one is set per ``timeout_seconds``.
    """

    def __init__(self, connection: Any, *, timeout_seconds: float) -> None:
        self._connection = connection
        self._socket = connection._sock  # noqa: SLF001 -- redis-py has no other way to it
        self._timeout_seconds = timeout_seconds
        self._buffer = bytearray(_BUFFER_BYTES)
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=DefaultParser.parse_error,
            notEnoughData=_INCOMPLETE,
            errors="replace",
        )
        self._socket.setblocking(False)
        self._number = self._socket.fileno()
        self._alarm = select.poll()
        self._alarm.register(self._number, select.POLLIN)
        self._missing = 0
        self._replies: list[Any] = []
        self._failure: RedisError | None = None
        self._asking: trio.lowlevel.Task | None = None
        self._due = math.inf
        """When the server must have sent the next part of its replies."""
        self._timer = trio.CancelScope()

    @property
    def has_failed(self) -> bool:
        """Whether the server hung up, did not answer in time or said what it should not, or we hung up."""
        return self._failure is not None

    def is_idle(self) -> bool:
        """Tell whether it can be used: the server has not hung up, and has said nothing that nobody asked for."""
        return not (self.has_failed or self._alarm.poll(0) or self._reader.has_data())

    async def send(self, commands: Sequence[Sequence[Argument]]) -> None:
        """Send *commands* in one go; not cancelled.

        Raises:
          RedisConnectionError: the connection is gone.
          RedisTimeoutError: the server takes nothing in.

        """
        if len(commands) == 1:
            packed = hiredis.pack_command(commands[0])  # type: ignore[arg-type]
        else:
            packed = b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]
        self._missing += len(commands)
        self._expect()
        sent = self._send(packed)
        if sent < len(packed):
            rest = memoryview(packed)[sent:]
            while rest:
                await self._until_writable()
                rest = rest[self._send(rest) :]

    async def receive(self) -> list[Any]:
        """Return the replies to what was sent; not cancelled. What the server refused is a ``ResponseError``.

        Raises:
          RedisConnectionError: the connection is gone, or the server sends us away.
          RedisTimeoutError: nothing came in time.

        """
        if self._missing and self._failure is None:
            self._asking = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(_go_on_waiting)
        if self._failure is not None:
            raise self._failure
        replies, self._replies = self._replies, []
        return replies

    def close(self) -> None:
        """Hang up; what the server has not taken in of a request without a reply it never gets.

        The system would go on sending it for minutes: it might come after its repeat, and after what followed that.
        """
        self._fail(RedisConnectionError("closed"))
        if self._missing:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        trio.lowlevel.notify_closing(self._number)
        self._connection.disconnect()

    async def listen(self) -> None:
        """Take in what the server says, until it hangs up."""
        while self._failure is None:
            with trio.CancelScope() as self._timer:
                self._timer.deadline = self._due
                try:
                    await self._take_in()
                except Exception as error:  # noqa: BLE001 -- one bad reply must not end the server
                    self._fail(error if isinstance(error, RedisError) else _lost(error))
            if self._due <= trio.current_time():
                self._fail(RedisTimeoutError("Timeout"))

    async def _take_in(self) -> None:
        while True:
            try:
                size = self._socket.recv_into(self._buffer)
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            else:
                self._feed(size)
            # Also when there is more, so that a reply of many megabytes does not keep all else from running.
            await trio.lowlevel.wait_readable(self._number)

    def _feed(self, size: int) -> None:
        if not size:
            raise RedisConnectionError("Connection closed by server.")
        self._reader.feed(self._buffer, 0, size)  # type: ignore[arg-type]
        while (reply := self._reader.gets(False)) is not _INCOMPLETE:
            self._answer(reply)
        if self._missing:
            self._expect()

    def _answer(self, reply: Any) -> None:
        if isinstance(reply, RedisConnectionError):
            raise reply
        if not self._missing or isinstance(reply, hiredis.PushNotification):
            raise RedisConnectionError("the server said what nobody asked for")
        self._missing -= 1
        self._replies.append(reply)
        if not self._missing:
            self._due = math.inf
            self._go_on()

    def _expect(self) -> None:
        self._due = trio.current_time() + self._timeout_seconds
        if self._timer.deadline == math.inf:
            # Else it rings too early, once per time-out, and is set anew: that costs less than to set it each time.
            self._timer.deadline = self._due

    def _fail(self, failure: RedisError) -> None:
        if self._failure is None:
            self._failure = failure
            self._go_on()

    def _go_on(self) -> None:
        if self._asking is not None:
            trio.lowlevel.reschedule(self._asking)
            self._asking = None

    def _send(self, data: bytes | memoryview) -> int:
        try:
            sent: int = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            failure = _lost(error)
            self._fail(failure)
            raise failure from error
        return sent

    async def _until_writable(self) -> None:
        self._expect()
        with trio.move_on_after(self._timeout_seconds, shield=True) as scope:
            await trio.lowlevel.wait_writable(self._number)
        if scope.cancelled_caught:
            failure = RedisTimeoutError("Timeout")
            self._fail(failure)
            raise failure


def _go_on_waiting(_raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED


def _lost(error: Exception) -> RedisConnectionError:
    return RedisConnectionError(str(error))


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
            said = [await line.receive() for line in lines]
        except BaseException:
            for address, line in zip(asked, lines, strict=False):
                if line.has_failed:
                    self._drop(address)  # the others will too; to find out may take a time-out each
                line.close()  # with replies that nobody has read it is never used again
            raise
        for address, line in zip(asked, lines, strict=True):
            self._give_back(address, line)
        return said

    def drop_idle(self) -> None:
        """Hang up where no call is under way."""
        for address in list(self._idle):
            self._drop(address)

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
        connection = await in_thread(lambda: self._open(address))
        line = Line(connection, timeout_seconds=self._timeout_seconds)
        trio.lowlevel.spawn_system_task(line.listen)
        return line

    def _drop(self, address: Address) -> None:
        for line in self._idle.pop(address, ()):
            line.close()

    def _give_back(self, address: Address, line: Line) -> None:
        if self._is_closed:
            line.close()
        else:
            self._idle.setdefault(address, []).append(line)

    def _open(self, address: Address) -> Any:
        where = {"host": address.host, "port": address.port} if address.port else {}
        options = self._options | where
        connection = options.pop("connection_class", Connection)(**options)
        try:
            connection.connect()
        except RedisError:
            raise
        except Exception as error:  # a greeting that redis-py or we cannot make sense of
            connection.disconnect()
            raise _lost(error) from error
        return connection


async def in_thread(work: Callable[[], T]) -> T:
    """Do what blocks; not cancelled, for it is a part of a call that has begun."""
    result: T
    with trio.CancelScope(shield=True):
        # With a limit of its own: busy threads of others must not keep a lease from being renewed.
        limiter = trio.CapacityLimiter(1)
        result = await trio.to_thread.run_sync(work, limiter=limiter)
    return result
