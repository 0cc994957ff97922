"""sessiond: one supervised actor per live user, behind websocket, webhook and admin doors.

These are the names app authors write against; everything else may change between minor versions.
"""

__version__ = "0.1.0"

from sessiond.app import App, Durability, Reject, Session
from sessiond.core.errors import InvalidInput, Refused, SessiondError

__all__ = [
    "App",
    "Durability",
    "InvalidInput",
    "Refused",
    "Reject",
    "Session",
    "SessiondError",
    "__version__",
]
