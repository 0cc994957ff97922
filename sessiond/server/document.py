"""The OpenAPI document of a server that does not run."""

from contextlib import AsyncExitStack
from typing import Any

from sessiond import __version__
from sessiond.app import App
from sessiond.config import Settings
from sessiond.edges.http.openapi import openapi
from sessiond.server.node import Node
from sessiond.server.stores import ArrivingStore

__all__ = ["describe"]


async def describe(app: App, settings: Settings) -> dict[str, Any]:
    """Return the document of the server that these would make: its doors are built, and nothing is opened.

    Raises:
      InvalidInput: a setting is unusable.

    """
    node = Node(app, settings, ArrivingStore(settings.store, AsyncExitStack()), "")
    return openapi(node.public.described, __version__)
