"""Awaits: what a flow awaits, forgets to await, and catches meanwhile."""

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from sessiond.core.flow_check.paths import OPERATIONS, Report
from sessiond.core.flow_check.scope import Scope, own_nodes

__all__ = ["check_awaits"]

_FOREIGN: Final = (
    "a flow awaits only its conversation; put {} into a function and call it with c.run"
)


def check_awaits(scope: Scope, report: Report) -> None:
    """Look at one function that is given the conversation."""
    body = scope.source.node.body
    if isinstance(scope.source.node, ast.AsyncFunctionDef):
        for forgotten, method in _forgotten(scope, body):
            message = f"await is missing before this c.{method}: it never happens"
            report(scope, forgotten, "forgotten-await", message, None)
    for node in own_nodes(body):
        if _is_foreign(scope, node):
            what = ast.unparse(node).partition("\n")[0]
            report(scope, node, "foreign-await", _FOREIGN.format(f"`{_short(what)}`"), None)
        if isinstance(node, ast.Try | ast.TryStar) and _asks(scope, node.body):
            _check_catching(scope, node, report)


def _forgotten(scope: Scope, body: Sequence[ast.stmt]) -> Iterator[tuple[ast.Call, str]]:
    """Find calls whose result is not awaited, neither there nor, by a name, later."""
    fine: set[ast.AST] = set()
    names: set[str] = set()
    for node in own_nodes(body):
        if isinstance(node, ast.Await):
            fine.add(node.value)
            names |= {node.value.id} if isinstance(node.value, ast.Name) else set()
    for node in own_nodes(body):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in names:
                fine.add(value)
            case ast.Await(value=ast.IfExp(body=one, orelse=other)):
                fine |= {one, other}
            case _:
                pass
    for node in own_nodes(body):
        method = scope.method(node)
        if method in OPERATIONS and node not in fine and isinstance(node, ast.Call):
            yield node, method


def _is_foreign(scope: Scope, node: ast.AST) -> bool:
    match node:
        case ast.Await(value=ast.Call(func=ast.Name(id=name))) if _is_own_function(scope, name):
            return False
        case ast.Await(value=value):
            return not scope.mentions_conversation(value)
        case ast.AsyncFor(iter=source):
            return not scope.mentions_conversation(source)
        case ast.AsyncWith(items=items):
            return not all(scope.mentions_conversation(item.context_expr) for item in items)
        case ast.comprehension(is_async=1, iter=source):
            return not scope.mentions_conversation(source)
        case _:
            return False


def _is_own_function(scope: Scope | None, name: str) -> bool:
    """Whether it is defined within the flow, where it sees the conversation."""
    while scope is not None:
        if name in scope.nested:
            return True
        scope = scope.outer
    return False


def _asks(scope: Scope, body: Sequence[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.Await)
        and (scope.method(node.value) in OPERATIONS or scope.mentions_conversation(node.value))
        for node in own_nodes(body)
    )


def _check_catching(scope: Scope, node: ast.Try | ast.TryStar, report: Report) -> None:
    if node.finalbody:
        message = "this finally also runs when the flow is put away, while people think; use c.run after the question"
        report(scope, node.finalbody[0], "finally-around-question", message, None)
    for handler in node.handlers:
        if handler.type is None or _is_base(handler.type):
            what = "a bare except" if handler.type is None else "except BaseException"
            message = (
                f"{what} catches that the flow is put away; catch RunFailed, or at most Exception"
            )
            report(scope, handler, "swallows-eviction", message, None)


def _is_base(node: ast.expr) -> bool:
    kinds = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(isinstance(kind, ast.Name) and kind.id == "BaseException" for kind in kinds)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
