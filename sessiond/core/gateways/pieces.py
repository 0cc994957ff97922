"""A provider's JSON, piece by piece: a piece of the wrong form is told of, and does not harm its neighbours."""

from typing import Any, Final, TypeVar

import msgspec

from sessiond.core.conversations.phone import e164
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Notice

__all__ = [
    "MALFORMED",
    "UNREADABLE",
    "decoded",
    "json_of",
    "malformed",
    "name_of",
    "person_of",
    "seconds_of",
]

#: The kind of notices of what could not be read.
MALFORMED: Final = "malformed"

#: What decoding arbitrary bytes may raise: a text in JSON that is not UTF-8 is an error of Python's own.
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_MAX_TIME_DIGITS: Final = 12
_MAX_KIND: Final = 64

T = TypeVar("T")

#: By form: as many as there are in the code.
_DECODERS: Final[dict[Any, Any]] = {}


def decoded(raw: msgspec.Raw | bytes, kind: type[T]) -> T | None:
    """Decode JSON of the form *kind*; ``None``: it is of another form."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        found: T = decoder.decode(raw)
    except UNREADABLE:
        return None
    return found


def json_of(raw: msgspec.Raw | bytes) -> bytes:
    """Give *raw* for a notice: JSON, ``null`` when it is none."""
    try:
        msgspec.json.decode(raw)
    except UNREADABLE:
        return b"null"
    return bytes(raw)


def malformed(raw: msgspec.Raw | bytes, *, id: str = "", about: str = "") -> Notice:  # noqa: A002 - a field's name
    """Tell of a piece that could not be read."""
    return Notice(kind=MALFORMED, body=json_of(raw), id=id, about=about)


def name_of(kind: str) -> str:
    """Give the provider's name for a kind, if it is a name; it becomes part of logs and counters."""
    is_name = kind.isascii() and kind.replace("_", "").isalnum() and len(kind) <= _MAX_KIND
    return kind if is_name else "unknown"


def person_of(number: str | None, user_id: str | None = None) -> str:
    """Say whom something is about, as ``Heard.facts`` does: the number in E.164, else the provider's id of them."""
    try:
        return e164(number) if number else user_id or ""
    except InvalidInput:
        return user_id or ""


def seconds_of(timestamp: str | int | None) -> float | None:
    """Read a time in seconds since the Unix epoch; ``None``: it is none."""
    text = str(timestamp)
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_TIME_DIGITS:
        return None
    return float(text)
