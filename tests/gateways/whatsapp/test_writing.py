"""What conversations show on WhatsApp (sessiond/gateways/whatsapp/writing.py)."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Location, match_choice
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    End,
    Layout,
    Media,
    Message,
    Output,
    Prompt,
    PromptKind,
)
from sessiond.core.gateways.choice_ids import read_choice_id
from sessiond.core.gateways.port import Template
from sessiond.gateways.whatsapp.settings import LIMITS
from sessiond.gateways.whatsapp.writing import (
    location_payload,
    message_payloads,
    prompt_payloads,
    template_payload,
)
from tests.gateways.whatsapp.webhooks import EXCHANGES, gateway, settings

OUTBOUND = sorted(path.stem for path in (EXCHANGES / "outbound").glob("*.json"))


def choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(f"key{n}", label, n) for n, label in enumerate(labels, 1))


def shown(text: str = "Which?", *labels: str, **more: Any) -> list[Any]:
    prompt: dict[str, Any] = {
        "kind": PromptKind.CHOICE, "key": "q", "screen": "c1:0:3", "text": text, "choices": choices(*labels),
    }  # fmt: skip
    return list(prompt_payloads(Prompt(**prompt | more), settings()))


def said(text: str, media: Media | None = None) -> list[Any]:
    return list(message_payloads(Message(text, media)))


def bodies(payloads: Sequence[Any]) -> list[str]:
    """The texts of messages, whatever their kind."""
    found = []
    for payload in payloads:
        inner = payload[payload["type"]]
        body = inner.get("body", inner.get("caption", ""))
        found.append(body["text"] if isinstance(body, dict) else body)
    return found


def titles(payload: Any) -> list[str]:
    action = payload["interactive"]["action"]
    if "buttons" in action:
        return [button["reply"]["title"] for button in action["buttons"]]
    return [row["title"] for section in action["sections"] for row in section["rows"]]


def ids(payload: Any) -> list[str]:
    action = payload["interactive"]["action"]
    if "buttons" in action:
        return [button["reply"]["id"] for button in action["buttons"]]
    return [row["id"] for section in action["sections"] for row in section["rows"]]


@pytest.mark.parametrize("name", OUTBOUND)
def test_recorded_outputs_are_written(name: str) -> None:
    """Each recorded output becomes the calls of its file, in order."""
    exchange = json.loads((EXCHANGES / "outbound" / f"{name}.json").read_text())
    told = exchange["output"]
    output = Output(
        messages=msgspec.convert(told.get("messages", []), tuple[Message, ...]),
        prompt=msgspec.convert(told["prompt"], Prompt) if "prompt" in told else None,
        end=End(told["end"]) if "end" in told else None,
        rejected=told.get("rejected", False),
    )
    calls = gateway().calls(output, "+233241112223")

    assert exchange["calls"] == [json.loads(call.body) for call in calls]


@pytest.mark.parametrize(
    ("count", "kind"),
    [(1, "button"), (3, "button"), (4, "list"), (10, "list"), (11, "text"), (30, "text")],
)
def test_the_ladder(count: int, kind: str) -> None:
    """Up to three choices are buttons, up to ten a list, more are text: never more than ten rows (fault 12)."""
    (payload,) = shown("Which?", *(f"Option {n}" for n in range(count)))

    assert kind == payload.get("interactive", payload).get("type")


def test_the_author_may_ask_for_a_list() -> None:
    """``Layout.LIST`` holds for few choices, ``Layout.BUTTONS`` for those with descriptions."""
    described = (Choice("a", "A", 1, "first"), Choice("b", "B", 2))
    (payload,) = shown("Which?", "Yes", "No", layout=Layout.LIST)
    assert "list" == payload["interactive"]["type"]

    (payload,) = shown("Which?", choices=described, layout=Layout.BUTTONS)
    assert "button" == payload["interactive"]["type"]
    assert ["Which?\n\n1. A – first\n2. B"] == bodies([payload])


def test_two_equal_titles_are_numbered() -> None:
    """The whole set is, and the ids differ: a typed title picks neither, a tap or a number one."""
    (payload,) = shown("Which account?", "Savings", "savings ")

    assert ["1. Savings", "2. savings"] == titles(payload)
    assert ["k|c1:0:3|key1", "k|c1:0:3|key2"] == ids(payload)


def test_long_labels_of_buttons_are_written_out() -> None:
    """Buttons have twenty characters and no description: the question has the labels whole."""
    (payload,) = shown("Where to?", "Transfer to savings account", "Back")

    assert ["1. Transfer to sa...", "2. Back"] == titles(payload)
    assert ["Where to?\n\n1. Transfer to savings account\n2. Back"] == bodies([payload])


def test_labels_longer_than_a_description_are_written_out() -> None:
    """What no row can show stands in the question."""
    label = "A very long label " * 6
    (payload,) = shown("Which?", label, "b", "c", "d")
    row = payload["interactive"]["action"]["sections"][0]["rows"][0]

    assert len(row["title"]) <= 24
    assert len(row["description"]) == 72
    assert label.strip() in bodies([payload])[0]


def test_a_cut_title_leaves_the_authors_description() -> None:
    """The whole label first, then what else was to be said."""
    long = Choice("a", "Transfer money to someone else", 1, "free")
    (payload,) = shown("Which?", choices=(long, *choices("b", "c", "d")[1:]), layout=Layout.LIST)
    row = payload["interactive"]["action"]["sections"][0]["rows"][0]

    assert "Transfer money to someone else – free" == row["description"]


def test_labels_are_no_markdown() -> None:
    """What a person is called is not what looks bold."""
    (payload,) = shown("**Who?**", *(f"**{n}** _x_" for n in range(11)))

    assert bodies([payload])[0].startswith("*Who?*\n\n1. **0** _x_\n")


def test_a_long_question_is_split_before_its_buttons() -> None:
    """1024 characters go with buttons: what comes before is a message of its own, split at a paragraph."""
    text = "A" * 900 + "\n\n" + "B" * 900
    first, second = shown(text, "Yes", "No")

    assert ["A" * 900, "B" * 900] == bodies([first, second])
    assert ("text", "interactive") == (first["type"], second["type"])


def test_a_list_has_more_room() -> None:
    """4096 characters."""
    assert 1 == len(shown("A" * 4096, *"abcd"))
    assert 2 == len(shown("A" * 4097, *"abcd"))


def test_a_message_of_5000_characters_is_split() -> None:
    """At a word; nothing is lost."""
    text = ("word " * 1000).strip()
    first, second = bodies(said(text))

    assert f"{first} {second}" == text
    assert len(first) <= 4096


def test_a_split_text_keeps_its_marks() -> None:
    """A bold text of 5 000 characters is bold in both messages, and both fit with their stars."""
    found = bodies(said("**" + "word " * 1000 + "end**"))

    assert 2 == len(found)
    assert all(body.startswith("*") and body.endswith("*") and len(body) <= 4096 for body in found)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_no_message(text: str) -> None:
    """Meta refuses empty bodies; a question of choices alone says ``Choose``."""
    assert [] == said(text)
    assert [] == shown(text, kind=PromptKind.TEXT)
    assert ["Choose"] == bodies(shown(text, "Yes", "No"))
    assert ["Choose"] == bodies(shown(text, *"abcd"))


@pytest.mark.parametrize("kind", list(AttachmentKind))
def test_media_with_a_text(kind: AttachmentKind) -> None:
    """Image, video and document carry it as their caption; audio and stickers go before it."""
    found = said("Look", Media(kind=kind, url="https://a.example/x"))
    has_caption = kind in {AttachmentKind.IMAGE, AttachmentKind.VIDEO, AttachmentKind.DOCUMENT}

    assert [kind.value] + ([] if has_caption else ["text"]) == [
        payload["type"] for payload in found
    ]
    assert ("Look" == found[0][kind.value].get("caption")) is has_caption


@pytest.mark.parametrize("length", [1024, 1025])
def test_a_caption_has_1024_characters(length: int) -> None:
    """A longer text is a message of its own, after the picture."""
    found = said("x" * length, Media(url="https://a.example/x"))

    assert (1 if length == 1024 else 2) == len(found)
    assert "image" == found[0]["type"]


@pytest.mark.parametrize("kind", [AttachmentKind.AUDIO, AttachmentKind.STICKER])
def test_what_is_no_header_goes_before_the_buttons(kind: AttachmentKind) -> None:
    """Headers are images, videos and documents; FlowChat refused the rest."""
    found = shown("Yes?", "Yes", "No", media=Media(kind=kind, id="5"))

    assert [kind.value, "interactive"] == [payload["type"] for payload in found]
    assert "header" not in found[1]["interactive"]


def test_media_stay_with_the_last_part_of_a_long_question() -> None:
    """The header is on the message that has the buttons."""
    found = shown("A" * 900 + "\n\n" + "B" * 900, "Yes", "No", media=Media(id="5"))

    assert ["text", "interactive"] == [payload["type"] for payload in found]
    assert "header" in found[1]["interactive"]


def test_a_place_is_asked_for_with_a_picture() -> None:
    """A location request has no header: the picture's caption asks."""
    (payload,) = shown("Where?", kind=PromptKind.LOCATION, media=Media(id="5"))

    assert "Where?" == payload["image"]["caption"]


