"""FlowChat's session ids, digit for digit, for those who bring its stored sessions along.

Three things are wrong with them, which is why nothing else uses them: eight hex digits meet by chance at some
77 000 users; an unkeyed hash of a phone number is found by trying all numbers; and the sanitised address takes
``a/b`` and ``a_b`` for the same. Request ids and ids of the app's own function are not hashed at all, so the phone
number in one of them is in clear.

What is *not* as in FlowChat: an empty part is refused (session_keys.py), where it put everybody into one session.

Source: FlowChat 0.8.0 and 0.10.1, ``lib/flow_chat/session/middleware.rb``.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from sessiond.core.conversations.url_part import address

__all__ = ["legacy_hash", "legacy_key", "legacy_url_part", "underscored"]

_MAX_READABLE: Final = 50
_KEPT: Final = 41


def legacy_key(parts: Iterable[str], identifier: str) -> str:
    """Join the parts (flow, platform, gateway, url, in this order, those that are wanted) and the identifier."""
    return ":".join((*parts, identifier))


def legacy_hash(identifier: str, digits: int) -> str:
    """Hash an E.164 number or a user id: the first *digits* (8 until 0.9, 32 since 0.10) hex digits of its SHA-256."""
    return hashlib.sha256(identifier.encode(errors="surrogatepass")).hexdigest()[:digits]


def legacy_url_part(host: str, path: str) -> str:
    """Sanitise host and path; beyond 50 characters: the first 41, ``_`` and 8 hex digits of SHA-256.

    Raises:
      InvalidInput: the host is empty, or one of them too long.

    """
    sanitised = re.sub(r"[^A-Za-z0-9._-]", "_", address(host, path))
    if len(sanitised) <= _MAX_READABLE:
        return sanitised
    return f"{sanitised[:_KEPT]}_{legacy_hash(sanitised, 8)}"


def underscored(class_name: str) -> str:
    """Name a flow as FlowChat names its class: ``RegistrationFlow`` is ``registration_flow``."""
    text = class_name.replace("::", "/")
    text = re.sub(r"([A-Z]+)(?=[A-Z][a-z])|([a-z\d])(?=[A-Z])", r"\g<0>_", text)
    return text.replace("-", "_").lower()
