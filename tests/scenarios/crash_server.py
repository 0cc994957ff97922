"""A server process for the scenarios; arguments: store URL, port, admin socket, node name, lease in seconds, and
the store's durability if it is another than usual.
"""

import sys
from pathlib import Path

import trio

from sessiond.config.settings import (
    Durability,
    ListenSettings,
    NodeSettings,
    Settings,
    StoreSettings,
)
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.auth import AuthSettings
from sessiond.edges.http.webhooks import WebhookSettings
from sessiond.server import serve
from tests.scenarios.crash_app import app

AUTH = AuthSettings(secret="crash-test-secret-of-more-than-32-bytes")
HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def settings(
    store: str,
    port: int,
    admin: Path,
    node: NodeSettings,
    durability: Durability = Durability.PRIMARY,
) -> Settings:
    """Make the settings of one run."""
    return Settings(
        listen=ListenSettings(port=port),
        auth=AUTH,
        webhook=WebhookSettings(secrets=(HOOK_SECRET,)),
        store=StoreSettings(url=store, timeout_seconds=1.0, durability=durability),
        admin=AdminSettings(socket=admin),
        node=node,
    )


if __name__ == "__main__":
    store, port, admin, name, lease, *level = sys.argv[1:]
    node = NodeSettings(name=name, lease_seconds=float(lease))
    durability = Durability(level[0]) if level else Durability.PRIMARY
    sys.exit(trio.run(serve, app, settings(store, int(port), Path(admin), node, durability)))
