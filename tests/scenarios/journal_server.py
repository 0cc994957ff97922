"""A server with a conversation, for test_journal; arguments: store URL, port, admin socket, entries of a journal."""

import sys
from pathlib import Path

import trio
from attrs import evolve

from sessiond import App, Conversation
from sessiond.config.settings import NodeSettings
from sessiond.core.conversations.journal import JournalSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.server import serve
from tests.scenarios.crash_server import settings

app = App()


@app.flow("order", starts_on=["order"])
async def order(c: Conversation) -> int:
    """Ask for an amount until it is one."""
    amount: int = await c.ask("amount", "How much?", parse=int, error="A number, please.")
    await c.confirm("sure", f"Send {amount}?")
    return amount


if __name__ == "__main__":
    store, port, admin, entries = sys.argv[1:]
    everything = evolve(
        settings(store, int(port), Path(admin), NodeSettings()),
        session_keys=SessionKeySettings(secret="journal-test-secret"),
        journal=JournalSettings(keep_texts=True, entries=int(entries)),
    )
    sys.exit(trio.run(serve, app, everything))
