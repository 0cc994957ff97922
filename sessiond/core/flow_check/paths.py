"""Paths: every way through a flow, with the keys that were asked on it.

The walk goes through the statements as the interpreter would, both ways at each fork, twice round each loop, and into
functions that are given the conversation. A key that was asked on *every* way here is an error when it is asked again,
one that was asked on *some* way is a warning: nobody knows whether that way can be gone.
"""

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from sessiond.core.flow_check.findings import Severity
from sessiond.core.flow_check.scope import (
    UNKNOWN,
    Key,
    Scope,
    assigned_names,
    base_name,
    changed_names,
    own_nodes,
)
from sessiond.core.flow_check.source import FunctionSource, SourceFiles, plain_function

__all__ = ["NAMED", "OPERATIONS", "QUESTIONS", "Report", "Walk"]

QUESTIONS: Final = frozenset({"ask", "select", "confirm", "attachment", "location", "contact"})
NAMED: Final = QUESTIONS | {"run"}
OPERATIONS: Final = NAMED | {"say", "go_back", "restart", "end"}

#: Functions within functions within functions: deeper ones are not looked into.
_MAX_DEPTH: Final = 8

Report = Callable[[Scope, ast.AST, str, str, Severity | None], None]


@frozen
class _State:
    """What was asked before here: on every way, and on any way (with its line)."""

    every: frozenset[Key] = frozenset()
    some: frozenset[Key] = frozenset()
    returned: bool = False
    """The flow has gone back: it begins again, and does not come here unless there was nothing to go back to."""


def _join(states: Iterable[_State | None]) -> _State | None:
    alive = [state for state in states if state is not None]
    if not alive:
        return None
    coming = [state for state in alive if not state.returned] or alive
    every, some = coming[0].every, coming[0].some
    for state in coming[1:]:
        every, some = every & state.every, some | state.some
    return _State(every, some, coming[0].returned)


