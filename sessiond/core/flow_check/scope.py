"""Scopes: what names mean in a function of a flow, as far as that can be known without running it.

Names of the module and of closures are looked up in the real objects, so that ``SIZES`` is the map that it is;
nothing is ever called. What a parameter is given is known where the call is in the flow, too.
"""

import ast
import itertools
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from types import ModuleType
from typing import Any, Final

from attrs import define, field, frozen

from sessiond.core.flow_check.source import Definition, FunctionSource

__all__ = [
    "UNKNOWN",
    "Key",
    "Scope",
    "Symbol",
    "assigned_names",
    "base_name",
    "changed_names",
    "own_nodes",
]


class _Unknown:
    """What cannot be known without running the flow."""


UNKNOWN: Final = _Unknown()

_numbers = itertools.count()
#: What may be something else each time, whatever names it is made of.
_CHANGEABLE: Final = (ast.Call, ast.Attribute, ast.Subscript, ast.Await, ast.Lambda, ast.NamedExpr)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@frozen
class Symbol:
    """A key whose text is not known, but what it depends on: names, each of one scope."""

    text: str
    names: frozenset[tuple[int, str]]


Key = str | Symbol


@define(eq=False)
class Scope:
    """The names of one call of *source*. *conversations* are those of its names that are the conversation."""

    source: FunctionSource
    conversations: set[str]
    bindings: Mapping[str, Any] = field(factory=dict)
    """Parameters whose value is known: text, numbers, symbols, maps."""
    outer: "Scope | None" = None
    number: int = field(init=False, factory=lambda: next(_numbers))
    locals: frozenset[str] = field(init=False)
    nested: dict[str, Definition] = field(init=False)
    derived: set[str] = field(init=False, factory=set)
    """Names of what was made with the conversation."""

    def __attrs_post_init__(self) -> None:
        node = self.source.node
        given = node.args
        names = {arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
        names |= {arg.arg for arg in (given.vararg, given.kwarg) if arg is not None}
        self.locals = frozenset(names | assigned_names(node.body))
        self.nested = {
            one.name: one
            for one in own_nodes(node.body)
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self._follow_the_conversation()

    def _follow_the_conversation(self) -> None:
        if self.outer is not None:
            self.conversations |= self.outer.conversations - self.locals
        for node in own_nodes(self.source.node.body):
            match node:
                case ast.Assign(targets=[ast.Name(id=name), *_], value=value):
                    self._follow(name, value)
                case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)):
                    self._follow(name, value)
                case _:
                    pass

    def _follow(self, name: str, value: ast.expr) -> None:
        if self.is_conversation(value):
            self.conversations.add(name)
        elif self.mentions_conversation(value):
            self.derived.add(name)

    def is_conversation(self, node: ast.AST) -> bool:
        """Whether *node* is a name of the conversation."""
        return isinstance(node, ast.Name) and node.id in self.conversations

    def mentions_conversation(self, node: ast.AST) -> bool:
        """Whether the conversation, or what was made with it, is anywhere in *node*."""
        known = self.conversations | self.derived
        return any(isinstance(one, ast.Name) and one.id in known for one in ast.walk(node))

    def method(self, node: ast.AST) -> str:
        """Tell which method of the conversation is called; empty: none."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return node.func.attr if self.is_conversation(node.func.value) else ""
        return ""

    # Values

    def value(self, node: ast.AST | None) -> Any:
        """Tell what *node* is worth, or ``UNKNOWN``. Functions, modules and classes are values as well."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=inner, attr=name):
                return _attribute(self.value(inner), name)
            case ast.JoinedStr(values=parts):
                return _joined([self._part(part) for part in parts])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _added(self.value(left), self.value(right))
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return _all([self.value(item) for item in items])
            case ast.Dict(keys=keys, values=values):
                known = _all([self.value(key) for key in keys])
                if known is UNKNOWN or not all(isinstance(key, str | int) for key in known):
                    return UNKNOWN
                return dict(zip(known, map(self.value, values), strict=True))
            case _:
                return UNKNOWN

    def _named(self, name: str) -> Any:
        if name in self.bindings:
            return self.bindings[name]
        if name in self.locals:
            return UNKNOWN
        if self.outer is not None:
            return self.outer._named(name)  # noqa: SLF001 -- the same class
        return self.source.globals.get(name, UNKNOWN)

    def _part(self, node: ast.expr) -> Any:
        if isinstance(node, ast.FormattedValue):
            plain = node.conversion == -1 and node.format_spec is None
            value = self.value(node.value) if plain else UNKNOWN
            return str(value) if isinstance(value, str | int) else UNKNOWN
        return self.value(node)

    # Keys

    def key(self, node: ast.AST | None) -> Key | None:
        """Tell which key *node* is; ``None``: another one each time, for all that is known."""
        value = self.value(node)
        if isinstance(value, str | Symbol):
            return value
        if node is None or value is not UNKNOWN:
            return None
        return self._symbol(node)

    def _symbol(self, node: ast.AST) -> Symbol | None:
        names: set[tuple[int, str]] = set()
        texts: dict[str, str] = {}
        for one in ast.walk(node):
            if isinstance(one, _CHANGEABLE) and self.value(one) is UNKNOWN:
                return None
            if isinstance(one, ast.Name):
                value = self._named(one.id)
                if isinstance(value, Symbol):
                    names |= value.names
                    texts[one.id] = value.text
                elif isinstance(value, str | int):
                    texts[one.id] = repr(value)
                else:
                    names.add((self._owner(one.id), one.id))
        text = f"{ast.unparse(node)} with {sorted(texts.items())}" if texts else ast.unparse(node)
        return Symbol(text, frozenset(names)) if names else None

    def _owner(self, name: str) -> int:
        if name in self.locals or self.outer is None:
            return self.number
        return self.outer._owner(name)  # noqa: SLF001 -- the same class


