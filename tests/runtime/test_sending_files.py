"""Messages that show files: uploaded after the commit and before the call, against a real provider."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
import trio

from sessiond import App, AttachmentKind, DeliveryUpdate, Media, Session, telemetry
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.ids import partition_of
from sessiond.edges.http.outbound import Outbound
from sessiond.gateways.telegram import Telegram, TelegramSettings
from sessiond.gateways.twilio import Twilio, TwilioSettings
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings
from sessiond.testing.providers import (
    Exchange,
    Provider,
    Response,
    answer,
    half,
    open_provider,
    reset,
)
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import ANN, NUMBER

TOKEN = "t0p-s3cret"


class Heard:
    """What the app hears of its messages, as it hears it."""

    def __init__(self) -> None:
        self.updates: list[DeliveryUpdate] = []
        self._came = trio.Event()

    def add(self, update: DeliveryUpdate) -> None:
        self.updates.append(update)
        self._came.set()

    async def of(self, count: int) -> list[DeliveryUpdate]:
        """Wait until *count* of them have come in all."""
        while len(self.updates) < count:
            self._came = trio.Event()
            await self._came.wait()
        return self.updates


def an_app() -> tuple[App, Heard]:
    """An app that sends the files that a webhook names, and hears what becomes of them."""
    app, heard = App(), Heard()

    @app.on_webhook("bills")
    async def bills(session: Session, paths: list[str]) -> None:
        for path in paths:
            bill = Media(kind=AttachmentKind.DOCUMENT, path=path)
            session.send("Your bill", media=bill, to=NUMBER, via="shop")

    @app.on_delivery
    async def on_delivery(session: Session, update: DeliveryUpdate) -> None:
        heard.add(update)

    return app, heard


class OpenWhatsApp(WhatsApp):
    """A number whose window is always open."""

    @property
    def limits(self) -> Any:
        return attrs.evolve(super().limits, window_seconds=None)


def shop(url: str, **settings: Any) -> Account:
    own = WhatsAppSettings(
        phone_number_id="100",
        access_token=TOKEN,
        verify_token="v",
        app_secrets=("s",),
        api_url=url,
    )
    return Account("shop", AccountSettings(gateway="whatsapp", **settings), OpenWhatsApp(own))


@asynccontextmanager
async def at_the_shop(
    app: App, *script: Response, **settings: Any
) -> AsyncIterator[tuple[World, Provider]]:
    with trio.fail_after(30):
        async with open_provider() as provider, aclosing(Outbound()) as outbound:
            provider.otherwise = meta
            provider.script(*script)
            accounts = (shop(provider.url, **settings),)
            async with open_world(app, accounts=accounts, call=outbound) as world:
                yield world, provider


async def meta(exchange: Exchange) -> None:
    """Take a file, or a message."""
    if exchange.call.target.endswith("/media"):
        await answer(200, {"id": "media-1"})(exchange)
    else:
        await answer(200, {"messages": [{"id": "wamid.1"}]})(exchange)


async def journal(world: World) -> list[dict[str, Any]]:
    raw = await world.store.journal(ANN, partition_of(ANN))
    plain = [msgspec.json.decode(entry) for entry in raw]
    return [entry for entry in plain if entry["event"] == "media.upload"]


def targets(provider: Provider) -> list[str]:
    return [call.target.rpartition("/")[2] for call in provider.calls]


@pytest.fixture
def bill(tmp_path: Path) -> str:
    (tmp_path / "bill.pdf").write_bytes(b"%PDF-1.7 bill")
    return str(tmp_path / "bill.pdf")


async def test_a_file_is_uploaded_before_its_message_and_once(bill: str) -> None:
    """With our token; the message names the id, and so does the next one. The journal has one upload."""
    app, heard = an_app()
    async with at_the_shop(app) as (world, provider):
        await world.webhook(ANN, [bill, bill], name="bills")
        await heard.of(2)
        (told,) = await journal(world)

    assert ["media", "messages", "messages"] == targets(provider)
    upload, *messages = provider.calls
    assert upload.headers["authorization"] == f"Bearer {TOKEN}"
    assert b"%PDF-1.7 bill" in upload.body
    document = {"id": "media-1", "caption": "Your bill", "filename": "bill.pdf"}
    assert [document] * 2 == [call.json["document"] for call in messages]
    facts = {"account": "shop", "mime_type": "application/pdf", "size": 13}
    assert (facts, "success") == (told["facts"], told.get("status", "success"))
    assert ["sent", "sent"] == [update.state for update in heard.updates]


@pytest.mark.parametrize(
    "fault",
    [answer(500), half(b'{"id":"med'), reset(), answer(429, headers={"retry-after": "0"})],
    ids=["500", "half", "reset", "429"],
)
async def test_an_upload_that_is_lost_is_made_again(bill: str, fault: Response) -> None:
    """The provider may have it by now: at least once. The message goes out after it."""
    app, heard = an_app()
    async with at_the_shop(app, fault) as (world, provider):
        await world.webhook(ANN, [bill], name="bills")
        await heard.of(1)

    assert ["media", "media", "messages"] == targets(provider)


async def test_a_message_that_is_lost_does_not_upload_again(bill: str) -> None:
    """Its file is there."""
    app, heard = an_app()
    async with at_the_shop(app, answer(200, {"id": "m"}), answer(500)) as (world, provider):
        await world.webhook(ANN, [bill], name="bills")
        await heard.of(1)

    assert ["media", "messages", "messages"] == targets(provider)
    assert {"m"} == {call.json["document"]["id"] for call in provider.calls[1:]}


async def test_an_id_that_is_not_taken_any_more_is_replaced(bill: str) -> None:
    """Somebody has deleted the file at the provider: it is uploaded again, and the message is not given up."""
    app, heard = an_app()
    gone = answer(400, {"error": {"code": 131009, "message": "media"}})
    script = (answer(200, {"id": "old"}), meta, gone)
    async with at_the_shop(app, *script) as (world, provider):
        await world.webhook(ANN, [bill, bill], name="bills")
        await heard.of(2)

    assert ["media", "messages", "messages", "media", "messages"] == targets(provider)
    assert ["old", "old", "media-1"] == [
        call.json["document"]["id"] for call in provider.calls if "messages" in call.target
    ]
    assert ["sent", "sent"] == [update.state for update in heard.updates]


async def test_a_person_who_cannot_be_reached_costs_no_upload(bill: str) -> None:
    """It is not the file's fault: the message is given up at once, and the id is good for others."""
    app, heard = an_app()
    unreachable = answer(400, {"error": {"code": 131026, "message": "undeliverable"}})
    async with at_the_shop(app, meta, meta, unreachable) as (world, provider):
        await world.webhook(ANN, [bill, bill, bill], name="bills")
        await heard.of(3)

    assert ["media", "messages", "messages", "messages"] == targets(provider)
    assert ["sent", "failed", "sent"] == [update.state for update in heard.updates]


