"""Translations: an app's sentences in other languages.

What a flow writes in its code is the *msgid*; a catalogue gives it in one language, and what no catalogue has is shown
as it is. ``fr-CA`` is looked for in ``fr-CA``, then in ``fr``, then in the default language: each sentence by itself.

A sentence with several forms is a sequence in a plain catalogue, in the order that its language counts them::

    Translations({"fr": {"How many?": "Combien ?", "{n} piece": ("{n} pièce", "{n} pièces")}})

Files (``.mo``) are read outside the core: sessiond/app/translations.py.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.languages import fallbacks, language_tag

__all__ = ["NO_TRANSLATIONS", "PLURALS", "Catalogue", "PlainCatalogue", "Translations", "Words"]

Words = Mapping[str, str | Sequence[str]]
PluralRule = Callable[[int], int]


def _slavic(n: int) -> int:
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else 2


def _polish(n: int) -> int:
    if n == 1:
        return 0
    return 1 if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else 2


def _czech(n: int) -> int:
    return 0 if n == 1 else 1 if 2 <= n <= 4 else 2


def _arabic(n: int) -> int:
    if n < 3:
        return n
    rest = n % 100
    return 3 if 3 <= rest <= 10 else 4 if rest >= 11 else 5


def _from_two(n: int) -> int:
    return int(n > 1)


def _never(_: int) -> int:
    return 0


def _but_one(n: int) -> int:
    return int(n != 1)


#: Which form a number takes, where it is not "one, or else": the CLDR's rules for integers, as gettext has them.
PLURALS: Final[Mapping[str, PluralRule]] = MappingProxyType(
    dict.fromkeys(("fr", "pt-BR", "ln", "am", "ti", "mg", "wa", "ak", "tr", "fil"), _from_two)
    | dict.fromkeys(("ja", "ko", "zh", "vi", "th", "id", "ms", "lo", "my", "yo", "ig"), _never)
    | dict.fromkeys(("ru", "uk", "be", "sr", "hr", "bs"), _slavic)
    | {"pl": _polish, "cs": _czech, "sk": _czech, "ar": _arabic}
)


class Catalogue(Protocol):
    """The sentences of one language."""

    def find(self, msgid: str) -> str | None:
        """Give the sentence; ``None``: it is not there."""
        ...

    def find_plural(self, one: str, many: str, count: int) -> str | None:
        """Give the form that *count* takes; ``None``: it is not there."""
        ...


class PlainCatalogue:
    """A map of sentences; one of several forms is a sequence under the msgid of its first form.

    Raises:
      InvalidInput: something in it is no text.

    """

    __slots__ = ("_rule", "_words")

    def __init__(self, words: Words, rule: PluralRule = _but_one) -> None:
        for msgid, found in words.items():
            if not _is_text(msgid) or not _is_translation(found):
                raise InvalidInput(
                    f"the translation of {msgid!r} is a text, or a list of its forms"
                )
        self._words = dict(words)
        self._rule = rule

    def find(self, msgid: str) -> str | None:
        """Give the sentence, or its first form."""
        found = self._words.get(msgid)
        return found if found is None or isinstance(found, str) else found[0]

    def find_plural(self, one: str, many: str, count: int) -> str | None:  # noqa: ARG002 -- catalogues are alike
        """Give the form that *count* takes; where there are fewer, the last."""
        found = self._words.get(one)
        if found is None or isinstance(found, str):
            return found
        return found[min(self._rule(abs(count)), len(found) - 1)]


class Translations:
    """Catalogues by language tag, and the *default* language that msgids are written in. Values; never changed.

    *plurals* says how a language of plain maps counts, where ``PLURALS`` does not know.

    Raises:
      InvalidInput: a language is no tag, given twice, or its map holds something else than texts.

    """

    __slots__ = ("_catalogues", "default")

    def __init__(
        self,
        catalogues: Mapping[str, Words | Catalogue] = MappingProxyType({}),
        *,
        default: str = "en",
        plurals: Mapping[str, PluralRule] = MappingProxyType({}),
    ) -> None:
        self.default = language_tag(default)
        rules = {language_tag(tag): rule for tag, rule in plurals.items()}
        self._catalogues: dict[str, Catalogue] = {}
        for name, given in catalogues.items():
            tag = language_tag(name)
            if tag in self._catalogues:
                raise InvalidInput(f"the language {tag} is given twice")
            if isinstance(given, Mapping):
                self._catalogues[tag] = PlainCatalogue(given, rules.get(tag) or _rule_of(tag))
            else:
                self._catalogues[tag] = given

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a catalogue, as tags."""
        return tuple(self._catalogues)

    def nearest(self, language: str) -> str:
        """Find the language of ours that somebody who speaks *language* (a written tag) reads best."""
        known = self._catalogues
        if not known:
            return self.default
        return next((tag for tag in fallbacks(language) if tag in known), self.default)

    def text(self, language: str, msgid: str) -> str:
        """Give a sentence in *language* (a written tag)."""
        if self._catalogues and msgid:
            for catalogue in self._chain(language):
                found = catalogue.find(msgid)
                if found is not None:
                    return found
        return msgid

    def plural(self, language: str, one: str, many: str, count: int) -> str:
        """Give the form of a sentence that *count* takes in *language* (a written tag)."""
        if self._catalogues and one:
            for catalogue in self._chain(language):
                found = catalogue.find_plural(one, many, count)
                if found is not None:
                    return found
        return one if count == 1 else many

    def translated(self, language: str, msgid: str) -> str | None:
        """Find a sentence in *language* or what it is a kind of, and not in the default; ``None``: it is missing."""
        found = (self._catalogues.get(tag) for tag in fallbacks(language))
        return next((text for one in found if one and (text := one.find(msgid)) is not None), None)

    def _chain(self, language: str) -> list[Catalogue]:
        tags = (*fallbacks(language), self.default)
        return [self._catalogues[tag] for tag in tags if tag in self._catalogues]


NO_TRANSLATIONS: Final = Translations()


def _rule_of(tag: str) -> PluralRule:
    return next((PLURALS[name] for name in fallbacks(tag) if name in PLURALS), _but_one)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_translation(value: object) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return len(value) > 0 and all(map(_is_text, value))
    return _is_text(value)
