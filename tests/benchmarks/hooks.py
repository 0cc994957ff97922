"""Webhook to push: a signed ``POST /hooks/json/<user>`` becomes an event on the user's websocket."""

import json
import select
import time
from collections import deque
from itertools import count, cycle
from typing import Final

from sessiond.gateways.standard_webhooks import parse_secret, sign
from tests.benchmarks.app_server import HOOK_SECRET
from tests.benchmarks.bench import Bench, Figures, users
from tests.benchmarks.child import Stopwatch
from tests.benchmarks.frames import LoadError, message, split_frames
from tests.benchmarks.load import Link
from tests.benchmarks.posts import Post, Sender, post

__all__ = ["measure"]

_SENDERS: Final = 16
_PATIENCE: Final = 30.0
_SECRET: Final = parse_secret(HOOK_SECRET)
_BODY: Final = '{"type":"note","n":%d,"text":"' + "0123456789abcdef" * 4 + '"}'

_ACCEPTED: Final = Post(b"", status=202)

#: Clients acknowledge now and then; without it the outbox would be what is measured.
_ACK_EVERY: Final = 8


class _Traffic:
    """Webhooks out, pushes in."""

    def __init__(self, port: int, links: list[Link]) -> None:
        self._epoll = select.epoll()
        self._links = {link.sock.fileno(): link for link in links}
        senders = [Sender(port) for _ in range(_SENDERS)]
        self._senders = {sender.fileno: sender for sender in senders}
        self._free = deque(senders)
        self._targets = cycle([link.user for link in links])
        self._numbers = count(1)
        self._sent: dict[int, float] = {}
        for fd in (*self._links, *self._senders):
            self._epoll.register(fd, select.EPOLLIN)

    def run(self, seconds: float, rate: float | None) -> list[float]:
        """Send for *seconds*, *rate* a second or as fast as answers come; return how long each push took."""
        latencies: list[float] = []
        began, sent = time.perf_counter(), 0
        while True:
            now = time.perf_counter()
            is_over = now >= began + seconds
            while self._free and not is_over:
                due = now if rate is None else began + sent / rate
                if due > now:
                    break
                self._post(due)
                sent += 1
            if is_over and not self._sent and len(self._free) == _SENDERS:
                return latencies
            if now > began + seconds + _PATIENCE:
                raise LoadError(f"{len(self._sent)} webhooks were not pushed")
            pause = 0.1 if rate is None or is_over else began + sent / rate - now
            self._look(min(0.1, pause), latencies)

    def _post(self, due: float) -> None:
        number = next(self._numbers)
        self._sent[number] = due
        self._free.popleft().send(_hook(next(self._targets), number))

    def _look(self, pause: float, latencies: list[float]) -> None:
        if pause > 0:
            select.select((self._epoll,), (), (), pause)
        for fd, _ in self._epoll.poll(0, 256):
            sender = self._senders.get(fd)
            if sender is None:
                self._pushed(self._links[fd], latencies)
            elif (reply := sender.read()) is not None:
                reply.check(_ACCEPTED)
                self._free.append(sender)

    def _pushed(self, link: Link, latencies: list[float]) -> None:
        payloads, link.rest = split_frames(link.rest + link.recv(65536))
        for payload in payloads:
            event, body = json.loads(payload)[3:]
            if event != "note":
                raise LoadError(f"{link.user} was sent {payload[:500]!r}")
            latencies.append(time.perf_counter() - self._sent.pop(body["n"]))
            if body["_offset"] % _ACK_EVERY == 0:
                link.send(message(link.user, "ack", {"offset": body["_offset"]}, None))

    def close(self) -> None:
        for sender in self._senders.values():
            sender.sock.close()
        self._epoll.close()


def _hook(user: str, number: int) -> bytes:
    body = (_BODY % number).encode()
    now, message_id = int(time.time()), f"msg-{number}"
    signature = sign(_SECRET, message_id=message_id, timestamp=now, body=body)
    return post(
        f"/hooks/json/{user}",
        body,
        webhook_id=message_id,
        webhook_timestamp=str(now),
        webhook_signature=signature,
    )


def measure(bench: Bench) -> Figures:
    """Measure as fast as 16 connections of a gateway go, then at half of that."""
    with bench.sessiond() as child, bench.fleet(child) as fleet:
        traffic = _Traffic(child.port, fleet.open(users(bench.sizes.hook_users)))
        traffic.run(bench.sizes.warm_up, None)
        watch = Stopwatch(child)
        fast = traffic.run(bench.sizes.seconds, None)
        span = watch.stop()
        rate = len(fast) / span.wall
        half = sorted(traffic.run(bench.sizes.seconds, rate / 2))
        traffic.close()
    bench.note(span.others, "hooks")
    return {
        "cpu": span.server / len(fast) * 1e6,
        "rate": rate,
        "p50": half[len(half) // 2] * 1e3,
        "p99": half[int(len(half) * 0.99)] * 1e3,
    }
