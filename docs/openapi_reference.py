"""The OpenAPI document that is among the reference pages; docs/generate.py writes it."""

import json
from typing import Any

import trio

from sessiond.app import App
from sessiond.config import Settings
from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.config.gateways import GatewaySettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.edges.http.chat import ChatSettings
from sessiond.edges.http.health import HealthSettings
from sessiond.server import describe

TOKEN = "a-token-that-is-in-no-document"

#: An account of every kind, which is called as its kind.
ACCOUNTS: dict[str, dict[str, Any]] = {
    "nalo": {"tokens": (TOKEN,)},
    "nsano": {"tokens": (TOKEN,)},
    "africastalking": {"tokens": (TOKEN,)},
    "whatsapp": {
        "phone_number_id": "106540352242922",
        "access_token": TOKEN,
        "verify_token": TOKEN,
        "app_secrets": (TOKEN,),
    },
    "telegram": {"bot_token": f"1:{TOKEN}", "secret_tokens": (TOKEN,)},
    "twilio": {
        "account_sid": "AC" + "0" * 32,
        "auth_tokens": (TOKEN,),
        "sender": "+14155238886",
    },
    "http": {"tokens": (TOKEN,)},
}


def openapi() -> str:
    """Describe the HTTP doors, all of them open to who has a token, and otherwise as they are without settings."""
    settings = Settings(
        chat=ChatSettings(tokens=(TOKEN,)),
        health=HealthSettings(metrics_token=TOKEN),
        session_keys=SessionKeySettings(secret=TOKEN),
        gateways={name: _account(name) for name in BUILT_IN},
    )
    return json.dumps(trio.run(describe, App(), settings), indent=2, ensure_ascii=False) + "\n"


def _account(name: str) -> GatewaySettings:
    kind = BUILT_IN[name]
    own = kind.settings(**ACCOUNTS[name])
    return GatewaySettings(account=AccountSettings(gateway=name), kind=kind, own=own)
