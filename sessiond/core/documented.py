"""The docstrings under a class's fields, read from its source.

Settings, admin parameters and results are documented where they are declared; the reference pages, ``--help`` and
``rpc.discover`` take the words from there, so that they cannot differ.
"""

import ast
import functools
import inspect
import itertools
import textwrap
from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["attribute_docs"]


@functools.cache
def attribute_docs(cls: type) -> Mapping[str, str]:
    """Read the docstring under each field or enum member of *cls* and of the attrs classes it is made from.

    One line each, by its name.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is cls or attrs.has(base):
            found |= _docs_in(base)
    return MappingProxyType(found)


def _docs_in(cls: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    (definition,) = tree.body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, after in itertools.pairwise(definition.body):
        match statement, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
            case _:
                pass
    return found
