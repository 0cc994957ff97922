"""Webhooks of Meta's for the tests: made from parts, signed, and recorded."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import msgspec

from sessiond.core.gateways.arrivals import Arrived, Heard, Notice
from sessiond.core.gateways.messages import ProviderRequest
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings

EXCHANGES = Path(__file__).parents[1] / "exchanges" / "whatsapp"
INBOUND = sorted(path.stem for path in (EXCHANGES / "inbound").glob("*.json"))

NUMBER = "106540352242922"
AMA = "233241112223"
NOW = 1_739_321_024
SECRET = "app-secret"


def settings(**changes: Any) -> WhatsAppSettings:
    given: dict[str, Any] = {
        "phone_number_id": NUMBER,
        "access_token": "EAAG-token",
        "verify_token": "verify-me",
        "app_secrets": (SECRET,),
    }
    return WhatsAppSettings(**given | changes)


def gateway(**changes: Any) -> WhatsApp:
    return WhatsApp(settings(**changes))


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXCHANGES / "inbound" / f"{name}.json").read_text())
    return found


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def request(body: Any, *, at: float = NOW, **headers: str | None) -> ProviderRequest:
    """A signed POST; headers are given with ``_`` for ``-``, ``None`` leaves one out."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content_type": "application/json", "x_hub_signature_256": signature(raw)} | headers
    return ProviderRequest(
        method="POST",
        url="https://bots.example.com/gateways/whatsapp",
        path="/gateways/whatsapp",
        headers={
            name.replace("_", "-"): value for name, value in given.items() if value is not None
        },
        body=raw,
        received_at=at,
    )


def change(number: str = NUMBER, **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": number}
    return {
        "field": "messages",
        "value": {"messaging_product": "whatsapp", "metadata": metadata, **value},
    }


def webhook(*changes: dict[str, Any]) -> dict[str, Any]:
    entry = {"id": "102290129340398", "changes": list(changes)}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def text(body: str = "hi", *, n: int = 1, at: object = None, **more: Any) -> dict[str, Any]:
    return {
        "from": AMA,
        "id": f"wamid.{n}",
        "timestamp": str(NOW) if at is None else at,
        "type": "text",
        "text": {"body": body},
        **more,
    }


def told(arrived: Arrived) -> dict[str, Any]:
    """What is said of an arrival, without what is empty and without the body of a notice."""
    fields = _filled(json.loads(msgspec.json.encode(arrived)))
    del fields["type"]
    if isinstance(arrived, Notice):
        msgspec.json.decode(arrived.body)
        del fields["body"]
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


def read(body: Any, *, at: float = NOW, **settings: Any) -> list[Arrived]:
    return list(gateway(**settings).read(request(body, at=at)))


def kinds(body: Any, **settings: Any) -> list[str]:
    """The texts of messages, and the kinds of notices, in order."""
    return [
        one.answer.text if isinstance(one, Heard) else f"<{told(one).popitem()[1]['kind']}>"
        for one in read(body, **settings)
    ]
