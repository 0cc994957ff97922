"""Outgoing: a message on its way to a provider, as the body of a ``Delivery`` (core/records.py) keeps it.

A delivery is committed with the turn that asked for it and stays until the provider has the message or it is given up.
"""

from typing import Final

import msgspec

from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.gateways.messages import ProviderCall
from sessiond.core.ids import UserId
from sessiond.core.values import Value

__all__ = ["Outgoing", "decode_outgoing", "delivery_id", "encode_outgoing"]


class Outgoing(Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One call to make. Times in seconds since the Unix epoch."""

    account: str
    call: ProviderCall
    at: float
    """When the turn asked for it."""
    alias: str = ""
    """Whose phone or chat it goes to (``Line.alias``): it is for nobody else. Empty: the user's own."""
    closes_at: float | None = None
    """From then on the provider takes templates only."""
    is_template: bool = False
    is_receipt: bool = False
    """It says that an input was taken; what becomes of it does not matter."""
    reference: str = ""
    """What the provider was told to name it by; the same of all that one turn shows."""
    conversation: str = ""
    flow: str = ""


def delivery_id(user: UserId, number: int) -> str:
    """Name the *number*-th delivery of *user*: sorted as text, a user's deliveries are in their order."""
    return f"{number:012x}.{user}"


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Outgoing).decode


def encode_outgoing(outgoing: Outgoing) -> bytes:
    """Encode as JSON; equal messages give equal bytes."""
    return bytes(memoryview(_encode(outgoing)))


def decode_outgoing(raw: bytes) -> Outgoing:
    """Decode what ``encode_outgoing`` made.

    Raises:
      SnapshotCorrupt: it is something else.

    """
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SnapshotCorrupt(f"not an outgoing message ({type(error).__name__})") from None
