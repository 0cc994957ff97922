"""A Trio client of sessiond: resumes after every break, pushes once, gets everything once."""

from sessiond_client.backoff import Backoff
from sessiond_client.client import Client, TokenSource, open_client
from sessiond_client.cursor import Position
from sessiond_client.errors import ClientError, JoinRefused, PushFailed, PushTimeout, Stopped
from sessiond_client.events import Event, NotRecovered, Push
from sessiond_client.shown import FLOW_OUTPUT, Choice, Message, Prompt, Shown
from sessiond_client.state import ClientSettings

__all__ = [
    "FLOW_OUTPUT",
    "Backoff",
    "Choice",
    "Client",
    "ClientError",
    "ClientSettings",
    "Event",
    "JoinRefused",
    "Message",
    "NotRecovered",
    "Position",
    "Prompt",
    "Push",
    "PushFailed",
    "PushTimeout",
    "Shown",
    "Stopped",
    "TokenSource",
    "open_client",
]
