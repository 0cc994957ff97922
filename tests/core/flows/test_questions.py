"""Questions: what each makes of an answer, and what a person is told when it makes nothing of it."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.flows.answers import Answer, Attachment, Contact, Location
from sessiond.core.flows.faults import FlowFailed, InvalidAnswer, NotStorable
from sessiond.core.flows.prompts import AttachmentKind, Layout, Media, Option, PromptKind
from sessiond.core.flows.questions import Question
from tests.core.flows.playing import begin, body, make, messages, play, rebuild, said

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation


def asking(**options: Any) -> Any:
    """A flow that asks for one value and repeats it."""

    async def flow(c: Conversation) -> None:
        value = await c.ask("it", "What?", **options)
        await c.say(f"{value!r}")

    return flow


# Text


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ({}, "  Ama ", "'Ama'"),
        ({}, "👩‍👩‍👧 🇬🇭", "'👩\\u200d👩\\u200d👧 🇬🇭'"),
        ({}, "שלום עולם", "'שלום עולם'"),
        ({}, "أكرا", "'أكرا'"),
        ({}, "A\x00ma\x1b[31m", "'Ama[31m'"),
        ({"parse": int}, "7", "7"),
        ({"parse": int}, "٧", "7"),
        ({"parse": Decimal}, "10.50", "Decimal('10.50')"),
        ({"parse": int, "transform": lambda n: n * 2}, "4", "8"),
        ({"transform": str.upper}, "ama", "'AMA'"),
        ({"check": lambda _: None}, "x", "'x'"),
        ({"check": lambda _: True}, "x", "'x'"),
        ({"allow_empty": True}, "", "''"),
        ({"choices": {"b": "Blue"}}, "1", "'b'"),
        ({"choices": {"b": "Blue"}}, "blue", "'b'"),
        ({"choices": {"b": "Blue"}}, "grey", "'grey'"),
    ],
)
def test_an_answer_becomes_a_value(options: dict[str, Any], text: str, value: str) -> None:
    """Text → parse → check → transform."""
    assert [value] == messages(play(asking(**options), text)[1])


@pytest.mark.parametrize(
    ("options", "text", "error"),
    [
        ({}, "", "Please write an answer."),
        ({}, "\x00\x1b ", "Please write an answer."),
        ({}, "x" * 1_000_000, "Please write at most 4096 characters."),
        ({"parse": int}, "seven", "Invalid input"),
        ({"parse": int}, "9" * 5000, "Please write at most 4096 characters."),
        ({"parse": int}, "9" * 4000, "Invalid input"),
        ({"parse": int, "error": "A number, please."}, "seven", "A number, please."),
        ({"parse": Decimal}, "ten", "Invalid input"),
        ({"parse": Decimal}, "nan", "Invalid input"),
        ({"parse": float}, "inf", "Invalid input"),
        ({"parse": {"a": 1}.__getitem__}, "b", "Invalid input"),
        ({"check": lambda _: "Too short."}, "x", "Too short."),
        ({"check": lambda _: False}, "x", "Invalid input"),
        ({"check": lambda _: ""}, "x", "Invalid input"),
        ({"check": lambda t: None if int(t) else "no"}, "x", "Invalid input"),
        ({"transform": int}, "x", "Invalid input"),
    ],
)
def test_a_bad_answer_asks_again(options: dict[str, Any], text: str, error: str) -> None:
    """The person is told what is wrong; the question stays and takes the next answer."""
    live, output = play(asking(**options), text)

    assert output.rejected
    assert f"{error}\n\nWhat?" == body(output)
    assert () == live.record.entries
    assert "What?" == body(live.remind())


@pytest.mark.parametrize("place", ["parse", "check", "transform"])
def test_an_author_says_why_with_invalid_answer(place: str) -> None:
    """``InvalidAnswer`` raised anywhere is shown as it is."""

    def refuse(value: object) -> None:
        raise InvalidAnswer("Not this one.")

    assert "Not this one.\n\nWhat?" == body(play(asking(**{place: refuse}), "x")[1])


def test_the_error_alone_is_shown_where_the_flow_says_so() -> None:
    """FlowChat's ``combine_validation_error_with_message = false``."""
    flow = make(asking(parse=int), question_after_error=False)

    assert "Invalid input" == body(play(flow, "x")[1])


def test_an_empty_answer_and_a_picture_are_told_apart() -> None:
    """Who sends a picture is asked for words."""
    live, _ = begin(asking())
    picture = Answer(attachment=Attachment(kind=AttachmentKind.IMAGE, id="m1"))

    assert "Please answer in words.\n\nWhat?" == body(live.answer(picture))


