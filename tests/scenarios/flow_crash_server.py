"""A server process whose app is a flow with functions that have an effect; arguments: those of crash_server up to the
admin socket, then the file in which the effects are noted.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import trio
from attrs import evolve

from sessiond import App
from sessiond.config.settings import NodeSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.flows.conversation import Conversation
from sessiond.server import serve
from tests.scenarios.crash_server import settings

#: Questions of one conversation.
ITEMS = 3

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (run_id TEXT);
CREATE TABLE IF NOT EXISTS effects (run_id TEXT PRIMARY KEY, item TEXT);
"""


def make_app(effects: Path) -> App:
    """An app with one flow: three things are asked for, and each is reserved."""
    app = App()

    async def reserve(run_id: str, item: str) -> str:
        with closing(sqlite3.connect(effects)) as db, db:
            db.execute("INSERT INTO calls VALUES (?)", (run_id,))
        await trio.sleep(0.03)
        with closing(sqlite3.connect(effects)) as db, db:
            db.execute("INSERT OR IGNORE INTO effects VALUES (?, ?)", (run_id, item))
        await trio.sleep(0.03)
        return run_id

    @app.flow("order")
    async def order(c: Conversation) -> dict[str, str]:
        reserved = {}
        for number in range(ITEMS):
            item = await c.ask(f"item{number}", f"Item {number}?")
            reserved[item] = await c.run(f"reserve{number}", reserve, c.run_id, item)
        await c.say("Done.")
        return reserved

    return app


if __name__ == "__main__":
    store, port, admin, effects = sys.argv[1:]
    with closing(sqlite3.connect(effects)) as db, db:
        db.executescript(SCHEMA)
    plain = settings(store, int(port), Path(admin), NodeSettings(name="node-1"))
    keyed = evolve(plain, session_keys=SessionKeySettings(secret="crash-test-secret"))
    sys.exit(trio.run(serve, make_app(Path(effects)), keyed))
