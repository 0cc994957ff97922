"""SIGTERM: a deploy. Clients are told to come back, everything is saved, the exit code says so."""

import random
import signal
from pathlib import Path
from typing import Any

import trio
from trio_websocket import ConnectionClosed

from sessiond import App, Session
from tests.runtime.hearing import hearing
from tests.scenarios.client import StubbornClient
from tests.scenarios.live import open_live
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


async def test_a_drain_that_was_asked_for_is_no_warning(short_tmp_path: Path) -> None:
    """However long it takes: ``node.draining`` and ``node.drained`` tell it, and readiness, a warning, keeps silent."""
    app = App()
    begun, may_end = trio.Event(), trio.Event()

    @app.on("work")
    async def work(session: Session, payload: dict[str, Any]) -> None:
        begun.set()
        await may_end.wait()

    names = ("node.ready", "node.not_ready", "node.draining", "node.stopped")
    with hearing(*names) as heard:
        async with open_live(app, short_tmp_path) as live:
            client = await live.joined("ada")
            await client.send("work", {})
            await begun.wait()
            await live.admin("node.drain")
            await trio.sleep(1.5)  # longer than between two looks at the readiness
            may_end.set()
            with trio.fail_after(10):
                while heard[-1][0] != "node.stopped":  # noqa: ASYNC110 -- a server that ends
                    await trio.sleep(0.01)

    assert ["node.ready", "node.draining", "node.stopped"] == [name for name, _, _ in heard]
