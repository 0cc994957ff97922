"""A plain trio-websocket echo server, the measure for ours: ``python -m tests.benchmarks.plain_server JSON``."""

import json
import sys
from contextlib import suppress
from functools import partial

import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

from tests.benchmarks.child import pin


async def _echo(request: WebSocketRequest) -> None:
    connection = await request.accept()
    with suppress(ConnectionClosed):
        while True:
            await connection.send_message(await connection.get_message())


async def main() -> None:
    """Serve until killed."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_websocket, _echo, "127.0.0.1", 0, ssl_context=None)
        )
        print("ready", server.port, flush=True)


if __name__ == "__main__":
    pin(json.loads(sys.argv[1])["core"])
    trio.run(main)