async def test_a_file_that_is_not_there_is_a_dead_letter(bill: str) -> None:
    """The author hears of it, by callback and journal; once it is there an operator can send it again."""
    app, heard = an_app()
    missing = bill.replace("bill.pdf", "next.pdf")
    async with at_the_shop(app) as (world, provider):
        await world.webhook(ANN, [missing, bill], name="bills")
        await heard.of(2)
        (letter,) = await world.dead_letters(ANN)
        first, _ = await journal(world)
        await trio.Path(missing).write_bytes(b"%PDF next")
        await world.operations.retry_dead_letter(letter.id)
        await heard.of(3)

    assert ["failed", "sent", "sent"] == [update.state for update in heard.updates]
    assert "the file to upload is not there" == heard.updates[0].reason == letter.error
    assert ("failure", heard.updates[0].reason) == (first["status"], first["error"])
    assert "next.pdf" not in json.dumps([first]) + repr(heard.updates)
    assert "next.pdf" == provider.calls[-1].json["document"]["filename"]


async def test_refused_credentials_stop_the_account_at_the_upload(bill: str) -> None:
    """As they do at a message; the message stays."""
    app, _ = an_app()
    stopped = trio.Event()
    detach = telemetry.attach(lambda *_: stopped.set(), ["gateway.stopped"])
    async with at_the_shop(app, answer(401, {"error": {"code": 190}})) as (world, provider):
        await world.webhook(ANN, [bill], name="bills")
        await provider.wait_calls(1)
        await stopped.wait()
        left = await world.store.deliveries(partition_of(ANN))
    detach()

    assert (1, ["media"]) == (len(left), targets(provider))


async def test_a_file_is_uploaded_again_after_a_crash(bill: str) -> None:
    """The message was not acknowledged: both calls are made by the next node."""
    app, heard = an_app()
    slow = trio.Event()

    async def never(exchange: Exchange) -> None:
        await slow.wait()

    async with at_the_shop(app, answer(200, {"id": "lost"}), never) as (world, provider):
        await world.webhook(ANN, [bill], name="bills")
        await provider.wait_calls(2)
        await world.restart()
        await heard.of(1)
        slow.set()

    assert ["media", "messages", "media", "messages"] == targets(provider)


