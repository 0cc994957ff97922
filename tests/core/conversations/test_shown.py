"""What a conversation shows, as doors hand it on (sessiond/core/conversations/shown.py)."""

import msgspec

from sessiond.core.conversations.shown import encode_shown, text_of
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    End,
    Media,
    Message,
    Output,
    Prompt,
    PromptKind,
    Retries,
    RunRequest,
)

CHOICES = (Choice("s", "Small", 1), Choice("l", "Large", 2, "for many"))
PROMPT = Prompt(
    kind=PromptKind.CHOICE, key="size", screen="c1:0:0", text="What size?", choices=CHOICES
)


def shown(output: Output, **flags: bool) -> object:
    return msgspec.json.decode(encode_shown(output, key="k", flow="order", **flags))


def test_a_question() -> None:
    """With its screen and its numbered choices; what says nothing is left out."""
    output = Output(messages=(Message("Hi."), Message("Look.", Media(url="u"))), prompt=PROMPT)

    assert {
        "conversation": "k",
        "flow": "order",
        "messages": [{"text": "Hi."}, {"text": "Look.", "media": {"url": "u"}}],
        "prompt": {
            "kind": "choice",
            "key": "size",
            "screen": "c1:0:0",
            "text": "What size?",
            "choices": [
                {"key": "s", "label": "Small", "number": 1},
                {"key": "l", "label": "Large", "number": 2, "description": "for many"},
            ],
        },
    } == shown(output)


def test_an_end_with_its_result() -> None:
    """The result is what the flow returned, as JSON."""
    output = Output(end=End.RETURNED, result=b'{"a":[1]}', restarted=True)

    assert {
        "conversation": "k",
        "flow": "order",
        "messages": [],
        "end": "returned",
        "result": {"a": [1]},
        "restarted": True,
    } == shown(output)


def test_everything_else_that_can_be_said() -> None:
    """A function runs; nothing was taken; it waits; it failed."""
    run = RunRequest("look", "c1:0:1", print, (), Retries())
    told = shown(Output(run=run, rejected=True), busy=True, queued=True, failed=True)

    assert isinstance(told, dict)
    assert {"pending", "rejected", "busy", "queued", "failed"} == {
        name for name, value in told.items() if value is True
    }


def test_where_a_file_is_is_told_to_nobody() -> None:
    """Clients are told its kind, its name, and the address that stands for it."""
    bill = Media(
        kind=AttachmentKind.DOCUMENT,
        path="/srv/bills/17.pdf",
        filename="bill.pdf",
        url="https://example.com/17",
    )
    prompt = msgspec.structs.replace(PROMPT, media=Media(path="/srv/a.jpg"))
    raw = encode_shown(
        Output(messages=(Message("Hi"), Message("", bill)), prompt=prompt), key="k", flow="f"
    )
    told = msgspec.json.decode(raw)

    assert b"srv" not in raw
    assert {"kind": "document", "filename": "bill.pdf", "url": "https://example.com/17"} == told[
        "messages"
    ][1]["media"]
    assert {} == told["prompt"]["media"]


def test_as_plain_text() -> None:
    """Messages, question and numbered choices, a blank line between each two."""
    assert "Hi.\n\nWhat size?\n\n1. Small\n2. Large" == text_of(
        Output(messages=(Message("Hi."), Message("")), prompt=PROMPT)
    )
    assert "" == text_of(Output())


def test_an_error_as_plain_text() -> None:
    """Above the question and its choices, or alone."""
    again = msgspec.structs.replace(PROMPT, error="No.")
    alone = msgspec.structs.replace(again, repeats=False)

    assert "No.\n\nWhat size?\n\n1. Small\n2. Large" == text_of(Output(prompt=again))
    assert "No." == text_of(Output(prompt=alone))
