"""Identifiers: parsed and printed here, generated only by the shell (design.md section 3 of the style guide, rule 5).

A *user id* is an opaque string of at most 128 bytes; it names the actor, its record and its partition.
A *digest* is the 16-byte name under which an input id from the outside is remembered.
"""

import hashlib
import zlib
from typing import Final, NewType

from sessiond.core.errors import InvalidInput

__all__ = [
    "DIGEST_BYTES",
    "MAX_INPUT_ID_BYTES",
    "MAX_USER_ID_BYTES",
    "PARTITIONS",
    "ConnectionId",
    "Digest",
    "NodeId",
    "Partition",
    "UserId",
    "input_digest",
    "parse_user_id",
    "partition_of",
]

UserId = NewType("UserId", str)
ConnectionId = NewType("ConnectionId", int)
NodeId = NewType("NodeId", str)
Partition = NewType("Partition", int)
Digest = NewType("Digest", bytes)

#: Long enough for every subject claim and e-mail address, short enough to be a key everywhere.
MAX_USER_ID_BYTES: Final = 128

#: Ids that clients and gateways give their inputs; WhatsApp's are about 60 bytes.
MAX_INPUT_ID_BYTES: Final = 256

#: Enough that no two ids of a deployment ever meet by chance (2^64 of them for one likely pair).
DIGEST_BYTES: Final = 16

#: Fixed for the life of a deployment: changing it moves every user to another partition.
PARTITIONS: Final = 256


def parse_user_id(text: str) -> UserId:
    """Check that *text* may name a user.

    Raises:
      InvalidInput: it is empty, longer than 128 bytes of UTF-8, or holds a character that cannot be printed
        (controls, line breaks, invisible ones).

    """
    if not text:
        raise InvalidInput("the user id is empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInput("the user id is not valid Unicode") from None
    if size > MAX_USER_ID_BYTES:
        raise InvalidInput(f"the user id is longer than {MAX_USER_ID_BYTES} bytes")
    if not text.isprintable():
        raise InvalidInput("the user id holds a character that cannot be printed")
    return UserId(text)


def partition_of(user: UserId) -> Partition:
    """Tell which of the 256 partitions holds *user*'s record: CRC-32 of its UTF-8 modulo 256."""
    return Partition(zlib.crc32(user.encode()) % PARTITIONS)


def input_digest(scope: str, input_id: str) -> Digest:
    """Name an input id of at most 256 bytes within *scope* ("client", "hook:json", …): 16 bytes of BLAKE2b.

    Raises:
      InvalidInput: the id is empty or too long.

    """
    raw = input_id.encode(errors="surrogatepass")
    if not raw or len(raw) > MAX_INPUT_ID_BYTES:
        raise InvalidInput(f"an input id has 1 to {MAX_INPUT_ID_BYTES} bytes")
    key = scope.encode()
    if len(key) > hashlib.blake2b.MAX_KEY_SIZE:
        key = hashlib.blake2b(key).digest()
    return Digest(hashlib.blake2b(raw, digest_size=DIGEST_BYTES, key=key).digest())
