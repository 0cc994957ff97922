"""Texts as far as they are known (sessiond/core/flow_check/words.py)."""

from __future__ import annotations

import ast

import pytest

from sessiond.core.flow_check.scope import Scope
from sessiond.core.flow_check.source import SourceFiles
from sessiond.core.flow_check.words import labels_of, placeholders, words_of
from sessiond.core.flows.translations import Translations
from tests.core.flow_check.checking import FILE, module

SOURCE = """
    NAME = "Ama"
    LABELS = {"x": Option("X", "why"), "y": "Y"}

    async def flow(c, unknown):
        ...
    """


def scope() -> Scope:
    text, names = module(SOURCE)
    source = SourceFiles({FILE: text}.get).function(names["flow"])
    assert source is not None
    return Scope(source, {"c"})


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("'a'", "a"),
        ("NAME", "Ama"),
        ("f'Hello {NAME}!'", "Hello Ama!"),
        ("f'Hello {unknown}!'", "Hello !"),
        ("'a' + unknown + 'b'", "ab"),
        ("'a' + f'{unknown}b'", "ab"),
        ("c.t('Hello {name}', name=unknown)", "Hello {name}"),
        ("unknown", ""),
        ("unknown('a')", ""),
        ("c.t(unknown)", ""),
    ],
)
def test_what_is_known_of_a_text(code: str, text: str) -> None:
    """What is filled in later is left out."""
    assert text == words_of(expression(code), scope()).text


def test_what_is_shown_in_each_language() -> None:
    """Without the places where values come."""
    words = words_of(expression("c.t('Hello {name}', name=unknown)"), scope())
    shown = words.shown(Translations({"fr": {"Hello {name}": "Bonjour {name} !"}, "de": {}}))

    assert [("", "Hello "), ("fr", "Bonjour  !")] == list(shown)
    broken = words_of(expression("c.t('Hello {name', name=unknown)"), scope())
    assert [("", "Hello {name")] == list(broken.shown(Translations()))
    plain = words_of(expression("c.t('Use {braces}')"), scope())
    assert [("", "Use {braces}")] == list(plain.shown(Translations()))


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ("LABELS", [("X", "why"), ("Y", "")]),
        ("{'x': Option('X', description='why'), 'y': unknown}", [("X", "why"), ("", "")]),
        ("['a', NAME, 7, unknown]", [("a", ""), ("Ama", ""), ("7", ""), ("", "")]),
        ("('a', 'b')", [("a", ""), ("b", "")]),
        ("[]", []),
        ("{**LABELS}", None),
        ("[*LABELS]", None),
        ("unknown", None),
        ("'ab'", None),
        ("Sizes", None),
    ],
)
def test_what_is_known_of_choices(code: str, labels: list[tuple[str, str]] | None) -> None:
    """How many there are, and each label as far as it is known."""
    found = labels_of(expression(code), scope())

    if labels is None:
        assert found is None
    else:
        assert found is not None
        assert labels == [(one.words.text, one.description.text) for one in found]


def test_names_that_are_filled_in() -> None:
    """Of attributes and items only the first part; braces that are none cannot be read."""
    assert frozenset("abc") == placeholders("{a} {b.x} {c[0]:>3} {{d}}")
    assert frozenset() == placeholders("none")
    assert placeholders("{a") is None
