"""One turn of one conversation (sessiond/core/conversations/turn.py)."""

from typing import Any

import pytest

from sessiond.core.flows.answers import Answer, Attachment
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Flow
from sessiond.core.flows.prompts import AttachmentKind, End
from sessiond.core.flows.texts import FlowTexts
from tests.core.conversations.talking import Person

FAILED = FlowTexts().failed
BUSY = FlowTexts().busy


async def order(c: Conversation) -> str:
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    count = await c.ask("count", "How many?", parse=int)
    await c.say(f"{count} of {size}.")
    return "done"


# Starting and answering


def test_a_flow_from_its_first_word_to_its_end() -> None:
    """Each answer brings the next question; the end says what was returned, and nothing is stored any more."""
    person = Person(order)

    assert "What size?\n\n1. Small\n2. Large" == (person.say("order"), person.reads)[1]
    assert "How many?" == (person.say("2"), person.reads)[1]
    taken = person.say("3")

    assert "3 of l." == person.reads
    assert taken.output is not None
    assert (End.RETURNED, b'"done"') == (taken.output.end, taken.output.result)
    assert {} == person.stored


def test_what_a_conversation_tells() -> None:
    """Every step, once, in order: to the journal and to telemetry alike."""
    person = Person(order)

    person.say("order")
    assert ["message.received", "flow.execution.start", "message.sent"] == person.told()
    person.say("XL")
    assert ["message.received", "step_start", "validation_error", "message.sent"] == person.told()
    person.say("l")
    assert [
        "message.received",
        "step_start",
        "validation",
        "transition",
        "message.sent",
    ] == person.told()
    person.say("3")
    assert [
        "message.received",
        "step_start",
        "validation",
        "message.sent",
        "flow.execution.end",
    ] == person.told()
    assert [("size", "count")] == [(e.step, e.to_step) for e in person.told_with("transition")]
    assert ["prompt", "prompt", "prompt", "terminal"] == [
        entry.facts["type"] for entry in person.told_with("message.sent")
    ]


def test_an_answer_that_is_turned_down_leaves_the_question() -> None:
    """The error is shown above the same screen, and the output says so."""
    person = Person(order)
    person.say("order")
    screen = person.screen
    taken = person.say("XL")

    assert "Invalid selection:\n\nWhat size?\n\n1. Small\n2. Large" == person.reads
    assert taken.output is not None
    assert taken.output.rejected
    assert screen == person.screen


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(text="Small"), "text"),
        (Answer(choice="s"), "choice"),
        (Answer(attachment=Attachment(kind=AttachmentKind.IMAGE)), "attachment"),
    ],
)
def test_what_kind_of_thing_was_said(answer: Answer, kind: str) -> None:
    """The journal tells what kind of thing a person said, and how long a text was, but not the text."""
    person = Person(order)
    person.say("order")
    person.said(answer)
    entry = person.told_with("message.received")[-1]

    assert {"type": kind} == entry.facts
    assert entry.text is None


def test_a_tap_of_an_older_screen() -> None:
    """It is not taken for an answer to the question that is shown now."""
    person = Person(order)
    person.say("order")
    old = person.screen
    person.say("s")
    person.said(Answer(choice="s", screen=old))

    assert person.reads.startswith("That choice belongs to an earlier question.")


def test_an_opener_that_answers_the_first_question() -> None:
    """Where the text of a dial is an answer, what the flow says before its question is shown too."""

    async def dial(c: Conversation) -> None:
        await c.say("Welcome.")
        size = await c.ask("size", "What size?")
        await c.ask("count", f"How many {size}?")

    person = Person(dial, platform="ussd")
    person.say("XL")

    assert "Welcome.\n\nHow many XL?" == person.reads
    assert "count" == person.record.waiting.key if person.record.waiting else None


def test_a_dial_without_a_text_answers_nothing() -> None:
    """The first question is shown as it is, without an error."""
    person = Person(order, platform="ussd")
    person.say("")

    assert "What size?\n\n1. Small\n2. Large" == person.reads


def test_an_opener_with_a_picture_is_an_answer() -> None:
    """What was sent is not asked for again."""

    async def proof(c: Conversation) -> None:
        sent = await c.attachment("photo", "A photo, please.")
        await c.say(f"Got {sent.id}.")

    person = Person(proof)
    person.said(Answer(attachment=Attachment(kind=AttachmentKind.IMAGE, id="i1")))

    assert "Got i1." == person.reads


def test_an_opener_that_is_no_answer() -> None:
    """A picture that the first question does not take only opens; a text that it does not take is told so."""
    person = Person(order, platform="ussd")
    person.said(Answer(attachment=Attachment(kind=AttachmentKind.IMAGE)))
    assert "What size?\n\n1. Small\n2. Large" == person.reads
    dialling = Person(order, platform="ussd")
    dialling.say("9")

    assert dialling.reads.startswith("Invalid selection:\n\nWhat size?")