async def test_an_account_without_uploads_does_not_take_what_is_left(bill: str) -> None:
    """The settings changed: the account is of another kind now, and the message is given up."""
    app, heard = an_app()
    async with at_the_shop(app, answer(401, {"error": {"code": 190}})) as (world, provider):
        await world.webhook(ANN, [bill], name="bills")
        await provider.wait_calls(1)
        sender = TwilioSettings(
            account_sid=f"AC{'0' * 32}", auth_tokens=("t" * 32,), sender="+14155238886"
        )
        settings = AccountSettings(gateway="twilio")
        world.accounts["shop"] = Account("shop", settings, Twilio(sender))
        await world.restart()
        await heard.of(1)

    assert "files are not uploaded on this account" == heard.updates[0].reason


class Bot:
    """Telegram: each file gets an id, shown in a photo's sizes or as a document."""

    async def __call__(self, exchange: Exchange) -> None:
        method = exchange.call.target.rpartition("/")[2]
        result: dict[str, Any] = {"message_id": 7}
        if method == "sendDocument":
            result["document"] = {"file_id": "doc-1"}
        elif method == "sendPhoto":
            sizes = [("small", 90), ("large", 800), ("middle", 320)]
            result["photo"] = [{"file_id": name, "width": width} for name, width in sizes]
        await answer(200, {"ok": True, "result": result})(exchange)


def bot(url: str, **settings: Any) -> Account:
    own = TelegramSettings(bot_token=f"1:{'t' * 32}", secret_tokens=("s" * 32,), api_url=url)
    return Account("shop", AccountSettings(gateway="telegram", **settings), Telegram(own))


@asynccontextmanager
async def at_the_bot(app: App, *script: Response) -> AsyncIterator[tuple[World, Provider]]:
    with trio.fail_after(30):
        async with open_provider() as provider, aclosing(Outbound()) as outbound:
            provider.otherwise = Bot()
            provider.script(*script)
            async with open_world(app, accounts=(bot(provider.url),), call=outbound) as world:
                yield world, provider


def a_chatty_app() -> tuple[App, Heard]:
    app, heard = App(), Heard()

    @app.on_webhook("show")
    async def show(session: Session, shown: list[str]) -> None:
        for kind in shown:
            media = Media(kind=AttachmentKind(kind), path=session.data["path"])
            session.send("Look *here*", media=media, to="5512", via="shop")

    @app.on_webhook("path")
    async def path(session: Session, path: str) -> None:
        session.data["path"] = path

    @app.on_delivery
    async def on_delivery(session: Session, update: DeliveryUpdate) -> None:
        heard.add(update)

    return app, heard


async def test_telegram_takes_a_file_with_its_first_message(bill: str) -> None:
    """The next ones name the id that it got; as another kind of media it goes up once more. Each is in the journal."""
    app, heard = a_chatty_app()
    async with at_the_bot(app) as (world, provider):
        await world.webhook(ANN, bill, name="path")
        await world.webhook(ANN, ["document", "document", "image", "image"], name="show")
        await heard.of(4)
        journal_of_files = await journal(world)

    assert ["sendDocument"] * 2 + ["sendPhoto"] * 2 == targets(provider)
    first, second, third, fourth = provider.calls
    for call in (first, third):
        assert call.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b"%PDF-1.7 bill" in call.body
    assert b'name="document"; filename="bill.pdf"' in first.body
    assert b'name="caption"\r\n\r\nLook <i>here</i>\r\n' in first.body
    assert b'name="chat_id"\r\n\r\n5512\r\n' in first.body
    assert ("doc-1", "large") == (second.json["document"], fourth.json["photo"])
    assert [13, 13] == [entry["facts"]["size"] for entry in journal_of_files]
    assert [("sent", "7")] * 4 == [(one.state, one.message_id) for one in heard.updates]


@pytest.mark.parametrize("fault", [answer(500), half(), reset()], ids=["500", "half", "reset"])
async def test_a_file_that_was_lost_with_its_message_goes_with_it_again(
    bill: str, fault: Response
) -> None:
    """At least once, as messages do."""
    app, heard = a_chatty_app()
    async with at_the_bot(app, fault) as (world, provider):
        await world.webhook(ANN, bill, name="path")
        await world.webhook(ANN, ["document"], name="show")
        await heard.of(1)

    assert [True, True] == [b"%PDF-1.7 bill" in call.body for call in provider.calls]


async def test_an_id_that_telegram_does_not_take_is_replaced(bill: str) -> None:
    """The file goes with the message once more."""
    app, heard = a_chatty_app()
    wrong = answer(400, {"ok": False, "error_code": 400, "description": "wrong file_id"})
    async with at_the_bot(app, Bot(), wrong) as (world, provider):
        await world.webhook(ANN, bill, name="path")
        await world.webhook(ANN, ["document", "document"], name="show")
        await heard.of(2)

    assert [True, False, True] == [b"%PDF-1.7 bill" in call.body for call in provider.calls]
    assert ["sent", "sent"] == [update.state for update in heard.updates]
