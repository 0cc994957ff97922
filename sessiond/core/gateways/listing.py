"""The listing of accounts, as operators see it."""

from attrs import frozen

__all__ = ["GatewayRow"]


@frozen(kw_only=True)
class GatewayRow:
    """One account, and the messages that wait for its provider."""

    account: str
    """Its name; ``?`` stands for messages that this version cannot read."""
    kind: str = ""
    """Which gateway it is of; empty: it is not configured (any more), and what waits stays in the store."""
    sends: bool = False
    """Whether messages can be sent on it: it is configured, and does not only answer."""
    waiting: int = 0
    """Messages in memory; of an account on which nothing can be sent: how many were found in the store."""
    has_more: bool = False
    """Whether there may be more in the store."""
    calls: int = 0
    """Under way now."""
    held_until: float | None = None
    """The provider is not called before."""
    stopped: str = ""
    """Why nothing is sent until an operator resumes it; empty: it is."""