def test_a_flow_that_ends_at_its_start() -> None:
    """It says its word, and there is no conversation."""

    async def hello(c: Conversation) -> None:
        await c.say("Hello.")

    person = Person(hello)
    person.say("hello")

    assert "Hello." == person.reads
    assert {} == person.stored


def test_what_the_door_says_of_a_person_reaches_the_flow() -> None:
    """Name and language, at the start; the name also later."""

    async def greet(c: Conversation) -> None:
        await c.ask("x", f"{c.profile.get('name')} speaks {c.language}")
        await c.say(f"Bye, {c.profile.get('name')}.")

    person = Person(greet)
    person.say("greet", profile={"name": "Ama"}, language="fr_ca")
    assert "Ama speaks fr-CA" == person.reads
    person.say("ok", profile={"name": "Ama B."})

    assert "Bye, Ama B.." == person.reads


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "Please write an answer.\n\nYour name?"),
        (" \t\n ", "Please write an answer.\n\nYour name?"),
        ("\x00\x07", "Please write an answer.\n\nYour name?"),
        ("x" * 1_000_000, "Please write at most 4096 characters.\n\nYour name?"),
        ("A\x1b[31mma\x00", "Hello, A[31mma."),
        ("\ud800Ama", "Hello, Ama."),
        ("👩🏾‍🌾", "Hello, 👩🏾‍🌾."),
        ("مرحبا", "Hello, مرحبا."),
        ("Ama\u202e", "Hello, Ama\u202e."),
        ("'; DROP TABLE sessions; --", "Hello, '; DROP TABLE sessions; --."),
        ("{name} %s <b>", "Hello, {name} %s <b>."),
    ],
    ids=["empty", "blank", "control", "1 MB", "escape", "surrogate", "emoji", "right to left",
         "override", "SQL", "markup"],
)  # fmt: skip
def test_odd_answers(text: str, shown: str) -> None:
    """Each is an answer or turned down with a sentence, and can be stored; the journal keeps its length at most."""

    async def greet(c: Conversation) -> None:
        name = await c.ask("name", "Your name?")
        await c.say(f"Hello, {name}.")
        await c.ask("more", "More?")

    person = Person(greet)
    person.say("greet")
    person.say(text)
    assert shown == person.reads.removesuffix("\n\nMore?")
    person.restart()
    person.remind()

    assert person.reads in {"Your name?", "More?"}


@pytest.mark.parametrize("text", ["9", "0", "-1", "１", "1.", "Small", "SMALL ", "s", "1️⃣"])
def test_numbers_and_titles(text: str) -> None:
    """What a person may mean by a choice is taken like a tap; the rest is turned down."""
    person = Person(order)
    person.say("order")
    person.say(text)

    assert ("How many?" == person.reads) is (text not in {"9", "0", "-1"})


# Reminding and ending


def test_reminding_shows_the_question_again() -> None:
    """Nothing was said, so nothing is told of the person; without a conversation there is nothing to show."""
    person = Person(order)
    assert ("", []) == ((person.remind(), person.reads)[1], person.told())
    person.say("order")
    screen = person.screen
    person.restart()
    person.remind()

    assert "What size?\n\n1. Small\n2. Large" == person.reads
    assert (screen, ["state_recovery", "message.sent"]) == (person.screen, person.told())


def test_a_reset_word_ends_what_runs() -> None:
    """It is told, and the flow that takes everything begins."""
    person = Person(order)
    person.say("order")
    person.say("s")
    person.say("menu")

    assert "What size?\n\n1. Small\n2. Large" == person.reads
    assert [
        "message.received",
        "reset",
        "flow.execution.end",
        "flow.execution.start",
        "message.sent",
    ] == person.told()
    assert ["interrupted"] == [entry.status for entry in person.told_with("flow.execution.end")]


@pytest.mark.parametrize("as_function", [False, True])
def test_what_on_expire_says(as_function: bool) -> None:
    """Its text, made of the answers if it is a function; the end is told as an interruption."""

    def text(answers: Any) -> str | None:
        return f"Your {answers['size']} is gone."

    person = Person(Flow(name="order", function=order, on_expire=text if as_function else "Gone."))
    person.say("order")
    person.say("s")
    (taken,) = person.pass_time(86_400)

    assert ("Your s is gone." if as_function else "Gone.") == person.reads
    assert taken.is_push
    assert taken.output is not None
    assert End.EXPIRED is taken.output.end
    assert ["flow.execution.end", "cleanup", "message.sent"] == person.told()
    assert not person.kept.has_record


def test_on_expire_that_fails() -> None:
    """The conversation ends all the same, and the author is told."""

    def text(_answers: Any) -> str:
        raise LookupError

    person = Person(Flow(name="order", function=order, on_expire=text))
    person.say("order")
    (taken,) = person.pass_time(86_400)

    assert (None, {}) == (taken.output, person.stored)
    assert taken.error is not None
    assert ["flow.execution.error", "flow.execution.end", "cleanup"] == person.told()
