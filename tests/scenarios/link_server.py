"""A server process whose people link themselves, with the flow that docs/howto/link-identities.md shows; arguments:
those of crash_server up to the admin socket, then the token of the USSD account ``line``.
"""

import sys
from pathlib import Path
from typing import Any

import trio
from attrs import evolve

from sessiond import App, Conversation
from sessiond.config.load import load_settings
from sessiond.config.settings import NodeSettings
from sessiond.server import serve
from tests.docs.pages import captioned, fenced
from tests.scenarios.crash_server import settings

PAGE = "howto/link-identities.md"


def make_app() -> App:
    """The app of the page, and a flow that asks whether to order or to link."""
    names: dict[str, Any] = {}
    exec(captioned(PAGE, "link.py"), names)
    app: App = names["app"]

    @app.flow("home", takes_everything=True)
    async def home(c: Conversation) -> None:
        if "link" == await c.select("what", "What now?", {"order": "Order", "link": "Link"}):
            await names["link"](c)
            return
        item = await c.ask("item", "Which item?")
        count = await c.ask("count", "How many?", parse=int)
        await c.say(f"{count} {item}.")

    return app


def boundaries(folder: Path, token: str) -> dict[str, Any]:
    """The settings that the page shows for a conversation that goes on across platforms, and a USSD account."""
    (shown,) = fenced(PAGE, "toml")
    file = folder / "line.toml"
    file.write_text(f"""{shown}
secret = "what openssl rand -base64 32 prints"

[gateways.line]
gateway = "nalo"
tokens = ["{token}"]
""")
    loaded = load_settings(files=[file], environment={})
    return {"session_keys": loaded.session_keys, "gateways": loaded.gateways}


if __name__ == "__main__":
    store, port, admin, token = sys.argv[1:]
    plain = settings(store, int(port), Path(admin), NodeSettings(name="node-1"))
    changes = boundaries(Path(admin).parent, token)
    sys.exit(trio.run(serve, make_app(), evolve(plain, **changes)))
