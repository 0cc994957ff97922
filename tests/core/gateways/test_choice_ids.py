"""Ids of buttons (sessiond/core/gateways/choice_ids.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.flows.answers import Answer, match_choice
from sessiond.core.flows.prompts import Choice
from sessiond.core.gateways.choice_ids import read_choice_id, write_choice_id


def test_key_and_screen_come_back() -> None:
    """What was tapped, and where."""
    written = write_choice_id("c1:0:3", Choice("a|b", "A", 1), 200)

    assert "k|c1:0:3|a|b" == written
    assert Answer(choice="a|b", screen="c1:0:3") == read_choice_id(written)


@pytest.mark.parametrize("key", ["x" * 300, "é" * 150, " a", "a ", "", "a\nb", "\u200b"])
def test_a_key_that_does_not_fit_goes_as_its_number(key: str) -> None:
    """Too long in bytes, with outer blanks (Meta refuses them) or unprintable: the position stands for it."""
    written = write_choice_id("c1:0:3", Choice(key, "A", 7), 200)

    assert "n|c1:0:3|7" == written
    assert Answer(text="7", screen="c1:0:3") == read_choice_id(written)


def test_the_screen_comes_before_the_key() -> None:
    """A label of 50 characters in Telegram's 64 bytes: an old button must be known as one."""
    written = write_choice_id("3a5e4842fab428f7:0:0", Choice("x" * 50, "A", 7), 64)

    assert "n|3a5e4842fab428f7:0:0|7" == written
    assert f"k||{'x' * 50}" == write_choice_id("s" * 64, Choice("x" * 50, "A", 7), 64)


@pytest.mark.parametrize("screen", ["s" * 199, "a|b", "a\nb"])
def test_a_screen_that_does_not_fit_is_left_out(screen: str) -> None:
    """The choice is then found by its key alone."""
    written = write_choice_id(screen, Choice("balance-of-account", "A", 1), 200)

    assert "k||balance-of-account" == written
    assert Answer(choice="balance-of-account") == read_choice_id(written)


@pytest.mark.parametrize(
    "text", ["", "yes", "k|", "k|a", "k|a|", "n|a|x", "n|a|²", "x|a|b", "k:a:b", "n|a|-1"]
)
def test_ids_of_others_are_not_ours(text: str) -> None:
    """They are taken as if typed."""
    assert read_choice_id(text) is None


@given(st.text(max_size=80), st.text(max_size=300), st.integers(0, 9))
def test_a_tap_always_finds_its_choice(screen: str, key: str, position: int) -> None:
    """Whatever keys and screens are, the id fits and picks the choice that it was written for."""
    choices = [Choice(f"other {n}", "label", n + 1) for n in range(10)]
    choices[position] = Choice(key, "label", position + 1)
    written = write_choice_id(screen, choices[position], 200)
    read = read_choice_id(written)

    assert len(written.encode(errors="surrogatepass")) <= 200
    assert read is not None
    assert read.screen in {screen, None}
    assert choices[position] == match_choice(read, read.text, choices)
