"""The events of conversations: each payload becomes one input, or is refused with a word that repeats nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from sessiond import App, Conversation
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.core.ids import UserId, input_digest
from sessiond.gateways.web import FLOW_EVENTS, read_flow_event
from sessiond.testing.world import open_world

ANN = UserId("ann")
FACTS = ChannelFacts(platform="websocket", gateway="websocket", user_id="ann")


def read(event: str, payload: Any) -> Said:
    return read_flow_event(event, payload, ANN, None)


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"text": "two, please"}, Answer(text="two, please")),
        ({"text": ""}, Answer()),
        ({}, Answer()),
        ({"text": "2", "numbered": False}, Answer(text="2", numbered=False)),
        ({"choice": "l"}, Answer(choice="l")),
        ({"choice": "l", "screen": "c1:0:1"}, Answer(choice="l", screen="c1:0:1")),
        (
            {"attachment": {"kind": "image", "id": "m1", "caption": "my roof"}},
            Answer(attachment=Attachment(kind=AttachmentKind.IMAGE, id="m1", caption="my roof")),
        ),
        (
            {"location": {"latitude": 5.55, "longitude": -0.2}},
            Answer(location=Location(latitude=5.55, longitude=-0.2)),
        ),
        (
            {"contact": {"name": "Ama", "phones": ["+233241234567"]}},
            Answer(contact=Contact(name="Ama", phones=("+233241234567",))),
        ),
    ],
)
def test_what_a_person_says(payload: dict[str, Any], answer: Answer) -> None:
    """Text, a tap, an attachment, a place or a card; on the way ``websocket``, by the user of the token."""
    assert Said(FACTS, answer) == read("flow:say", payload)


def test_a_flow_is_started_by_its_name() -> None:
    """Whatever runs."""
    assert Said(FACTS, Answer(), flow="order") == read("flow:start", {"flow": "order"})


def test_a_reminder_says_nothing() -> None:
    """It only asks for the question that waits."""
    assert Said(FACTS, Answer(), reminds=True) == read("flow:remind", {})


def test_what_the_client_speaks_is_handed_on() -> None:
    """With what is said, and with what starts a flow; it is no part of the answer."""
    assert "fr" == read("flow:say", {"text": "oui", "language": "fr"}).language
    assert "fr" == read("flow:start", {"flow": "order", "language": "fr"}).language
    assert "" == read("flow:say", {"text": "oui"}).language


def test_the_id_of_an_input_is_kept() -> None:
    """A repeat is told from a new input by it."""
    digest = input_digest("client", "m-1")

    for event, payload in (
        ("flow:say", {"text": "2"}),
        ("flow:start", {"flow": "a"}),
        ("flow:remind", {}),
    ):
        assert digest == read_flow_event(event, payload, ANN, digest).digest


SECRET = "0241234567"


@pytest.mark.parametrize(
    ("event", "payload", "words"),
    [
        ("flow:say", [SECRET], "the payload of flow:say is an object"),
        ("flow:say", None, "the payload of flow:say is an object"),
        ("flow:say", b"\x00", "the payload of flow:say is an object"),
        ("flow:say", {"text": [SECRET]}, "flow:say: Expected `str`"),
        ("flow:say", {"text": None}, "flow:say: Expected `str`"),
        ("flow:say", {"txt": SECRET}, "flow:say: an unknown field (known: text, choice,"),
        ("flow:say", {"text": SECRET, "choice": "l"}, "flow:say has one of: text, choice"),
        (
            "flow:say",
            {"location": {"latitude": 1, "longitude": 1}, "contact": {"name": SECRET}},
            "flow:say has one of: text, choice",
        ),
        ("flow:say", {"choice": 1}, "flow:say: Expected `str | null`"),
        (
            "flow:say",
            {"attachment": {"kind": SECRET}},
            "flow:say: Invalid enum value (known: image, document, audio, video, sticker) - at",
        ),
        ("flow:say", {"attachment": {}}, "flow:say: Object missing required field `kind`"),
        ("flow:say", {"location": {"latitude": SECRET, "longitude": 1}}, "Expected `float`"),
        ("flow:say", {"contact": {"phones": SECRET}}, "Expected `array`"),
        ("flow:start", {}, "flow:start: Object missing required field `flow`"),
        ("flow:start", {"flow": 7}, "flow:start: Expected `str`"),
        ("flow:start", {"flow": "a", SECRET: 1}, "an unknown field (known: flow"),
        ("flow:remind", {SECRET: 1}, "an unknown field (known: none)"),
        ("flow:remind", "now", "the payload of flow:remind is an object"),
    ],
)
def test_a_payload_of_another_form_is_refused(event: str, payload: Any, words: str) -> None:
    """The place and the type are named; what somebody said is not."""
    with pytest.raises(InvalidInput) as refused:
        read(event, payload)

    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


def test_an_attachment_of_an_account_is_refused() -> None:
    """It would be fetched with the account's credentials: what is sent here came by none."""
    attachment = {"kind": "image", "id": "275", "account": "shop"}

    with pytest.raises(InvalidInput, match="came by no account"):
        read("flow:say", {"attachment": attachment})
    assert read("flow:say", {"attachment": attachment | {"account": ""}}).answer.attachment


def roofer() -> App:
    """A conversation with every kind of thing that a website's chat can show and say."""
    app = App()

    @app.flow("roof", starts_on=["roof"])
    async def roof(c: Conversation) -> dict[str, object]:
        kind = await c.select("kind", "Which roof?", {"tin": "Tin", "straw": "Straw"})
        await c.say("A photo helps us.")
        photo = await c.attachment("photo", "Send a photo.")
        place = await c.location("place", "Where is it?")
        who = await c.contact("who", "Whom do we ring?")
        return {"kind": kind, "photo": photo.id, "at": place.latitude, "who": who.name}

    return app


async def test_a_recorded_chat_is_answered_as_it_was(autojump_clock: MockClock) -> None:
    """Word by word, each event of the recording and its reply: what written clients rely on."""
    recording = json.loads((Path(__file__).parent / "exchanges" / "web" / "roof.json").read_text())
    assert {exchange["event"] for exchange in recording} == FLOW_EVENTS

    async with open_world(roofer()) as world:
        ann = await world.join("ann")
        for exchange in recording:
            shown = await ann.push(exchange["event"], exchange["payload"])
            assert shown == exchange["reply"], exchange
