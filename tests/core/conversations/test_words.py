"""Words (sessiond/core/conversations/words.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.words import GREETINGS, MAX_WORD, RESET_WORDS, normal_word


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("Hi", "hi"),
        ("  HELLO! ", "hello"),
        ("¡Hola!", "hola"),
        ("MENÚ", "menú"),
        ("menu\u0301", "menú"),
        ("good \n day", "good day"),
        ("ｈｉ", "hi"),
        ("\u200fمرحبا\u200f", "مرحبا"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("*170#", "*170#"),
        ("0", "0"),
        ("?", "?"),
        ("", ""),
        ("   ", ""),
        ("x" * (MAX_WORD + 1), ""),
    ],
)
def test_words_are_compared_as_people_type_them(typed: str, word: str) -> None:
    """Case, width, accents' encodings, blanks, marks and punctuation around do not count."""
    assert word == normal_word(typed)


@given(st.text(max_size=60))
def test_every_text_has_a_normal_form(text: str) -> None:
    """Nothing raises, and what is left has no blanks around it."""
    word = normal_word(text)

    assert word == word.strip()


@pytest.mark.parametrize("words", [GREETINGS, RESET_WORDS], ids=["greetings", "reset words"])
def test_the_lists_hold_normal_words(words: dict[str, tuple[str, ...]]) -> None:
    """Each is found however it is typed."""
    for word in (word for language in words.values() for word in language):
        assert word == normal_word(word) == normal_word(word.upper())


def test_answers_are_no_commands() -> None:
    """Nothing that answers a question is in a list, and no word is in both."""
    greetings = {word for words in GREETINGS.values() for word in words}
    resets = {word for words in RESET_WORDS.values() for word in words}

    assert not (greetings | resets) & {"y", "yes", "n", "no", "retry", "ok", "x", "c"}
    assert not greetings & resets
    assert {"hi", "hola", "bonjour", "mhoro", "sawubona", "habari"} <= greetings
