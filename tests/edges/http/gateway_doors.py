"""Doors of accounts before a stand-in for the actors, and a real intake over a store in memory."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
from attrs import define, field

from sessiond import telemetry
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.arrivals import Arrived
from sessiond.core.gateways.inbox_bodies import decode_arrived
from sessiond.core.gateways.inputs import Incoming
from sessiond.core.gateways.lines import Answered, encode_answered
from sessiond.core.gateways.port import Gateway
from sessiond.core.ids import PARTITIONS, NodeId, Partition, UserId
from sessiond.core.records import InboxEntry
from sessiond.core.session.inputs import Accepted, Input
from sessiond.edges.http.gateways import GatewayDoor
from sessiond.edges.http.router import Router
from sessiond.gateways.africastalking import AfricasTalking, AfricasTalkingSettings
from sessiond.gateways.http import HttpGateway, HttpGatewaySettings
from sessiond.gateways.nalo import Nalo, NaloSettings
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings
from sessiond.net.messages import Request, Response
from sessiond.runtime.availability import Availability
from sessiond.runtime.cell import Cell
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.intake import Intake
from sessiond.runtime.registry import Registry
from sessiond.stores.memory import MemoryStore

TOKEN = "0123456789abcdef"
NUMBER = "+233244123456"
KEYS = SessionKeySettings(secret="a secret of this test", phone_region="GH")
APP_SECRET = "the-secret-of-the-app"

Ask = Callable[[UserId, Incoming], Awaitable[Answered]]


def account(gateway: Gateway, name: str = "line", **settings: Any) -> Account:
    return Account(name, AccountSettings(gateway="any", **settings), gateway)


def nalo(**settings: Any) -> Nalo:
    return Nalo(NaloSettings(tokens=(TOKEN,), service_code="*920*44#", **settings))


def talking() -> AfricasTalking:
    return AfricasTalking(AfricasTalkingSettings(tokens=(TOKEN,)))


def program(**settings: Any) -> HttpGateway:
    return HttpGateway(HttpGatewaySettings(tokens=(TOKEN,), **settings))


def whatsapp(**settings: Any) -> WhatsApp:
    given: dict[str, Any] = {"phone_number_id": "1", "access_token": "t", "verify_token": "v"}
    return WhatsApp(WhatsAppSettings(**given, app_secrets=(APP_SECRET,), **settings))


@define
class Clock:
    """A clock that the test moves."""

    at: float = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


async def greet(_user: UserId, item: Incoming) -> Answered:
    """Answer as an actor would whose flow asks for more."""
    await trio.lowlevel.checkpoint()
    return Answered(text=f"You said {item.heard.answer.text!r}.")


@define(eq=False)
class Ref:
    """The address of one user."""

    user: UserId
    stand: "Stand"

    async def ask(self, item: Input, *, timeout: float) -> bytes:  # noqa: ASYNC109
        assert isinstance(item, Incoming)
        self.stand.asked.append((self.user, item, timeout))
        return encode_answered(await self.stand.actor(self.user, item))

    def tell(self, item: Input) -> None:
        self.stand.said_to.append((self.user, item))


@define(eq=False)
class Stand:
    """A door, what it asks, and what it had accepted."""

    accounts: Sequence[Account]
    actor: Ask = greet
    clock: Clock = field(factory=Clock)
    store: MemoryStore = field(factory=MemoryStore)
    registry: Registry = field(factory=Registry)
    asked: list[tuple[UserId, Incoming, float]] = field(factory=list)
    said_to: list[tuple[UserId, Input]] = field(factory=list)
    told: list[tuple[str, Mapping[str, object]]] = field(factory=list)
    availability: Availability = field(init=False)
    router: Router = field(init=False)

    def locate(self, user: UserId) -> Ref:
        return Ref(user, self)

    def activate(self, user: UserId) -> Cell:
        cell = self.registry.get(user)
        if cell is None:
            cell = Cell(user)
            self.registry.add(cell)
        return cell

    @property
    def said(self) -> list[str]:
        return [item.heard.answer.text for _, item, _ in self.asked]

    @property
    def users(self) -> set[UserId]:
        return {user for user, _, _ in self.asked}

    def events(self, *names: str) -> list[tuple[str, Mapping[str, object]]]:
        """What telemetry was told under *names*."""
        return [(name, about) for name, about in self.told if name in names]

    async def entries(self) -> list[InboxEntry]:
        """What is in the inboxes, in the order of each user."""
        found: list[InboxEntry] = []
        for partition in range(PARTITIONS):
            found += await self.store.pending(Partition(partition), after=0, limit=1000)
        return found

    async def arrived(self) -> list[Arrived]:
        return [decode_arrived(entry.body) for entry in await self.entries()]

    def mailbox(self, user: UserId) -> list[InboxEntry]:
        """What the user's actor was told, in order."""
        items = [one.item for one in self.activate(user).mailbox.clear()]
        return [item.entry for item in items if isinstance(item, Accepted)]

    async def send(self, request: Request) -> Response:
        return await self.router(request)

    async def dial(self, text: str = "hello", phone: str = NUMBER, **fields: Any) -> Response:
        """A request of Nalo."""
        body = {"USERID": "u", "MSISDN": phone, "USERDATA": text, "SESSIONID": "s1"} | fields
        return await self.send(post("/gateways/line", json.dumps(body).encode()))

    async def dialled(self, text: str = "hello", phone: str = NUMBER, **fields: Any) -> str:
        """What the person reads."""
        response = await self.dial(text, phone, **fields)
        assert 200 == response.status
        return str(json.loads(response.body)["MSG"])


