"""Load over HTTP: the keep-alive connections of a provider, in one thread and one epoll.

As with websockets (load.py) every answer is looked at, and in an open loop latency counts from when a request should
have left, also when no connection was free or its sender still waited.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from tests.benchmarks.frames import LoadError
from tests.benchmarks.load import Answers

__all__ = ["Post", "Posts", "Reply", "Sender", "post"]

_PATIENCE: Final = 30.0
_READ: Final = 65536


class Post(NamedTuple):
    """One request, and what its answer holds when all is well."""

    raw: bytes
    answer: bytes = b""
    status: int = 200
    waits_for: str = ""
    """Who has to have his answer to the one before, first."""


class Reply(NamedTuple):
    """One answer."""

    status: int
    body: bytes

    def check(self, wanted: Post) -> None:
        """Raise ``LoadError`` when this is not what *wanted* is answered with."""
        if self.status != wanted.status or wanted.answer not in self.body:
            raise LoadError(f"{wanted.answer!r} was wanted: {self.status} {self.body[:500]!r}")


def post(target: str, body: bytes, **headers: str) -> bytes:
    """Write a request with a body of JSON; in names of *headers* ``_`` is ``-``."""
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{fields}\r\n"
    ).encode() + body


class Sender:
    """One keep-alive connection of a provider."""

    __slots__ = ("_rest", "fileno", "sock")

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fileno = self.sock.fileno()
        self._rest = b""

    def send(self, raw: bytes) -> None:
        """Send a request; the one before has been answered."""
        self.sock.sendall(raw)

    def read(self) -> Reply | None:
        """Take what has come: an answer once it is whole.

        Raises:
          LoadError: the server closed.

        """
        data = self.sock.recv(_READ)
        if not data:
            raise LoadError("the server closed the connection of a provider")
        self._rest += data
        head, end, body = self._rest.partition(b"\r\n\r\n")
        if not end:
            return None
        size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(size):
            return None
        self._rest = b""
        return Reply(int(head[9:12]), body)


class Posts:
    """The connections to the server at *port*."""

    def __init__(self, port: int, connections: int) -> None:
        self._epoll = select.epoll()
        senders = [Sender(port) for _ in range(connections)]
        self._senders = {sender.fileno: sender for sender in senders}
        self._free = deque(senders)
        self._under_way: dict[int, tuple[Post, float]] = {}
        self._waiting: set[str] = set()
        for fd in self._senders:
            self._epoll.register(fd, select.EPOLLIN)

    def close(self) -> None:
        """Close all connections."""
        for sender in self._senders.values():
            sender.sock.close()
        self._epoll.close()

    def all(self, posts: Iterator[Post]) -> None:
        """Send all *posts*, each connection one after the other's answer."""
        latencies: list[float] = []
        for one in posts:
            while not self._free:
                self._look(_PATIENCE, latencies)
            self._send(one, time.perf_counter())
        self._finish(latencies)

    def closed_loop(self, posts: Iterator[Post], seconds: float) -> Answers:
        """Send whenever a connection is free; returns when all are answered."""
        latencies: list[float] = []
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            while self._free:
                self._send(next(posts), now)
            self._look(_PATIENCE, latencies)
        self._finish(latencies)
        return Answers(time.perf_counter() - began, latencies)

    def open_loop(self, posts: Iterator[Post], rate: float, seconds: float) -> Answers:
        """Send *rate* requests a second, or as soon as a connection is free; returns when all are answered."""
        clock = time.perf_counter
        latencies: list[float] = []
        began = clock()
        for sent, one in enumerate(islice(posts, max(1, int(rate * seconds)))):
            due = began + sent / rate
            while (wait := due - clock()) > 0 or not self._may_send(one):
                self._look(wait if wait > 0 else _PATIENCE, latencies)
            self._send(one, due)
        self._finish(latencies)
        return Answers(clock() - began, latencies)

    def _may_send(self, one: Post) -> bool:
        return bool(self._free) and one.waits_for not in self._waiting

    def _send(self, one: Post, due: float) -> None:
        sender = self._free.popleft()
        if one.waits_for:
            self._waiting.add(one.waits_for)
        self._under_way[sender.fileno] = (one, due)
        sender.send(one.raw)

    def _finish(self, latencies: list[float]) -> None:
        while self._under_way:
            self._look(_PATIENCE, latencies)

    def _look(self, seconds: float, latencies: list[float]) -> None:
        """Take the answers that come within *seconds*; epoll's own time-out counts whole milliseconds."""
        ready = select.select((self._epoll,), (), (), seconds)[0]
        if not ready and seconds >= _PATIENCE:
            raise LoadError(f"the server answered nobody for {seconds} seconds")
        for fd, _ in self._epoll.poll(0, 256):
            sender = self._senders[fd]
            reply = sender.read()
            if reply is not None:
                one, due = self._under_way.pop(fd)
                latencies.append(time.perf_counter() - due)
                self._waiting.discard(one.waits_for)
                reply.check(one)
                self._free.append(sender)