@pytest.mark.parametrize("place", ["parse", "check", "transform"])
def test_a_bug_in_an_authors_function_fails_the_flow(place: str) -> None:
    """A TypeError is no wrong answer: the flow fails, naming the function's line."""

    def broken(value: object) -> None:
        raise TypeError(value)

    with pytest.raises(FlowFailed, match=r"test_questions.py:\d+: .* raised TypeError") as caught:
        play(asking(**{place: broken}), "secret")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("place", ["parse", "check", "transform"])
def test_an_async_function_is_named_as_the_mistake(place: str) -> None:
    """``check`` and its kin are plain functions: nobody would await them."""

    async def late(value: object) -> None:
        """Do nothing."""

    with pytest.raises(FlowFailed, match="are plain functions"):
        play(asking(**{place: late}), "x")


def test_a_check_that_returns_nonsense_is_named() -> None:
    """A check returns a sentence or nothing."""
    with pytest.raises(FlowFailed, match=r"test_questions.py:\d+: check of 'it' returned a int"):
        play(asking(check=lambda _: 7), "x")


def test_an_answer_that_cannot_be_recorded_names_the_question() -> None:
    """Not after the next restart: now, and on the line that asked."""
    with pytest.raises(
        NotStorable, match=r"test_questions.py:\d+: the answer to 'it' is of type bytes"
    ):
        play(asking(parse=str.encode), "x")


def test_a_tap_answers_no_text_question() -> None:
    """A button of another screen is not text, whatever its title was."""
    live, _ = begin(asking())

    output = live.answer(Answer(choice="yes", text="Yes"))

    assert "That choice belongs to an earlier question.\n\nWhat?" == body(output)


# Choices


class Size(StrEnum):
    SMALL = "s"
    LARGE = "l"


class Level(IntEnum):
    ONE = 1
    TWO = 2


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ({"s": "Small", "l": "Large"}, "2", "'l'"),
        ({"s": "Small", "l": Option("Large", "for two")}, "large", "'l'"),
        ({0: "None", 1: "One"}, "1", "0"),
        (["Tea", "Coffee"], "coffee", "'Coffee'"),
        (["Tea", ""], "tea", None),
        ([10, 20], "2", "20"),
        ({Size.SMALL: "Small", Size.LARGE: "Large"}, "large", "<Size.LARGE: 'l'>"),
        (list(Level), "2", "<Level.TWO: 2>"),
    ],
    ids=str,
)
def test_selecting_gives_the_authors_own_key(options: Any, text: str, value: str | None) -> None:
    """A map gives its key, a list its item; also after a restart."""

    async def flow(c: Conversation) -> None:
        picked = await c.select("it", "Which?", options)
        await c.ask("then", f"{picked!r}")

    if value is None:
        with pytest.raises(FlowFailed):
            play(flow, text)
        return
    live, output = play(flow, text)

    assert value == body(output)
    assert value == body(rebuild(live, flow)[0].remind())


@pytest.mark.parametrize("text", ["3", "", "middling", "🙂", "x" * 5000])
def test_a_wrong_choice_shows_the_choices_again(text: str) -> None:
    """The same screen, with an error in front."""

    async def flow(c: Conversation) -> None:
        await c.select("it", "Which?", {"s": "Small", "l": "Large"})

    live, first = begin(flow)
    output = live.answer(said(text))

    assert output.prompt is not None
    assert first.prompt is not None
    assert output.rejected
    assert first.prompt.choices == output.prompt.choices
    assert first.prompt.screen == output.prompt.screen


def test_the_default_error_of_a_selection_is_flowchats() -> None:
    """``Invalid selection:``, then the question."""

    async def flow(c: Conversation) -> None:
        await c.select("it", "Which?", ["a", "b"])

    assert "Invalid selection:\n\nWhich?" == body(play(flow, "9")[1])


@pytest.mark.parametrize(
    "options", [[], {}, "ab", [None], {"a": ""}, {"a": 1}, ["a", "a"], {1: "x", "1": "y"}, [True]]
)
def test_choices_that_cannot_be_shown_are_refused(options: Any) -> None:
    """Nothing to choose from, no label, or two choices of one key."""

    async def flow(c: Conversation) -> None:
        await c.select("it", "Which?", options)

    with pytest.raises(FlowFailed, match=r"test_questions.py:\d+: the flow raised InvalidInput"):
        begin(flow)


