"""What an app is told of the messages that gateways were given."""

from enum import StrEnum

from attrs import field, frozen

__all__ = ["DeliveryState", "DeliveryUpdate"]


class DeliveryState(StrEnum):
    """How far a message has come."""

    SENT = "sent"
    """The provider has it."""
    DELIVERED = "delivered"
    READ = "read"
    HELD = "held"
    """The provider's window is closed: a template was sent, and the message waits for the person to write."""
    FAILED = "failed"
    """It will not arrive."""


@frozen(kw_only=True)
class DeliveryUpdate:
    """What became of one message of the session's user."""

    account: str
    state: DeliveryState
    message_id: str = ""
    """The provider's id; empty: it never had one."""
    reference: str = ""
    """The app's (``session.send(reference=…)``), else ours: the same in all updates of what one turn showed."""
    reason: str = field(default="", repr=False)
    """Why it failed or is held."""
