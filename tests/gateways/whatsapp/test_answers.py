"""What a message says (sessiond/gateways/whatsapp/answers.py)."""

import json
from typing import Any

import msgspec
import pytest

from sessiond.core.flows.answers import Answer, match_choice
from sessiond.core.flows.prompts import Choice
from sessiond.core.gateways.arrivals import Heard
from sessiond.gateways.whatsapp.answers import read_answer
from tests.gateways.whatsapp.webhooks import change, read, text, webhook


@pytest.mark.parametrize("answer", ["0", "#", "11", " yes ", "x" * 5000, "٢", "", "a\x00b", "👍"])
def test_what_was_typed_arrives_as_it_was_typed(answer: str) -> None:
    """Fault 10: 0 and # are answers like others; a text of 5 000 characters is the engine's to refuse."""
    (heard,) = read(webhook(change(messages=[text(answer)])))

    assert isinstance(heard, Heard)
    assert answer == heard.answer.text


def answer(kind: str, told: Any) -> Answer | None:
    return read_answer(kind, json.dumps({"type": kind, kind: told}).encode())


def tapped(kind: str, told: dict[str, str]) -> Answer | None:
    return answer("interactive", {"type": kind, kind: told})


@pytest.mark.parametrize("kind", ["button_reply", "list_reply"])
def test_a_tap_is_a_choice_on_its_screen(kind: str) -> None:
    """The id that we gave the button comes back, whatever its title was."""
    assert Answer(choice="a|b c", screen="c1:0:3") == tapped(
        kind, {"id": "k|c1:0:3|a|b c", "title": "1. A"}
    )
    assert Answer(text="3", screen="c1:0:3") == tapped(kind, {"id": "n|c1:0:3|3"})


def test_buttons_of_others_are_as_if_typed() -> None:
    """FlowChat's buttons have the bare key as their id: they go on working after a change to sessiond."""
    choices = [Choice("bal", "Check balance", 1), Choice("buy", "Buy airtime", 2)]
    said = tapped("button_reply", {"id": "buy", "title": "Buy airtime"})

    assert said is not None
    assert said.screen is None
    assert choices[1] == match_choice(said, said.text, choices)


def test_without_an_id_the_title_counts() -> None:
    """A button of a template without payload is what stands on it."""
    stop, yes = [Answer(text=text, numbered=False, numbered_from=11) for text in ("Stop", "Yes")]
    assert stop == answer("button", {"text": "Stop"})
    assert yes == tapped("list_reply", {"id": "", "title": "Yes"})


def test_a_typed_number_is_a_title_first() -> None:
    """Buttons show no numbers: of the amounts 5, 10 and 2, a typed 2 is the third."""
    amounts = [Choice(one, one, n) for n, one in enumerate(("5", "10", "2"), 1)]
    said = answer("text", {"body": "2"})

    assert said is not None
    assert amounts[2] == match_choice(said, said.text, amounts)


@pytest.mark.parametrize(
    "kind", ["reaction", "order", "system", "unsupported", "request_welcome", "x"]
)
def test_other_kinds_answer_nothing(kind: str) -> None:
    """They are told of, and no flow runs."""
    assert answer(kind, {}) is None


def test_an_interactive_reply_of_another_kind_answers_nothing() -> None:
    """Meta adds kinds: they are told of."""
    assert (
        answer("interactive", {"type": "call_permission_reply", "call_permission_reply": {}})
        is None
    )


def test_no_card_is_no_contact() -> None:
    """An empty list of cards says nothing."""
    assert answer("contacts", []) is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text", None),
        ("image", {}),
        ("location", {"latitude": 0, "longitude": 181}),
        ("button", "STOP"),
    ],
)
def test_an_object_of_another_form_is_an_error(kind: str, told: Any) -> None:
    """Of one kind: the message is malformed."""
    with pytest.raises(msgspec.MsgspecError):
        answer(kind, told)


def test_a_message_without_its_object_is_an_error() -> None:
    """The type names an object that is not there."""
    with pytest.raises(msgspec.MsgspecError):
        read_answer("text", b'{"type":"text"}')
