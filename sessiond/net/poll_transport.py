"""PollTransport: one plain socket among the many that a Poller drives (poll.py).

What is written while the tasks of a moment run is sent by the flusher, which runs after them: several
writes of one connection are one system call, and the sends of all connections follow each other. The
latter is worth more *(measured, echo of 90 bytes over loopback, 100 connections, CPU per message: 75 µs
when each turn sends by itself, 54 µs like this)*: a send that finds its reader asleep has to wake it.
"""

import select
import socket
from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from sessiond.net.transport import READ_BYTES, SansIO, TransportLimits, report_bug

__all__ = ["Driver", "PollTransport"]

_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT
_GONE: Final = select.EPOLLHUP | select.EPOLLERR

#: Buffers handed to one sendmsg; the kernel takes up to 1024.
_SEND_BUFFERS: Final = 64


class _Phase(Enum):
    OPEN = "open"
    CLOSING = "closing"  # no more writes; what is unsent goes out first
    LINGERING = "lingering"  # our half is closed; what comes is thrown away
    BROKEN = "broken"  # to be released by the poller, not inside somebody's write
    GONE = "gone"


class Driver(Protocol):
    """What a transport needs of its poller."""

    @property
    def limits(self) -> TransportLimits: ...

    def flush_soon(self, transport: "PollTransport") -> None:
        """Have the flusher look at *transport* when the tasks that run now have run."""
        ...

    def listen_for(self, fd: int, events: int) -> None:
        """Change what is waited for on *fd*."""
        ...

    def progressed(self, transport: "PollTransport", *, is_blocked: bool) -> None:
        """Note that the kernel took something of *transport*, or begin to wait until it does."""
        ...

    def closing(self, transport: "PollTransport") -> None:
        """Release *transport* when the other side takes too long to close."""
        ...

    def forget(self, transport: "PollTransport", fd: int) -> None:
        """Stop driving *transport*."""
        ...


