"""Sentences in every language (sessiond/core/flow_check/wording.py)."""

from __future__ import annotations

from attrs import fields

from sessiond.core.flow_check.wording import check_sentence, missing_texts
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import Translations
from tests.core.flow_check.checking import check

OWN = {getattr(FlowTexts(), one.name): "…" for one in fields(FlowTexts)}


def messages(source: str, translations: Translations) -> list[str]:
    return [one.message for one in check(source, translations=translations)]


def test_a_sentence_that_is_missing_is_found_where_it_is_said() -> None:
    """Also in a check; each language is named, and those that have it are not."""
    source = """
        HELLO = "Hello"

        async def flow(c):
            await c.say(c.t(HELLO))
            await c.ask("a", c.t("How many?"), check=lambda _: c.t("No, {why}", why=1))
            await c.say(c.nt("{n} piece", "{n} pieces", 2))
            await c.say(c.t(await c.run("x", print)))
        """
    words = Translations(
        {
            "fr": {**OWN, "Hello": "Bonjour", "How many?": "Combien ?"},
            "fr-CA": {},
            "sw": {**OWN, "How many?": "Ngapi?", "{n} piece": ("{n} a", "{n} b")},
        }
    )

    assert [
        "“Hello” is missing in sw",
        "“No, {why}” is missing in fr, fr-CA, sw",
        "“{n} piece” is missing in fr, fr-CA",
    ] == messages(source, words)


def test_a_flow_whose_sentences_are_all_there_has_no_findings() -> None:
    """Without catalogues nothing is missing; signs need no translation."""
    source = """
        async def flow(c):
            await c.say(c.t("Hello {name}", name="Ama"))
            await c.say(c.t("* * *"))
        """

    assert [] == messages(source, Translations({"fr": {**OWN, "Hello {name}": "Salut {name}"}}))
    assert [] == messages(source, Translations())


def test_a_translation_with_other_values_is_found() -> None:
    """It would be shown untranslated."""
    words = Translations({"fr": {"Hello {name}": "Bonjour {nom}", "{n} {x}": "{n", "a": "{b"}})
    found = [next(check_sentence(text, words)) for text in ("Hello {name}", "{n} {x}")]

    assert [
        "the translation of “Hello {name}” in fr fills in other values; use {name}",
        "the translation of “{n} {x}” in fr fills in other values; use {n}, {x}",
    ] == [message for _, message in found]


def test_a_translation_may_leave_a_value_out() -> None:
    """And braces that are none of ours are left alone."""
    words = Translations({"fr": {"Hello {name}": "Bonjour", "Use { to begin": "Tapez {"}})

    assert [] == list(check_sentence("Hello {name}", words))
    assert [] == list(check_sentence("Use { to begin", words))


def test_the_engines_own_sentences_count() -> None:
    """By name; the default language has them already; once for an app."""
    words = Translations({"en": {}, "fr": {"Yes": "Oui"}})
    (message,) = missing_texts(FlowTexts(), words)
    source = """
        from sessiond.core.flows.flow import Flow
        from sessiond.core.flows.translations import Translations
        WORDS = Translations({"fr": {}})

        async def one(c):
            await c.end()

        async def two(c):
            await c.end()

        a = Flow(name="a", function=one, translations=WORDS)
        b = Flow(name="b", function=two, translations=WORDS)
        """

    assert "missing in fr: unexpected_end, " in message
    assert " yes" not in message
    assert 1 == len(check(source))
