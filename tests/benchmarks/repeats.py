"""Repeats: WhatsApp's webhooks come up to four times, out of order, some at once, while the server is killed.

Afterwards each person's record is read through the admin socket. What is promised: every message that was
acknowledged is said to the flow once, and what was acknowledged before another of the same person was first sent is
said before it. Messages that are under way at the same time may be said in any order.
"""

import random
import select
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final

import attrs
import trio
from attrs import define, frozen

from sessiond.cli.admin_client import open_admin
from sessiond.core.conversations.callers import Callers
from tests.benchmarks.app_server import SESSION_KEYS
from tests.benchmarks.bench import Bench, Figures
from tests.benchmarks.chats import AWAY, phone, webhook
from tests.benchmarks.child import Child, cpu_seconds
from tests.benchmarks.frames import LoadError
from tests.benchmarks.posts import Post, Sender
from tests.redis_server import free_port

__all__ = ["Told", "measure", "prove"]

_CONNECTIONS: Final = 16
_MOST_COPIES: Final = 4
_MESSAGES_EACH: Final = 40
_PATIENCE: Final = 30.0
_OK: Final = Post(b"")


@frozen(kw_only=True)
class Told:
    """What a storm came to; the last four are broken promises, unless 0."""

    webhooks: int
    messages: int
    kills: int
    sent_again: int
    """Webhooks that were under way when the server was killed."""
    cpu: float
    """Microseconds of all runs of the server for each webhook, starts included."""
    lost: int
    twice: int
    overtaken: int
    unanswered: int
    """Messages without a delivery of their own, and deliveries without one."""


def measure(bench: Bench) -> Figures:
    """Do it on both stores."""
    found: Figures = {}
    sizes = bench.sizes
    for store in bench.rotated(["sqlite", "redis"]):
        with ExitStack() as stack:
            url = stack.enter_context(bench.redis()).url if store == "redis" else None
            told = prove(bench, url, webhooks=sizes.repeats, kills=sizes.kills)
        found |= {f"{store} {name}": float(one) for name, one in attrs.asdict(told).items()}
    return found


