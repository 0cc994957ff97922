"""What conversations show on Telegram (sessiond/gateways/telegram/writing.py)."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import match_choice
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
from sessiond.core.rendering.cutting import utf8_bytes, utf16_units
from sessiond.gateways.telegram.settings import LIMITS
from sessiond.gateways.telegram.writing import message_payloads, prompt_payloads
from tests.gateways.telegram.updates import CHAT, EXCHANGES, OUTBOUND, gateway, settings

PHOTO = Media(url="https://a.example/x.png")


def choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(f"key{n}", label, n) for n, label in enumerate(labels, 1))


def shown(text: str = "Which?", *labels: str, **more: Any) -> list[Any]:
    prompt: dict[str, Any] = {
        "kind": PromptKind.CHOICE, "key": "q", "screen": "c1:0:3", "text": text, "choices": choices(*labels),
    }  # fmt: skip
    return [told for _, told in prompt_payloads(Prompt(**prompt | more), settings())]


def said(text: str, media: Media | None = None) -> list[Any]:
    return list(message_payloads(Message(text, media)))


def rows(payload: Any) -> list[list[str]]:
    return [[one["text"] for one in row] for row in payload["reply_markup"]["inline_keyboard"]]


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
    calls = gateway().calls(output, str(CHAT))

    assert exchange["calls"] == [
        [call.url.rpartition("/")[2], json.loads(call.body)] for call in calls
    ]


@pytest.mark.parametrize(
    ("count", "shape"), [(1, [1]), (2, [2]), (3, [2, 1]), (4, [2, 2]), (5, [1] * 5), (11, [1] * 11)]
)
def test_up_to_four_choices_stand_two_in_a_row(count: int, shape: list[int]) -> None:
    """FlowChat's keyboard; more, also eleven choices, have a row each."""
    (payload,) = shown("Which?", *(f"Option {n}" for n in range(count)))

    assert shape == [len(row) for row in rows(payload)]


def test_long_labels_have_a_row_each() -> None:
    """Two that are cut would help nobody."""
    (payload,) = shown("Where to?", "Transfer to savings account", "Back")

    assert [["Transfer to savings account"], ["Back"]] == rows(payload)
    assert "Where to?" == payload["text"]


def test_the_author_may_ask_for_a_list() -> None:
    """``Layout.LIST``: one below the other."""
    (payload,) = shown("Which?", "Yes", "No", layout=Layout.LIST)

    assert [["Yes"], ["No"]] == rows(payload)


def test_more_choices_than_a_keyboard_has_are_numbered_lines() -> None:
    """To type from."""
    assert "reply_markup" in shown("Which?", *(f"<{n}>" for n in range(LIMITS.buttons)))[0]
    (payload,) = shown("**Which?**", *(f"<{n}>" for n in range(LIMITS.buttons + 1)))

    assert "reply_markup" not in payload
    assert payload["text"].startswith("<b>Which?</b>\n\n1. &lt;0&gt;\n2. &lt;1&gt;\n")


def test_two_equal_titles_are_numbered() -> None:
    """The whole set is, and the data differ."""
    (payload,) = shown("Which account?", "Savings", "savings ")

    assert [["1. Savings", "2. savings"]] == rows(payload)


def test_labels_longer_than_a_button_are_written_out() -> None:
    """The question has them whole."""
    label = "A very long label " * 6
    (payload,) = shown("Which?", label, "b")

    assert all(len(title) <= LIMITS.title for row in rows(payload) for title in row)
    assert label.strip() in payload["text"]


KEYS = st.text(max_size=80) | st.sampled_from(["|", "a|b", " a", "k|x|y", "é" * 40])


@given(st.lists(KEYS, min_size=1, max_size=5, unique=True), st.text(max_size=70))
def test_a_tap_says_what_was_tapped(keys: list[str], screen: str) -> None:
    """Whatever keys and screens are called: 1 to 64 bytes go out, and the choice comes back."""
    told = tuple(Choice(key, f"Label {n}", n) for n, key in enumerate(keys, 1))
    (payload,) = shown(choices=told, screen=screen)
    buttons = [one for row in payload["reply_markup"]["inline_keyboard"] for one in row]

    for choice, button in zip(told, buttons, strict=True):
        data = button["callback_data"]
        assert 1 <= utf8_bytes(data) <= 64
        answer = read_choice_id(data)
        assert answer is not None
        assert choice == match_choice(answer, answer.text, told)
        assert answer.screen in {screen, None}


def test_a_message_of_5000_characters_is_split() -> None:
    """At a word; nothing is lost, and the keyboard is below the last."""
    text = ("word " * 1000).strip()
    first, second = shown(text, "Yes", "No")

    assert text == f"{first['text']} {second['text']}"
    assert "reply_markup" not in first
    assert [["Yes", "No"]] == rows(second)


@given(st.text(alphabet="ab *_&<😊\n", max_size=300).map(lambda text: text * 40))
def test_no_message_is_too_long(text: str) -> None:
    """In UTF-16 units, as Telegram counts, with marks and all."""
    for _, told in said(text, PHOTO):
        assert utf16_units(told.get("text", "")) <= LIMITS.text
        assert utf16_units(told.get("caption", "")) <= LIMITS.caption


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_no_message(text: str) -> None:
    """Telegram refuses it; a keyboard alone says ``Choose``, below a picture it says nothing."""
    assert [] == said(text)
    assert [] == shown(text, kind=PromptKind.TEXT)
    assert ["Choose"] == [told["text"] for told in shown(text, "Yes", "No")]
    assert ["Choose"] == [told["text"] for told in shown(text, kind=PromptKind.LOCATION)]
    (payload,) = shown(text, "Yes", media=PHOTO)
    assert ("caption" not in payload, [["Yes"]]) == (True, rows(payload))


@pytest.mark.parametrize("kind", list(AttachmentKind))
def test_media_with_a_text(kind: AttachmentKind) -> None:
    """All but stickers carry it as their caption; that goes before it."""
    found = said("Look", Media(kind=kind, id="AgAC1"))

    if kind is AttachmentKind.STICKER:
        assert ["sendSticker", "sendMessage"] == [method for method, _ in found]
    else:
        ((method, told),) = found
        assert ("Look", "AgAC1") == (told["caption"], told[method.removeprefix("send").lower()])


def test_a_text_too_long_for_a_caption_follows_the_picture() -> None:
    """1024 units."""
    assert ["sendPhoto"] == [method for method, _ in said("x" * 1024, PHOTO)]
    assert ["sendPhoto", "sendMessage"] == [method for method, _ in said("x" * 1025, PHOTO)]


def test_media_need_an_id_or_an_address() -> None:
    """There is nothing to send otherwise."""
    with pytest.raises(InvalidInput, match="media to send need an id, an address or a file"):
        said("Look", Media())


def test_labels_of_keyboards_are_settings() -> None:
    """In the bot's language."""
    prompt = Prompt(kind=PromptKind.CONTACT, key="q", screen="c1:0:3", text="Numéro ?")
    ((_, told),) = prompt_payloads(prompt, settings(share_contact="Envoyer"))

    assert {"text": "Envoyer", "request_contact": True} == told["reply_markup"]["keyboard"][0][0]


def test_choices_below_a_question_of_blanks_are_their_lines() -> None:
    """The blanks are left out."""
    described = (Choice("a", "A", 1, "first"), Choice("b", "B", 2))

    assert ["1. A – first\n2. B"] == [told["text"] for told in shown(" \n", choices=described)]
