"""The check of an app: all of its flows, and what starts them."""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from attrs import define, field, frozen

from sessiond.core.conversations.routing import Route, RouteTable, RoutingSettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flow_check.awaits import check_awaits
from sessiond.core.flow_check.findings import RULES, Finding, Severity
from sessiond.core.flow_check.paths import QUESTIONS, Walk
from sessiond.core.flow_check.platforms import PLATFORMS, Page, Shown, problems
from sessiond.core.flow_check.scope import Scope
from sessiond.core.flow_check.source import FunctionSource, SourceFile, SourceFiles
from sessiond.core.flow_check.step_lists import check_step, line_of_step, msgids, shown_by
from sessiond.core.flow_check.wording import check_sentence, missing_texts, sentences
from sessiond.core.flow_check.words import Label, Words, argument, labels_of, words_of
from sessiond.core.flows.flow import Flow
from sessiond.core.flows.prompts import Layout

__all__ = ["Checked", "check_flows"]


@frozen
class Checked:
    """What is looked at: the flows of an app by name, what starts them, and the platforms that they are for."""

    flows: Mapping[str, Flow]
    routes: Iterable[Route] | None = None
    """``None``: there is no app, and nothing is known of how they start."""
    routing: RoutingSettings = field(factory=RoutingSettings)
    platforms: Collection[str] = PLATFORMS
    page: Page = field(kw_only=True)
    """What fits on a page of USSD."""


def check_flows(
    checked: Checked, read: Callable[[str], str | None], *, only: str = ""
) -> list[Finding]:
    """Check the flows of an app (*only* the one of this name), in the order of their lines.

    *read* gives a source file's text, or ``None``. Findings that a comment allows are left out.
    """
    files = SourceFiles(read)
    routes = list(checked.routes or ())
    found: dict[tuple[str, int, str, str], Finding] = {}
    places: dict[str, tuple[str, int]] = {}
    for flow in checked.flows.values():
        if only in {"", flow.name}:
            check = _Check(flow, files, _platforms(flow, routes, checked.platforms), checked.page)
            for finding in check.findings(None if checked.routes is None else routes):
                found.setdefault(finding.identity, finding)
            places[flow.name] = check.place
    clashes = () if only else _clashes(checked, routes, places)
    return sorted([*found.values(), *clashes], key=_order)


def _order(one: Finding) -> tuple[str, int, str, str, str]:
    return one.file, one.line, one.severity, one.code, one.message


def _platforms(flow: Flow, routes: Iterable[Route], wanted: Collection[str]) -> Collection[str]:
    """Tell where a flow can be: where its routes are, if all of them say."""
    own = [route.platforms for route in routes if route.flow == flow.name]
    if not own or not all(own):
        return wanted
    return [one for one in wanted if any(one in platforms for platforms in own)]


def _clashes(
    checked: Checked, routes: list[Route], places: Mapping[str, tuple[str, int]]
) -> Iterator[Finding]:
    try:
        RouteTable(routes, checked.routing)
    except InvalidInput as error:
        severity = RULES["start-clash"].severity
        for problem in str(error).split("; "):
            named = [place for name, place in places.items() if f'"{name}"' in problem]
            file, line = max(named, default=("app", 0))
            yield Finding(file, line, "start-clash", problem, severity)


