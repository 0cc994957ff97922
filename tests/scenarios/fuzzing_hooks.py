"""What schemathesis has to know of the doors: the formats they name, and the credentials of a sender.

Loaded by the schemathesis process (SCHEMATHESIS_HOOKS), not by pytest.
"""

import time
import zlib
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis.auths import GLOBAL_AUTH_STORAGE

from sessiond.gateways.standard_webhooks import parse_secret, sign
from tests.scenarios.fuzzed_server import CHAT_TOKEN, HOOK_SECRET, METRICS_TOKEN

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
            body = request.body or b""
            raw = body.encode() if isinstance(body, str) else body
            assert isinstance(raw, bytes)
            try:
                signature = sign(SECRET, message_id=message_id, timestamp=now, body=raw)
            except ValueError:
                return request
            request.headers["webhook-signature"] = signature
        return request


def _text(value: str | bytes | None) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value or ""


GLOBAL_AUTH_STORAGE.set_from_requests(Signer()).apply_to(path="/hooks/{hook}/{user}")
GLOBAL_AUTH_STORAGE.set_from_requests(Bearer(CHAT_TOKEN)).apply_to(path="/chat")
GLOBAL_AUTH_STORAGE.set_from_requests(Bearer(METRICS_TOKEN)).apply_to(path="/metrics")


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]
) -> None:
    """Let both hooks have their share: the document's example is nearly always drawn. The body decides, every time."""
    if case.path_parameters and case.path_parameters.get("hook") in HOOKS:
        case.path_parameters["hook"] = HOOKS[zlib.crc32(repr(case.body).encode()) % 2]
