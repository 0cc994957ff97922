"""Redaction: the second line of defence against secrets and personal data in log lines.

The first line is that nobody logs them. This one masks what *looks like* a token or a phone number in any text of
a log line, whoever wrote it (third-party libraries and app authors included), and bounds its length. It may mask
too much: an innocent number of ten digits in a text is lost, a phone number is not printed.

Every pattern is linear: it starts at a boundary and has no nested repetition (a log line may hold what an
attacker sent).
"""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["MAX_TEXT", "hide_secrets", "redact"]

#: Longer texts are cut: enough for a message with its context, too little for a payload.
MAX_TEXT: Final = 2048

#: A traceback is worth more room; its end says what happened, so its beginning is cut.
MAX_TRACEBACK: Final = 8192

#: Deeper or longer structures do not belong into a log line.
MAX_DEPTH: Final = 4
MAX_ITEMS: Final = 50

#: Whatever is logged under these names is a secret.
SECRET_KEYS: Final = re.compile(
    r"(?:^|_|-)(?:token|secret|password|passwd|authorization|cookie|signature|jwt|phone|msisdn|api_?key)s?$",
    re.IGNORECASE,
)

HIDDEN: Final = "[hidden]"

_PATTERNS: Final = (
    # Signed tokens: the base64url of a JSON object; the signature may be cut off. Also as phoenix.js sends them.
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}"), "[token]"),
    (re.compile(r"base64url\.bearer\.phx\.[A-Za-z0-9_=-]+"), "base64url.bearer.phx.[token]"),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE), r"\1 [token]"),
    # Query values and form fields; also "token%3D" of an encoded target.
    (
        re.compile(
            r"\b((?:access_|refresh_|auth_|verify_)?token|secret|password|signature|api_?key)(=|%3D)"
            r"[^&\s\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
    # E.164 with a plus, digits perhaps grouped; the last two digits stay, for support.
    (re.compile(r"(?<![\w+])\+[1-9][\d ().-]{5,16}(\d\d)(?!\d)"), r"[number …\1]"),
    # The same without a plus, as WhatsApp and the USSD gateways write it; not inside words, hashes or decimals.
    (re.compile(r"(?<![\w.+-])(?:00)?[1-9]\d{7,12}(\d\d)(?![\w-])"), r"[number …\1]"),
)

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def hide_secrets(text: str) -> str:
    """Mask everything in *text* that looks like a token or a phone number."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def redact(fields: Mapping[str, object]) -> dict[str, Plain]:
    """Return *fields* fit for a log line: masked, bounded, and of types that JSON knows.

    Bytes are shown as their number, other objects by their text. Never raises.
    """
    return {
        key: HIDDEN if SECRET_KEYS.search(key) else _plain(thing, _limit(key), MAX_DEPTH)
        for key, thing in fields.items()
    }


def _limit(key: str) -> int:
    return -MAX_TRACEBACK if key in {"exception", "stack"} else MAX_TEXT


def _plain(thing: object, limit: int, depth: int) -> Plain:
    if thing is None or isinstance(thing, bool | int | float):
        return thing
    if isinstance(thing, bytes | bytearray | memoryview):
        return f"[{len(thing)} bytes]"
    if isinstance(thing, str):
        return _text(thing, limit)
    if depth == 0:
        return "[…]"
    if isinstance(thing, Mapping):
        pairs = [(str(key), inner) for key, inner in list(thing.items())[:MAX_ITEMS]]
        return {
            _text(key, MAX_TEXT): HIDDEN
            if SECRET_KEYS.search(key)
            else _plain(inner, limit, depth - 1)
            for key, inner in pairs
        }
    if isinstance(thing, list | tuple | set | frozenset):
        return [_plain(inner, limit, depth - 1) for inner in list(thing)[:MAX_ITEMS]]
    try:
        return _text(str(thing), limit)
    except Exception:  # noqa: BLE001 -- a broken __str__ must not cost the line
        return f"[{type(thing).__name__}]"


def _text(text: str, limit: int) -> str:
    """Mask, then cut (a negative *limit* keeps the end): the other order could cut a token past recognition."""
    bound = abs(limit)
    if len(text) > 2 * bound:
        text = text[-2 * bound :] if limit < 0 else text[: 2 * bound]
    text = hide_secrets(text.encode(errors="replace").decode())  # JSON has no lone surrogates
    if len(text) <= bound:
        return text
    return "…" + text[-bound:] if limit < 0 else text[:bound] + "…"
