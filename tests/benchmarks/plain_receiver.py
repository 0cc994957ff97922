"""A plain receiver of webhooks, the measure for ours: ``python -m tests.benchmarks.plain_receiver JSON``.

What one writes by hand with trio, h11, json and sqlite3: each webhook's signature is checked, its message read and
written to a table where its id is unique, durably, and then acknowledged. Nobody answers the message, nothing is
batched, nobody's order is kept.
"""

import hashlib
import hmac
import json
import sqlite3
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import h11
import trio

from tests.benchmarks.app_server import APP_SECRET
from tests.benchmarks.child import pin


def _open(folder: str) -> sqlite3.Connection:
    database = sqlite3.connect(Path(folder) / "plain.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE messages (id TEXT PRIMARY KEY, sender TEXT, text TEXT)")
    return database


def _receive(database: sqlite3.Connection, request: h11.Request, body: bytes) -> int:
    signed = dict(request.headers)[b"x-hub-signature-256"].decode().removeprefix("sha256=")
    digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(digest, signed):
        return 401
    for entry in json.loads(body)["entry"]:
        for change in entry["changes"]:
            for one in change["value"]["messages"]:
                database.execute(
                    "INSERT OR IGNORE INTO messages VALUES (?, ?, ?)",
                    (one["id"], one["from"], one["text"]["body"]),
                )
    return 200


async def _serve(database: sqlite3.Connection, stream: trio.SocketStream) -> None:
    http = h11.Connection(h11.SERVER)
    request, body = h11.Request(method="GET", target="/", headers=[("host", "")]), b""
    with suppress(trio.BrokenResourceError):
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await stream.receive_some(65536))
            elif isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                status = _receive(database, request, body)
                head = h11.Response(status_code=status, headers=[("content-length", "0")])
                sent = [http.send(part) or b"" for part in (head, h11.EndOfMessage())]
                await stream.send_all(b"".join(sent))
                http.start_next_cycle()
            else:
                return


async def main(folder: str) -> None:
    """Serve until killed."""
    serve = partial(_serve, _open(folder))
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        print("ready", listeners[0].socket.getsockname()[1], flush=True)


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    pin(options["core"])
    trio.run(main, options["folder"])
