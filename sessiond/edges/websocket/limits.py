"""Bounds of one websocket: what each limits, its unit, and why that number."""

from attrs import field, frozen, validators

from sessiond.core.token_bucket import RateLimit

__all__ = ["WebsocketLimits"]


@frozen(kw_only=True)
class WebsocketLimits:
    """How much, how often and how long; durations are in seconds."""

    message_bytes: int = field(default=64 * 1024, validator=validators.gt(0))
    """A larger message closes with 1009. Phoenix's own default is none; nobody types 64 KiB."""
    fragments: int = field(default=64, validator=validators.gt(0))
    """Frames of one message; more closes with 1009. Browsers send one, or one per some KiB."""
    rate: RateLimit | None = field(factory=lambda: RateLimit(1000 / 60, 250))
    """Frames a client may send: 1000 a minute, 250 at once. ``None``: as many as it likes."""
    refusals: int = field(default=100, validator=validators.gt(0))
    """Messages refused for their rate, with hardly one let through, until it is closed (4101)."""
    silence_seconds: float = field(default=60.0, validator=validators.gt(0))
    """Nothing heard for so long closes with 4102; stock clients send a heartbeat each 30 s."""
    join_seconds: float = field(default=8.0, validator=validators.gt(1))
    """A join without an answer by then is answered ``unavailable``; phoenix.js gives up at 10 s."""