@define
class _Check:
    """The check of one flow."""

    flow: Flow
    files: SourceFiles
    platforms: Collection[str]
    page: Page
    found: list[Finding] = field(init=False, factory=list)
    place: tuple[str, int] = field(init=False, default=("app", 0))
    """Where the flow is written."""

    def findings(self, routes: Iterable[Route] | None) -> Iterator[Finding]:
        """Find everything, but what is allowed where it is."""
        file, line = self._steps() if self.flow.steps else self._code()
        if file is not None:
            self.place = file.path, line
            if routes is not None:
                self._check_starts(file, line, routes)
            for text in missing_texts(self.flow.texts, self.flow.translations):
                self._add(file, line, "missing-translation", text)
        yield from self.found

    # Flows that are code

    def _code(self) -> tuple[SourceFile | None, int]:
        source = self.files.function(self.flow.function)
        if source is None or not source.parameters:
            self._unread(getattr(self.flow.function, "__module__", "app"))
            return None, 0
        self._walk(source)
        return source.file, source.node.lineno

    def _walk(self, source: FunctionSource) -> None:
        walk = Walk(self.files, self._report)
        walk.flow(source, source.parameters[0])
        for scope in walk.scopes:
            check_awaits(scope, self._report)
            for node, text in sentences(scope):
                for code, message in check_sentence(text, self.flow.translations):
                    self._report(scope, node, code, message, None)
            self._check_allowances(scope.source.file)
        for scope, call, method in walk.visited:
            self._check_shown(scope, call, method)

    def _check_shown(self, scope: Scope, call: ast.Call, method: str) -> None:
        shown = _shown(scope, call, method, self.flow)
        if shown is None:
            return
        if method == "select" and shown.labels == []:
            self._report(scope, call, "no-choices", "this select has nothing to choose from", None)
        for code, message in self._problems(shown):
            self._report(scope, call, code, message, None)

    def _report(
        self, scope: Scope, node: ast.AST, code: str, message: str, severity: Severity | None
    ) -> None:
        self._add(scope.source.file, getattr(node, "lineno", 0), code, message, severity)

    # Flows that are lists of steps

    def _steps(self) -> tuple[SourceFile | None, int]:
        path, _, number = self.flow.made_at.rpartition(":")
        file = self.files.file(path)
        if file is None:
            self._unread(path or "app")
            return None, 0
        for step in self.flow.steps:
            line = line_of_step(step, file) or int(number)
            for code, message in check_step(step):
                self._add(file, line, code, message)
            for text in msgids(step):
                for code, message in check_sentence(text, self.flow.translations):
                    self._add(file, line, code, message)
            shown = shown_by(step)
            if shown is not None:
                for code, message in self._problems(shown):
                    self._add(file, line, code, message)
        self._check_allowances(file)
        if self.flow.complete is not None:
            source = self.files.function(self.flow.complete)
            if source is not None and source.parameters:
                self._walk(source)
        return file, int(number)

    # All flows

    def _problems(self, shown: Shown) -> Iterator[tuple[str, str]]:
        return problems(shown, self.platforms, self.flow.translations, self.page)

    def _check_starts(self, file: SourceFile, line: int, routes: Iterable[Route]) -> None:
        if not any(route.flow == self.flow.name for route in routes):
            self._add(
                file,
                line,
                "never-started",
                f"nothing starts flow {self.flow.name!r} but who names it: a client, or session.start_flow;"
                " say starts_on=[…]",
            )

    def _check_allowances(self, file: SourceFile) -> None:
        for line, codes in file.allowances.items():
            for code in sorted(codes - RULES.keys()):
                self._add(file, line, "unknown-allow", f"there is no {code!r} to allow")

    def _unread(self, where: str) -> None:
        message = f"the source of flow {self.flow.name!r} cannot be read: nothing is known of it"
        severity = RULES["no-source"].severity
        self.found.append(Finding(where, 0, "no-source", message, severity, self.flow.name))

    def _add(
        self, file: SourceFile, line: int, code: str, message: str, severity: Severity | None = None
    ) -> None:
        if code not in file.allowed.get(line, ()):
            severity = severity or RULES[code].severity
            self.found.append(Finding(file.path, line, code, message, severity, self.flow.name))


def _shown(scope: Scope, call: ast.Call, method: str, flow: Flow) -> Shown | None:
    """Tell what a call of the conversation shows; ``None``: nothing."""
    if method == "say":
        return Shown(words_of(argument(call, 0, "text"), scope))
    if method not in QUESTIONS:
        return None
    words = words_of(argument(call, 1, "text"), scope)
    match method:
        case "select":
            layout = scope.value(argument(call, 99, "layout"))
            labels = labels_of(argument(call, 2, "options"), scope)
            return Shown(words, labels, layout if isinstance(layout, Layout) else Layout.AUTO)
        case "ask":
            return Shown(words, labels_of(argument(call, 99, "choices"), scope))
        case "confirm":
            own = [argument(call, 99, name) for name in ("yes", "no")]
            usual = [Words(text, is_msgid=True) for text in (flow.texts.yes, flow.texts.no)]
            labels = [
                Label(other if one is None else words_of(one, scope), Words(""))
                for one, other in zip(own, usual, strict=True)
            ]
            return Shown(words, labels)
        case _:
            return Shown(words)
