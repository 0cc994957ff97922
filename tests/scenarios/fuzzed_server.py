"""A server process with every HTTP door open, to be fuzzed; arguments: store URL, port, admin socket."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import trio

from sessiond import App, Conversation, RoutingSettings, Session
from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.config.gateways import GatewaySettings
from sessiond.config.settings import ListenSettings, Settings, StoreSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.auth import AuthSettings
from sessiond.edges.http.chat import ChatSettings
from sessiond.edges.http.health import HealthSettings
from sessiond.edges.http.webhooks import WebhookSettings
from sessiond.server import serve

HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHAT_TOKEN = "chat-token-of-the-fuzzer-0123456789"
METRICS_TOKEN = "metrics-token-of-the-fuzzer-0123456789"
GATEWAY_TOKEN = "gateway-token-of-the-fuzzer-0123456789"
VERIFY_TOKEN = "verify-token-of-the-fuzzer-0123456789"
APP_SECRET = "app-secret-of-the-fuzzer-0123456789"

app = App(routing=RoutingSettings(reset_words={}, greetings={}))
taken: Counter[str] = Counter()


@app.on_webhook("json")
async def accept(_session: Session, _payload: Any) -> None:
    """Count it, after it was accepted."""
    taken["json"] += 1


@app.on_webhook("echo", wait=True)
async def echo(_session: Session, payload: Any) -> Any:
    """Count it while the sender waits, and give it back."""
    taken["echo"] += 1
    return {"payload": payload}


@app.on_webhook("taken", wait=True)
async def tell(_session: Session, _payload: Any) -> Any:
    """Tell how many there were."""
    return dict(taken)


def add_parrot(gateway: str) -> None:
    """Say what is said on *gateway*, and end."""

    @app.flow(f"parrot-{gateway}", takes_everything=True, gateways=[gateway])
    async def parrot(c: Conversation) -> None:
        taken[gateway] += 1
        await c.say(await c.ask("word", "Say something."))


#: Of doors that are answered with what the flow says, and of those that are only accepted.
ANSWERING = {"chat", "nalo", "nsano", "africastalking", "http"}
CALLING = {"whatsapp", "telegram", "twilio"}
for one in ANSWERING | CALLING:
    add_parrot(one)


def accounts(provider: str) -> dict[str, GatewaySettings]:
    """Make an account of each kind, called as its kind; what is called at *provider* need not be there."""
    own: dict[str, dict[str, Any]] = {
        "nalo": {"tokens": (GATEWAY_TOKEN,)},
        "nsano": {"tokens": (GATEWAY_TOKEN,)},
        "africastalking": {"tokens": (GATEWAY_TOKEN,), "method": "GET"},
        "whatsapp": {
            "phone_number_id": "106540352242922",
            "access_token": "access",
            "verify_token": VERIFY_TOKEN,
            "app_secrets": (APP_SECRET,),
            "api_url": provider,
        },
        "telegram": {
            "bot_token": f"1:{GATEWAY_TOKEN}",
            "secret_tokens": (GATEWAY_TOKEN,),
            "api_url": provider,
        },
        "twilio": {
            "account_sid": f"AC{0:032}",
            "auth_tokens": (GATEWAY_TOKEN,),
            "sender": "+14155238886",
            "api_url": provider,
        },
        "http": {"tokens": (GATEWAY_TOKEN,)},
    }
    return {
        name: GatewaySettings(
            account=AccountSettings(gateway=name),
            kind=kind,
            own=kind.settings(name=name, **own[name]),
        )
        for name, kind in BUILT_IN.items()
    }


def settings(store: str, port: int, admin: Path) -> Settings:
    """Make the settings: every door open, to those who have the credentials, and no rate that a fuzzer meets."""
    return Settings(
        listen=ListenSettings(port=port),
        auth=AuthSettings(secret="fuzz-test-secret-of-more-than-32-bytes"),
        webhook=WebhookSettings(secrets=(HOOK_SECRET,)),
        chat=ChatSettings(tokens=(CHAT_TOKEN,), rate_per_second=1e6, rate_burst=1e6),
        health=HealthSettings(metrics_token=METRICS_TOKEN),
        session_keys=SessionKeySettings(secret="a session key of the fuzzer"),
        store=StoreSettings(url=store),
        admin=AdminSettings(socket=admin),
        gateways=accounts(f"http://127.0.0.1:{port}/provider"),
    )


if __name__ == "__main__":
    store, port, admin = sys.argv[1:]
    sys.exit(trio.run(serve, app, settings(store, int(port), Path(admin))))
