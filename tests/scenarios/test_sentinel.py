"""Redis' primary dies for good under traffic; a replica takes over, and the server goes on with it."""

import random
from pathlib import Path

import trio

from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.hooks import get, send_until_accepted
from tests.scenarios.server_process import ServerProcess


async def test_a_failover_loses_nothing_acknowledged(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """With durability ``replica`` every acknowledged push and webhook is there afterwards, once; the socket stays open
    over it, and a client that comes back is told that the stream it knew has ended.
    """
    primary, _ = redis_servers.start_replicated(2)
    sentinel = redis_servers.start_sentinel(primary.port, replicas=2)
    store = f"redis+sentinel://127.0.0.1:{sentinel.port}/main/0"
    server = ServerProcess(store, short_tmp_path, arguments=["node-1", "10", "replica"])
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(3))
        await send_until_accepted(server.port, "ada", 0)
        epoch = client.epoch

        primary.kill()
        with trio.fail_after(60):
            await client.run(range(3, 8))
            await send_until_accepted(server.port, "ada", 1)
            while (await get(server.port, "/readyz"))[0] != 200:  # noqa: ASYNC110 -- a process sets no event
                await trio.sleep(0.05)
        await client.close()
        kept = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()
    still_runs = server.is_running
    server.kill()

    assert list(range(8)) == kept["seen"]
    assert [0, 1] == kept["hooks"]
    assert still_runs
    assert epoch != client.epoch
    assert "is out of reach" in server.log
