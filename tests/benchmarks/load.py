"""The load generator: thousands of websockets in one thread, raw sockets and one epoll.

Frames are encoded before the clock runs, and one message of a connection is like the next, so that a message costs
this side about 5 µs: less than any server here, which therefore is what is measured. Every answer is looked at.

*Closed loop*: each connection sends again when it is answered; finds throughput and CPU per message.
*Open loop*: messages leave at a fixed rate whatever comes back, and latency counts from when one *should* have left,
so that a server that stops for a moment pays for all who waited (no coordinated omission).
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle, islice
from typing import Final

from attrs import field, frozen

from sessiond.core.ids import UserId
from sessiond.edges.auth import issue_token, signing_key
from tests.benchmarks.app_server import AUTH
from tests.benchmarks.frames import LoadError, message, split_frames, upgrade_request

__all__ = ["PLAIN", "SESSIOND", "Answers", "Fleet", "Link", "Target"]

_READ: Final = 65536
_PATIENCE: Final = 30.0
_OK: Final = b'"status":"ok"'
_RESET: Final = struct.pack(
    "ii", 1, 0
)  # SO_LINGER: close with a reset, as a phone that lost its network


@frozen
class Target:
    """How to get into a server."""

    path: str
    joins: bool


SESSIOND: Final = Target("/socket/websocket?vsn=2.0.0", joins=True)
PLAIN: Final = Target("/", joins=False)


@frozen
class Answers:
    """What came back: how many, and after how many seconds each."""

    seconds: float
    latencies: list[float] = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.latencies)

    def quantile(self, share: float) -> float:
        """The latency that *share* of the answers did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Link:
    """One websocket. *frame* is what it sends; *ok* what an answer holds."""

    __slots__ = (
        "at",
        "frame",
        "is_open",
        "joins",
        "left",
        "ok",
        "recv",
        "rest",
        "send",
        "sock",
        "user",
    )

    def __init__(self, sock: socket.socket, user: str) -> None:
        self.sock = sock
        self.recv, self.send = sock.recv, sock.send
        self.user = user
        self.frame = b""
        self.ok = _OK
        self.rest = b""
        self.at: deque[float] = deque()
        self.left = 0
        self.is_open = False
        self.joins = False

    def read(self) -> list[bytes]:
        """Take what has come.

        Raises:
          LoadError: the server closed.

        """
        data = self.recv(_READ)
        if not data:
            raise LoadError(f"the server closed the connection of {self.user}")
        payloads, self.rest = split_frames(self.rest + data if self.rest else data)
        return payloads

    def check(self, payload: bytes) -> None:
        """Raise ``LoadError`` when *payload* is not the answer that is expected."""
        if self.ok not in payload:
            raise LoadError(f"{self.user} was answered {payload[:500]!r}")


