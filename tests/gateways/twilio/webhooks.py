"""Webhooks of Twilio's for the tests: made from parts, signed, and recorded."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from sessiond.core.gateways.arrivals import Arrived, Notice
from sessiond.core.gateways.messages import ProviderCall, ProviderRequest
from sessiond.gateways.twilio import Twilio, TwilioSettings
from sessiond.gateways.twilio.signing import signature

EXCHANGES = Path(__file__).parents[1] / "exchanges" / "twilio"
INBOUND = sorted(path.stem for path in (EXCHANGES / "inbound").glob("*.json"))
OUTBOUND = sorted(path.stem for path in (EXCHANGES / "outbound").glob("*.json"))

ACCOUNT = "AC" + "0" * 31 + "1"
SERVICE = "MG" + "0" * 31 + "2"
CONTENT = "HX" + "0" * 31 + "3"
KEY = "SK" + "0" * 31 + "4"
MESSAGE = "SM" + "a" * 32
TOKEN = "auth-token-0123456789abcdef"
OURS = "+14155238886"
AMA = "+233241112223"
URL = "https://bots.example.com/gateways/twilio"
FORM = "application/x-www-form-urlencoded"


def settings(**changes: Any) -> TwilioSettings:
    given: dict[str, Any] = {"account_sid": ACCOUNT, "auth_tokens": (TOKEN,), "sender": OURS}
    return TwilioSettings(**given | changes)


def gateway(**changes: Any) -> Twilio:
    return Twilio(settings(**changes))


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXCHANGES / "inbound" / f"{name}.json").read_text())
    return found


def sms(**said: str) -> dict[str, str]:
    """The fields of a text message."""
    around = {
        "ToCountry": "US", "SmsMessageSid": MESSAGE, "NumMedia": "0", "SmsSid": MESSAGE, "SmsStatus": "received",
        "FromCountry": "GH", "To": OURS, "NumSegments": "1", "MessageSid": MESSAGE, "AccountSid": ACCOUNT,
        "From": AMA, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    return around | said


def whatsapp(**said: str) -> dict[str, str]:
    """The fields of a message on WhatsApp."""
    around = {
        "SmsMessageSid": MESSAGE, "NumMedia": "0", "ProfileName": "Ama Mensah", "MessageType": "text",
        "SmsSid": MESSAGE, "WaId": "233241112223", "SmsStatus": "received", "To": f"whatsapp:{OURS}",
        "NumSegments": "1", "ReferralNumMedia": "0", "MessageSid": MESSAGE, "AccountSid": ACCOUNT,
        "From": f"whatsapp:{AMA}", "ApiVersion": "2010-04-01",
    }  # fmt: skip
    return around | said


def status(state: str, **more: str) -> dict[str, str]:
    """The fields of a status callback."""
    around = {
        "SmsSid": MESSAGE, "SmsStatus": state, "MessageStatus": state, "To": AMA, "MessageSid": MESSAGE,
        "AccountSid": ACCOUNT, "From": OURS, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    return around | more


def request(
    body: Any, *, query: str = "", url: str = URL, token: str = TOKEN, **headers: str | None
) -> ProviderRequest:
    """A signed POST: a form, or raw bytes; headers are given with ``_`` for ``-``, ``None`` leaves one out."""
    raw = body if isinstance(body, bytes) else urlencode(body).encode()
    called = f"{url}?{query}" if query else url
    pairs = [] if isinstance(body, bytes) else list(body.items())
    given = {"content_type": FORM, "x_twilio_signature": signature(called, pairs, token)} | headers
    return ProviderRequest(
        method="POST",
        url=called,
        path="/gateways/twilio",
        query=query,
        headers={
            name.replace("_", "-"): value for name, value in given.items() if value is not None
        },
        body=raw,
    )


def json_request(body: Any, *, token: str = TOKEN, hashed: bytes | None = None) -> ProviderRequest:
    """A signed POST of JSON: the address has the hash of the body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    query = f"bodySHA256={hashlib.sha256(raw if hashed is None else hashed).hexdigest()}"
    return request(
        raw,
        query=query,
        content_type="application/json",
        x_twilio_signature=signature(f"{URL}?{query}", [], token),
    )


def read(body: Any, *, query: str = "", **settings: Any) -> list[Arrived]:
    return list(gateway(**settings).read(request(body, query=query)))


def told(arrived: Arrived) -> dict[str, Any]:
    """What is said of an arrival, without what is empty and without the body of a notice."""
    fields = _filled(json.loads(msgspec.json.encode(arrived)))
    if isinstance(arrived, Notice):
        msgspec.json.decode(arrived.body)
        del fields["body"]
    fields.pop("type", None)
    return {type(arrived).__name__.lower(): fields}


def form_of(call: ProviderCall) -> list[list[str]]:
    """The form of a call, in order."""
    return [list(pair) for pair in parse_qsl(call.body.decode(), keep_blank_values=True)]


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    found = {
        name: _filled(value) if isinstance(value, dict) else value for name, value in fields.items()
    }
    return {
        name: value
        for name, value in found.items()
        if value or (name, value) == ("numbered", False)
    }
