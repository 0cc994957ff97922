"""A seeded run of everything at once: users, sockets, webhooks, timers, crashes, a lossy store; then promises I1-I5.

Clients behave as ours do: what was not answered is sent again with the same id, after a lost socket they resume. Each
client checks its stream against what the session says it pushed: everything, in order, once, or told that it was not.
"""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.errors import Refused, SessiondError, StoreUnavailable
from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import ReceiptStatus
from sessiond.core.session.limits import SessionLimits
from sessiond.stores.memory import MemoryStore
from sessiond.testing.connections import Connection, Pushed, Reply
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world

USERS = ("ann", "bob", "cid", "dee")
SECONDS = 400


def recording_app(chance: random.Random) -> App:
    """An app that writes down everything it was told, in the session itself, and sometimes fails."""
    app = App(timeout=3)

    def note(session: Session, what: str) -> None:
        session.data.setdefault("log", []).append(what)
        session.push("logged", {"what": what, "at": len(session.data["log"])})

    @app.on("say")
    async def say(session: Session, payload: dict) -> dict:
        if chance.random() < 0.1:
            session.data["log"] = ["half a change"]
            await trio.sleep(chance.choice((0, 5)))
            raise RuntimeError("a bug")
        await trio.sleep(chance.choice((0, 0, 0.01, 0.2)))
        note(session, payload["what"])
        return {"at": len(session.data["log"])}

    @app.on_webhook("hook")
    async def hook(session: Session, payload: dict) -> None:
        await trio.sleep(chance.choice((0, 0, 0.05)))
        note(session, payload["what"])

    @app.on("remind")
    async def remind(session: Session, payload: dict) -> None:
        session.set_timer(payload["what"], after=payload["after"])
        session.data.setdefault("timers", []).append(payload["what"])

    for number in range(20):

        @app.on_timer(f"t{number}")
        async def fired(session: Session, name: object = f"t{number}") -> None:
            session.data.setdefault("fired", []).append(True)

    return app


