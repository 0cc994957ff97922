"""Bodies of requests that are JSON documents."""

import msgspec

from sessiond.core.errors import InvalidInput
from sessiond.core.nesting import MAX_NESTING, nests_too_deeply
from sessiond.net.messages import Request

__all__ = ["is_json", "parse_json"]


def is_json(request: Request) -> bool:
    """Whether the body says to be JSON as we read it: ``application/json``, ``application/*+json``."""
    kind, *parameters = (request.header("content-type") or "").lower().split(";")
    charsets = [text.strip() for text in parameters if text.strip().startswith("charset")]
    is_utf8 = all(text in {"charset=utf-8", 'charset="utf-8"'} for text in charsets)
    is_plain = not any(name == "content-encoding" for name, _ in request.headers)
    name = kind.strip()
    is_suffixed = name.startswith("application/") and name.endswith("+json")
    return is_utf8 and is_plain and (name == "application/json" or is_suffixed)


def parse_json(body: bytes) -> object:
    """Parse a JSON document.

    Raises:
      InvalidInput: it is none, or nests too deeply; nothing of it is repeated.

    """
    if nests_too_deeply(body):
        raise InvalidInput(f"the body is nested deeper than {MAX_NESTING} levels")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInput("the body is not a JSON document") from None
