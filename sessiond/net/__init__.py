"""Bytes: listeners, transports and the HTTP loop; no word of sessions."""
