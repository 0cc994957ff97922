"""Titles of buttons and rows (sessiond/core/rendering/titles.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.flows.prompts import Choice
from sessiond.core.rendering.titles import numbered_lines, titles_of


def choices(*labels: str) -> list[Choice]:
    return [Choice(f"key{n}", label, n) for n, label in enumerate(labels, 1)]


def shown(*labels: str, room: int = 20) -> list[str]:
    return [title.text for title in titles_of(choices(*labels), room)]


def test_clear_titles_are_the_labels() -> None:
    """Short labels that differ need no numbers."""
    assert ["Yes", "No"] == shown("Yes", "No")
    assert ["x" * 20] == shown("x" * 20)


def test_one_cut_title_numbers_all() -> None:
    """A lone number would make people look for the others."""
    assert ["1. Yes", "2. Transfer to..."] == shown("Yes", "Transfer to savings account", room=18)


@pytest.mark.parametrize("other", ["Savings", "savings", " SAVINGS ", "Ｓavings", "Savings\u200d"])
def test_two_equal_titles_number_all(other: str) -> None:
    """Equal is what a person who types one of them cannot tell apart."""
    first, second, third = shown("Savings", other, "Salary")

    assert "1. Savings" == first
    assert second.startswith("2. ")
    assert "3. Salary" == third


def test_labels_that_are_equal_once_cut_stay_apart() -> None:
    """Fault 12: two long labels with one beginning do not become one title."""
    first, second = titles_of(
        choices("Transfer to savings account", "Transfer to salary account"), 18
    )

    assert first.text != second.text
    assert first.is_cut
    assert "Transfer to savings account" == first.label


def test_a_number_may_take_the_room_that_a_label_had() -> None:
    """A label that fits alone is cut when its number does not fit in front of it."""
    _, second = titles_of(choices("y" * 30, "x" * 19), 20)

    assert "2. " + "x" * 14 + "..." == second.text
    assert second.is_cut


def test_titles_are_one_line() -> None:
    """Line ends and tabs are refused by providers; they are blanks here."""
    assert ["Pay now"] == shown(" Pay\n\tnow ")


def test_without_a_label_the_key_is_shown() -> None:
    """And without a key its number: no title is empty."""
    assert ["key1"] == shown("")
    assert "1." == titles_of([Choice("", " ", 1)], 20)[0].text


def test_lines_to_type_from() -> None:
    """Number, label and description of each choice, one a line."""
    lines = numbered_lines([Choice("a", "Basic", 1, "10 a month"), Choice("b", "Pro\nplus", 2)])

    assert "1. Basic – 10 a month\n2. Pro plus" == lines


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12))
def test_titles_always_fit_and_differ(labels: list[str]) -> None:
    """Whatever the labels are, no title is empty or too long, and no two are alike."""
    titles = shown(*labels)

    assert all(0 < len(title) <= 20 for title in titles)
    assert len(set(titles)) == len(labels)
