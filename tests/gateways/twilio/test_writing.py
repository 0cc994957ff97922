"""What conversations show by Twilio (sessiond/gateways/twilio/writing.py)."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    End,
    Media,
    Message,
    Output,
    Prompt,
    PromptKind,
)
from sessiond.core.gateways.port import Template
from sessiond.core.rendering.cutting import utf16_units
from sessiond.gateways.twilio.segments import segments
from sessiond.gateways.twilio.writing import output_forms, template_form
from tests.gateways.twilio.webhooks import (
    AMA,
    CONTENT,
    EXCHANGES,
    OUTBOUND,
    form_of,
    gateway,
    settings,
)


def written(output: Output, **changes: Any) -> list[list[tuple[str, str]]]:
    return [list(form) for form in output_forms(output, settings(**changes))]


def said(text: str, media: Media | None = None, **changes: Any) -> list[list[tuple[str, str]]]:
    return written(Output(messages=(Message(text, media),)), **changes)


def asked(text: str, *labels: str, **changes: Any) -> list[list[tuple[str, str]]]:
    choices = tuple(Choice(f"key{n}", label, n) for n, label in enumerate(labels, 1))
    prompt = Prompt(kind=PromptKind.CHOICE, key="q", screen="c1:0:3", text=text, choices=choices)
    return written(Output(prompt=prompt), **changes)


@pytest.mark.parametrize("name", OUTBOUND)
def test_recorded_outputs_are_written(name: str) -> None:
    """Each recorded output becomes the calls of its file, in order."""
    exchange = json.loads((EXCHANGES / "outbound" / f"{name}.json").read_text())
    told = exchange["output"]
    output = Output(
        messages=msgspec.convert(told.get("messages", []), tuple[Message, ...]),
        prompt=msgspec.convert(told["prompt"], Prompt) if "prompt" in told else None,
        end=End(told["end"]) if "end" in told else None,
    )
    calls = gateway(**exchange["settings"]).calls(output, AMA, reference="d1")

    assert exchange["calls"] == [form_of(call) for call in calls]


@pytest.mark.parametrize("platform", ["sms", "whatsapp"])
def test_eleven_choices_and_two_equal_titles_are_numbered(platform: str) -> None:
    """All choices are lines to type from, whatever they are called."""
    labels = ["Savings", "savings", *(f"**{n}**" for n in range(9))]
    ((*_, (name, text)),) = asked("Which?", *labels, platform=platform)

    assert "Body" == name
    lines = [f"{n}. {label}" for n, label in enumerate(labels, 1)]
    assert "\n".join(["Which?", "", *lines]) == text


@pytest.mark.parametrize("platform", ["sms", "whatsapp"])
def test_a_message_of_5000_characters_is_split(platform: str) -> None:
    """At a word, 1600 characters each at most; nothing is lost."""
    text = ("word " * 1000).strip()
    bodies = [body for ((_, body),) in said(text, platform=platform)]

    assert text == " ".join(bodies)
    assert all(len(body) <= 1600 for body in bodies)
    assert 4 == len(bodies)


@given(st.text(alphabet="ab *_ж😊€\n", max_size=200).map(lambda text: text * 20))
def test_no_message_is_too_long(text: str) -> None:
    """In what networks and Twilio count, with marks and all."""
    for form in said(text, max_segments=3):
        assert segments(dict(form)["Body"]) <= 3
    for form in said(text, platform="whatsapp"):
        assert utf16_units(dict(form)["Body"]) <= 1600


@pytest.mark.parametrize("platform", ["sms", "whatsapp"])
@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_no_message(text: str, platform: str) -> None:
    """Twilio refuses it (21602); choices alone are their lines."""
    assert [] == said(text, platform=platform)
    assert [[("Body", "1. Yes\n2. No")]] == asked(text, "Yes", "No", platform=platform)


@pytest.mark.parametrize("kind", list(AttachmentKind))
def test_media_on_whatsapp(kind: AttachmentKind) -> None:
    """Images and videos carry the text; the others go before it."""
    url = ("MediaUrl", "https://a.example/x")
    found = said("Look", Media(kind=kind, url=url[1]), platform="whatsapp")

    has_caption = kind in {AttachmentKind.IMAGE, AttachmentKind.VIDEO}
    assert ([[("Body", "Look"), url]] if has_caption else [[url], [("Body", "Look")]]) == found


def test_a_text_too_long_for_a_caption_follows_the_picture() -> None:
    """1024, as on WhatsApp itself."""
    photo = Media(url="https://a.example/x.png")

    assert 1 == len(said("x" * 1024, photo, platform="whatsapp"))
    assert 2 == len(said("x" * 1025, photo, platform="whatsapp"))


def test_an_mms_has_ten_media() -> None:
    """More are another one."""
    photos = tuple(Message("", Media(url=f"https://a.example/{n}")) for n in range(12))
    first, second = written(Output(messages=photos), sends_media=True)

    assert (10, 2) == (len(first), len(second))


@pytest.mark.parametrize("changes", [{}, {"sends_media": True}, {"platform": "whatsapp"}])
def test_media_need_an_address(changes: dict[str, Any]) -> None:
    """Twilio fetches them."""
    with pytest.raises(InvalidInput, match="address"):
        said("Look", Media(id="1"), **changes)


def test_a_template_is_named_by_its_sid() -> None:
    """Its language is part of it; variables are JSON."""
    form = template_form(Template(name=CONTENT, language="en", parameters={"1": "Ama", "2": "5"}))

    assert [("ContentSid", CONTENT), ("ContentVariables", '{"1":"Ama","2":"5"}')] == form
    assert [("ContentSid", CONTENT)] == template_form(Template(name=CONTENT, language="en"))


@pytest.mark.parametrize(
    "name", ["", "bill", CONTENT[:-1], CONTENT + "0", "HX" + "é" * 32, "HX" + "/" * 32]
)
def test_another_name_is_no_template(name: str) -> None:
    """It is not repeated."""
    with pytest.raises(InvalidInput, match=r"^twilio: a template is named by its ContentSid"):
        template_form(Template(name=name, language="en"))
