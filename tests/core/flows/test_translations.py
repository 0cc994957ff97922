"""Sentences in other languages (sessiond/core/flows/translations.py)."""

from __future__ import annotations

from typing import Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.translations import (
    NO_TRANSLATIONS,
    PLURALS,
    PlainCatalogue,
    Translations,
)

PIECE, PIECES = "{n} piece", "{n} pieces"


def test_a_sentence_is_looked_for_from_the_exact_language_to_the_default() -> None:
    """Each by itself: one catalogue needs only what differs."""
    shop = Translations(
        {"fr": {"a": "A-fr", "b": "B-fr"}, "fr-CA": {"a": "A-ca"}, "en": {"c": "C-en"}}
    )

    assert ["A-ca", "B-fr", "C-en", "d"] == [shop.text("fr-CA", key) for key in "abcd"]
    assert ["A-fr", "C-en"] == [shop.text("fr-BE", key) for key in "ac"]
    assert ["a", "C-en"] == [shop.text("de", key) for key in "ac"]
    assert ["a", "C-en"] == [shop.text("", key) for key in "ac"]


def test_what_nobody_translated_is_shown_as_it_is() -> None:
    """Without any catalogue too; the empty text is empty in every language."""
    assert "How many?" == NO_TRANSLATIONS.text("fr", "How many?")
    assert PIECES == NO_TRANSLATIONS.plural("fr", PIECE, PIECES, 0)
    assert PIECE == NO_TRANSLATIONS.plural("fr", PIECE, PIECES, 1)
    assert "" == Translations({"fr": {"": "header"}}).text("fr", "")


@pytest.mark.parametrize(
    ("language", "forms", "shown"),
    [
        ("de", ("Stück", "Stücke"), {0: "Stücke", 1: "Stück", 2: "Stücke"}),
        ("fr", ("pièce", "pièces"), {0: "pièce", 1: "pièce", 2: "pièces"}),
        ("fr-CA", ("pièce", "pièces"), {0: "pièce", 2: "pièces"}),
        ("pt-BR", ("um", "mais"), {0: "um", 2: "mais"}),
        ("pt", ("um", "mais"), {0: "mais", 1: "um"}),
        ("ja", ("個",), {1: "個", 5: "個"}),
        ("ru", ("one", "few", "many"), {1: "one", 3: "few", 11: "many", 12: "many", 21: "one"}),
        ("pl", ("one", "few", "many"), {1: "one", 22: "few", 21: "many", 12: "many", 0: "many"}),
        ("cs", ("one", "few", "many"), {1: "one", 4: "few", 5: "many", 22: "many"}),
        ("ar", tuple("zotfme"), {0: "z", 1: "o", 2: "t", 3: "f", 11: "m", 100: "e", 103: "f"}),
    ],
)
def test_numbers_take_the_form_of_their_language(
    language: str, forms: tuple[str, ...], shown: dict[int, str]
) -> None:
    """As gettext's rules have it."""
    shop = Translations({language: {PIECE: forms}})

    assert shown == {n: shop.plural(language, PIECE, PIECES, n) for n in shown}


def test_a_language_of_its_own_counts_as_the_author_says() -> None:
    """And a sentence with too few forms ends in its last one."""
    shop = Translations({"tlh": {PIECE: ("a", "b")}}, plurals={"tlh": lambda n: n})

    assert ["a", "b", "b"] == [shop.plural("tlh", PIECE, PIECES, n) for n in (0, 1, 9)]
    assert "a" == shop.text("tlh", PIECE)
    assert "only" == Translations({"fr": {PIECE: "only"}}).plural("fr", PIECE, PIECES, 7)


def test_the_nearest_language_is_one_that_has_a_catalogue() -> None:
    """Or the default: so there are never more of them than catalogues."""
    shop = Translations({"FR_ca": {}, "de": {}}, default="de")

    assert ("fr-CA", "de") == shop.languages
    assert ["fr-CA", "de", "de", "de"] == [
        shop.nearest(tag) for tag in ("fr-CA", "fr", "de-AT", "xx")
    ]


def test_what_is_missing_can_be_told() -> None:
    """In a language or what it is a kind of; the default does not count."""
    shop = Translations({"fr": {"a": "A", PIECE: ("x", "y")}, "fr-CA": {}, "en": {"b": "B"}})

    assert ["A", None] == [shop.translated("fr-CA", key) for key in "ab"]
    assert "x" == shop.translated("fr", PIECE)


def test_a_catalogue_may_be_anything_that_finds_sentences() -> None:
    """Such as one that was read from a file."""
    plain = PlainCatalogue({"a": "A", PIECE: ("x", "y")}, lambda _: 0)
    words = Translations({"fr": plain})

    assert ("A", "x") == (words.text("fr", "a"), words.plural("fr", PIECE, PIECES, 5))


@pytest.mark.parametrize(
    ("catalogues", "names"),
    [
        ({"f": {}}, "tag"),
        ({"fr": {}, "FR": {}}, "twice"),
        ({"fr": {"a": 7}}, "'a'"),
        ({"fr": {"a": ()}}, "'a'"),
        ({"fr": {"a": ("x", None)}}, "'a'"),
        ({"fr": {1: "x"}}, "1"),
    ],
)
def test_a_bad_catalogue_is_refused_when_it_is_made(catalogues: Any, names: str) -> None:
    """Not when the first sentence is wanted; the message says what is wrong."""
    with pytest.raises(InvalidInput, match=names):
        Translations(catalogues)


def test_every_rule_gives_a_form_for_every_number() -> None:
    """Never a negative one."""
    assert all(rule(n) >= 0 for rule in PLURALS.values() for n in range(1000))
