"""Flows checked without files: the source is a text, and its names are those of a module that was made of it."""

from __future__ import annotations

import linecache
import textwrap
from typing import TYPE_CHECKING, Any

from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.flow_check.app import Checked, check_flows
from sessiond.core.flow_check.platforms import Page
from sessiond.core.flows.flow import Flow
from sessiond.core.flows.translations import NO_TRANSLATIONS, Translations
from sessiond.core.rendering.gsm import PageLimits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sessiond.core.flow_check.findings import Finding

FILE = "shop.py"
PAGE = Page("line", PageLimits(140))
HEAD = "from sessiond import Conversation, InvalidAnswer, Layout, Option, RunFailed\n"


def module(source: str, path: str = FILE) -> tuple[str, dict[str, Any]]:
    """Make a module of *source*; returns its text and its names."""
    text = HEAD + textwrap.dedent(source)
    names: dict[str, Any] = {"__name__": "shop"}
    linecache.cache.pop(path, None)
    exec(compile(text, path, "exec"), names)
    return text, names


def check(
    source: str,
    *,
    translations: Translations = NO_TRANSLATIONS,
    platforms: Iterable[str] = (),
    routes: Iterable[Route] | None = None,
    others: Mapping[str, str] | None = None,
    page: Page = PAGE,
) -> list[Finding]:
    """Check the function ``flow`` of *source* (and every ``Flow`` in it); nothing is said of how it is started."""
    text, names = module(source)
    flows = {one.name: one for one in names.values() if isinstance(one, Flow)}
    if "flow" in names:
        flows["flow"] = Flow(name="flow", function=names["flow"], translations=translations)
    if routes is None:
        routes = [Route(flow=name, words=(name,)) for name in flows]
    files = {FILE: text, **(others or {})}
    checked = Checked(flows, routes, RoutingSettings(), tuple(platforms), page=page)
    return check_flows(checked, files.get)


def said(source: str, **options: Any) -> list[tuple[int, str]]:
    """Tell line (of *source*, from 1) and code of everything that is found."""
    blank = len(textwrap.dedent(source)) - len(textwrap.dedent(source).lstrip("\n"))
    return [(one.line - 1 - blank, one.code) for one in check(source, **options)]


def codes(source: str, **options: Any) -> list[str]:
    """Tell the codes of what is found."""
    return [one.code for one in check(source, **options)]
