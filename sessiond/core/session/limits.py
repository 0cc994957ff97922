"""Bounds of one user's session: what each limits, its unit, and why that number."""

from attrs import frozen

__all__ = ["SessionLimits"]


@frozen(kw_only=True)
class SessionLimits:
    """How long phases last and how much a session may hold; every duration is in seconds."""

    window_seconds: float = 30.0
    """Reconnection window: how long a detached session waits for its client (FLOW CRM's 30 s)."""
    idle_seconds: float = 1800.0
    """Attached and silent for this long: closed with code 4008. 0: never."""
    linger_seconds: float = 60.0
    """How long a session without a connection stays in memory after its last input."""
    outbox_frames: int = 256
    """Durable pushes kept for devices that have not acknowledged them."""
    outbox_bytes: int = 256 * 1024
    """The same, in bytes of stored messages."""
    outbox_keep_seconds: float = 120.0
    """How long after the last connection left missed pushes may still be resumed (Ably's and Socket.IO's 2 min)."""
    window_ids: int = 256
    """Input ids remembered against repeats."""
    window_ids_seconds: float = 48 * 3600.0
    """How long they are remembered; gateways retry for up to two days."""
    snapshot_bytes: int = 256 * 1024
    """A turn that would leave a larger snapshot fails."""
    devices: int = 16
    """Device cursors kept; the one seen longest ago is forgotten first."""
    retention_seconds: float = 30 * 86400.0
    """How long the record of an ended session is kept; 0: removed in the turn that ends it."""
    heartbeat_seconds: float = 30.0
    """What the join reply asks clients to do; silence for twice as long closes the connection."""
