"""Turns of gateways: deliveries for who does not wait, and what becomes of them."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Conversation, DeliveryState, DeliveryUpdate, Session, telemetry
from sessiond.core.flows.answers import Answer, Attachment
from sessiond.core.flows.prompts import AttachmentKind, Media
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.arrivals import Notice, StatusUpdate
from sessiond.core.gateways.inputs import DeliverySettled
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.core.gateways.outgoing import decode_outgoing
from sessiond.core.gateways.port import GivenUp, Sent, WindowClosed
from sessiond.core.ids import partition_of
from sessiond.gateways.twilio import Twilio, TwilioSettings
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import (
    ANN,
    FALLBACK,
    NUMBER,
    accept,
    deliveries,
    greeter,
    heard,
    line,
    stored,
    told,
    whatsapp,
)
from tests.runtime.hearing import hearing

SHOP = whatsapp()


async def settle(world: World, delivery: int, judgement: Any, attempts: int = 1) -> None:
    one = (await stored(world))[delivery]
    item = DeliverySettled(one.id, one.body, judgement, attempts)
    await world.ref(ANN).ask(item, timeout=10)


async def events(world: World) -> list[tuple[str, dict[str, Any]]]:
    entries = await world.store.journal(ANN, partition_of(ANN))
    plain = [msgspec.json.decode(entry) for entry in entries]
    return [(entry["event"], entry.get("facts", {})) for entry in plain]


# Calling accounts


async def test_a_message_becomes_deliveries_of_its_turn(autojump_clock: MockClock) -> None:
    """Everything shown leaves in order, to who wrote, with a reference and an open window."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP, id="m-1"), "shop", "m-1")
        sent = await deliveries(world)
        kept = await line(world, "shop")

    assert ["Welcome.", "What is your name?"] == [told(one)["text"]["body"] for one in sent]
    assert {"233244123456"} == {told(one)["to"] for one in sent}
    assert {"0"} == {told(one)["biz_opaque_callback_data"] for one in sent}
    assert kept.to == "+233244123456"
    assert [kept.heard_at + 86400] * 2 == [one.closes_at for one in sent]


