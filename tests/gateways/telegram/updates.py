"""Updates of Telegram's for the tests: made from parts, and recorded."""

import json
from pathlib import Path
from typing import Any

import msgspec

from sessiond.core.gateways.arrivals import Arrived, Notice
from sessiond.core.gateways.messages import ProviderRequest
from sessiond.gateways.telegram import Telegram, TelegramSettings

EXCHANGES = Path(__file__).parents[1] / "exchanges" / "telegram"
INBOUND = sorted(path.stem for path in (EXCHANGES / "inbound").glob("*.json"))
OUTBOUND = sorted(path.stem for path in (EXCHANGES / "outbound").glob("*.json"))

CHAT = 5512
NOW = 1_739_321_024
TOKEN = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
SECRET = "secret_token-0123456789"


def settings(**changes: Any) -> TelegramSettings:
    given: dict[str, Any] = {"bot_token": TOKEN, "secret_tokens": (SECRET,)}
    return TelegramSettings(**given | changes)


def gateway(**changes: Any) -> Telegram:
    return Telegram(settings(**changes))


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXCHANGES / "inbound" / f"{name}.json").read_text())
    return found


def request(body: Any, *, at: float = NOW, **headers: str | None) -> ProviderRequest:
    """A POST with the secret; headers are given with ``_`` for ``-``, ``None`` leaves one out."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content_type": "application/json", "x_telegram_bot_api_secret_token": SECRET}
    return ProviderRequest(
        method="POST",
        url="https://bots.example.com/gateways/telegram",
        path="/gateways/telegram",
        headers={
            name.replace("_", "-"): value
            for name, value in (given | headers).items()
            if value is not None
        },
        body=raw,
        received_at=at,
    )


def message(**said: Any) -> dict[str, Any]:
    """An update with a message that says *said*."""
    around = {
        "message_id": 17,
        "date": NOW,
        "chat": {"id": CHAT, "type": "private", "first_name": "Ama"},
        "from": {"id": CHAT, "is_bot": False, "first_name": "Ama", "language_code": "en"},
    }
    return {"update_id": 731, "message": around | said}


def tap(data: str | None = "k|c1:0:3|yes", **changes: Any) -> dict[str, Any]:
    """An update with a tap on a button."""
    callback: dict[str, Any] = {
        "id": "4382bfdwdsb323b2d9",
        "from": {"id": CHAT, "is_bot": False, "first_name": "Ama"},
        "message": {"message_id": 18, "date": NOW, "chat": {"id": CHAT, "type": "private"}},
        "chat_instance": "1",
    }
    return {
        "update_id": 732,
        "callback_query": callback | ({} if data is None else {"data": data}) | changes,
    }


def read(body: Any, *, at: float = NOW, **settings: Any) -> Arrived:
    (arrived,) = gateway(**settings).read(request(body, at=at))
    return arrived


def told(arrived: Arrived) -> dict[str, Any]:
    """What is said of an arrival, without what is empty and without the body of a notice."""
    fields = _filled(json.loads(msgspec.json.encode(arrived)))
    if isinstance(arrived, Notice):
        msgspec.json.decode(arrived.body)
        del fields["body"]
    fields.pop("type", None)
    return {type(arrived).__name__.lower(): fields}


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    found = {
        name: _filled(value) if isinstance(value, dict) else value for name, value in fields.items()
    }
    return {
        name: value
        for name, value in found.items()
        if value or (name, value) == ("numbered", False)
    }
