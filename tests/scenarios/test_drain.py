"""SIGTERM: a deploy. Clients are told to come back, everything is saved, the exit code says so."""

import random
import signal
from pathlib import Path

import trio
from trio_websocket import ConnectionClosed

from tests.scenarios.client import StubbornClient
from tests.scenarios.server_process import ServerProcess


async def test_sigterm_saves_everything_and_clients_resume(short_tmp_path: Path) -> None:
    """After SIGTERM the process exits 0; clients were closed with 4200 and resume at the next one, losing nothing."""
    server = ServerProcess(f"sqlite:///{short_tmp_path}/drain.db", short_tmp_path)
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(3))
        server.send_signal(signal.SIGTERM)
        reason = None
        with trio.fail_after(10):
            try:
                await client.listen()
            except ConnectionClosed as closed:
                reason = closed.reason
        code = await server.wait(15)
        await client.close()
        await server.start()
        await client.run(range(3, 5))
        kept = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()
    server.kill()

    assert reason is not None
    assert 4200 == reason.code
    assert 0 == code
    assert [0, 1, 2, 3, 4] == kept["seen"]
    assert client.joins[-1]["recovered"]
