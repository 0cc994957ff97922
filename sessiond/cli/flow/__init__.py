"""``sessiond flow``: one module per command."""
