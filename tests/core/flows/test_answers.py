"""What a person types and taps, and what is meant by it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.flows.answers import Answer, clean_text, match_choice, matching_form
from sessiond.core.flows.prompts import Choice

SIZES = (Choice("s", "Small", 1), Choice("l", "Large", 2), Choice("xl", "Grand café", 3))


def matched(text: str, choices: tuple[Choice, ...] = SIZES, *, numbered: bool = True) -> str | None:
    choice = match_choice(Answer(text=text, numbered=numbered), clean_text(text), choices)
    return None if choice is None else choice.key


@pytest.mark.parametrize(
    "text",
    [
        "2",
        " 2 ",
        "2.",
        "2)",
        "02",
        "２",  # full width
        "٢",  # Arabic-Indic
        "2\ufe0f\u20e3",  # keycap emoji
        "l",
        "L",
        "large",
        "LARGE",
        "  Large\n",
        "Ｌａｒｇｅ",
        "\u200flarge\u200e",  # with marks that right-to-left keyboards add
    ],
)
def test_numbers_titles_and_keys_are_taken_alike(text: str) -> None:
    """Whatever way a person writes the second choice, it is the second choice."""
    assert "l" == matched(text)


@pytest.mark.parametrize("text", ["grand café", "GRAND  CAFE\u0301", "Grand\u00a0cafe\u0301"])
def test_accents_match_however_they_are_composed(text: str) -> None:
    """Composition and spacing make no difference."""
    assert "xl" == matched(text)


@pytest.mark.parametrize(
    "text", ["", "   ", "0", "4", "-1", "1.5", "1 2", "middling", "9" * 5000, "🙂", "صغير", "²½"]
)
def test_a_wrong_choice_matches_nothing(text: str) -> None:
    """What is not on the screen is no choice."""
    assert matched(text) is None


def test_a_number_is_a_position_where_numbers_are_shown() -> None:
    """``2`` is the second line on the screen, though the third is labelled 2."""
    counts = (Choice("5", "5", 1), Choice("10", "10", 2), Choice("2", "2", 3))

    assert "10" == matched("2", counts)


def test_a_number_is_a_title_where_no_numbers_are_shown() -> None:
    """On buttons people type what they read."""
    counts = (Choice("5", "5", 1), Choice("10", "10", 2), Choice("2", "2", 3))

    assert "2" == matched("2", counts, numbered=False)
    assert "2" == matched("3", counts, numbered=False)


def test_a_title_that_two_choices_share_picks_neither() -> None:
    """Guessing between two equal titles would be wrong half of the time."""
    twins = (Choice("a", "Kofi", 1), Choice("b", "KOFI", 2))

    assert matched("kofi", twins) is None
    assert "b" == matched("2", twins)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("2. Transfer to salary account", 1),
        ("2. transfer to sa...", 1),
        ("1. Transfer to sa…", 0),
        ("２. Transfer to...", 1),
        ("2. Transfer to elsewhere", None),
        ("2. Transfer to sa", None),
        ("2. ", 1),
        ("2. ...", 1),
        ("4. Transfer to sa...", None),
        ("0. Transfer to sa...", None),
        ("Transfer to sa...", None),
        (". Transfer", None),
    ],
)
def test_a_title_is_taken_as_a_button_shows_it(text: str, position: int | None) -> None:
    """With its number in front and cut, as it is copied from a screen; a number and another title mean nothing."""
    labels = ("Transfer to savings account", "Transfer to salary account", "Back")
    choices = [Choice(f"key {n}", label, n) for n, label in enumerate(labels, 1)]
    expected = None if position is None else choices[position]

    assert expected == match_choice(Answer(text=text, numbered=False), clean_text(text), choices)


def test_of_keys_that_differ_in_case_the_exact_one_is_meant() -> None:
    """A key is found as it is written before it is found in another case."""
    cases = (Choice("a", "First", 1), Choice("A", "Second", 2))

    assert "A" == matched("A", cases)


def test_a_tap_is_its_key_and_nothing_else() -> None:
    """A tap's text is what the gateway echoes; only its key counts."""
    assert SIZES[1] == match_choice(Answer(text="Small", choice="l"), "Small", SIZES)
    assert match_choice(Answer(text="Small", choice="gone"), "Small", SIZES) is None


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Ama ", "Ama"),
        ("a\x00b\x1bc\x7fd\x9be", "abcde"),
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
        ("lone \ud800 half", "lone  half"),
        ("e\u0301", "é"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("שלום \u200fעולם", "שלום \u200fעולם"),
    ],
    ids=["blanks", "controls", "lines", "surrogate", "composed", "emoji", "persian", "rtl"],
)
def test_text_is_cleaned_of_what_nobody_meant(text: str, cleaned: str) -> None:
    """Control characters go, joiners and right-to-left text stay."""
    assert cleaned == clean_text(text)


@given(st.text())
def test_cleaned_text_is_clean(text: str) -> None:
    """Cleaning twice changes nothing more, and the result can be recorded."""
    cleaned = clean_text(text)

    assert cleaned == clean_text(cleaned)
    assert cleaned.encode().decode() == cleaned


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0f81", "\uff9e\u0301", "\u0344\u0316"])
def test_no_letter_has_more_marks_than_any_writing_needs(marks: str) -> None:
    """Putting n of them in order takes n²: who sends thousands would hold up everybody. Thirty are more than enough."""
    heaps = f"{'o' + marks * 2000} {'o' + marks * 2000}"
    few = "n\u0303o\u0302\u0301 " * 20

    for text in (clean_text(heaps), matching_form(heaps)):
        assert len(text) <= 2 * (1 + 60) + 1
        assert 2 == len(text.split())
    assert unicodedata.normalize("NFC", few).strip() == clean_text(few)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_matching_takes_a_label_for_itself(label: str) -> None:
    """Whatever an author calls a choice, typing it picks it."""
    choice = Choice("only", label, 1)
    if matching_form(clean_text(label)):
        assert "only" == matched(label, (choice,))


def test_answers_do_not_show_what_was_said() -> None:
    """Answers reach logs by accident; their text must not."""
    assert "Ama" not in repr(Answer(text="Ama", choice="Ama"))


def test_a_number_on_the_screen_comes_before_a_key_that_nobody_sees() -> None:
    """Numeric keys, in another order: 2 is the second line, where the gateway writes lines; elsewhere it is the key."""
    plans = tuple(Choice(str(13 - n), f"{13 - n} GB", n) for n in range(1, 13))
    typed = Answer(text="2", numbered=False, numbered_from=11)
    titled = Answer(text="2 GB", numbered=False, numbered_from=11)

    assert plans[1] == match_choice(typed, "2", plans)
    assert "2" == match_choice(typed, "2", plans[3:]).key  # type: ignore[union-attr]
    assert "2" == match_choice(titled, "2 GB", plans).key  # type: ignore[union-attr]
