"""The HTTP doors of a server, and the routes of all of them with those that no door has.

The latter are the websocket's path, for whoever sends it a plain GET, and the document that describes the others.
"""

from collections.abc import Callable, Iterable

from attrs import frozen

from sessiond import __version__
from sessiond.app import App
from sessiond.config.settings import Settings
from sessiond.edges.http.chat import ChatDoor
from sessiond.edges.http.health import Health
from sessiond.edges.http.openapi import with_description
from sessiond.edges.http.router import Route
from sessiond.edges.http.webhooks import Webhooks
from sessiond.edges.websocket.plain import OPERATION, answer_plain
from sessiond.edges.websocket.upgrade import PATH
from sessiond.runtime.node import NodeRuntime
from sessiond.server.accounts import open_door
from sessiond.server.simulated import open_simulator

__all__ = ["PublicRoutes", "public_routes", "with_own"]


@frozen
class PublicRoutes:
    """What is served to whoever reaches the port."""

    described: tuple[Route, ...]
    """Of the doors, and our own: what there is to describe."""
    unsaid: tuple[Route, ...]
    """Of the simulator: a page for people, and nobody's interface."""
    warnings: tuple[str, ...]
    """What an operator should know of the doors."""


def public_routes(
    app: App, settings: Settings, runtime: NodeRuntime, *, metrics: Callable[[], bytes]
) -> PublicRoutes:
    """Make the doors to *runtime*; *metrics* gives the page of metrics.

    Raises:
      InvalidInput: a setting of a door is unusable.

    """
    webhooks = Webhooks(
        settings.webhook,
        hooks=app.hooks,
        intake=runtime.intake,
        directory=runtime.directory,
        clock=runtime.clock,
    )
    chat = ChatDoor(
        settings.chat,
        keys=settings.session_keys,
        directory=runtime.directory,
        clock=runtime.clock,
        entropy=runtime.entropy,
    )
    health = Health(settings.health, not_ready=runtime.not_ready, metrics=metrics)
    gateways = open_door(settings, runtime)
    words = (word for route in app.routes for word in route.words)
    simulator = open_simulator(settings, runtime.clock, words)
    doors = (*health.routes(), *webhooks.routes(), *chat.routes(), *gateways.routes())
    unsaid = () if simulator is None else simulator.routes()
    return PublicRoutes(with_own(doors), unsaid, webhooks.warnings)


def with_own(doors: Iterable[Route]) -> tuple[Route, ...]:
    """Add to the routes of *doors* those of the server itself."""
    websocket = Route("GET", PATH, answer_plain, describes=OPERATION)
    return with_description((*doors, websocket), __version__)
