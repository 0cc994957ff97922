"""Words: the texts that a flow shows, as far as the code says them.

What is filled in while the flow runs is left out: so a text is *at least* as long as what is known of it, and what is
too long already is too long.
"""

import ast
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from sessiond.core.flow_check.scope import UNKNOWN, Scope
from sessiond.core.flows.prompts import Option
from sessiond.core.flows.translations import Translations

__all__ = ["Label", "Words", "argument", "labels_of", "placeholders", "words_of"]


@frozen
class Words:
    """The known part of a text. With *is_msgid* it is looked up in the catalogues."""

    text: str
    is_msgid: bool = False
    is_filled: bool = False
    """Whether values are filled in by name."""

    def shown(self, translations: Translations) -> Iterator[tuple[str, str]]:
        """Give what is shown, by language; the language is empty for what the code itself says."""
        yield "", self._filled(self.text)
        if self.is_msgid:
            for language in translations.languages:
                found = translations.translated(language, self.text)
                if found is not None:
                    yield language, self._filled(found)

    def _filled(self, text: str) -> str:
        if not self.is_filled:
            return text
        try:
            return "".join(literal for literal, *_ in string.Formatter().parse(text))
        except ValueError:
            return text


@frozen
class Label:
    """A choice as the code says it."""

    words: Words
    description: Words


_NONE = Words("")


def argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """Find the argument at *place* or of this *name*."""
    if len(call.args) > place and not any(isinstance(one, ast.Starred) for one in call.args):
        return call.args[place]
    return next((one.value for one in call.keywords if one.arg == name), None)


def words_of(node: ast.AST | None, scope: Scope) -> Words:
    """Read a text; empty when nothing is known of it."""
    value = scope.value(node)
    if isinstance(value, str):
        return Words(value)
    match node:
        case ast.Call() if scope.method(node) in {"t", "nt"}:
            return _translated(node, scope)
        case ast.JoinedStr(values=parts):
            return Words("".join(words_of(part, scope).text for part in parts))
        case ast.FormattedValue(value=inner):
            return words_of(inner, scope)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return Words(words_of(left, scope).text + words_of(right, scope).text)
        case _:
            return _NONE


def _translated(call: ast.Call, scope: Scope) -> Words:
    text = scope.value(argument(call, 0, ""))
    if not isinstance(text, str):
        return _NONE
    return Words(text, is_msgid=True, is_filled=scope.method(call) == "nt" or bool(call.keywords))


def labels_of(node: ast.AST | None, scope: Scope) -> list[Label] | None:
    """Read choices; ``None``: it is not known how many there are."""
    match node:
        case None:
            return None
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return [_label(value, scope) for value in values]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            if any(isinstance(item, ast.Starred) for item in items):
                return None
            return [_label(item, scope) for item in items]
        case _:
            return known_labels(scope.value(node))


def known_labels(value: Any) -> list[Label] | None:
    """Read choices that are there as objects."""
    if isinstance(value, Mapping):
        return [_known(label) for label in value.values()]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(label) for label in value]
    return None


def _known(label: Any) -> Label:
    if isinstance(label, Option):
        return Label(Words(label.label), Words(label.description))
    return Label(_NONE if label is UNKNOWN else Words(str(label)), _NONE)


def _label(node: ast.expr, scope: Scope) -> Label:
    value = scope.value(node)
    if isinstance(value, Option | int):
        return _known(value)
    if isinstance(node, ast.Call) and scope.value(node.func) is Option:
        label = words_of(argument(node, 0, "label"), scope)
        return Label(label, words_of(argument(node, 1, "description"), scope))
    return Label(words_of(node, scope), _NONE)


def placeholders(text: str) -> frozenset[str] | None:
    """List the names that are filled in; ``None``: its braces cannot be read."""
    try:
        fields = [field for _, field, *_ in string.Formatter().parse(text) if field is not None]
    except ValueError:
        return None
    return frozenset(field.partition(".")[0].partition("[")[0] for field in fields)
