"""The inputs that gateways give to actors."""

from attrs import define, field, frozen

from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.port import GivenUp, Sent, WindowClosed
from sessiond.core.ids import Digest

__all__ = ["DeliverySettled", "FileUpload", "Incoming", "Unseen"]


@define
class Incoming:
    """What a person sent on an answering account; answered with ``lines.Answered``. Never changed."""

    account: str
    heard: Heard = field(repr=False)
    waits_seconds: float = 0.0
    """How long the door waits for functions that the flow runs."""
    digest: Digest | None = None
    """The provider's id of the request, where it has one: a repeat is answered with the first one's answer."""
    others: tuple[Heard, ...] = field(default=(), repr=False)
    """What the same request holds behind it: answers dialled with a code."""
    reminds: bool = False
    """It was answered before, with more than is kept beside the *digest*: it is not said again."""


@frozen
class Unseen:
    """What an ``Incoming`` is answered with comes too late: nobody on *account* sees what *heard* is answered with."""

    account: str
    heard: Heard = field(repr=False)


@frozen
class FileUpload:
    """A file was given to a provider, or (*reason*) could not be."""

    mime_type: str
    size: int | None = None
    """In bytes."""
    reason: str = ""


@frozen
class DeliverySettled:
    """What became of a delivery: it leaves the store with this turn. Stale unless it is there."""

    delivery: str
    body: bytes = field(repr=False)
    """Its body (outgoing.py)."""
    judgement: Sent | GivenUp | WindowClosed
    attempts: int = 1
    upload: FileUpload | None = None
    """Its file was uploaded for it."""
