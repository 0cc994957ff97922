"""The ``url`` part of a session key: what separates tenants that are served under different addresses.

Host and path count; port and query do not. Hosts are compared without regard to case, paths with it.

A readable part must not make two addresses one, so it is written in an escape that can be undone: ``/`` becomes
``_``, and whatever is neither a letter, a digit, ``.`` nor ``-`` becomes ``~XX`` per byte of UTF-8 (``_`` too). What is
longer than 50 characters keeps its first 41 and gets ``_`` and 32 hex digits of the SHA-256 of the address.
FlowChat's form, which takes ``/`` and ``_`` for the same, is in legacy_keys.py.
"""

import hashlib
import re
from typing import Final

from sessiond.core.errors import InvalidInput

__all__ = ["MAX_URL_PART", "address", "url_part"]

#: FlowChat's numbers: a longer part is cut, to what is still recognised by people.
_MAX_READABLE: Final = 50
_KEPT: Final = 41
_HASH_DIGITS: Final = 32

#: What a part has at most, in characters.
MAX_URL_PART: Final = _KEPT + 1 + _HASH_DIGITS

#: Longer ones are no addresses of ours (RFC 1035 section 2.3.4; servers refuse targets far above this).
_MAX_HOST: Final = 253
_MAX_PATH: Final = 8192

_HOST: Final = re.compile(
    r"(?P<name>\[[0-9a-f:.]{2,45}\]|[^\s/?#@:\[\]\\]+)(?::\d{0,5})?", re.IGNORECASE
)
_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9.-]")


def address(host: str, path: str) -> str:
    """Join host (a port is dropped) and path (a query is dropped): ``example.com/ussd``; a lone ``/`` is left out.

    Raises:
      InvalidInput: the host is empty or none, or one of them is too long.

    """
    found = _HOST.fullmatch(host) if len(host) <= _MAX_HOST + 6 else None
    if found is None:
        raise InvalidInput("the url boundary needs the host of the request")
    if len(path) > _MAX_PATH:
        raise InvalidInput(f"a path of more than {_MAX_PATH} characters")
    below = re.split("[?#]", path, maxsplit=1)[0].removeprefix("/")
    return f"{found['name']}/{below}" if below else found["name"]


def url_part(host: str, path: str) -> str:
    """Make the part for one address: different addresses have different parts, of at most 74 characters.

    Raises:
      InvalidInput: as :func:`address` does.

    """
    whole = address(host, path)
    name, slash, below = whole.partition("/")
    raw = (name.lower().removesuffix(".") + slash + below).encode(errors="surrogatepass")
    readable = _UNSAFE.sub(_escaped, raw).decode("ascii")
    if len(readable) <= _MAX_READABLE:
        return readable
    return f"{readable[:_KEPT]}_{hashlib.sha256(raw).hexdigest()[:_HASH_DIGITS]}"


def _escaped(found: re.Match[bytes]) -> bytes:
    character = found[0]
    return b"_" if character == b"/" else b"~" + character.hex().upper().encode()