def _attribute(owner: Any, name: str) -> Any:
    """Look into modules, enumerations and their members; nothing else has attributes without side effects."""
    if isinstance(owner, ModuleType):
        return vars(owner).get(name, UNKNOWN)
    if isinstance(owner, type) and issubclass(owner, Enum):
        return owner.__members__.get(name, UNKNOWN)
    if isinstance(owner, Enum) and name in {"value", "name"}:
        return getattr(owner, name)
    return UNKNOWN


def _joined(parts: Sequence[Any]) -> Any:
    return "".join(parts) if all(isinstance(part, str) for part in parts) else UNKNOWN


def _added(left: Any, right: Any) -> Any:
    return left + right if isinstance(left, str) and isinstance(right, str) else UNKNOWN


def _all(values: list[Any]) -> Any:
    return UNKNOWN if any(value is UNKNOWN for value in values) else values


def own_nodes(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Go through a function's nodes in the order of the text, not into the functions that are defined in it."""
    for node in body:
        yield node
        if not isinstance(node, _FUNCTIONS):
            yield from own_nodes(list(ast.iter_child_nodes(node)))


def assigned_names(body: Sequence[ast.AST]) -> set[str]:
    """List the names that are given a value somewhere in *body*."""
    names = set()
    for node in own_nodes(body):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.alias(asname=str(name)):
                names.add(name)
            case ast.alias(name=name):
                names.add(name.partition(".")[0])
            case _:
                pass
    return names


def changed_names(node: ast.AST) -> set[str]:
    """List the names that *node* gives a value, or whose objects it changes: ``x = 1``, ``x.n = 1``, ``x[0] = 1``."""
    names = assigned_names([node])
    for one in own_nodes([node]):
        if isinstance(one, ast.Attribute | ast.Subscript) and isinstance(
            one.ctx, ast.Store | ast.Del
        ):
            names |= base_name(one)
    return names


def base_name(node: ast.AST) -> set[str]:
    """Find the name that ``x.a[0].b`` begins with; nothing when it begins with something else."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
