"""The inputs that gateways give to actors."""

from attrs import define, field, frozen

from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.port import GivenUp, Sent, WindowClosed

__all__ = ["DeliverySettled", "Incoming"]


@define
class Incoming:
    """What a person sent on an answering account; answered with ``lines.Answered``. Never changed."""

    account: str
    heard: Heard = field(repr=False)
    waits_seconds: float = 0.0
    """How long the door waits for functions that the flow runs."""


@frozen
class DeliverySettled:
    """What became of a delivery: it leaves the store with this turn. Stale unless it is there."""

    delivery: str
    body: bytes = field(repr=False)
    """Its body (outgoing.py)."""
    judgement: Sent | GivenUp | WindowClosed
    attempts: int = 1