def prove(bench: Bench, store: str | None, *, webhooks: int, kills: int) -> Told:
    """Send *webhooks*, kill the server *kills* times meanwhile, and compare what was kept with what was acknowledged.

    The *store* is SQLite unless one is given.
    """
    rng = random.Random(webhooks)
    messages = [_Message(number) for number in range(max(1, webhooks * 2 // 5))]
    people = max(1, len(messages) // _MESSAGES_EACH)
    with ExitStack() as stack:
        url = store or f"sqlite:///{stack.enter_context(bench.fresh_folder())}/store.db"
        port = free_port()

        def start() -> Child:
            return stack.enter_context(bench.sessiond(store=url, port=port, **AWAY))

        child, used = start(), 0.0
        storm = _Storm(port, _shuffled(messages, webhooks, rng), people)
        for part in range(1, kills + 1):
            storm.run(webhooks * part // (kills + 1))
            used += cpu_seconds(child.pid)
            child.kill()
            storm.break_off()
            child = start()
        storm.run(webhooks)
        child.rest()
        used += cpu_seconds(child.pid)
        storm.break_off()
        kept = trio.run(_read, child.folder / "admin.sock", people)
    said = [one for person in kept for one in person.said]
    times = Counter(said)
    texts = {message.text: message for message in messages}
    return Told(
        webhooks=webhooks,
        messages=len(messages),
        kills=kills,
        sent_again=storm.sent_again,
        cpu=used / webhooks * 1e6,
        lost=sum(text not in times for text in texts),
        twice=sum(number > 1 for number in times.values()) + len(times.keys() - texts.keys()),
        overtaken=sum(_overtaken([texts[one] for one in person.said]) for person in kept),
        unanswered=sum(abs(len(person.said) - person.deliveries) for person in kept),
    )


@define
class _Message:
    """One message; the times are those of the storm's own clock."""

    number: int
    sent_at: int | None = None
    acknowledged_at: int | None = None

    @property
    def text(self) -> str:
        return f"note {self.number}"

    def post(self, people: int) -> bytes:
        return webhook(phone(self.number % people), f"wamid.{self.number}", self.text).raw


def _shuffled(messages: Sequence[_Message], webhooks: int, rng: random.Random) -> deque[_Message]:
    """Give each of *messages* up to four times, in any order; half of the repeats come at once."""
    copies = Counter({message.number: 1 for message in messages})
    while copies.total() < webhooks:
        number = rng.randrange(len(messages))
        copies[number] += copies[number] < _MOST_COPIES
    units: list[tuple[_Message, int]] = []
    for message in messages:
        left = copies[message.number]
        while left:
            together = min(left, rng.choice((1, 2)))
            units.append((message, together))
            left -= together
    rng.shuffle(units)
    return deque(message for message, together in units for _ in range(together))


class _Storm:
    """The traffic: what is not acknowledged is sent again."""

    def __init__(self, port: int, waiting: deque[_Message], people: int) -> None:
        self._port = port
        self._waiting = waiting
        self._people = people
        self._clock = count()
        self._epoll = select.epoll()
        self._senders: dict[int, Sender] = {}
        self._under_way: dict[int, _Message] = {}
        self._acknowledged = 0
        self.sent_again = 0

    def run(self, until: int) -> None:
        """Send until so many webhooks were acknowledged in all; others may be under way then.

        Raises:
          LoadError: one was refused, or nothing comes back.

        """
        while len(self._senders) < _CONNECTIONS:
            sender = Sender(self._port)
            self._senders[sender.fileno] = sender
            self._epoll.register(sender.fileno, select.EPOLLIN)
        for fd in self._senders.keys() - self._under_way.keys():
            self._send(fd)
        while self._acknowledged < until:
            ready = self._epoll.poll(_PATIENCE)
            if not ready:
                raise LoadError(f"the server answered nobody for {_PATIENCE} seconds")
            for fd, _ in ready:
                self._hear(fd)

    def _send(self, fd: int) -> None:
        if not self._waiting:
            return
        message = self._under_way[fd] = self._waiting.popleft()
        if message.sent_at is None:
            message.sent_at = next(self._clock)
        self._senders[fd].send(message.post(self._people))

    def _hear(self, fd: int) -> None:
        reply = self._senders[fd].read()
        if reply is None:
            return
        reply.check(_OK)
        message = self._under_way.pop(fd)
        if message.acknowledged_at is None:
            message.acknowledged_at = next(self._clock)
        self._acknowledged += 1
        self._send(fd)

    def break_off(self) -> None:
        """Close every connection; what was under way comes again, before all else."""
        self._waiting.extendleft(self._under_way.values())
        self.sent_again += len(self._under_way)
        self._under_way.clear()
        for fd, sender in self._senders.items():
            self._epoll.unregister(fd)
            sender.sock.close()
        self._senders.clear()


@frozen
class _Kept:
    """What is kept of one person: what was said, in its order, and how many answers wait to be sent."""

    said: list[str]
    deliveries: int


async def _read(admin: Path, people: int) -> list[_Kept]:
    callers = Callers(SESSION_KEYS)
    async with open_admin(admin) as connection:
        return [
            _kept(await connection.call("sessions.export", user=callers.find(phone(one)).user))
            for one in range(people)
        ]


def _kept(exported: dict[str, Any]) -> _Kept:
    if exported["inbox"]:
        raise LoadError(f"{len(exported['inbox'])} messages were accepted and not said")
    (conversation,) = exported["record"]["conversations"].values()
    record = conversation["record"]
    said = [record["started_by"], *(answer for kind, _, answer in record["entries"])]
    return _Kept(said, len(exported["deliveries"]))


def _overtaken(said: Sequence[_Message]) -> int:
    """Count what was acknowledged before something was first sent that was said earlier."""
    latest, found = -1, 0
    for message in said:
        assert message.sent_at is not None
        assert message.acknowledged_at is not None
        found += message.acknowledged_at < latest
        latest = max(latest, message.sent_at)
    return found
