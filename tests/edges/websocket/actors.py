"""A stand-in for the runtime, for the door's tests: an actor per user that obeys the interface.

It answers ``echo``, pushes with ``shout``, and keeps what it was told, so that tests can look. Not a
mock: mailboxes are bounded, inputs are taken in order by one task, replies pass in order.
"""

from collections import deque
from collections.abc import Awaitable, Callable

import trio
from attrs import define, field

from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import MailboxFull, Refused
from sessiond.core.ids import UserId
from sessiond.core.ports import Connection, ReplyTo
from sessiond.core.session.inputs import ClientMessage, Input, Join, Leave
from sessiond.core.wire.json_v2 import encode_json, encode_tail


@define
class FakeIdentity:
    user: UserId
    expires_at: float | None = None


class TrioClock:
    """Both times from Trio, so that MockClock moves them."""

    def monotonic(self) -> float:
        return trio.current_time()

    def now(self) -> float:
        return trio.current_time()


@define(eq=False)
class FakeActor:
    user: UserId
    capacity: int = 256
    mailbox: "deque[tuple[Input, ReplyTo | None]]" = field(factory=deque)
    told: list[Input] = field(factory=list)
    attached: dict[int, Connection] = field(factory=dict)
    refusal: Refused | None = None
    join_error: str | None = None
    is_paused: bool = False
    do_leaves_always_fit: bool = True
    offset: int = 0
    wake: trio.Event = field(factory=trio.Event)
    room: trio.Event = field(factory=trio.Event)

    def tell(
        self, item: Input, reply_to: ReplyTo | None = None, *, expires_at: float | None = None
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        is_exempt = self.do_leaves_always_fit and isinstance(item, Leave)
        if len(self.mailbox) >= self.capacity and not is_exempt:
            raise MailboxFull
        self.mailbox.append((item, reply_to))
        self.wake.set()

    async def wait_capacity(self) -> None:
        while len(self.mailbox) >= self.capacity:
            self.room = trio.Event()
            await self.room.wait()
        await trio.lowlevel.checkpoint()

    async def run(self) -> None:
        while True:
            while self.is_paused or not self.mailbox:
                self.wake = trio.Event()
                await self.wake.wait()
            item, reply_to = self.mailbox.popleft()
            self.room.set()
            self.told.append(item)
            self.take(item, reply_to)
            await trio.lowlevel.checkpoint()

    def go_on(self) -> None:
        self.is_paused = False
        self.wake.set()

    def take(self, item: Input, reply_to: ReplyTo | None) -> None:
        match item:
            case Join(connection=connection):
                assert reply_to is not None
                if self.join_error is not None:
                    reply_to.error(self.join_error, "the test said so")
                    return
                self.attached[connection.id] = connection
                reply_to.ok(encode_json({"user_id": self.user, "session_id": "s", "epoch": "e"}))
            case Leave(connection=connection_id):
                self.attached.pop(connection_id, None)
            case ClientMessage(event=event, payload=payload):
                self.message(event, payload, reply_to)
            case _:
                pass

    def message(self, event: str, payload: object, reply_to: ReplyTo | None) -> None:
        if event == "shout":
            self.push("shouted", {"data": payload})
        if event == "many":
            for number in range(20):
                self.push("one", {"number": number})
        if event == "kick":
            for connection in tuple(self.attached.values()):
                connection.close(CloseCode.KICKED)
        if reply_to is None:
            return
        if event == "fail":
            reply_to.error(ErrorCode.HANDLER_FAILED, "the handler failed")
        elif isinstance(payload, bytes):
            reply_to.ok(encode_json({"bytes": len(payload)}))
        else:
            reply_to.ok(encode_json(payload))

    def push(self, event: str, payload: dict[str, object]) -> None:
        self.offset += 1
        tail = encode_tail(event, payload, offset=self.offset)
        for connection in tuple(self.attached.values()):
            connection.push(tail)


@define(eq=False)
class FakeDirectory:
    """Every user lives here, from the first look on."""

    nursery: trio.Nursery | None = None
    actors: dict[UserId, FakeActor] = field(factory=dict)

    def locate(self, user: UserId) -> FakeActor:
        actor = self.actors.get(user)
        if actor is None:
            actor = self.actors[user] = FakeActor(user)
            if self.nursery is not None:
                self.nursery.start_soon(actor.run)
        return actor


def tokens_are_names() -> Callable[[str], Awaitable[FakeIdentity]]:
    """Accept every token that does not begin with "bad"; it is the user id, ``name@expiry``."""

    async def authenticate(token: str) -> FakeIdentity:
        await trio.lowlevel.checkpoint()
        if token.startswith("bad"):
            raise Refused(ErrorCode.UNAUTHORIZED, "the token is not acceptable")
        name, _, expiry = token.partition("@")
        return FakeIdentity(UserId(name), float(expiry) if expiry else None)

    return authenticate
