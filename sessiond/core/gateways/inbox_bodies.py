"""What arrived, as the body of an inbox entry keeps it until its turn: JSON, tagged with what it is.

Entries of the account ``shop`` have the kind ``gateway:shop``, and an id in the person's duplicate window by which the
provider's repeats are known.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from sessiond.core.errors import InvalidInput, SnapshotCorrupt
from sessiond.core.gateways.arrivals import Arrived, Heard, StatusUpdate
from sessiond.core.ids import MAX_INPUT_ID_BYTES, Digest, input_digest

__all__ = ["GATEWAY_KIND", "arrival_digest", "decode_arrived", "encode_arrived"]

#: What the kinds of entries begin with; the name of the account is behind it.
GATEWAY_KIND: Final = "gateway:"

_encode: Final = msgspec.json.Encoder().encode
_decode: Final[Callable[[bytes], Arrived]] = msgspec.json.Decoder(Arrived).decode


def encode_arrived(arrived: Arrived) -> bytes:
    """Encode as JSON; equal arrivals give equal bytes.

    Raises:
      InvalidInput: it holds what no JSON can hold: half of a character.

    """
    try:
        return bytes(memoryview(_encode(arrived)))
    except UnicodeEncodeError:
        raise InvalidInput("a text is not valid Unicode") from None


def decode_arrived(raw: bytes) -> Arrived:
    """Decode what ``encode_arrived`` made.

    Raises:
      SnapshotCorrupt: it is something else.

    """
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SnapshotCorrupt(f"not something that arrived ({type(error).__name__})") from None


def arrival_digest(kind: str, arrived: Arrived, body: bytes, salt: bytes) -> Digest:
    """Name *arrived* in the duplicate window, within the account's inbox *kind*: by the provider's id.

    Each state of a message of ours is news. What has no id, and what has one that is longer than ids are, is named by
    its encoded *body*; and a message without a time by the *salt* too: who says "yes" twice is no repeat.
    """
    scope = f"{kind}:{type(arrived).__struct_config__.tag}"
    told = arrived.id
    if isinstance(arrived, StatusUpdate) and told:
        told = f"{arrived.state}:{told}"
    if told and len(told.encode(errors="surrogatepass")) <= MAX_INPUT_ID_BYTES:
        return input_digest(scope, told)
    is_unnamed = isinstance(arrived, Heard) and not told and arrived.sent_at is None
    hashed = hashlib.blake2b(body + salt if is_unnamed else body, digest_size=32).hexdigest()
    return input_digest(f"{scope}:body", hashed)
