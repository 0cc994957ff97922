"""What schemathesis has to know of the doors: the formats they name, and the credentials of a sender.

Loaded by the schemathesis process (SCHEMATHESIS_HOOKS), not by pytest.
"""

import hashlib
import hmac
import time
import zlib
from typing import Any
from urllib.parse import urlencode

import requests
import schemathesis
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis.auths import GLOBAL_AUTH_STORAGE

from sessiond.gateways.standard_webhooks import parse_secret, sign
from sessiond.gateways.twilio.form import read_pairs
from sessiond.gateways.twilio.signing import signature
from tests.scenarios.fuzzed_server import (
    APP_SECRET,
    CHAT_TOKEN,
    GATEWAY_TOKEN,
    HOOK_SECRET,
    METRICS_TOKEN,
    VERIFY_TOKEN,
)

SECRET = parse_secret(HOOK_SECRET)

HOOKS = ["json", "echo"]

schemathesis.openapi.format("hook", st.sampled_from(HOOKS))
schemathesis.openapi.format(
    "phone",
    st.builds(
        "{}{}".format,
        st.sampled_from(["+23324", "0023320", "+233 24 ", "23324"]),
        st.from_regex(r"\A[0-9]{7}\Z"),
    ),
)
schemathesis.openapi.format(
    "user-id",
    st.text(min_size=1, max_size=128).filter(
        # A client resolves "." and ".." before it sends them (RFC 3986, 5.2.4).
        lambda text: text.isprintable() and len(text.encode()) <= 128 and text not in {".", ".."}
    ),
)


class Bearer(AuthBase):
    """A sender who has a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Show it."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Signer(AuthBase):
    """A sender who has the secret: signs the very bytes that are sent, now, with whatever id was generated."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign, if there are an id and a time that can be; a time that is one becomes now."""
        message_id, timestamp = (
            _text(request.headers.get(f"webhook-{n}")) for n in ("id", "timestamp")
        )
        if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12:
            now = int(time.time())
            request.headers["webhook-timestamp"] = str(now)
            try:
                signed = sign(SECRET, message_id=message_id, timestamp=now, body=_body(request))
            except ValueError:
                return request
            request.headers["webhook-signature"] = signed
        return request


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: str | bytes | None) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value or ""


class InQuery(AuthBase):
    """A sender who knows what the address has to hold."""

    def __init__(self, **parameters: str) -> None:
        self._parameters = parameters

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put it in the place of whatever was made up."""
        url, _, query = (request.url or "").partition("?")
        pairs = [
            pair for pair in query.split("&") if pair.partition("=")[0] not in self._parameters
        ]
        request.url = f"{url}?{'&'.join([*filter(None, pairs), urlencode(self._parameters)])}"
        return request


class Header(AuthBase):
    """A sender who has the secret of a header."""

    def __init__(self, name: str, value: str) -> None:
        self._header = (name, value)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Show it."""
        name, value = self._header
        request.headers[name] = value
        return request


class Meta(AuthBase):
    """Meta, which verifies with a GET and signs the bytes of every POST."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Do either."""
        if request.method == "GET":
            return InQuery(**{"hub.verify_token": VERIFY_TOKEN})(request)
        signature = hmac.digest(APP_SECRET.encode(), _body(request), "sha256").hex()
        request.headers["X-Hub-Signature-256"] = f"sha256={signature}"
        return request


class Twilio(AuthBase):
    """Twilio, which signs the address and the form, or the address with the hash of what is no form."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign."""
        body, pairs = _body(request), None
        if "urlencoded" in _text(request.headers.get("content-type")):
            pairs = read_pairs(body)
        if pairs is None:
            InQuery(bodySHA256=hashlib.sha256(body).hexdigest())(request)
        url = request.url or ""
        request.headers["X-Twilio-Signature"] = signature(url, pairs or (), GATEWAY_TOKEN)
        return request


def _body(request: requests.PreparedRequest) -> bytes:
    body = request.body or b""
    raw = body.encode() if isinstance(body, str) else body
    assert isinstance(raw, bytes)
    return raw


GLOBAL_AUTH_STORAGE.set_from_requests(Signer()).apply_to(path="/hooks/{hook}/{user}")
GLOBAL_AUTH_STORAGE.set_from_requests(Bearer(CHAT_TOKEN)).apply_to(path="/chat")
GLOBAL_AUTH_STORAGE.set_from_requests(Bearer(METRICS_TOKEN)).apply_to(path="/metrics")
for name, sender in {
    "nalo": InQuery(token=GATEWAY_TOKEN),
    "nsano": InQuery(token=GATEWAY_TOKEN),
    "africastalking": InQuery(token=GATEWAY_TOKEN),
    "whatsapp": Meta(),
    "telegram": Header("X-Telegram-Bot-Api-Secret-Token", GATEWAY_TOKEN),
    "twilio": Twilio(),
    "http": Bearer(GATEWAY_TOKEN),
}.items():
    GLOBAL_AUTH_STORAGE.set_from_requests(sender).apply_to(path=f"/gateways/{name}")


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Write whole numbers as everybody does: to JSON Schema 7.0 is an integer."""
    return _whole(body)


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]
) -> None:
    """Let both hooks have their share: the document's example is nearly always drawn. The body decides, every time."""
    if case.path_parameters and case.path_parameters.get("hook") in HOOKS:
        case.path_parameters["hook"] = HOOKS[zlib.crc32(repr(case.body).encode()) % 2]
