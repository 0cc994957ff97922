"""Where state is kept: memory, one SQLite file, or Redis; all behind ``sessiond.core.ports.Store``."""