def test_media_without_id_and_address_are_refused() -> None:
    """There is nothing to send."""
    with pytest.raises(InvalidInput, match="media"):
        said("Look", Media())


def test_a_place() -> None:
    """Empty name and address are left out."""
    payload = location_payload(Location(latitude=1.5, longitude=2.5, address="Oxford Street"))

    assert {"latitude": 1.5, "longitude": 2.5, "address": "Oxford Street"} == payload["location"]


def test_parameters_by_number() -> None:
    """In the order of their numbers, without names; lines become blanks, which Meta demands."""
    payload = template_payload(
        Template(name="bill", language="en_US", parameters={"10": "j", "2": "b\n\tc", "1": "a"})
    )

    assert {
        "name": "bill",
        "language": {"code": "en_US"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": t} for t in ("a", "b c", "j")]}
        ],
    } == payload["template"]


def test_parameters_by_name() -> None:
    """Each says whose value it is."""
    payload = template_payload(Template(name="bill", language="fr", parameters={"who": "Ama"}))
    (component,) = payload["template"]["components"]

    assert [{"type": "text", "text": "Ama", "parameter_name": "who"}] == component["parameters"]
    assert "components" not in template_payload(Template(name="hi", language="en"))["template"]


TEXTS = st.text(max_size=40) | st.sampled_from(
    ["**b** ", "word " * 300, "Transfer to savings account", "x" * 5000]
)


