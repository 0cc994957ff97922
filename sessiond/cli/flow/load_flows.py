"""``MODULE[:FLOW]``: import the flows that a command names.

*FLOW* is a flow's name in the module's app, the function of one, a ``Flow``, or an app.
"""

import inspect
from types import ModuleType
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from sessiond.cli.load_app import load_module
from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.flow import Flow

if TYPE_CHECKING:
    from sessiond.app import App

__all__ = ["LoadedFlows", "load_flows"]


@frozen
class LoadedFlows:
    """Flows by name, and how their app starts them; *routes* ``None``: there is no app."""

    flows: dict[str, Flow]
    routes: tuple[Route, ...] | None
    routing: RoutingSettings
    only: str = ""
    """The flow that was named; empty: all of them."""


def load_flows(target: str) -> LoadedFlows:
    """Import the flows called *target*; the current directory is searched first.

    Raises:
      InvalidInput: the module cannot be imported, or has no such flow.

    """
    module_name, separator, name = target.partition(":")
    if not module_name or (separator and not name):
        raise InvalidInput(f"{target!r} is not MODULE or MODULE:FLOW, like shop or shop:order")
    module = load_module(module_name)
    return _named(module, name) if name else _all(module)


def _all(module: ModuleType) -> LoadedFlows:
    app = _app_of(module)
    if app is not None:
        return _of_app(app)
    flows = {one.name: one for one in vars(module).values() if isinstance(one, Flow)}
    if not flows:
        raise InvalidInput(f"module {module.__name__!r} has no App and no Flow")
    return LoadedFlows(flows, None, RoutingSettings())


def _named(module: ModuleType, name: str) -> LoadedFlows:
    from sessiond.app import App

    found = getattr(module, name, None)
    if isinstance(found, App):
        return _of_app(found)
    app = _app_of(module)
    if app is not None:
        for flow in app.flows.values():
            if flow is found or flow.function is found or flow.name == name:
                return evolve(_of_app(app), only=flow.name)
    if isinstance(found, Flow):
        return LoadedFlows({found.name: found}, None, RoutingSettings(), found.name)
    if inspect.iscoroutinefunction(found):
        flow = Flow(name=name, function=found)
        return LoadedFlows({name: flow}, None, RoutingSettings(), name)
    known = "" if app is None else f"; its app has {', '.join(app.flows) or 'none'}"
    raise InvalidInput(f"module {module.__name__!r} has no flow called {name!r}{known}")


def _app_of(module: ModuleType) -> "App | None":
    from sessiond.app import App

    found = getattr(module, "app", None)
    if isinstance(found, App):
        return found
    return next((one for one in vars(module).values() if isinstance(one, App)), None)


def _of_app(app: "App") -> LoadedFlows:
    if not app.flows:
        raise InvalidInput("the app has no flows")
    return LoadedFlows(app.flows, tuple(app.routes), app.routing)
