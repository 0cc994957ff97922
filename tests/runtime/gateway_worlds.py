"""Worlds with accounts: a USSD line and a WhatsApp number, and the inputs that their doors would give to actors."""

from typing import Any

import msgspec
import trio

from sessiond import App, Conversation
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.accounts import Account, AccountSettings, FallbackTemplate
from sessiond.core.gateways.arrivals import Arrived, Heard
from sessiond.core.gateways.inbox_bodies import encode_arrived
from sessiond.core.gateways.inputs import Incoming
from sessiond.core.gateways.lines import Answered, Line, decode_line
from sessiond.core.gateways.outgoing import Outgoing, decode_outgoing
from sessiond.core.ids import UserId, input_digest, partition_of
from sessiond.core.records import Delivery
from sessiond.core.session.snapshot import decode_snapshot
from sessiond.gateways.africastalking import AfricasTalking, AfricasTalkingSettings
from sessiond.gateways.nalo import Nalo, NaloSettings
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings
from sessiond.testing.world import World

ANN = UserId("tel:00000000000000000000000000000000")
NUMBER = "+233244123456"
TOKEN = "a-token-of-enough-length"

USSD = Account("line", AccountSettings(gateway="nalo"), Nalo(NaloSettings(tokens=(TOKEN,))))
TALKING = Account(
    "talking",
    AccountSettings(gateway="africastalking"),
    AfricasTalking(AfricasTalkingSettings(tokens=(TOKEN,))),
)


def whatsapp(**settings: Any) -> Account:
    gateway = WhatsApp(
        WhatsAppSettings(
            phone_number_id="1", access_token="t", verify_token="v", app_secrets=("s",)
        )
    )
    return Account("shop", AccountSettings(gateway="whatsapp", **settings), gateway)


FALLBACK = FallbackTemplate(name="news", language="en")


def greeter() -> App:
    """An app with a flow of two questions."""
    app = App()

    @app.flow("greet", starts_on=["hi"], takes_everything=True)
    async def greet(c: Conversation) -> None:
        await c.say("Welcome.")
        name = await c.ask("name", "What is your name?")
        sure = await c.select("sure", f"Is it {name}?", ["Yes", "No"])
        await c.say(f"Thank you, {name}: {sure}.")

    return app


def reader() -> App:
    """An app with a text of several pages."""
    app = App()

    @app.flow("read", takes_everything=True)
    async def read(c: Conversation) -> None:
        words = " ".join(f"word{number}" for number in range(60))
        answer = await c.ask("words", words)
        await c.say(f"Got {answer}.")

    return app


def heard(text: str = "", account: Account = USSD, session: str = "dial-1", **more: Any) -> Heard:
    facts = ChannelFacts(
        platform=account.gateway.platform,
        gateway=account.gateway.name,
        host="chat.example.com",
        path=account.path,
        request_id=session,
        msisdn=NUMBER,
        user_id=ANN,
    )
    return Heard(facts=facts, answer=Answer(text=text), **more)


async def ask(world: World, text: str = "", account: Account = USSD, **more: Any) -> Answered:
    """What the door of an answering account is answered."""
    item = Incoming(account.name, heard(text, account, **more), 5.0)
    reply = await world.ref(ANN).ask(item, timeout=30)
    return msgspec.json.decode(reply, type=Answered)


async def accept(world: World, arrived: Arrived, account: str, name: str) -> None:
    """Give *arrived* to the actor as the door of a calling account does, under the provider's id *name*."""
    kind = f"gateway:{account}"
    digest = input_digest(kind, name)
    await world.node.intake.accept(ANN, kind, encode_arrived(arrived), digest)
    await world.settle()
    await trio.lowlevel.checkpoint()


async def deliveries(world: World) -> list[Outgoing]:
    """What waits to be sent, in order."""
    return [decode_outgoing(one.body) for one in await stored(world)]


async def stored(world: World) -> list[Delivery]:
    pairs = await world.store.deliveries(partition_of(ANN))
    return sorted((delivery for _, delivery in pairs), key=lambda one: one.id)


def told(outgoing: Outgoing) -> Any:
    """The body of a call."""
    return msgspec.json.decode(outgoing.call.body)


async def line(world: World, account: str) -> Line:
    loaded = await world.store.load(ANN, partition_of(ANN))
    assert loaded is not None
    return decode_line(decode_snapshot(loaded.snapshot).lines[account])