@asynccontextmanager
async def open_stand(*accounts: Account, actor: Ask = greet) -> AsyncIterator[Stand]:
    """A door with *accounts*; people are answered by *actor*."""
    stand = Stand(accounts or (account(nalo()),), actor)
    stand.availability = Availability(stand.clock)
    everything = [Partition(number) for number in range(PARTITIONS)]
    acquired = await stand.store.acquire(
        NodeId("n"), "nonce", everything, now=0.0, window_seconds=30.0, lease_seconds=60.0
    )
    deadlines = Deadlines(stand.clock)
    intake = Intake(
        stand.store,
        {one.fence.partition: one.fence for one in acquired},
        stand.registry,
        stand,
        clock=stand.clock,
        deadlines=deadlines,
        entropy=SeededEntropy(1),
        availability=stand.availability,
    )
    door = GatewayDoor(
        {one.name: one for one in stand.accounts},
        keys=KEYS,
        intake=intake,
        directory=stand,
        clock=stand.clock,
        entropy=SeededEntropy(2),
    )
    stand.router = Router(door.routes(), stand.clock)
    detach = telemetry.attach(lambda name, _, about: stand.told.append((name, dict(about))))
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deadlines.run)
            await nursery.start(lambda task_status: intake.run(task_status=task_status))
            yield stand
            nursery.cancel_scope.cancel()
    finally:
        detach()


def post(
    path: str, body: bytes, *headers: tuple[str, str], query: str = f"token={TOKEN}"
) -> Request:
    usual = {"host": "chat.example.com", "content-type": "application/json"}
    given = dict(headers)
    return Request(
        method="POST",
        target=f"{path}?{query}" if query else path,
        path=path,
        query=query,
        headers=tuple((usual | given).items()),
        body=body,
        peer="203.0.113.7",
    )


def ask(body: Mapping[str, object] | bytes, *, token: str = TOKEN) -> Request:
    """A request of the generic gateway."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return post("/gateways/line", raw, ("authorization", f"Bearer {token}"), query="")


def webhook(
    *messages: Mapping[str, object],
    statuses: Sequence[Mapping[str, object]] = (),
    number: str = "1",
    signature: str | None = None,
    field_name: str = "messages",
) -> Request:
    """A webhook of Meta, signed unless *signature* is given."""
    value = {
        "metadata": {"phone_number_id": number},
        "messages": list(messages),
        "statuses": list(statuses),
    }
    document = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": field_name, "value": value}]}],
    }
    return signed(msgspec.json.encode(document), signature)


def signed(body: bytes, signature: str | None = None) -> Request:
    if signature is None:
        signature = f"sha256={hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()}"
    return post("/gateways/line", body, ("x-hub-signature-256", signature), query="")


def message(number: int, text: str = "hi", *, sender: str = "233244123456") -> dict[str, object]:
    return {
        "from": sender,
        "id": f"wamid.{number}",
        "timestamp": str(1_700_000_000 + number),
        "type": "text",
        "text": {"body": text},
    }
