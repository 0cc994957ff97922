"""What is shown, as plain text (sessiond/core/conversations/shown.py)."""

import msgspec

from sessiond.core.conversations.shown import Readable, encode_shown, read_shown, text_of
from sessiond.core.flows.prompts import Choice, Media, Message, Output, Prompt, PromptKind

SIZES = (Choice("s", "Small", 1), Choice("l", "Large", 2, "for two"))


def asked(**parts: object) -> Prompt:
    given: dict[str, object] = {"kind": PromptKind.CHOICE, "key": "size", "screen": "1"}
    return msgspec.convert(given | {"text": "What size?", "choices": SIZES} | parts, Prompt)


def test_messages_and_the_question_with_numbered_choices() -> None:
    """A blank line between each two parts."""
    output = Output(messages=(Message("Welcome!"), Message("Pizza today.")), prompt=asked())

    assert "Welcome!\n\nPizza today.\n\nWhat size?\n\n1. Small\n2. Large" == text_of(output)


def test_choices_are_repeated_with_their_question() -> None:
    """An error alone stays alone."""
    again = asked(error="Invalid selection:")
    alone = asked(error="No.", repeats=False)

    assert "Invalid selection:\n\nWhat size?\n\n1. Small\n2. Large" == text_of(Output(prompt=again))
    assert "No." == text_of(Output(prompt=alone))


def test_media_are_their_addresses() -> None:
    """Below the text, or alone; one that only the gateway knows cannot be said."""
    photo, mine = Media(url="https://cdn.example.com/menu.png"), Media(id="media-7")
    output = Output(
        messages=(Message("Our menu:", photo), Message("", photo), Message("", mine)),
        prompt=asked(media=photo, choices=()),
    )

    assert (
        "Our menu:\nhttps://cdn.example.com/menu.png\n\nhttps://cdn.example.com/menu.png\n\n"
        "What size?\nhttps://cdn.example.com/menu.png" == text_of(output)
    )


def test_nothing_is_an_empty_text() -> None:
    """Also of a document that shows nothing."""
    assert "" == text_of(Output())
    assert "" == text_of(read_shown(b"{}"))


def test_a_document_says_what_its_output_said() -> None:
    """Written and read again, whatever else is in it."""
    output = Output(messages=(Message("שלום 🌍"),), prompt=asked())
    document = encode_shown(output, key="k", flow="f", busy=True)

    assert text_of(output) == text_of(read_shown(document))


def test_the_answer_to_a_repeat_is_known() -> None:
    """When the first answer was not kept."""
    assert Readable(duplicate=True) == read_shown(b'{"duplicate":true}')
