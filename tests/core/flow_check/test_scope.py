"""What names mean (sessiond/core/flow_check/scope.py)."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from sessiond.core.flow_check.scope import UNKNOWN, Scope, Symbol, assigned_names
from sessiond.core.flow_check.source import SourceFiles
from tests.core.flow_check.checking import FILE, module

SOURCE = """
    import enum, shop_texts
    NAME, COUNT = "a", 3

    class Size(enum.StrEnum):
        SMALL = "s"

    class Trap:
        def __getattr__(self, name): raise RuntimeError
    TRAP = Trap()

    async def flow(c, given, bound):
        local = given
        other = c
        form = print(other)
        def helper(): ...
    """


@pytest.fixture
def scope(monkeypatch: pytest.MonkeyPatch) -> Scope:
    """The function's scope, called with ``bound="b"``."""
    import sys
    import types

    texts = types.ModuleType("shop_texts")
    texts.HELLO = "Hello"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop_texts", texts)
    text, names = module(SOURCE)
    source = SourceFiles({FILE: text}.get).function(names["flow"])
    assert source is not None
    return Scope(source, {"c"}, {"bound": "b"})


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1", 1),
        ("NAME", "a"),
        ("bound + NAME + bound", "bab"),
        ("f'{bound}-{COUNT}'", "b-3"),
        ("[NAME, (COUNT,)]", ["a", [3]]),
        ("{NAME: given}", {"a": UNKNOWN}),
        ("Size.SMALL", "s"),
        ("Size.SMALL.value", "s"),
        ("shop_texts.HELLO", "Hello"),
        ("given", UNKNOWN),
        ("local", UNKNOWN),
        ("[given]", UNKNOWN),
        ("NAME + COUNT", UNKNOWN),
        ("f'{COUNT:03}'", UNKNOWN),
        ("f'{NAME!r}'", UNKNOWN),
        ("TRAP.x", UNKNOWN),
        ("print()", UNKNOWN),
        ("nowhere", UNKNOWN),
        ("{**given}", UNKNOWN),
    ],
)
def test_what_is_known_without_running_anything(scope: Scope, code: str, value: Any) -> None:
    """Names are looked up in the real module; nothing is called, and no attribute that could be code."""
    assert value == scope.value(expression(code))


def test_keys_that_depend_on_a_name_are_known_by_it(scope: Scope) -> None:
    """So that it can be told when they change; what is called may give something else each time."""
    local, other = scope.key(expression("f'{local}-a'")), scope.key(expression("f'{local}-b'"))

    assert isinstance(local, Symbol)
    assert local == scope.key(expression("f'{local}-a'"))
    assert local != other
    assert {(scope.number, "local")} == local.names
    assert "b-a" == scope.key(expression("f'{bound}-a'"))
    mixed = scope.key(expression("f'{local}-{bound}-{COUNT}'"))
    assert isinstance(mixed, Symbol)
    assert mixed != scope.key(expression("f'{local}-{bound}'"))
    for changing in ("c.id()", "f'{next(given)}'", "7", "None"):
        assert scope.key(expression(changing)) is None
    assert scope.key(None) is None


def test_a_key_that_is_passed_on_stays_itself(scope: Scope) -> None:
    """It changes with the name of the caller."""
    symbol = scope.key(expression("local"))
    inner = Scope(scope.source, {"c"}, {"bound": symbol})
    key = inner.key(expression("f'{bound}-x'"))

    assert symbol == inner.key(expression("bound"))
    assert isinstance(key, Symbol)
    assert isinstance(symbol, Symbol)
    assert symbol.names == key.names


def test_the_conversation_is_followed(scope: Scope) -> None:
    """By its other names, and into what was made with it."""
    assert {"c", "other"} == scope.conversations
    assert {"form"} == scope.derived
    assert "ask" == scope.method(expression("other.ask('a')"))
    assert "" == scope.method(expression("given.ask('a')"))
    assert scope.mentions_conversation(expression("f(1, x=[form])"))
    assert not scope.mentions_conversation(expression("f(given)"))


def test_every_way_to_give_a_name_a_value_is_known() -> None:
    """All of Python's, but not what happens in functions within."""
    body = ast.parse(
        """
import one.two, three as four
from five import six
seven: int = 7
(eight, *nine) = x
with x as ten: eleven += 1
try: pass
except E as twelve: pass
match x:
    case [thirteen, *fourteen]: pass
    case {"a": fifteen} as sixteen: pass
def seventeen(): hidden = 1
class Eighteen: hidden = 1
if (nineteen := 1): del twenty
lambda: (hidden := 1)
"""
    ).body

    names = assigned_names(body)
    assert "hidden" not in names
    assert {"one", "four", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
            "fourteen", "fifteen", "sixteen", "seventeen", "Eighteen", "nineteen", "twenty",
            } == names  # fmt: skip
