"""The OpenAPI document that is among the reference pages; docs/generate.py writes it."""

import json

import trio

from sessiond.app import App
from sessiond.config import Settings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.edges.http.chat import ChatSettings
from sessiond.edges.http.health import HealthSettings
from sessiond.server import describe


def openapi() -> str:
    """Describe the HTTP doors, all of them open to who has a token, and otherwise as they are without settings."""
    token = "a token that is in no document"
    settings = Settings(
        chat=ChatSettings(tokens=(token.replace(" ", "-"),)),
        health=HealthSettings(metrics_token=token),
        session_keys=SessionKeySettings(secret=token),
    )
    return json.dumps(trio.run(describe, App(), settings), indent=2, ensure_ascii=False) + "\n"
