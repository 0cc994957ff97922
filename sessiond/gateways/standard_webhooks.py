"""Standard Webhooks, symmetric: who sent these bytes, and lately?

The scheme of standardwebhooks.com (specification 1.0.0, "Signature scheme", "Webhook headers"):
HMAC-SHA-256 over ``<webhook-id>.<webhook-timestamp>.<body>``, sent as ``v1,<base64>`` among other
signatures separated by spaces. The bytes are checked as they came, before anybody parses them.

Stricter than the specification asks: an id with a full stop is refused (it could be re-read as
another id, time and body), a time is digits only, and a secret has 24 to 64 bytes.

Not here: the duplicate window (an id is remembered by the store), asymmetric signatures (``v1a``).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.ids import MAX_INPUT_ID_BYTES

__all__ = ["TOLERANCE_SECONDS", "SignedHeaders", "WebhookSecret", "parse_secret", "sign", "verify"]

#: How far a time may be from ours, both ways; the reference libraries have the same.
TOLERANCE_SECONDS: Final = 300.0

#: "At least 24 bytes (192 bits, 512 maximum)": the table under "Signature scheme".
MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64

#: Each costs a comparison; a sender in the middle of a rotation sends two or three.
MAX_SIGNATURES: Final = 16

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_MAX_TIMESTAMP_DIGITS: Final = 12


@frozen
class WebhookSecret:
    """A symmetric key; never shown. Make it with :func:`parse_secret`."""

    key: bytes = field(repr=False)
    # Copied for each signature: 3 µs against 4.5 for ``hmac.digest``, which hands the GIL over too (measured).
    signer: hmac.HMAC = field(init=False, repr=False, eq=False)

    @signer.default
    def _keyed(self) -> hmac.HMAC:
        return hmac.new(self.key, digestmod="sha256")


@frozen
class SignedHeaders:
    """The three headers as they came; ``None``: absent, or sent more than once."""

    message_id: str | None
    timestamp: str | None
    signature: str | None = field(repr=False)


def parse_secret(text: str) -> WebhookSecret:
    """Read ``whsec_<base64>``, padded or not.

    Raises:
      InvalidInput: it is something else, or has too few or too many bytes.

    """
    if not text.startswith(_PREFIX):
        raise InvalidInput(f"a webhook secret begins with {_PREFIX}")
    encoded = text[len(_PREFIX) :].rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"what follows {_PREFIX} in a webhook secret is base64") from None
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise InvalidInput(
            f"a webhook secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes, not {len(key)}"
        )
    return WebhookSecret(key)


def sign(secret: WebhookSecret, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Make one signature for the header ``webhook-signature``: ``v1,<base64>``.

    Raises:
      InvalidInput: *message_id* is empty, too long, or holds a full stop or a non-ASCII character.

    """
    if not _is_message_id(message_id):
        raise InvalidInput("a webhook id has 1 to 256 printable ASCII characters, no full stop")
    digest = _digest(secret, message_id, str(timestamp), body)
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def verify(
    secrets: Iterable[WebhookSecret],
    headers: SignedHeaders,
    body: bytes,
    *,
    now: float,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> str:
    """Check that a holder of one of *secrets* signed *body* around *now* (wall clock); return the id.

    Without any secret everything is refused. Comparison takes the same time wherever the
    difference is, and all pairs of secret and signature are compared.

    Raises:
      Refused: ``unauthorized``, saying which header is at fault but never what was expected.

    """
    message_id, timestamp = headers.message_id, headers.timestamp
    if not message_id or not timestamp or not headers.signature:
        raise _refused("webhook-id, webhook-timestamp and webhook-signature are needed, once each")
    if not _is_message_id(message_id):
        raise _refused("webhook-id has 1 to 256 printable ASCII characters and no full stop")
    _check_time(timestamp, now, tolerance_seconds)
    signatures = _signatures(headers.signature)
    expected = [_digest(secret, message_id, timestamp, body) for secret in secrets]
    matches = [hmac.compare_digest(one, other) for one in expected for other in signatures]
    if not any(matches):
        raise _refused("no signature in webhook-signature is right for these bytes")
    return message_id


def _check_time(timestamp: str, now: float, tolerance_seconds: float) -> None:
    is_number = timestamp.isascii() and timestamp.isdigit()
    if not is_number or len(timestamp) > _MAX_TIMESTAMP_DIGITS:
        raise _refused("webhook-timestamp is a whole number of seconds since 1970")
    age = now - int(timestamp)
    if age > tolerance_seconds:
        raise _refused("webhook-timestamp is too far in the past")
    if -age > tolerance_seconds:
        raise _refused("webhook-timestamp is too far in the future")


def _signatures(header: str) -> list[bytes]:
    """Decode the ``v1`` signatures of *header*; others, and what cannot be decoded, do not count."""
    found = []
    for one in header.split(" ")[:MAX_SIGNATURES]:
        version, _, encoded = one.partition(",")
        if version != _VERSION:
            continue
        try:
            signature = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(signature) == _DIGEST_BYTES:
            found.append(signature)
    return found


def _digest(secret: WebhookSecret, message_id: str, timestamp: str, body: bytes) -> bytes:
    signing = secret.signer.copy()
    signing.update(b".".join((message_id.encode(), timestamp.encode(), body)))
    return signing.digest()


def _is_message_id(text: str) -> bool:
    is_plain = text.isascii() and text.isprintable() and "." not in text
    return is_plain and 0 < len(text) <= MAX_INPUT_ID_BYTES


def _refused(message: str) -> Refused:
    return Refused(ErrorCode.UNAUTHORIZED, message)