def assert_accepted(payload: Any) -> None:
    """Check *payload* against what Meta's reference says of its kind."""
    inner = payload[payload["type"]]
    match payload["type"]:
        case "text":
            assert 0 < len(inner["body"].strip()) <= len(inner["body"]) <= LIMITS.text
        case "interactive":
            assert_interactive(inner)
        case _:
            assert ("id" in inner) != ("link" in inner)
            assert len(inner.get("caption", "")) <= LIMITS.caption


def assert_interactive(inner: Any) -> None:
    is_list = inner["type"] == "list"
    room = LIMITS.list_body if is_list else LIMITS.button_body
    assert 0 < len(inner["body"]["text"].strip()) <= len(inner["body"]["text"]) <= room
    payload = {"interactive": inner}
    if inner["type"] == "location_request_message":
        return
    assert len(set(titles(payload))) == len(titles(payload)) <= (10 if is_list else 3)
    assert all(0 < len(title.strip()) <= (24 if is_list else 20) for title in titles(payload))
    assert all(
        0 < len(one.encode(errors="surrogatepass")) <= (200 if is_list else 256)
        for one in ids(payload)
    )
    assert all(one == one.strip() for one in ids(payload))
    if is_list:
        rows = [row for section in inner["action"]["sections"] for row in section["rows"]]
        assert all(0 < len(row.get("description", "x")) <= 72 for row in rows)


@given(
    text=TEXTS,
    labels=st.lists(TEXTS, max_size=12),
    kind=st.sampled_from(PromptKind),
    layout=st.sampled_from(Layout),
    media=st.none() | st.builds(Media, kind=st.sampled_from(AttachmentKind), id=st.just("5")),
    error=st.sampled_from(["", "Invalid selection:"]),
)
def test_everything_that_is_written_would_be_accepted(
    text: str, labels: list[str], **more: Any
) -> None:
    """Whatever a flow shows, every message keeps to Meta's limits, and each tap picks its choice."""
    found = shown(text, *labels, **more)

    for payload in found:
        assert_accepted(payload)
    interactive = [payload for payload in found if payload["type"] == "interactive"]
    if labels and len(labels) <= 10:
        assert interactive == found[-1:]
        taps = [read_choice_id(one) for one in ids(found[-1])]
        picked = [
            match_choice(tap or Answer(), (tap or Answer()).text, choices(*labels)) for tap in taps
        ]
        assert list(choices(*labels)) == picked