class Walk:
    """One flow. *visited* are the calls of the conversation, each in the scope that it was met in."""

    def __init__(self, files: SourceFiles, report: Report) -> None:
        self.visited: list[tuple[Scope, ast.Call, str]] = []
        self.scopes: list[Scope] = []
        """Every function that was walked through, once."""
        self._files = files
        self._report = report
        self._scope: Scope
        self._calls: list[tuple[Scope, ast.Call]] = []
        """How the walk came into this function."""
        self._returns: list[_State | None] = []
        self._breaks: list[_State | None] = []
        self._continues: list[_State | None] = []
        self._asked: list[set[Key]] = []
        """What was asked since the ``try`` blocks that are open began."""
        self._sites: dict[Key, list[ast.Call]] = {}
        """Where each key was asked first: by which calls, the question itself last."""

    def flow(self, source: FunctionSource, conversation: str) -> None:
        """Walk through a flow from its first line."""
        self._function(Scope(source, {conversation}), _State())

    def _function(self, scope: Scope, state: _State) -> _State | None:
        node = scope.source.node
        if all(known.source.node is not node for known in self.scopes):
            self.scopes.append(scope)
        before = getattr(self, "_scope", None), self._returns, self._breaks, self._continues
        self._scope, self._returns, self._breaks, self._continues = scope, [], [], []
        end = _join([self._block(node.body, state), *self._returns])
        outer, self._returns, self._breaks, self._continues = before
        if outer is not None:
            self._scope = outer
        return end

    # Statements

    def _block(self, body: Sequence[ast.stmt], state: _State | None) -> _State | None:
        for number, statement in enumerate(body):
            if state is None:
                self._dead(body[number:])
                return None
            state = self._statement(statement, state)
        return state

    def _dead(self, body: Sequence[ast.stmt]) -> None:
        for node in own_nodes(body):
            method = self._scope.method(node)
            if method in OPERATIONS:
                self._report(
                    self._scope, node, "unreachable", f"nobody comes to this c.{method}", None
                )
                return

    def _statement(self, node: ast.stmt, state: _State) -> _State | None:
        special = getattr(self, f"_{type(node).__name__.lower()}", None)
        if special is not None:
            found: _State | None = special(node, state)
            return found
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return state
        return self._killed(self._inside(node, state), changed_names(node))

    def _return(self, node: ast.Return, state: _State) -> None:
        self._returns.append(self._expression(node.value, state))

    def _raise(self, node: ast.Raise, state: _State) -> None:
        self._inside(node, state)

    def _break(self, _: ast.Break, state: _State) -> None:
        self._breaks.append(state)

    def _continue(self, _: ast.Continue, state: _State) -> None:
        self._continues.append(state)

    def _if(self, node: ast.If, state: _State) -> _State | None:
        tested = self._expression(node.test, state)
        return _join([self._block(node.body, tested), self._block(node.orelse, tested)])

    def _match(self, node: ast.Match, state: _State) -> _State | None:
        subject = self._expression(node.subject, state)
        ends = [
            self._block(case.body, self._killed(subject, assigned_names([case.pattern])))
            for case in node.cases
        ]
        return _join([*ends, None if _takes_everything(node.cases[-1]) else subject])

    def _while(self, node: ast.While, state: _State) -> _State | None:
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return self._loop(
            node, state, lambda before: self._expression(node.test, before), ends=not endless
        )

    def _for(self, node: ast.For | ast.AsyncFor, state: _State) -> _State | None:
        begun = self._expression(node.iter, state)
        names = assigned_names([node.target])
        return begun and self._loop(node, begun, lambda before: self._killed(before, names))

    _asyncfor = _for

    def _loop(
        self,
        node: ast.While | ast.For | ast.AsyncFor,
        state: _State,
        head: Callable[[_State | None], _State | None],
        *,
        ends: bool = True,
    ) -> _State | None:
        outer = self._breaks, self._continues
        self._breaks = []
        heads: list[_State | None] = []
        before: _State | None = state
        for _ in range(2):
            if before is None:
                break
            self._continues = []
            before = head(before)
            heads.append(before)
            before = _join([self._block(node.body, before), *self._continues])
        after = _join([*heads, before]) if ends else None
        if after is not None:
            after = self._block(node.orelse, after)
        end = _join([after, *self._breaks])
        self._breaks, self._continues = outer
        return end

    def _try(self, node: ast.Try | ast.TryStar, state: _State) -> _State | None:
        asked: set[Key] = set()
        self._asked.append(asked)
        tried = self._block(node.body, state)
        self._asked.pop()
        broken = evolve(state, some=state.some | asked)
        ends = [self._block(handler.body, broken) for handler in node.handlers]
        end = _join([self._block(node.orelse, tried) if node.orelse else tried, *ends])
        if not node.finalbody:
            return end
        final = self._block(node.finalbody, end or broken)
        return None if end is None else final

    _trystar = _try

    def _with(self, node: ast.With | ast.AsyncWith, state: _State) -> _State | None:
        entered: _State | None = state
        for item in node.items:
            entered = self._expression(item.context_expr, entered)
        return self._block(node.body, self._killed(entered, assigned_names(node.items)))

    _asyncwith = _with

    def _killed(self, state: _State | None, names: set[str]) -> _State | None:
        """Forget keys that are made of *names*: they are other ones now."""
        if state is None or not names:
            return state
        number = self._scope.number
        gone = {
            key
            for key in state.some
            if not isinstance(key, str) and any((number, name) in key.names for name in names)
        }
        return evolve(state, every=state.every - gone, some=state.some - gone) if gone else state

    # Expressions

    def _expression(self, node: ast.AST | None, state: _State | None) -> _State | None:
        match node:
            case None | ast.Lambda():
                return state
            case ast.Call():
                return self._call(node, self._inside(node, state))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                tested = self._expression(test, state)
                return _join([self._expression(body, tested), self._expression(orelse, tested)])
            case ast.BoolOp(values=[first, *others]):
                states = [self._expression(first, state)]
                for other in others:
                    states.append(self._expression(other, states[-1]))
                return _join(states)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._comprehension(node, state)
            case ast.NamedExpr(target=target, value=value):
                return self._killed(self._expression(value, state), {target.id})
            case _:
                return self._inside(node, state)

    def _inside(self, node: ast.AST, state: _State | None) -> _State | None:
        for child in ast.iter_child_nodes(node):
            state = self._expression(child, state)
        return state

    def _comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
        state: _State | None,
    ) -> _State | None:
        first, *others = node.generators
        names = assigned_names([one.target for one in node.generators])
        parts = [*first.ifs, *(part for one in others for part in (one.iter, *one.ifs))]
        parts += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        states = [self._expression(first.iter, state)]
        for _ in range(2):
            after = self._killed(states[-1], names)
            for part in parts:
                after = self._expression(part, after)
            states.append(after)
        return _join(states)

    def _call(self, node: ast.Call, state: _State | None) -> _State | None:
        if state is None:
            return None
        method = self._scope.method(node)
        if method:
            self.visited.append((self._scope, node, method))
            return self._operation(node, method, state)
        inner = self._called(node)
        if inner is None:
            # ``items.append(...)``: whatever is made of ``items`` may be something else now.
            return self._killed(state, base_name(node.func) - self._scope.conversations)
        self._calls.append((self._scope, node))
        end = self._function(inner, state)
        self._calls.pop()
        return end

    def _operation(self, node: ast.Call, method: str, state: _State) -> _State | None:
        if method in {"end", "restart"}:
            return None
        if method == "go_back":
            return evolve(state, returned=True)
        if method not in NAMED:
            return state
        given = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "key")]
        key = self._scope.key(given[0]) if given else None
        if key is None:
            return state
        if not state.returned:
            self._check_repeated(node, key, state)
        self._sites.setdefault(key, [*(call for _, call in self._calls), node])
        for asked in self._asked:
            asked.add(key)
        return evolve(state, every=state.every | {key}, some=state.some | {key})

    def _check_repeated(self, node: ast.Call, key: Key, state: _State) -> None:
        if key not in state.some:
            return
        name = repr(str(key)) if isinstance(key, str) else key.text.partition(" with ")[0]
        certain = key in state.every
        how = "again" if certain else "again on some way"
        first, sites = self._sites[key], [*self._calls, (self._scope, node)]
        if [call for _, call in sites] == first:
            scope, place = self._scope, node
            where, right = "in a loop", "make it of what changes"
        else:
            scope, place = sites[0] if len(first) > 1 else (self._scope, node)
            where, right = f"after line {first[0].lineno}", "give each question its own"
        message = f"the key {name} is used {how}, {where}; {right}"
        self._report(scope, place, "repeated-key", message, None if certain else Severity.WARNING)

    # Functions of the flow's own

    def _called(self, node: ast.Call) -> Scope | None:
        """Find the function that is called with the conversation, as a scope of its own."""
        scope = self._scope
        nested = self._nested(node.func)
        if nested is not None:
            owner, source = nested
            return self._entered(source, node, owner)
        if not scope.mentions_conversation(node):
            return None
        function = scope.value(node.func)
        if function is UNKNOWN or plain_function(function) is None or isinstance(function, type):
            return None
        found = self._files.function(function)
        return None if found is None else self._entered(found, node, None)

    def _nested(self, node: ast.expr) -> tuple[Scope, FunctionSource] | None:
        owner: Scope | None = self._scope
        while isinstance(node, ast.Name) and owner is not None:
            found = owner.nested.get(node.id)
            if found is not None:
                source = owner.source
                return owner, FunctionSource(source.file, found, source.globals)
            owner = owner.outer
        return None

    def _entered(self, source: FunctionSource, node: ast.Call, outer: Scope | None) -> Scope | None:
        running = [self._scope, *(scope for scope, _ in self._calls)]
        if len(running) > _MAX_DEPTH or any(one.source.node is source.node for one in running):
            return None
        given: dict[str, ast.expr] = {
            name: one
            for name, one in zip(source.parameters, node.args, strict=False)
            if not isinstance(one, ast.Starred)
        }
        given |= {one.arg: one.value for one in node.keywords if one.arg is not None}
        conversations = {name for name, one in given.items() if self._scope.is_conversation(one)}
        if not conversations and outer is None:
            return None
        bindings: dict[str, Any] = {}
        for name, one in given.items():
            value = self._scope.value(one)
            known = self._scope.key(one) if value is UNKNOWN else value
            if known is not None and name not in conversations:
                bindings[name] = known
        return Scope(source, conversations, bindings, outer)


def _takes_everything(case: ast.match_case) -> bool:
    pattern = case.pattern
    return case.guard is None and isinstance(pattern, ast.MatchAs) and pattern.pattern is None
