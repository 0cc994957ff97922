"""The OpenAPI document of a server that does not run."""

from collections.abc import Container
from contextlib import AsyncExitStack
from typing import Any

from sessiond import __version__
from sessiond.app import App
from sessiond.config import Settings
from sessiond.edges.http.openapi import openapi
from sessiond.server.node import Node
from sessiond.server.stores import ArrivingStore

__all__ = ["describe"]


async def describe(app: App, settings: Settings, *, without: Container[str] = ()) -> dict[str, Any]:
    """Return the document of the server that these would make: its doors are built, and nothing is opened.

    It is the operator's: the accounts of gateways are in it, which a server does not tell everybody who asks. The
    paths *without* are not.

    Raises:
      InvalidInput: a setting is unusable.

    """
    node = Node(app, settings, ArrivingStore(settings.store, AsyncExitStack()), "")
    routes = [route for route in node.public.described if route.pattern not in without]
    return openapi(routes, __version__)