class Fleet:
    """The connections of one scenario to the server at *port*."""

    def __init__(self, port: int, target: Target = SESSIOND) -> None:
        self.port = port
        self.target = target
        self.links: dict[int, Link] = {}
        self._epoll = select.epoll()
        self._key = signing_key(AUTH)
        self._addresses = cycle(range(2, 10))  # 28 000 ports each

    # Coming and going

    def open(self, users: Iterable[str], *, at_once: int = 16) -> list[Link]:
        """Connect, upgrade and join for each of *users*; returns when all are in."""
        return self.enter(self.requests(users), at_once=at_once)

    def requests(self, users: Iterable[str]) -> list[tuple[str, bytes]]:
        """Make the upgrade requests, with their tokens, before the clock runs."""
        now = time.time()
        return [(user, upgrade_request(self.target.path, self._token(user, now))) for user in users]

    def _token(self, user: str, now: float) -> str | None:
        if not self.target.joins:
            return None
        return issue_token(self._key, UserId(user), now=now, lifetime_seconds=86_400)

    def enter(
        self, requests: list[tuple[str, bytes]], *, at_once: int = 16, joins: bool | None = None
    ) -> list[Link]:
        """Do what ``open`` does with *requests*, *at_once* of them at a time; join only if *joins*."""
        is_joining = self.target.joins if joins is None else joins

        def begin(request: tuple[str, bytes]) -> Link:
            link = self._connect(request)
            link.joins = is_joining
            return link

        return self._let_in(map(begin, requests), at_once)

    def join(self, links: list[Link], *, at_once: int = 16) -> list[Link]:
        """Join on each of the open *links*, *at_once* of them at a time; returns when all are in."""

        def begin(link: Link) -> Link:
            link.send(message(link.user, "phx_join", {}, "1"))
            return link

        return self._let_in(map(begin, links), at_once)

    def _let_in(self, beginning: Iterator[Link], at_once: int) -> list[Link]:
        """Begin with as many as may be at once, and with the next whenever one is in."""
        entered: list[Link] = []
        entering = {link.sock.fileno() for link in islice(beginning, at_once)}
        while entering:
            for fd, _ in self._wait(_PATIENCE):
                if fd not in entering:
                    self.links[fd].read()
                    continue
                link = self.links[fd]
                if self._step(link):
                    entering.remove(fd)
                    entered.append(link)
                    entering |= {one.sock.fileno() for one in islice(beginning, 1)}
        return entered

    def _connect(self, request: tuple[str, bytes]) -> Link:
        user, head = request
        source = (f"127.0.0.{next(self._addresses)}", 0)
        sock = socket.create_connection(("127.0.0.1", self.port), _PATIENCE, source)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        link = Link(sock, user)
        self.links[sock.fileno()] = link
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        sock.send(head)
        return link

    def _step(self, link: Link) -> bool:
        """Go on with an entry; tell whether it is complete."""
        if link.is_open:
            for payload in link.read():
                link.check(payload)
                return True
            return False
        link.rest += link.recv(_READ)
        head, end, link.rest = link.rest.partition(b"\r\n\r\n")
        if not end:
            link.rest = head
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            raise LoadError(f"{link.user} was answered {head[:500]!r}")
        link.is_open = True
        if link.joins:
            link.send(message(link.user, "phx_join", {}, "1"))
        return not link.joins

    def close(self, links: Iterable[Link], *, abruptly: bool = False) -> None:
        """Close the sockets of *links*, with a reset if *abruptly*."""
        for link in links:
            fd = link.sock.fileno()
            self._epoll.unregister(fd)
            del self.links[fd]
            if abruptly:
                link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            link.sock.close()

    def close_all(self) -> None:
        """Close everything."""
        self.close(tuple(self.links.values()))
        self._epoll.close()

    # Load

    def exchange(
        self, links: Sequence[Link], make: Callable[[Link, int], bytes], each: int
    ) -> None:
        """Have each of *links* send *each* messages, one after the other's answer."""
        for link in links:
            link.left = each
            link.send(make(link, each))
        waiting = len(links)
        while waiting:
            for fd, _ in self._wait(_PATIENCE):
                link = self.links[fd]
                for payload in link.read():
                    link.check(payload)
                    link.left -= 1
                    if link.left:
                        link.send(make(link, link.left))
                    else:
                        waiting -= 1

    def closed_loop(self, links: Sequence[Link], seconds: float) -> Answers:
        """Have each of *links* send its frame whenever it is answered; returns when all are answered."""
        clock = time.perf_counter
        latencies: list[float] = []
        began = clock()
        end = began + seconds
        for link in links:
            link.at.append(clock())
            link.send(link.frame)
        waiting = len(links)
        while waiting:
            for fd, _ in self._wait(_PATIENCE):
                link = self.links[fd]
                for payload in link.read():
                    if link.ok not in payload:
                        link.check(payload)
                    now = clock()
                    latencies.append(now - link.at.popleft())
                    if now < end:
                        link.at.append(now)
                        link.send(link.frame)
                    else:
                        waiting -= 1
        return Answers(clock() - began, latencies)

    def open_loop(self, links: Sequence[Link], rate: float, seconds: float) -> Answers:
        """Send *rate* frames a second, the links in turn; returns when all are answered."""
        clock = time.perf_counter
        latencies: list[float] = []
        total, sent = max(1, int(rate * seconds)), 0
        turns = cycle(links)
        began = clock()
        while len(latencies) < total:
            while sent < total and (due := began + sent / rate) <= clock():
                link = next(turns)
                link.at.append(due)
                link.send(link.frame)
                sent += 1
            pause = _PATIENCE if sent == total else began + sent / rate - clock()
            for fd, _ in self._look(pause):
                link = self.links[fd]
                for payload in link.read():
                    if link.ok not in payload:
                        link.check(payload)
                    latencies.append(clock() - link.at.popleft())
            if clock() > began + seconds + _PATIENCE:
                raise LoadError(f"{total - len(latencies)} of {total} answers did not come")
        return Answers(clock() - began, latencies)

    # Waiting

    def _wait(self, seconds: float) -> list[tuple[int, int]]:
        """Return what can be read.

        Raises:
          LoadError: nothing, for *seconds*.

        """
        ready = self._epoll.poll(seconds, 256)
        if not ready:
            raise LoadError(f"the server answered nobody for {seconds} seconds")
        return ready

    def _look(self, seconds: float) -> list[tuple[int, int]]:
        """Return what can be read within *seconds*; epoll's own time-out counts whole milliseconds."""
        if seconds > 0:
            select.select((self._epoll,), (), (), seconds)
        return self._epoll.poll(0, 256)
