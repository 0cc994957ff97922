"""What apps send and begin by themselves."""

from typing import Any

import attrs
import msgspec
import pytest
import trio
from trio.testing import MockClock

from sessiond import App, DeliveryState, DeliveryUpdate, Session
from sessiond.core.errors import TurnFailed
from sessiond.core.gateways.arrivals import StatusUpdate
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import (
    ANN,
    NUMBER,
    USSD,
    accept,
    ask,
    deliveries,
    greeter,
    heard,
    told,
    whatsapp,
)

SHOP = whatsapp()


def sender() -> App:
    """An app whose webhook does what its body says."""
    app = greeter()

    @app.on_webhook("do", wait=True)
    async def do(session: Session, payload: dict[str, Any]) -> None:
        getattr(session, payload.pop("call"))(**payload)

    return app


async def do(world: World, call: str, **arguments: Any) -> None:
    await world.call_webhook(ANN, {"call": call, **arguments}, name="do")


async def test_a_message_goes_to_a_number_that_never_wrote(autojump_clock: MockClock) -> None:
    """However it is written; its window was never open, so that the provider's rules will hold it."""
    async with open_world(sender(), accounts=(SHOP,)) as world:
        await do(world, "send", text="Ready.", via="shop", to="00233 24 412 3456")
        (sent,) = await deliveries(world)

    assert ("233244123456", "Ready.") == (told(sent)["to"], told(sent)["text"]["body"])
    assert sent.closes_at == 86400.0


async def test_a_number_in_local_form_is_one_of_the_region(autojump_clock: MockClock) -> None:
    """That of the session keys; without one the error says both ways out, and not the number."""
    async with open_world(sender(), accounts=(SHOP,)) as world:
        with pytest.raises(TurnFailed) as refused:
            await do(world, "send", text="Ready.", via="shop", to="0244123456")
        world.session_keys = attrs.evolve(world.session_keys, phone_region="GH")
        await world.restart()
        await do(world, "send", text="Ready.", via="shop", to="0244123456")
        (sent,) = await deliveries(world)

    assert "233244123456" == told(sent)["to"]
    reason = str(refused.value.__cause__ or refused.value)
    assert "244123456" not in reason


async def test_the_apps_reference_comes_back_in_all_that_is_told(autojump_clock: MockClock) -> None:
    """The provider gets it and repeats it; without one there is a number of ours."""
    app, told_of = sender(), list[DeliveryUpdate]()

    @app.on_delivery
    async def delivered(_session: Session, update: DeliveryUpdate) -> None:
        told_of.append(update)

    calls = list[ProviderCall]()

    async def call(call: ProviderCall, seconds: float) -> ProviderResponse:
        calls.append(call)
        return ProviderResponse(status=200, body=b'{"messages":[{"id":"wamid.%d"}]}' % len(calls))

    async with open_world(app, accounts=(SHOP,), call=call) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await do(world, "send", text="Ready.", reference="order-7")
        await do(world, "send_template", name="late", language="en", reference="order-8")
        await trio.sleep(60)
        given = [msgspec.json.decode(made.body).get("biz_opaque_callback_data") for made in calls]
        read = StatusUpdate(id="wamid.2", state="read", recipient=NUMBER, reference=given[-2])
        await accept(world, read, "shop", "s-1")

    assert given[-2:] == ["order-7", "order-8"]
    assert [(one.state, one.reference) for one in told_of][-3:] == [
        (DeliveryState.SENT, "order-7"),
        (DeliveryState.SENT, "order-8"),
        (DeliveryState.READ, "order-7"),
    ]


