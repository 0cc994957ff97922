"""Where the world touches us: websocket, http and admin.  No door knows another."""