async def test_a_repeated_webhook_is_applied_once(autojump_clock: MockClock) -> None:
    """The provider's id is in the duplicate window: nothing is said twice."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        for _ in range(3):
            await accept(world, heard("hi", SHOP, id="m-1"), "shop", "m-1")
        sent = await deliveries(world)

    assert 2 == len(sent)


async def test_what_comes_of_a_function_is_delivered_when_it_is_there(
    autojump_clock: MockClock,
) -> None:
    """We can speak first: nobody has to write again."""
    app = App()

    async def slow() -> str:
        await trio.sleep(20)
        return "7"

    @app.flow("look", takes_everything=True)
    async def look(c: Conversation) -> None:
        await c.say("Looking.")
        found = await c.run("look", slow)
        await c.say(f"Found {found}.")

    async with open_world(app, accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        early = [told(one)["text"]["body"] for one in await deliveries(world)]
        await trio.sleep(60)
        late = [told(one)["text"]["body"] for one in await deliveries(world)]

    assert ["Looking."] == early
    assert ["Looking.", "Found 7."] == late


async def test_what_cannot_be_shown_fails_no_turn(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Or the function would be called for ever: the rest is shown, and the author reads why."""
    app, called = App(), []

    async def pay() -> str:
        called.append(1)
        return "7"

    @app.flow("pay", takes_everything=True)
    async def flow(c: Conversation) -> None:
        paid = await c.run("pay", pay)
        await c.say(f"Paid {paid}.", media=Media(kind=AttachmentKind.IMAGE))
        await c.ask("more", "More?", media=Media(kind=AttachmentKind.IMAGE))

    async with open_world(app, accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await trio.sleep(600)
        sent = await deliveries(world)

    assert [1] == called
    assert ["Paid 7.", "More?"] == [text_of(one) for one in sent]
    assert "flow 'pay': cannot be shown on shop" in caplog.text


async def test_a_crash_loses_nothing_that_was_accepted(autojump_clock: MockClock) -> None:
    """What is in the inbox runs after the restart; what was committed is there to be sent."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await world.restart()
        await accept(world, heard("Ann", SHOP), "shop", "m-2")
        sent = await deliveries(world)

    assert 3 == len(sent)
    assert "interactive" == told(sent[2])["type"]


# What becomes of deliveries


async def test_a_message_that_the_provider_has_leaves_the_store(autojump_clock: MockClock) -> None:
    """The app hears of it, and the journal names the provider's id; a second telling changes nothing."""
    app, heard_of = greeter(), list[DeliveryUpdate]()

    @app.on_delivery
    async def delivered(session: Session, update: DeliveryUpdate) -> None:
        heard_of.append(update)
        session.data["last"] = update.state.value

    async with open_world(app, accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await settle(world, 0, Sent("wamid.1"))
        left = await deliveries(world)
        told_of = await events(world)
        data = await world.data(ANN)

    assert ["What is your name?"] == [told(one)["text"]["body"] for one in left]
    sent = DeliveryUpdate(
        account="shop", state=DeliveryState.SENT, message_id="wamid.1", reference="0"
    )
    assert [sent] == heard_of
    assert {"last": "sent"} == data
    facts = {"account": "shop", "state": "sent", "id": "wamid.1", "reference": "0"}
    assert ("message.status", facts) in told_of


async def test_a_handler_that_fails_does_not_keep_the_delivery(autojump_clock: MockClock) -> None:
    """It was sent: it must not be sent again because the app stumbled over hearing so."""
    app = greeter()

    @app.on_delivery
    async def delivered(session: Session, update: DeliveryUpdate) -> None:
        raise ValueError("the app's")

    async with open_world(app, accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await settle(world, 0, Sent("wamid.1"))
        left = await deliveries(world)

    assert 1 == len(left)


async def test_a_message_that_is_given_up_is_a_dead_letter(autojump_clock: MockClock) -> None:
    """With what the provider said; an operator can send it again, and it is a delivery like any other."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await settle(world, 0, GivenUp("131026: cannot be delivered"), attempts=3)
        (letter,) = await world.dead_letters(ANN)
        before = len(await deliveries(world))
        await world.operations.retry_dead_letter(letter.id)
        await world.settle()
        sent = await deliveries(world)
        told_of = await events(world)
        letters = await world.dead_letters(ANN)

    assert ("delivery:shop", "131026: cannot be delivered", 3) == (
        letter.kind,
        letter.error,
        letter.attempts,
    )
    assert before + 1 == len(sent)
    assert "Welcome." == told(sent[-1])["text"]["body"]
    assert "message.delivery_failed" in [event for event, _ in told_of]
    assert () == letters


async def test_a_closed_window_sends_the_template_and_holds_the_messages(
    autojump_clock: MockClock,
) -> None:
    """One template for all of them; they leave, in order, before the answer to what the person writes then."""
    shop = whatsapp(fallback_template=FALLBACK)
    async with open_world(greeter(), accounts=(shop,)) as world:
        await accept(world, heard("hi", shop), "shop", "m-1")
        await settle(world, 0, WindowClosed("131047"))
        await settle(world, 0, WindowClosed("131047"))
        while_held = await deliveries(world)
        held = (await line(world, "shop")).held
        await settle(world, 0, Sent("wamid.9"))
        await accept(world, heard("Ann", shop), "shop", "m-2")
        sent = await deliveries(world)
        now_held = (await line(world, "shop")).held

    assert ["template"] == [told(one)["type"] for one in while_held]
    assert 2 == len(held)
    assert ["text", "text", "interactive"] == [told(one)["type"] for one in sent]
    assert "Welcome." == told(sent[0])["text"]["body"]
    assert () == now_held


async def test_the_window_is_open_from_when_the_person_wrote(autojump_clock: MockClock) -> None:
    """Not from when we read it: after an outage of ours half of it may be over."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        sent_at = world.clock.now() - 20 * 3600
        await accept(world, heard("hi", SHOP, sent_at=sent_at), "shop", "m-1")
        (first, *_) = await deliveries(world)
        await accept(world, heard("Ann", SHOP, sent_at=sent_at - 60), "shop", "m-2")
        late = (await deliveries(world))[-1]
        await accept(world, heard("1", SHOP, sent_at=world.clock.now() + 9e9), "shop", "m-3")
        future = (await deliveries(world))[-1]
        now = world.clock.now()

    assert first.closes_at == late.closes_at == sent_at + 86_400
    assert future.closes_at == now + 86_400


async def test_a_closed_window_without_a_template_gives_the_message_up(
    autojump_clock: MockClock,
) -> None:
    """Nothing is kept that nobody would ever be asked for."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await settle(world, 0, WindowClosed("131047"))
        letters = await world.dead_letters(ANN)

    assert ["delivery:shop"] == [letter.kind for letter in letters]


async def test_a_fallback_that_is_refused_as_well_is_given_up(autojump_clock: MockClock) -> None:
    """A template has no fallback: it would go round for ever."""
    shop = whatsapp(fallback_template=FALLBACK)
    async with open_world(greeter(), accounts=(shop,)) as world:
        await accept(world, heard("hi", shop), "shop", "m-1")
        await settle(world, 0, WindowClosed("131047"))
        template = len(await stored(world)) - 1
        await settle(world, template, WindowClosed("131047"))
        letters = await world.dead_letters(ANN)

    assert 1 == len(letters)


async def test_statuses_are_recorded_and_told_and_never_run(autojump_clock: MockClock) -> None:
    """Delivered, read, failed: by the reference that our call had."""
    app, heard_of = greeter(), list[tuple[DeliveryState, str]]()

    @app.on_delivery
    async def delivered(session: Session, update: DeliveryUpdate) -> None:
        heard_of.append((update.state, update.reference))

    async with open_world(app, accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        before = len(await deliveries(world))
        for state, code in (("delivered", None), ("read", None), ("failed", 131026)):
            status = StatusUpdate(
                id="wamid.1",
                state=state,
                recipient="+233244123456",
                error_code=code,
                reference="0",
            )
            await accept(world, status, "shop", f"wamid.1:{state}")
        after = len(await deliveries(world))
        told_of = await events(world)

    assert before == after
    assert [
        (DeliveryState.DELIVERED, "0"),
        (DeliveryState.READ, "0"),
        (DeliveryState.FAILED, "0"),
    ] == heard_of
    assert "message.delivery_failed" in [event for event, _ in told_of]


async def test_an_attachment_says_which_account_has_it(autojump_clock: MockClock) -> None:
    """In the record of the conversation, so that it can be fetched after a restart; whatever the request said."""
    app = App()

    @app.flow("photo", takes_everything=True)
    async def photo(c: Conversation) -> None:
        sent = await c.attachment("photo", "Send a photo.")
        await c.ask("sure", f"{sent.id} of {sent.account}?")

    async with open_world(app, accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        sent = Attachment(kind=AttachmentKind.IMAGE, id="275", account="other")
        said = heard("", SHOP)
        said = msgspec.structs.replace(said, answer=Answer(attachment=sent))
        await accept(world, said, "shop", "m-2")
        await world.restart()
        asked = told((await deliveries(world))[-1])

    assert "275 of shop?" == asked["text"]["body"]


@pytest.mark.parametrize(
    ("later", "is_closed"),
    [(60, True), (-60, False)],
    ids=["his last message is older", "he has written since"],
)
async def test_a_status_that_tells_of_a_closed_window_closes_it(
    autojump_clock: MockClock, later: float, is_closed: bool
) -> None:
    """The message that it is about is told as failed; those after it are taken for outside of it until he writes."""
    account = whatsapp(fallback_template=FALLBACK)
    async with open_world(greeter(), accounts=(account,)) as world:
        await accept(world, heard("hi", account), "shop", "m-1")
        for number in range(2):
            await settle(world, 0, Sent(f"wamid.{number}"))
        status = StatusUpdate(
            id="wamid.1",
            state="failed",
            recipient="+233244123456",
            at=world.clock.now() + later,
            error_code=131047,
        )
        await accept(world, status, "shop", "wamid.1:failed")
        opened_to = (await line(world, "shop")).heard_at + 24 * 3600
        told_of = await events(world)
        await accept(world, heard("Ann", account), "shop", "m-2")
        waits = (await deliveries(world))[-1].closes_at

    assert (opened_to == status.at) == is_closed
    assert waits is not None
    assert waits > world.clock.now()
    assert ("message.delivery_failed", 131047) in [(one, of.get("code")) for one, of in told_of]


async def test_a_status_that_is_about_the_account_stops_it(autojump_clock: MockClock) -> None:
    """Meta takes a message, and tells later that nothing was paid: what comes behind it waits; operators are told."""
    stopped = list[Mapping[str, object]]()
    detach = telemetry.attach(lambda _, __, about: stopped.append(about), ["gateway.stopped"])
    calls = list[ProviderCall]()

    async def call(call: ProviderCall, seconds: float) -> ProviderResponse:
        assert seconds > 0
        calls.append(call)
        return ProviderResponse(status=200, body=b'{"messages":[{"id":"wamid.%d"}]}' % len(calls))

    unpaid = StatusUpdate(id="wamid.1", state="failed", recipient=NUMBER, error_code=131042)
    async with open_world(greeter(), accounts=(SHOP,), call=call) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await trio.sleep(60)
        before = len(calls)
        await accept(world, unpaid, "shop", "s-1")
        await accept(world, heard("Ann", SHOP), "shop", "m-2")
        await trio.sleep(60)
        (row,) = world.operations.gateways()
        waiting = await deliveries(world)
    detach()

    assert before == len(calls) == 2
    assert "131042" in row.stopped
    assert [row.stopped] == [about["reason"] for about in stopped]
    assert ["Is it Ann?"] == [text_of(one) for one in waiting]


def watched(calls: list[str]) -> App:
    """An app that notes which of its hooks are called."""
    app = greeter()

    @app.on_start
    async def start(session: Session) -> None:
        calls.append("start")

    @app.on_delivery
    async def delivered(session: Session, update: DeliveryUpdate) -> None:
        calls.append(f"{update.state.value} {update.message_id}")

    return app


async def test_a_status_about_somebody_without_a_session_begins_none(
    autojump_clock: MockClock,
) -> None:
    """It is noted: no hook is called, no record and no actor stay behind; who writes next to it begins his session."""
    calls = list[str]()
    read = StatusUpdate(id="wamid.1", state="read", recipient=NUMBER)
    async with open_world(watched(calls), accounts=(SHOP,)) as world:
        with hearing("gateway.noted", "session.created", "session.ended") as told_of:
            await accept(world, read, "shop", "wamid.1:read")
        left = (
            await world.store.load(ANN, partition_of(ANN)),
            world.is_resident(ANN),
            await world.store.pending(partition_of(ANN)),
            await world.store.journal(ANN, partition_of(ANN)),
            await world.dead_letters(),
        )
        before = list(calls)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept, world, read, "shop", "wamid.1:again")
            nursery.start_soon(accept, world, heard("hi", SHOP), "shop", "m-1")
        await accept(world, read, "shop", "wamid.1:later")
        sent = await deliveries(world)

    assert [("gateway.noted", {}, {"account": "shop", "kind": "status"})] == told_of
    assert (None, False, (), (), ()) == left
    assert [] == before
    assert ["start", "read wamid.1"] == calls[:1] + calls[-1:]
    assert ["Welcome.", "What is your name?"] == [text_of(one) for one in sent]


async def test_a_status_about_nobody_is_taken_once_over_a_crash(autojump_clock: MockClock) -> None:
    """What a crash leaves of it in the inbox is noted when the node comes back, and nothing else becomes of it."""
    calls, store = list[str](), FaultyStore(MemoryStore())
    read = StatusUpdate(id="wamid.1", state="read", recipient=NUMBER)
    async with open_world(watched(calls), accounts=(SHOP,), store=store) as world:
        store.hold("commit")
        await accept(world, read, "shop", "wamid.1:read")
        world.crash()
        store.let_go("commit")
        waiting = len(await world.store.pending(partition_of(ANN)))
        with hearing("gateway.noted") as told_of:
            await world.restart()
            await trio.sleep(60)
        left = await world.store.pending(partition_of(ANN))
        record = await world.store.load(ANN, partition_of(ANN))

    assert (1, 1, (), None) == (waiting, len(told_of), left, record)
    assert [] == calls


async def test_a_status_about_a_session_on_disk_is_told_once(autojump_clock: MockClock) -> None:
    """Its actor is gone, the node is another one: the hook hears it, and of its repeat nothing."""
    calls = list[str]()
    read = StatusUpdate(id="wamid.1", state="read", recipient=NUMBER)
    async with open_world(watched(calls), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await trio.sleep(3600)
        was_resident = world.is_resident(ANN)
        await world.restart()
        with hearing("gateway.noted") as told_of:
            await accept(world, read, "shop", "wamid.1:read")
            await accept(world, read, "shop", "wamid.1:read")
        entries = await events(world)

    assert not was_resident
    assert ["start", "read wamid.1"] == calls
    assert [] == told_of
    assert 1 == [event for event, _ in entries].count("message.status")


async def test_a_status_about_nobody_may_be_about_the_account(autojump_clock: MockClock) -> None:
    """Nothing was paid: the account stops, whomever the message was for."""
    unpaid = StatusUpdate(id="wamid.1", state="failed", recipient=NUMBER, error_code=131042)

    async def call(call: ProviderCall, seconds: float) -> ProviderResponse:
        raise AssertionError(call, seconds)

    async with open_world(greeter(), accounts=(SHOP,), call=call) as world:
        await accept(world, unpaid, "shop", "s-1")
        (row,) = world.operations.gateways()
        record = await world.store.load(ANN, partition_of(ANN))

    assert "131042" in row.stopped
    assert record is None


async def test_a_notice_is_recorded_and_never_run(autojump_clock: MockClock) -> None:
    """An unknown kind of message: the journal names the kind, no flow sees it."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        await accept(world, Notice(kind="reaction", body=b"{}"), "shop", "n-1")
        told_of = await events(world)
        sent = await deliveries(world)

    assert [("gateway.notice", {"account": "shop", "kind": "reaction"})] == told_of
    assert [] == sent


async def test_a_delivery_of_an_erased_user_is_forgotten(autojump_clock: MockClock) -> None:
    """Its record and its deliveries are gone: there is nothing to tell, and no record comes back."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        one = (await stored(world))[0]
        await world.operations.stop_session(ANN, reason="test", erase=True)
        await world.ref(ANN).ask(DeliverySettled(one.id, one.body, Sent("x")), timeout=5)
        await world.settle()
        loaded = await world.store.load(ANN, partition_of(ANN))

    assert loaded is None


async def test_what_waits_leaves_in_the_window_of_the_message_that_opened_it(
    autojump_clock: MockClock,
) -> None:
    """A webhook that is 25 hours late opens nothing: what waited is not thrown at a provider who refuses it."""
    shop = whatsapp(fallback_template=FALLBACK)
    async with open_world(greeter(), accounts=(shop,)) as world:
        await accept(world, heard("hi", shop), "shop", "m-1")
        await settle(world, 0, WindowClosed("131047"))
        before = {one.id for one in await stored(world)}
        world.clock.jump(3 * 86_400)
        late = world.clock.now() - 25 * 3600
        await accept(world, heard("Ann", shop, sent_at=late), "shop", "m-2")
        new = [decode_outgoing(one.body) for one in await stored(world) if one.id not in before]

    assert ["Welcome.", "Is it Ann?"] == [text_of(one) for one in new]
    assert {late + 86_400} == {one.closes_at for one in new}


async def test_a_message_is_given_up_when_the_template_cannot_be_written(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Twilio's are named by ids: it is a dead letter, and the person's next message has its turn."""
    settings = AccountSettings(gateway="twilio", fallback_template=FALLBACK)
    own = TwilioSettings(
        account_sid="AC" + "0" * 32, auth_tokens=("t" * 32,), sender="+12025550123"
    )
    sms = Account("sms", settings, Twilio(own))
    async with open_world(greeter(), accounts=(sms,)) as world:
        await accept(world, heard("hi", sms), "sms", "m-1")
        await settle(world, 0, WindowClosed("63016: too late"))
        letters = await world.store.dead_letters()
        kept = await line(world, "sms")
        left = await stored(world)

    assert ["63016: too late"] == [one.error for one in letters]
    assert ((), []) == (kept.held, left)
    assert "the fallback template cannot be sent on sms" in caplog.text


async def test_a_message_whose_window_closed_waits_on_when_the_person_wrote_meanwhile(
    autojump_clock: MockClock,
) -> None:
    """It waited for its provider, and he has opened another window: neither is it held, nor is a template sent."""
    shop = whatsapp(fallback_template=FALLBACK)
    async with open_world(greeter(), accounts=(shop,)) as world:
        await accept(world, heard("hi", shop), "shop", "m-1")
        world.clock.jump(86_400 - 60)
        await accept(world, heard("Ann", shop), "shop", "m-2")
        world.clock.jump(120)
        await settle(
            world,
            0,
            WindowClosed("the person has not written lately: only templates until he does"),
        )
        sent, kept = await deliveries(world), await line(world, "shop")

    assert ["What is your name?", "Is it Ann?", "Welcome."] == [text_of(one) for one in sent]
    assert () == kept.held
    assert {kept.heard_at + 86_400} == {one.closes_at for one in sent[1:]}


async def test_a_roll_back_keeps_what_is_on_its_way(autojump_clock: MockClock) -> None:
    """The numbers of messages are not given twice, or one that waits for its provider would be overwritten."""
    async with open_world(greeter(), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await accept(world, heard("Ann", SHOP), "shop", "m-2")
        await world.operations.roll_back(ANN)
        await accept(world, heard("Eve", SHOP), "shop", "m-3")
        sent = await deliveries(world)

    shown = ["Welcome.", "What is your name?", "Is it Ann?", "Is it Eve?"]
    assert shown == [text_of(one) for one in sent]


def text_of(outgoing: Any) -> str:
    said = told(outgoing)
    body = said["text"]["body"] if "text" in said else said["interactive"]["body"]["text"]
    return str(body)
