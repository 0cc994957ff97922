"""What outlives a connection: the marks in the stream, the pushes without an answer, the events not yet read."""

from collections.abc import Mapping

import trio
from attrs import define, field, frozen

from sessiond_client.backoff import Backoff
from sessiond_client.cursor import Cursor
from sessiond_client.errors import Stopped
from sessiond_client.events import Event
from sessiond_client.pending import PendingPushes

__all__ = ["ClientSettings", "State"]


@frozen
class ClientSettings:
    """Times in seconds; the defaults suit the defaults of the server."""

    heartbeat: float = 30.0
    """Between heartbeats; the server closes after 60 seconds of silence."""
    join_timeout: float = 10.0
    """For the answer to a join; the server answers within 8 seconds."""
    push_timeout: float = 30.0
    """For the answer to a push, reconnects included."""
    unread: int = 256
    """Events that may wait for the application before the socket is not read any more."""
    backoff: Backoff = field(factory=Backoff)


@define(eq=False)
class State:
    """Shared by the client (what the application calls) and its links (one per connection)."""

    topic: str
    device: str
    settings: ClientSettings
    cursor: Cursor
    events: trio.MemorySendChannel[Event]
    pending: PendingPushes = field(factory=PendingPushes)
    joined: trio.Event = field(factory=trio.Event)
    ack_wake: trio.Event = field(factory=trio.Event)
    session: Mapping[str, object] = field(factory=dict)
    over: Stopped | None = None

    def stop(self, error: Stopped) -> None:
        """End everything with *error*, unless it is over already."""
        if self.over is None:
            self.over = error
        self.pending.fail_all(self.over)
        self.joined.set()
