"""``sessiond``: run and check a server. One file per command; each imports what it needs when it is called."""

from sessiond.cli.sessiond import main

__all__ = ["main"]
