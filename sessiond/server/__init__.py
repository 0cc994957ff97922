"""The composition root: builds everything out of the settings, and opens and closes it in order.

    logs → store → runtime (lease, actors, commits) → doors (HTTP and websocket, admin)

The one package that knows everybody; nothing imports it but the CLI and the test kit.
"""

from sessiond.server.accounts import hidden_paths
from sessiond.server.document import describe
from sessiond.server.node import EXIT_DRAINED, EXIT_LEASE_LOST, Bound, serve
from sessiond.server.stores import open_store

__all__ = [
    "EXIT_DRAINED",
    "EXIT_LEASE_LOST",
    "Bound",
    "describe",
    "hidden_paths",
    "open_store",
    "serve",
]
