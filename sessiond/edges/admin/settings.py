"""What operators' socket is, and how much of it."""

from pathlib import Path

from attrs import field, frozen
from attrs.validators import gt, le

__all__ = ["AdminSettings"]


@frozen(kw_only=True)
class AdminSettings:
    """The admin socket."""

    socket: Path = Path("sessiond-admin.sock")
    """Path of the Unix socket, at most 107 bytes. Only its owner (mode 0600) and root can use it."""
    max_clients: int = field(default=32, validator=[gt(0), le(1024)])
    """Connections at once; more are answered with an error and closed."""
    watch_queue: int = field(default=1000, validator=[gt(0), le(100_000)])
    """Events that wait for a slow watcher; more are dropped, and it is told how many."""
    request_seconds: float = field(default=30.0, validator=gt(0))
    """How long one call may take before it is answered with an error."""
