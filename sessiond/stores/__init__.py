"""What keeps the state of users: memory, SQLite and Redis behind one port, `core.ports`."""
