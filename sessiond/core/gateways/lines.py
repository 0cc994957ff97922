"""Lines: what is kept with a person of one account of a provider, beside his conversations.

One line per account that he spoke on: where he is reached, what his phone shows now, and what waits for him to write.
On USSD one for each of his phones (``line_name``): each shows something else.
"""

from typing import Final

import msgspec

from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.gateways.dials import LastRequest
from sessiond.core.rendering.paging import Paging
from sessiond.core.values import Value

__all__ = [
    "NEW_LINE",
    "Answered",
    "Line",
    "account_of",
    "decode_answered",
    "decode_line",
    "encode_answered",
    "encode_line",
    "line_name",
]


class Answered(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What an input on an answering gateway is answered with (``ActorRef.ask``); JSON by msgspec."""

    PRIVATE = frozenset({"text", "shown"})

    text: str = ""
    ends: bool = False
    """The provider's session ends with it."""
    screen: str = ""
    """Of the question that it asks (flows/prompts.py); empty: none."""
    duplicate: bool = False
    """It answers a repeat, and the first answer is not kept beside the id of the request."""
    shown: msgspec.Raw = msgspec.Raw(b"{}")
    """What the text was made of (conversations/shown.py)."""


class Line(Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The line of one account. Times in seconds since the Unix epoch."""

    PRIVATE = frozenset({"to", "last", "answered", "paging", "held"})

    to: str = ""
    """Where calls of the gateway reach him: a number in E.164, a chat."""
    alias: str = ""
    """Who of the user's aliases (core/linking.py) is reached here: the line goes with him. Empty: the user himself."""
    host: str = ""
    """The host that his messages came to; part of session keys with the boundary ``url``."""
    heard_at: float = 0.0
    """When he last wrote: a provider's window is open for a time from then on."""
    last: LastRequest | None = None
    """USSD: the last request of his phone. Programs: the last that was answered with more than is kept with its id."""
    answered: Answered | None = None
    """The answer to it, for its repeats; on USSD also the screen that he sees."""
    paging: Paging | None = None
    """The pages that he is turning."""
    held: tuple[msgspec.Raw, ...] = ()
    """Messages (outgoing.py) that wait until he writes: the provider's window was closed."""


NEW_LINE: Final = Line()

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Line).decode
_decode_answered: Final = msgspec.json.Decoder(Answered).decode


def line_name(account: str, alias: str = "") -> str:
    """Name the line of *account* that the phone of *alias* has; his own (empty) is named like the account.

    Only where he is answered at once (USSD): elsewhere there is one line, on which he is reached.
    """
    return f"{account}/{alias}" if alias else account


def account_of(name: str) -> str:
    """Name the account whose line *name* is; the names of accounts have no slash."""
    return name.partition("/")[0]


def encode_line(line: Line) -> bytes:
    """Encode as JSON; equal lines give equal bytes."""
    return bytes(memoryview(_encode(line)))


def decode_line(raw: bytes) -> Line:
    """Decode what ``encode_line`` made.

    Raises:
      SnapshotCorrupt: it is something else.

    """
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SnapshotCorrupt(f"not a line ({type(error).__name__})") from None


def encode_answered(answered: Answered) -> bytes:
    """Encode as JSON."""
    return bytes(memoryview(_encode(answered)))


def decode_answered(document: bytes) -> Answered:
    """Decode what an input on an answering gateway was answered with."""
    return _decode_answered(document)
