"""The websocket door: Phoenix Channels v2 over RFC 6455 (design.md section 8).

``upgrade.py`` turns requests into connections, ``connection.py`` is one client's socket without any
I/O, ``channel.py`` the one topic every user has, ``framing.py`` bytes ↔ messages, ``watch.py`` what
happens when nothing happens. The only package that knows the websocket library.
"""

from sessiond.edges.websocket.context import Identity
from sessiond.edges.websocket.limits import WebsocketLimits
from sessiond.edges.websocket.upgrade import WebsocketDoor, WebsocketSettings

__all__ = ["Identity", "WebsocketDoor", "WebsocketLimits", "WebsocketSettings"]
