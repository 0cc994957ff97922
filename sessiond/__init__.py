"""sessiond: one supervised actor per live user, behind websocket, webhook and admin doors.

Importing this package runs nothing; the public names are what app authors write against.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
