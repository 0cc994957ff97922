"""The store in one SQLite file: WAL, ``synchronous=FULL``, one writer, one transaction per batch."""

from sessiond.stores.sqlite.store import SqliteStore, open_sqlite_store

__all__ = ["SqliteStore", "open_sqlite_store"]