class Person:
    """One user with one client that does what it should, and a platform that sends webhooks."""

    def __init__(self, world: World, name: str, seed: int) -> None:
        self.world = world
        self.name = name
        self.chance = random.Random(seed)
        self.phone: Connection | None = None
        self.last: Connection | None = None
        self.stream: list[object] = []
        self.gaps = 0
        self.said: list[str] = []
        self.hooked: list[str] = []
        self.reminded = 0
        self.number = 0

    def next(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    async def live(self) -> None:
        while True:
            await trio.sleep(self.chance.expovariate(2))
            with trio.move_on_after(60):
                await self.act()

    async def act(self) -> None:
        match self.chance.choices(("say", "hook", "remind", "drop"), (6, 3, 1, 2))[0]:
            case "say":
                self.said.append(what := self.next("say"))
                await self.send("say", what, {})
            case "hook":
                self.hooked.append(what := self.next("hook"))
                await self.hook(what)
            case "remind":
                if self.reminded < 20:
                    what = f"t{self.reminded}"
                    self.reminded += 1
                    await self.send("remind", what, {"after": self.chance.uniform(1, 90)})
            case "drop":
                if self.phone is not None:
                    self.phone.drop()
                await trio.sleep(self.chance.choice((0, 1, 20, 45)))

    async def connected(self) -> Connection:
        """Come back if the socket is gone, resuming; check what is told about the stream."""
        while self.phone is None or not self.phone.is_open:
            if self.phone is not None:
                self.take_stream(self.phone)
            phone = self.world.connect(self.name, device="phone")
            joined = phone.start_join(resume=self.last)
            with trio.move_on_after(8):
                welcome = await joined.get()
                self.phone = phone
                if self.last is not None and not welcome["recovered"]:
                    self.gaps += 1
                    self.stream.append(welcome["reason"])
                self.last = phone
                return phone
            phone.drop()
            await trio.sleep(0.5)
        return self.phone

    def take_stream(self, phone: Connection) -> None:
        self.stream += [one.payload for one in phone.got if isinstance(one, Pushed)]
        phone.got.clear()

    async def send(self, event: str, what: str, more: dict[str, object]) -> None:
        while True:
            try:
                phone = await self.connected()
                reply = phone.send(event, {"what": what, **more}, input_id=what)
                if await answered(reply, phone):
                    return
            except SessiondError:
                pass
            await trio.sleep(0.3)

    async def hook(self, what: str) -> None:
        while True:
            try:
                receipt = await self.world.webhook(
                    self.name, {"what": what}, name="hook", input_id=what
                )
            except (StoreUnavailable, Refused, SessiondError):
                await trio.sleep(0.3)
                continue
            if receipt.status is not ReceiptStatus.FENCED:
                return


async def answered(reply: Reply, phone: Connection) -> bool:
    """Wait for a good answer, at most ten seconds or until the socket is gone; raises the errors."""
    for _ in range(100):
        if reply.is_answered:
            await reply.get()
            return True
        if not phone.is_open:
            return False
        await trio.sleep(0.1)
    return False


async def trouble(world: World, store: FaultyStore, chance: random.Random) -> None:
    """Crash, drain, lose answers, go away, for a while each."""
    while True:
        await trio.sleep(chance.expovariate(1 / 8))
        match chance.choice(("crash", "drain", "lose", "fail", "away", "crash in a commit")):
            case "crash":
                await world.restart()
            case "crash in a commit":
                store.lose_answer("commit", times=3)
                await trio.sleep(0.02)
                await world.restart()
            case "drain":
                await world.drain()
                await world.restart()
            case "lose":
                for method in ("commit", "accept"):
                    store.lose_answer(method, times=chance.randint(1, 4))
            case "fail":
                for method in ("commit", "load", "pending", "due", "frames", "reply"):
                    store.fail(method, times=chance.randint(1, 3))
            case "away":
                store.go_away("commit", "load", "accept", "pending", "due", "frames", "reply")
                await trio.sleep(chance.uniform(0.1, 6))
                store.come_back()


def check_stream(person: Person, log: list[str]) -> None:
    """I4: between two announced gaps nothing is missing, nothing is twice, nothing is out of order."""
    at: int | None = None
    for one in person.stream:
        if not isinstance(one, dict):
            at = None  # told that it was not recovered
            continue
        assert one["what"] == log[one["at"] - 1], "a push that no commit backs (I2)"
        assert at is None or one["at"] == at + 1, f"{person.name}: {one} after {at}"
        at = one["at"]


@pytest.mark.parametrize("seed", range(6))
async def test_the_promises_hold_whatever_happens(autojump_clock: MockClock, seed: int) -> None:
    """I1 once each, I2 nothing unbacked, I3 one line of commits, I4 whole streams, I5 every timer."""
    chance = random.Random(seed)
    store = FaultyStore(MemoryStore())
    limits = SessionLimits(linger_seconds=10, window_seconds=15, outbox_frames=30)
    async with open_world(recording_app(chance), store=store, limits=limits, seed=seed) as world:
        people = [Person(world, name, seed * 100 + n) for n, name in enumerate(USERS)]
        with trio.move_on_after(SECONDS):
            async with trio.open_nursery() as nursery:
                for person in people:
                    nursery.start_soon(person.live)
                nursery.start_soon(trouble, world, store, chance)
        store.come_back()
        store._faults.clear()
        await world.restart()
        for person in people:  # what was under way is brought to its end
            for what in person.said:
                await person.send("say", what, {})
            for what in person.hooked:
                await person.hook(what)
        await trio.sleep(200)

        assert await world.dead_letters() == ()
        for person in people:
            await person.connected()
            assert person.phone is not None
            person.take_stream(person.phone)
            data = await world.data(person.name)
            log = data["log"]
            assert sorted(log) == sorted(person.said + person.hooked)
            assert len(data.get("fired", [])) >= len(data.get("timers", []))
            assert await store.pending(partition_of(UserId(person.name))) == ()
            check_stream(person, log)
        assert sum(len(person.said) for person in people) > 100
        assert sum(len(person.stream) for person in people) > 100