class PollTransport:
    """One plain socket; made by ``Poller.adopt``."""

    __slots__ = (
        "_fd",
        "_is_above_soft",
        "_is_begun",
        "_is_blocked",
        "_is_paused",
        "_is_slow",
        "_link",
        "_on_gone",
        "_phase",
        "_poller",
        "_sock",
        "_unsent",
        "_unsent_bytes",
    )

    def __init__(
        self,
        poller: Driver,
        sock: socket.socket,
        link: SansIO,
        on_gone: Callable[[], None] | None,
    ) -> None:
        self._poller = poller
        self._sock = sock
        self._fd = sock.fileno()
        self._link = link
        self._on_gone = on_gone
        self._phase = _Phase.OPEN
        self._unsent: list[bytes] | None = None
        self._unsent_bytes = 0
        self._is_begun = False  # a part of the first unsent write was sent
        self._is_blocked = False  # the kernel takes no more: wait for EPOLLOUT
        self._is_paused = False
        self._is_above_soft = False
        self._is_slow = False

    # ------------------------------------------------------------ for the connection

    @property
    def is_reading(self) -> bool:
        return self._phase is _Phase.OPEN and not (self._is_paused or self._is_above_soft)

    @property
    def unsent_bytes(self) -> int:
        return self._unsent_bytes

    def write(self, data: bytes) -> None:
        if self._phase is not _Phase.OPEN:
            return
        if self._unsent is not None:
            self._queue(data)
        else:
            self._unsent = [data]
            self._unsent_bytes = len(data)
            self._poller.flush_soon(self)

    def discard_unsent(self) -> None:
        if self._unsent is None:
            return
        self._unsent = self._unsent[:1] if self._is_begun else []
        self._unsent_bytes = sum(map(len, self._unsent))

    def pause_reading(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._listen()

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._listen()

    def close(self) -> None:
        if self._phase is not _Phase.OPEN:
            return
        self._phase = _Phase.CLOSING
        self._poller.closing(self)
        self._listen()
        if not self._unsent:
            self._finish_writing()
        elif not self._is_blocked:
            self.flush()

    def abort(self) -> None:
        if self._phase is not _Phase.GONE:
            self._phase = _Phase.BROKEN
            self._poller.flush_soon(self)

    # ------------------------------------------------------------ for the poller

    def handle(self, events: int) -> None:
        """Do what epoll reported."""
        if events & _OUT:
            self.flush()
        if events & _IN:
            self._receive()
        elif events & _GONE:
            self.release()

    def flush(self) -> bool:
        """Send what waits, as far as the kernel takes it; tell whether that was all."""
        unsent = self._unsent
        if self._phase is _Phase.BROKEN:
            self.release()
            return False
        if unsent is None or self._phase is _Phase.GONE:
            return True
        if len(unsent) == 1 and self._phase is _Phase.OPEN and not self._is_blocked:
            self._unsent, self._unsent_bytes = None, 0
            self._send_one(unsent[0])  # what nearly every flush has to do, without the bookkeeping
            return self._unsent is None
        try:
            while unsent:
                self._drop_sent(unsent, self._sock.sendmsg(unsent[:_SEND_BUFFERS]))
        except BlockingIOError:
            self._block()
            return False
        except OSError:
            self.abort()
            return False
        self._caught_up()
        return True

    def become_slow(self) -> None:
        """Tell the connection, once, that its client does not read."""
        if not self._is_slow and self._phase is _Phase.OPEN:
            self._is_slow = True
            self.tell(self._link.too_slow)

    def release(self) -> None:
        """Close the socket and tell the connection; idempotent."""
        if self._phase is _Phase.GONE:
            return
        self._phase = _Phase.GONE
        self._unsent = None
        self._poller.forget(self, self._fd)
        self._sock.close()
        self.tell(self._link.connection_lost)
        if self._on_gone is not None:
            self._on_gone()

    def tell(self, method: Callable[..., None], *args: object) -> None:
        """Call a method of the connection; its bug ends the connection and nothing else."""
        try:
            method(*args)
        except Exception as error:  # noqa: BLE001 -- reported; the server stays
            report_bug(self._link, error)
            self.abort()

    # ------------------------------------------------------------ inside

    def _receive(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self.release()
            return
        if self._phase is not _Phase.OPEN:
            if not data:
                self.release()
        elif data:
            # ``tell`` written out: this line runs for every message.
            try:
                self._link.data_received(data)
            except Exception as error:  # noqa: BLE001 -- reported; the server stays
                report_bug(self._link, error)
                self.abort()
        else:
            self._is_paused = True
            self._listen()
            self.tell(self._link.eof_received)

    def _send_one(self, data: bytes) -> None:
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent < len(data):
            self._unsent = [data[sent:]]
            self._unsent_bytes = len(data) - sent
            self._is_begun = sent > 0
            self._block()

    def _queue(self, data: bytes) -> None:
        assert self._unsent is not None
        limits = self._poller.limits
        is_much = self._unsent_bytes + len(data) > limits.soft_bytes
        # Not slow perhaps, only a lot at once: see what the kernel takes before judging.
        if is_much and not self._is_blocked and self.flush():
            self._send_one(data)
            return
        if self._unsent_bytes + len(data) > limits.hard_bytes:
            self.become_slow()
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > limits.soft_bytes and not self._is_above_soft:
            self._is_above_soft = True
            self._listen()

    def _drop_sent(self, unsent: list[bytes], sent: int) -> None:
        self._unsent_bytes -= sent
        if self._is_blocked:
            self._poller.progressed(self, is_blocked=True)
        whole = 0
        for part in unsent:
            if sent < len(part):
                break
            sent -= len(part)
            whole += 1
        if whole:
            del unsent[:whole]
            self._is_begun = False
        if sent:
            unsent[0] = unsent[0][sent:]
            self._is_begun = True

    def _block(self) -> None:
        if not self._is_blocked:
            self._is_blocked = True
            self._poller.progressed(self, is_blocked=True)
            self._listen()

    def _caught_up(self) -> None:
        self._unsent = None
        self._unsent_bytes = 0
        self._is_begun = False
        if self._is_blocked or self._is_above_soft:
            self._is_blocked = self._is_above_soft = False
            self._poller.progressed(self, is_blocked=False)
            self._listen()
        if self._phase is _Phase.CLOSING:
            self._finish_writing()

    def _finish_writing(self) -> None:
        self._phase = _Phase.LINGERING
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()

    def _listen(self) -> None:
        if self._phase is _Phase.GONE:
            return
        # While closing, everything is read (and thrown away): the other side's close must be seen.
        is_reading = self._phase is not _Phase.OPEN or not (self._is_paused or self._is_above_soft)
        events = (_IN if is_reading else 0) | (_OUT if self._is_blocked else 0)
        self._poller.listen_for(self._fd, events)
