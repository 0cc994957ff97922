"""The admin door: JSON-RPC 2.0, one message per line, over a Unix socket that only its owner and root can use."""
