"""Wording: whether every sentence is there in every language, with the values it is given."""

import ast
from collections.abc import Iterator

from attrs import fields

from sessiond.core.flow_check.scope import Scope
from sessiond.core.flow_check.words import argument, placeholders
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import Translations

__all__ = ["check_sentence", "missing_texts", "sentences"]


def sentences(scope: Scope) -> Iterator[tuple[ast.Call, str]]:
    """Find the sentences that are looked up in a function, also in the lambdas within it."""
    for node in ast.walk(scope.source.node):
        if isinstance(node, ast.Call) and scope.method(node) in {"t", "nt"}:
            text = scope.value(argument(node, 0, ""))
            if isinstance(text, str) and text:
                yield node, text


def check_sentence(text: str, translations: Translations) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with the translations of one sentence: code and sentence."""
    missing = []
    for language in translations.languages:
        found = translations.translated(language, text)
        if found is None:
            missing.append(language)
        elif not _can_be_filled(text, found):
            yield (
                "wrong-placeholder",
                f"the translation of {_quoted(text)} in {language} fills in other values; use {_names(text)}",
            )
    if missing and _has_words(text):
        yield "missing-translation", f"{_quoted(text)} is missing in {', '.join(missing)}"


def missing_texts(texts: FlowTexts, translations: Translations) -> Iterator[str]:
    """Tell which of the engine's own sentences are missing, by language."""
    names = [one.name for one in fields(FlowTexts)]
    for language in translations.languages:
        if language == translations.default:
            continue
        lost = [
            name
            for name in names
            if translations.translated(language, getattr(texts, name)) is None
        ]
        if lost:
            yield f"the engine's own sentences (FlowTexts) are missing in {language}: {', '.join(lost)}"


def _can_be_filled(text: str, found: str) -> bool:
    known, used = placeholders(text), placeholders(found)
    # Without readable braces in the sentence itself, they are no placeholders.
    return known is None or (used is not None and used <= known)


def _has_words(text: str) -> bool:
    return any(one.isalpha() for one in text)


def _quoted(text: str) -> str:
    return f"“{text if len(text) <= 50 else text[:49] + '…'}”"


def _names(text: str) -> str:
    names = sorted(placeholders(text) or ())
    return ", ".join(f"{{{name}}}" for name in names) or "none"
