"""Transports: they carry the bytes of connections that are synchronous and sans-I/O.

A connection (``SansIO``) is told what came and says what to write through its ``Transport``, from
whatever task it is in: nothing here blocks the caller, so an actor can answer a client without
waiting for it. Two transports, one contract (tests/net/test_transport.py runs on both):

- ``StreamTransport`` (here): any Trio stream: TLS, Unix sockets, ``memory_stream_pair``.
- ``PollTransport`` (poll.py): plain sockets, thousands of them driven by one task.

A client that does not read is held back first (above the soft bound nothing more is read from it),
then told about (``too_slow``), so that its connection can be closed with a code of its own.
"""

from collections.abc import Callable
from typing import Final, Protocol

import trio
from attrs import field, frozen, validators

from sessiond import telemetry

__all__ = ["SansIO", "StreamTransport", "Transport", "TransportLimits"]

#: One read: fits every ordinary message, and bounds what one client gets of a round.
READ_BYTES: Final = 32 * 1024

#: One write of a stream: what the write deadline is applied to.
_WRITE_BYTES: Final = 64 * 1024


@frozen(kw_only=True)
class TransportLimits:
    """How much may wait for a client that does not read, and for how long."""

    soft_bytes: int = field(default=64 * 1024, validator=validators.gt(0))
    """More unsent than this: nothing more is read from the client until it has caught up."""
    hard_bytes: int = field(default=1024 * 1024, validator=validators.gt(0))
    """More unsent than this: the client is too slow."""
    write_seconds: float = field(default=10.0, validator=validators.gt(0))
    """Not a byte taken for this long: the client is too slow. Checked once a second."""
    linger_seconds: float = field(default=5.0, validator=validators.gt(0))
    """After the last write: how long the other side may take to close its own half."""


class SansIO(Protocol):
    """A connection without a socket. No method blocks; an exception of one aborts the connection."""

    def connected(self, transport: "Transport") -> None:
        """Called first, once."""
        ...

    def data_received(self, data: bytes) -> None:
        """*data* (never empty) came; not called while reading is paused, nor after ``close``."""
        ...

    def eof_received(self) -> None:
        """The other side has finished sending; called at most once."""
        ...

    def too_slow(self) -> None:
        """The other side does not read; called at most once, also from inside ``write``."""
        ...

    def connection_lost(self) -> None:
        """The transport is gone; called last, once."""
        ...


class Transport(Protocol):
    """What a connection may do. No method blocks or raises; after the end they do nothing."""

    @property
    def is_reading(self) -> bool:
        """Whether the client is being listened to: False while *we* hold it back, or are closing."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """How much waits to be sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send *data* after everything before it."""
        ...

    def discard_unsent(self) -> None:
        """Forget what waits to be sent, except for the rest of a write that has begun."""
        ...

    def pause_reading(self) -> None:
        """Leave what the client sends in the kernel, until ``resume_reading``."""
        ...

    def resume_reading(self) -> None:
        """Undo ``pause_reading``."""
        ...

    def close(self) -> None:
        """Send what is left, close our half, wait shortly for the other, then be gone."""
        ...

    def abort(self) -> None:
        """Be gone without sending what is left; ``connection_lost`` follows soon, not at once."""
        ...


def report_bug(link: SansIO, error: Exception) -> None:
    """Say that *link* raised: our bug, and never more than this one connection's trouble."""
    telemetry.emit(
        "door.failed", metadata={"door": type(link).__name__, "error": type(error).__name__}
    )


class StreamTransport:
    """Carries one connection over a Trio stream, in the task that calls ``run``."""

    def __init__(
        self, stream: trio.abc.Stream, link: SansIO, limits: TransportLimits | None = None
    ) -> None:
        self._stream = stream
        self._link = link
        self._limits = limits if limits is not None else TransportLimits()
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._is_paused = False
        self._is_closing = False
        self._is_slow = False
        self._wake_writer = trio.Event()
        self._wake_reader = trio.Event()
        self._scope = trio.CancelScope()

    async def run(self, data: bytes = b"") -> None:
        """Carry the connection to its end, beginning with *data* that was read already.

        Cancellation drops what is unsent; ``connection_lost`` is called in every case.
        """
        try:
            with self._scope:
                self._tell(self._link.connected, self)
                if data:
                    self._tell(self._link.data_received, data)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read)
                    await self._write()
                    nursery.cancel_scope.deadline = (
                        trio.current_time() + self._limits.linger_seconds
                    )
        finally:
            self._is_closing = True
            self._tell(self._link.connection_lost)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self._stream)

    @property
    def is_reading(self) -> bool:
        return not (self._is_paused or self._is_closing or self._is_above_soft)

    @property
    def unsent_bytes(self) -> int:
        return self._unsent_bytes

    @property
    def _is_above_soft(self) -> bool:
        return self._unsent_bytes > self._limits.soft_bytes

    def write(self, data: bytes) -> None:
        if self._is_closing or self._scope.cancel_called:
            return
        if self._unsent_bytes + len(data) > self._limits.hard_bytes:
            self._become_slow()
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        self._wake_writer.set()

    def discard_unsent(self) -> None:
        self._unsent.clear()
        self._unsent_bytes = 0

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._wake_reader.set()

    def close(self) -> None:
        self._is_closing = True
        self._wake_writer.set()
        self._wake_reader.set()

    def abort(self) -> None:
        self._scope.cancel()

    async def _read(self) -> None:
        while True:
            await self._wait_readable()
            try:
                data = await self._stream.receive_some(READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._scope.cancel()
                return
            if not data:
                if not self._is_closing:
                    self._tell(self._link.eof_received)
                return
            # Paused while it waited for this: keep the promise, and this piece until then.
            await self._wait_readable()
            if not self._is_closing:
                self._tell(self._link.data_received, bytes(data))

    async def _wait_readable(self) -> None:
        while not (self.is_reading or self._is_closing):
            self._wake_reader = trio.Event()
            await self._wake_reader.wait()

    async def _write(self) -> None:
        while self._unsent or not self._is_closing:
            if not self._unsent:
                self._wake_writer = trio.Event()
                await self._wake_writer.wait()
                continue
            await self._send_some()
        try:
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
            else:
                with trio.move_on_after(self._limits.linger_seconds):
                    await self._stream.aclose()
                self._scope.cancel()
        except trio.BrokenResourceError:
            self._scope.cancel()

    async def _send_some(self) -> None:
        chunk = b"".join(self._unsent)[:_WRITE_BYTES]
        rest = b"".join(self._unsent)[_WRITE_BYTES:]
        self._unsent = [rest] if rest else []
        with trio.move_on_after(self._limits.write_seconds) as patience:
            try:
                await self._stream.send_all(chunk)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._scope.cancel()
                return
        if patience.cancelled_caught:
            # A stream whose send was cut off cannot say goodbye any more.
            self._become_slow()
            self._scope.cancel()
            return
        self._unsent_bytes = sum(map(len, self._unsent))
        self._wake_reader.set()

    def _become_slow(self) -> None:
        if not self._is_slow:
            self._is_slow = True
            self._tell(self._link.too_slow)

    def _tell(self, method: Callable[..., None], *args: object) -> None:
        try:
            method(*args)
        except Exception as error:  # noqa: BLE001 -- reported; the connection ends, the server stays
            report_bug(self._link, error)
            self._scope.cancel()
