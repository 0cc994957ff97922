"""PollTransport: plain sockets, thousands of them driven by one task.

All sockets are in one epoll set, and Trio waits for that set; so a connection has no task, and a
round costs Trio once and not once per message. Why *(measured, echo of 90 bytes, 100 connections,
CPU per message, everything included)*: a task per socket with ``wait_readable`` 16–18 µs, this
9–10 µs; and a parked task with its coroutines is 2–3 KB that a connection does not need.

The first write of a connection in a round goes to the kernel at once; more of them in the same
round (a replay after a join) are joined, and sent by the flusher, which runs next: one system call
instead of many. *(measured: a round trip costs nothing more, ten frames cost 1/6.)*

Linux only (epoll); elsewhere StreamTransport carries everything.
"""

import select
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from typing import Final

import trio
from trio.lowlevel import (
    Abort,
    Task,
    current_task,
    reschedule,
    wait_readable,
    wait_task_rescheduled,
)

from sessiond.net.transport import READ_BYTES, SansIO, TransportLimits, report_bug

__all__ = ["PollTransport", "Poller"]

_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT
_GONE: Final = select.EPOLLHUP | select.EPOLLERR

#: Events taken in one round: other tasks get their turn after so many connections.
_ROUND_EVENTS: Final = 64

#: Buffers handed to one sendmsg; the kernel takes up to 1024.
_SEND_BUFFERS: Final = 64


class _Phase(Enum):
    OPEN = "open"
    CLOSING = "closing"  # no more writes; what is unsent goes out first
    LINGERING = "lingering"  # our half is closed; what comes is thrown away
    BROKEN = "broken"  # to be released by the poller, not inside somebody's write
    GONE = "gone"


class Poller:
    """Drives every PollTransport of a server; ``run`` has to be running for anything to move."""

    def __init__(self, limits: TransportLimits | None = None) -> None:
        self.limits: Final = limits if limits is not None else TransportLimits()
        self.round = 0
        self._epoll = select.epoll()
        self._transports: dict[int, PollTransport] = {}
        self._dirty: list[PollTransport] = []
        self._blocked: dict[PollTransport, float] = {}
        self._closing: dict[PollTransport, float] = {}
        self._parked: Task | None = None

    def __len__(self) -> int:
        return len(self._transports)

    def adopt(
        self,
        sock: socket.socket,
        link: SansIO,
        data: bytes = b"",
        on_gone: Callable[[], None] | None = None,
    ) -> "PollTransport":
        """Take over the connected, non-blocking *sock*, of which *data* was read already.

        *on_gone* is called after ``connection_lost``, when the socket is closed.
        """
        transport = PollTransport(self, sock, link, on_gone)
        self._transports[sock.fileno()] = transport
        self._epoll.register(sock.fileno(), _IN)
        transport.tell(link.connected, transport)
        if data:
            transport.tell(link.data_received, data)
        return transport

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Drive the sockets until cancelled; then every one is closed, and its connection told."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._poll)
                nursery.start_soon(self._flush)
                nursery.start_soon(self._watch)
                task_status.started()
        finally:
            for transport in tuple(self._transports.values()):
                transport.release()
            self._epoll.close()

    # ------------------------------------------------------------ the three tasks

    async def _poll(self) -> None:
        fileno = self._epoll.fileno()
        poll = self._epoll.poll
        find = self._transports.get
        while True:
            await wait_readable(fileno)
            self.round += 1
            for fd, events in poll(0, _ROUND_EVENTS):
                transport = find(fd)
                if transport is not None:
                    transport.handle(events)

    async def _flush(self) -> None:
        while True:
            if not self._dirty:
                self._parked = current_task()
                await wait_task_rescheduled(self._unpark)
            self.round += 1
            batch, self._dirty = self._dirty, []
            for transport in batch:
                transport.flush()

    def _unpark(self, _raise_cancel: object) -> Abort:
        self._parked = None
        return Abort.SUCCEEDED

    async def _watch(self) -> None:
        while True:
            await trio.sleep(1)
            now = trio.current_time()
            for transport in _overdue(self._blocked, now):
                del self._blocked[transport]
                transport.become_slow()
            for transport in _overdue(self._closing, now):
                transport.release()

    # ------------------------------------------------------------ for transports

    def flush_soon(self, transport: "PollTransport") -> None:
        """Have the flusher look at *transport* when the tasks that run now have run."""
        self._dirty.append(transport)
        if self._parked is not None:
            reschedule(self._parked)
            self._parked = None

    def listen_for(self, fd: int, events: int) -> None:
        """Change what is waited for on *fd*."""
        self._epoll.modify(fd, events)

    def progressed(self, transport: "PollTransport", *, is_blocked: bool) -> None:
        """Note that the kernel took something of *transport*, or begin to wait until it does."""
        if is_blocked:
            self._blocked[transport] = trio.current_time() + self.limits.write_seconds
        else:
            self._blocked.pop(transport, None)

    def closing(self, transport: "PollTransport") -> None:
        """Release *transport* when the other side takes too long to close."""
        self._closing[transport] = trio.current_time() + self.limits.linger_seconds

    def forget(self, transport: "PollTransport", fd: int) -> None:
        """Stop driving *transport*."""
        del self._transports[fd]
        self._blocked.pop(transport, None)
        self._closing.pop(transport, None)
        with suppress(OSError):
            self._epoll.unregister(fd)


def _overdue(deadlines: "dict[PollTransport, float]", now: float) -> "Iterable[PollTransport]":
    return [transport for transport, due in deadlines.items() if due <= now]


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
        "_round",
        "_sock",
        "_unsent",
        "_unsent_bytes",
    )

    def __init__(
        self,
        poller: Poller,
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
        self._round = -1
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

    def write(self, data: bytes) -> None:
        if self._phase is not _Phase.OPEN:
            return
        if self._unsent is not None:
            self._queue(data)
        elif self._round == self._poller.round:
            self._unsent = [data]
            self._unsent_bytes = len(data)
            self._poller.flush_soon(self)
        else:
            self._round = self._poller.round
            self._send_first(data)

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

    def _send_first(self, data: bytes) -> None:
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
            self._send_first(data)
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
