"""sessiond as a process of its own, for the load: ``python -m tests.benchmarks.app_server JSON``.

The shipped server with the shipped settings, but: no rate limit and no silence limit, since one client stands for
thousands. Says ``ready PORT`` on standard output, and ``collected`` after each SIGUSR1, which collects garbage:
what is left then is held by something.
"""

import gc
import json
import os
import sys
from pathlib import Path
from signal import SIGUSR1
from typing import Any

import trio
from attrs import field, frozen

from sessiond import App, Session
from sessiond.config.gateways import GatewaySettings
from sessiond.config.settings import ListenSettings, RuntimeSettings, Settings, StoreSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.flows.conversation import Conversation
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.core.session.limits import SessionLimits
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.auth import AuthSettings
from sessiond.edges.http.webhooks import WebhookSettings
from sessiond.edges.websocket.limits import WebsocketLimits
from sessiond.gateways import nalo, whatsapp
from sessiond.runtime.awake import DEFAULT_AWAKE
from sessiond.server import serve
from tests.benchmarks.child import pin
from tests.benchmarks.order import order

__all__ = [
    "APP_SECRET",
    "AUTH",
    "DIAL_TOKEN",
    "HOOK_SECRET",
    "NUMBER_ID",
    "SESSION_KEYS",
    "Options",
    "app",
]

AUTH = AuthSettings(secret="benchmark-secret-of-more-than-32-bytes")
HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SESSION_KEYS = SessionKeySettings(secret="benchmark-secret-of-session-keys")

#: Of the accounts: ``/gateways/shop`` is WhatsApp's, ``/gateways/line`` Nalo's.
APP_SECRET = "benchmark-secret-of-the-meta-app"
NUMBER_ID = "100200300400500"
DIAL_TOKEN = "benchmark-token-of-dials"

app = App()


@app.on("echo")
async def echo(_session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """A turn that changes nothing: no write, nothing to wait for."""
    return payload


@app.on("count")
async def count(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """A gated turn: the answer says how many there were, and leaves when that is durable."""
    session.data["n"] = session.data.get("n", 0) + 1
    return {"n": session.data["n"], **payload}


@app.on("fill")
async def fill(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Make the session's data as large as the client says, in bytes."""
    session.data["text"] = os.urandom(payload["bytes"] // 2).hex()
    session.data["n"] = session.data.get("n", 0) + 1
    return {}


app.flow("order", takes_everything=True)(order)


@app.flow("notes", patterns=["note .*"])
async def notes(c: Conversation) -> None:
    """Keep whatever is said, in its order: the first as what began the flow, the others as answers."""
    number = 0
    while True:
        await c.ask(f"n{number}", "Noted.")
        number += 1


@frozen(kw_only=True)
class Options:
    """What a scenario decides."""

    store: str
    folder: str
    """For the admin socket; its path is short."""
    port: int = 0
    core: int | None = None
    """The one core it may use; ``None``: any."""
    window_seconds: float = 3600.0
    awake_dialogues: int = DEFAULT_AWAKE
    limits: dict[str, Any] = field(factory=dict)
    """Further session limits."""
    api_url: str = ""
    """Where WhatsApp's API is; empty: there are no accounts."""
    calls_per_second: float = 10_000
    """To WhatsApp."""

    def settings(self) -> Settings:
        """Make the server's settings."""
        return Settings(
            listen=ListenSettings(port=self.port),
            auth=AUTH,
            webhook=WebhookSettings(secrets=(HOOK_SECRET,)),
            websocket=WebsocketLimits(rate=None, silence_seconds=7200.0),
            store=StoreSettings(url=self.store),
            session_keys=SESSION_KEYS,
            gateways=_accounts(self.api_url, self.calls_per_second) if self.api_url else {},
            runtime=RuntimeSettings(awake_dialogues=self.awake_dialogues),
            session=SessionLimits(window_seconds=self.window_seconds, **self.limits),
            admin=AdminSettings(socket=Path(self.folder) / "admin.sock"),
        )


def _accounts(api_url: str, calls_per_second: float) -> dict[str, GatewaySettings]:
    shop = AccountSettings(
        gateway="whatsapp",
        calls_per_second=calls_per_second,
        recipient_calls_per_second=1000,
        recipient_burst=1000,
    )
    meta = whatsapp.WhatsAppSettings(
        phone_number_id=NUMBER_ID,
        access_token="benchmark-token-of-the-api",
        verify_token="benchmark-token-of-the-address",
        app_secrets=(APP_SECRET,),
        api_url=api_url,
    )
    line = nalo.NaloSettings(tokens=(DIAL_TOKEN,))
    return {
        "shop": GatewaySettings(account=shop, kind=whatsapp.KIND, own=meta),
        "line": GatewaySettings(account=AccountSettings(gateway="nalo"), kind=nalo.KIND, own=line),
    }


async def _collect(*, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(SIGUSR1) as signals:
        task_status.started()
        async for _ in signals:
            gc.collect()
            print("collected", flush=True)


async def main(options: Options) -> int:
    """Serve until SIGTERM."""
    async with trio.open_nursery() as nursery:
        await nursery.start(_collect)
        done = trio.Event()
        code = 0

        async def run(*, task_status: trio.TaskStatus[Any]) -> None:
            nonlocal code
            code = await serve(app, options.settings(), task_status=task_status)
            done.set()

        bound = await nursery.start(run)
        print("ready", bound.http[0].rpartition(":")[2], flush=True)
        await done.wait()
        nursery.cancel_scope.cancel()
    return code


if __name__ == "__main__":
    chosen = Options(**json.loads(sys.argv[1]))
    pin(chosen.core)
    sys.exit(trio.run(main, chosen))
