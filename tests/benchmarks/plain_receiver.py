"""A plain receiver of webhooks, the measure for ours: ``python -m tests.benchmarks.plain_receiver JSON``.

What one writes by hand with trio, h11, json and sqlite3: each webhook's signature is checked, its message read and
written to a table where its id is unique, durably, and then acknowledged. Nobody answers the message, nothing is
batched, nobody's order is kept. A USSD dial's answers are written to its row, durably, and the next screen is told:
no flow, no session, no pages, no repeats.
"""

import hashlib
import hmac
import json
import sqlite3
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import h11
import trio

from tests.benchmarks.app_server import APP_SECRET
from tests.benchmarks.child import pin

#: What each request of a dial is answered with; dials.py looks for these.
SCREENS: Final = ("Your name?", "What size?", "How many?", "Where to?", "1 ordered", "Thank you!")


def _open(folder: str) -> sqlite3.Connection:
    database = sqlite3.connect(Path(folder) / "plain.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE messages (id TEXT PRIMARY KEY, sender TEXT, text TEXT)")
    database.execute("CREATE TABLE dials (id TEXT PRIMARY KEY, step INTEGER, answers TEXT)")
    return database


def _answer(database: sqlite3.Connection, request: h11.Request, body: bytes) -> tuple[int, bytes]:
    if b"x-hub-signature-256" in dict(request.headers):
        return _receive(database, request, body), b""
    return 200, _dial(database, json.loads(body))


def _dial(database: sqlite3.Connection, said: dict[str, Any]) -> bytes:
    """Keep what was *said*, and tell the next screen."""
    ((step,),) = database.execute(
        "INSERT INTO dials VALUES (?, 0, '') ON CONFLICT (id) DO UPDATE"
        " SET step = step + 1, answers = answers || char(10) || ? RETURNING step",
        (said["SESSIONID"], said["USERDATA"]),
    ).fetchall()
    screen, goes_on = SCREENS[step], step < len(SCREENS) - 1
    return json.dumps(
        {"USERID": said["USERID"], "MSISDN": said["MSISDN"], "MSG": screen, "MSGTYPE": goes_on}
    ).encode()


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
                status, answer = _answer(database, request, body)
                size = [("content-length", str(len(answer)))]
                head = h11.Response(status_code=status, headers=size)
                parts = (head, h11.Data(answer), h11.EndOfMessage())
                sent = [http.send(part) or b"" for part in parts]
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
