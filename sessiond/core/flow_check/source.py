"""Source files as the checks read them: the tree, the functions in it, and what its comments allow.

Reading is the caller's: ``SourceFiles`` is given a function from path to text.
"""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

from attrs import Factory, define, field, frozen

__all__ = ["Definition", "FunctionSource", "SourceFile", "SourceFiles", "plain_function"]

Definition = ast.AsyncFunctionDef | ast.FunctionDef

_ALLOW: Final = re.compile(r"#\s*flow:\s*allow\b[\s:]*(?P<codes>[\w\-, ]*)")


@frozen
class SourceFile:
    """One file. *allowed* are codes by line: the line of the comment, and the next one when it stands alone."""

    path: str
    tree: ast.Module
    allowed: Mapping[int, frozenset[str]]
    allowances: Mapping[int, frozenset[str]]
    """The same, by the line of the comment only."""


@frozen(eq=False)
class FunctionSource:
    """A function's tree, and the names around it."""

    file: SourceFile
    node: Definition
    globals: Mapping[str, Any] = field(repr=False)
    """Its module's names and its closure's."""
    skips_self: bool = False
    """Whether its first parameter is bound already."""

    @property
    def parameters(self) -> list[str]:
        """The names that positional arguments are given to, in order."""
        given = self.node.args
        names = [arg.arg for arg in (*given.posonlyargs, *given.args)]
        return names[1:] if self.skips_self else names


@define
class SourceFiles:
    """Files that were read; *read* gives a file's text, or ``None`` when there is none."""

    read: Callable[[str], str | None]
    _files: dict[str, SourceFile | None] = field(init=False, default=Factory(dict))

    def file(self, path: str) -> SourceFile | None:
        """Give a file, read and parsed once."""
        if path not in self._files:
            text = self.read(path)
            self._files[path] = None if text is None else _parsed(path, text)
        return self._files[path]

    def function(self, function: object) -> FunctionSource | None:
        """Find where *function* is written; ``None``: nowhere, or not as a ``def``."""
        plain = plain_function(function)
        if plain is None:
            return None
        code: CodeType = plain.__code__
        file = self.file(code.co_filename)
        if file is None:
            return None
        for node in ast.walk(file.tree):
            if isinstance(node, Definition) and _is_of(node, code):
                return FunctionSource(file, node, _names(plain), isinstance(function, MethodType))
        return None


def plain_function(function: object) -> FunctionType | None:
    """Take off what is around a function: decorators, ``partial``, a bound method."""
    if isinstance(function, partial):
        return plain_function(function.func)
    if isinstance(function, MethodType):
        return plain_function(function.__func__)
    if not callable(function):
        return None
    found = inspect.unwrap(function)
    return found if isinstance(found, FunctionType) else None


def _is_of(node: Definition, code: CodeType) -> bool:
    first = min((one.lineno for one in node.decorator_list), default=node.lineno)
    return node.name == code.co_name and code.co_firstlineno in {first, node.lineno}


def _names(function: FunctionType) -> dict[str, Any]:
    names = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            names.pop(name, None)
    return names


def _parsed(path: str, text: str) -> SourceFile | None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    allowed: dict[int, frozenset[str]] = {}
    comments: dict[int, frozenset[str]] = {}
    for line, alone, codes in _allowances(text):
        comments[line] = codes
        for covered in (line, line + 1) if alone else (line,):
            allowed[covered] = allowed.get(covered, frozenset()) | codes
    return SourceFile(path, tree, allowed, comments)


def _allowances(text: str) -> Iterator[tuple[int, bool, frozenset[str]]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        found = _ALLOW.match(token.string) if token.type == tokenize.COMMENT else None
        if found is not None:
            codes = frozenset(re.split(r"[,\s]+", found["codes"])) - {""}
            yield token.start[0], not token.line[: token.start[1]].strip(), codes
