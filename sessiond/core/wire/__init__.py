"""The client protocol as bytes: Phoenix Channels v2 (design.md section 8)."""