def test_a_no_is_an_answer() -> None:
    """False is recorded, and not asked for again after a restart (FlowChat's fault)."""

    async def flow(c: Conversation) -> None:
        sure = await c.confirm("sure", "Sure?")
        count = await c.ask("count", "How many?", parse=int)
        await c.ask("then", f"{sure} {count}")

    live, output = play(flow, "no", "0")

    assert "False 0" == body(output)
    assert "False 0" == body(rebuild(live, flow)[0].remind())


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("yes", True), ("JA", True), ("2", False), ("Nein", False)]
)
def test_confirm_takes_its_labels_numbers_and_keys(text: str, *, value: bool) -> None:
    """Labels may be of any language; the keys are always yes and no."""

    async def flow(c: Conversation) -> bool:
        return await c.confirm("sure", "Sicher?", yes="Ja", no="Nein")

    assert (b"true" if value else b"false") == play(flow, text)[1].result


# Other kinds


def test_an_attachment_of_the_right_kind_is_taken() -> None:
    """The flow gets what the gateway told, also after a restart."""

    async def flow(c: Conversation) -> None:
        photo = await c.attachment("photo", "A photo?", ["image", "video"])
        await c.ask("then", f"{photo.kind} {photo.id} {photo.caption}")

    live, first = begin(flow)
    assert first.prompt is not None
    assert (PromptKind.ATTACHMENT, ("image", "video")) == (first.prompt.kind, first.prompt.accepts)
    song = Answer(attachment=Attachment(kind=AttachmentKind.AUDIO, id="m0"))
    assert "Please send: image, video.\n\nA photo?" == body(live.answer(song))
    assert "Please send: image, video.\n\nA photo?" == body(live.answer(said("no")))
    film = Attachment(kind=AttachmentKind.VIDEO, id="m1", caption="us")

    assert "video m1 us" == body(live.answer(Answer(attachment=film)))
    assert "video m1 us" == body(rebuild(live, flow)[0].remind())


def test_a_caption_is_bounded_like_text() -> None:
    """A megabyte below a picture is a megabyte."""

    async def flow(c: Conversation) -> None:
        await c.attachment("photo", "A photo?")

    live, _ = begin(flow)
    huge = Attachment(kind=AttachmentKind.IMAGE, caption="x" * 1_000_000)

    assert live.answer(Answer(attachment=huge)).rejected


def test_a_location_is_taken_when_it_is_on_earth() -> None:
    """NaN and 91° are refused: no number that was sent makes a flow fail."""

    async def flow(c: Conversation) -> None:
        place = await c.location("where", "Where?")
        await c.ask("then", f"{place.latitude} {place.longitude} {place.name}")

    live, _ = begin(flow)
    for latitude in (float("nan"), float("inf"), 91.0):
        lost = Answer(location=Location(latitude=latitude, longitude=0.0))
        assert "Please share a location.\n\nWhere?" == body(live.answer(lost))
    assert live.answer(said("here")).rejected
    accra = Location(latitude=5.6, longitude=-0.2, name="Accra")

    assert "5.6 -0.2 Accra" == body(live.answer(Answer(location=accra)))
    assert "5.6 -0.2 Accra" == body(rebuild(live, flow)[0].remind())


def test_a_contact_is_taken() -> None:
    """A visiting card, with its numbers."""

    async def flow(c: Conversation) -> None:
        card = await c.contact("who", "Whose?", check=lambda card: bool(card.phones))
        await c.ask("then", f"{card.name} {card.phones}")

    live, _ = begin(flow)
    assert "Please share a contact.\n\nWhose?" == body(live.answer(said("Kofi")))
    assert live.answer(Answer(contact=Contact(name="Kofi"))).rejected
    kofi = Answer(contact=Contact(name="Kofi", phones=("+15550100",)))

    assert "Kofi ('+15550100',)" == body(live.answer(kofi))
    assert "Kofi ('+15550100',)" == body(rebuild(live, flow)[0].remind())


def test_a_prompt_carries_what_gateways_need() -> None:
    """Media, layout, descriptions and numbers are values on the prompt."""
    picture = Media(url="https://example.com/menu.png")

    async def flow(c: Conversation) -> None:
        options: dict[str, str | Option] = {"s": Option("Small", "for one"), "l": "Large"}
        await c.select("it", "Which?", options, media=picture, layout=Layout.LIST)

    prompt = begin(flow)[1].prompt

    assert prompt is not None
    assert (PromptKind.CHOICE, picture, Layout.LIST) == (prompt.kind, prompt.media, prompt.layout)
    assert [("s", "Small", 1, "for one"), ("l", "Large", 2, "")] == [
        (choice.key, choice.label, choice.number, choice.description) for choice in prompt.choices
    ]


def test_a_kind_of_question_says_what_it_reads() -> None:
    """A subclass that forgets how it reads an answer is an error when it is made, not at a person's answer."""

    class Mood(Question[str]):
        kind = "mood"
        prompt_kind = PromptKind.TEXT

    with pytest.raises(TypeError, match="_read"):
        _ = Mood("it", "How are you?")  # type: ignore[abstract]
