"""The one argument of a script call: a msgpack value that Redis' ``cmsgpack`` reads.

That library is older than msgpack's binary type and knows only strings, which for Lua are bytes anyway: so bytes are
written under the heading of a string.
"""

from collections.abc import Callable
from typing import Final

import msgspec

__all__ = ["binary", "pack_arguments"]

_FIXED, _BYTE, _SHORT = 32, 256, 65536

#: Write nested lists and tuples of strings, numbers, booleans, ``None`` and what ``binary`` made.
pack_arguments: Final[Callable[[object], bytes]] = msgspec.msgpack.Encoder().encode


def binary(data: bytes) -> msgspec.Raw:
    """Write *data* as a msgpack string."""
    size = len(data)
    if size < _FIXED:
        return msgspec.Raw(b"%c%b" % (0xA0 | size, data))
    if size < _BYTE:
        return msgspec.Raw(b"\xd9%c%b" % (size, data))
    if size < _SHORT:
        return msgspec.Raw(b"\xda%b%b" % (size.to_bytes(2), data))
    return msgspec.Raw(b"\xdb%b%b" % (size.to_bytes(4), data))