async def test_nothing_is_said_of_where_to_by_none(autojump_clock: MockClock) -> None:
    """What a document has not (``payload.get("phone")``) is as if it were left out."""
    async with open_world(sender(), accounts=(SHOP,)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await do(world, "send", text="Ready.", via=None, to=None)
        sent = await deliveries(world)

    assert "Ready." == told(sent[-1])["text"]["body"]


async def test_a_message_goes_where_the_person_last_wrote(autojump_clock: MockClock) -> None:
    """Without ``via`` it is the account that he last wrote on."""
    async with open_world(sender(), accounts=(USSD, SHOP)) as world:
        await accept(world, heard("hi", SHOP), "shop", "m-1")
        await do(world, "send", text="Ready.")
        sent = await deliveries(world)

    assert "Ready." == told(sent[-1])["text"]["body"]


async def test_a_template_is_sent(autojump_clock: MockClock) -> None:
    """By its name and language, with its parameters."""
    async with open_world(sender(), accounts=(SHOP,)) as world:
        await do(
            world,
            "send_template",
            name="ready",
            language="en",
            parameters={"1": "A"},
            via="shop",
            to=NUMBER,
        )
        (sent,) = await deliveries(world)

    assert ("template", "ready") == (told(sent)["type"], told(sent)["template"]["name"])
    assert sent.is_template


async def test_a_flow_begins_on_an_account(autojump_clock: MockClock) -> None:
    """What it shows is delivered, and the person's answer goes on with it."""
    async with open_world(sender(), accounts=(SHOP,)) as world:
        await do(world, "start_flow", name="greet", via="shop", to=NUMBER)
        first = [told(one)["text"]["body"] for one in await deliveries(world)]
        await accept(world, heard("Ann", SHOP), "shop", "m-1")
        sent = await deliveries(world)

    assert ["Welcome.", "What is your name?"] == first
    assert "Is it Ann?" == told(sent[-1])["interactive"]["body"]["text"]


async def test_a_flow_begins_on_the_websocket(autojump_clock: MockClock) -> None:
    """It is pushed to whoever is connected."""
    async with open_world(sender(), accounts=(SHOP,)) as world:
        phone = await world.join(ANN)
        await do(world, "start_flow", name="greet", via="websocket")
        await world.settle()

    (pushed,) = phone.pushes
    assert "flow:output" == pushed[0]
    assert "What is your name?" == pushed[1]["prompt"]["text"]


async def test_a_flow_that_begins_on_ussd_is_shown_at_the_next_dial(
    autojump_clock: MockClock,
) -> None:
    """We cannot speak first there."""
    async with open_world(sender(), accounts=(USSD,)) as world:
        world.session_keys = world.session_keys.durable()
        await world.restart()
        await do(world, "start_flow", name="greet", via="line", to=NUMBER)
        shown = await ask(world, begins=True)

    assert "Welcome.\n\nWhat is your name?" == shown.text


async def test_a_flow_begins_where_another_phone_of_the_user_dialled(
    autojump_clock: MockClock,
) -> None:
    """A linked phone has a line of its own, on the account that it dials: there it is begun, not on the websocket."""
    async with open_world(sender(), accounts=(USSD,)) as world:
        phone = await world.join(ANN)
        await ask(world, begins=True, alias="bob")
        await do(world, "start_flow", name="greet")
        await world.settle()

    assert [] == phone.pushes


@pytest.mark.parametrize(
    "wanted",
    [
        {"call": "send", "text": "x"},
        {"call": "send", "text": "x", "via": "other", "to": NUMBER},
        {"call": "send", "text": "x", "via": "line", "to": NUMBER},
        {"call": "send", "text": "x", "via": "shop"},
        {"call": "send", "text": "x", "via": "shop", "to": "nobody"},
        {"call": "send"},
        {"call": "send", "text": "x", "via": "shop", "to": 233244123456},
        {"call": "send_template", "name": "x", "language": "en", "via": "shop"},
        {"call": "start_flow", "name": "none", "via": "websocket"},
        {"call": "start_flow", "name": "greet", "via": "other"},
    ],
    ids=[
        "no account",
        "an unknown account",
        "an account that only answers",
        "nowhere to send to",
        "no number",
        "nothing to send",
        "a number that is no text",
        "a template to nobody",
        "no such flow",
        "a flow on an unknown account",
    ],
)
async def test_what_cannot_be_sent_fails_the_handler(
    autojump_clock: MockClock, wanted: dict[str, Any]
) -> None:
    """Nothing of its turn happens."""
    async with open_world(sender(), accounts=(USSD, SHOP)) as world:
        with pytest.raises(TurnFailed):
            await do(world, **wanted)
        sent = await deliveries(world)

    assert [] == sent
