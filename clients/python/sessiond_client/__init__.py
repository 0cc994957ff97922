"""A Trio client of sessiond: resumes after every break, pushes once, gets everything once."""

from sessiond_client.backoff import Backoff
from sessiond_client.client import Client, TokenSource, open_client
from sessiond_client.cursor import Position
from sessiond_client.errors import ClientError, JoinRefused, PushFailed, PushTimeout, Stopped
from sessiond_client.events import Event, NotRecovered, Push
from sessiond_client.state import ClientSettings

__all__ = [
    "Backoff",
    "Client",
    "ClientError",
    "ClientSettings",
    "Event",
    "JoinRefused",
    "NotRecovered",
    "Position",
    "Push",
    "PushFailed",
    "PushTimeout",
    "Stopped",
    "TokenSource",
    "open_client",
]
