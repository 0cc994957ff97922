"""Redaction: the second line of defence against secrets and personal data in log lines.

The first line is that nobody logs them. This one masks what *looks like* a token or a phone number (core/redaction.py)
in any text of a log line, whoever wrote it (third-party libraries and app authors included), and bounds its length.
"""

from collections.abc import Mapping
from typing import Final

from sessiond.core.redaction import HIDDEN, hide_secrets, is_secret_name

__all__ = ["MAX_TEXT", "redact"]

#: Longer texts are cut: enough for a message with its context, too little for a payload.
MAX_TEXT: Final = 2048

#: A traceback is worth more room; its end says what happened, so its beginning is cut.
MAX_TRACEBACK: Final = 8192

#: Deeper or longer structures do not belong into a log line.
MAX_DEPTH: Final = 4
MAX_ITEMS: Final = 50

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def redact(fields: Mapping[str, object]) -> dict[str, Plain]:
    """Return *fields* fit for a log line: masked, bounded, and of types that JSON knows.

    Bytes are shown as their number, other objects by their text. Never raises.
    """
    return {
        key: HIDDEN if is_secret_name(key) else _plain(thing, _limit(key), MAX_DEPTH)
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
            _text(key, MAX_TEXT): HIDDEN if is_secret_name(key) else _plain(inner, limit, depth - 1)
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
