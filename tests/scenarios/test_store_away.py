"""The store goes away in the middle of traffic and comes back: nothing acknowledged is lost, work goes on."""

import random
import signal
from pathlib import Path

import pytest
import trio
from trio_websocket import ConnectionClosed

from sessiond.core.codes import CloseCode
from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.hooks import get, post_hook, send_until_accepted
from tests.scenarios.server_process import ServerProcess


async def test_redis_is_killed_and_comes_back(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """While Redis is away nothing is acknowledged, webhooks get 503 with a time to retry, readiness says so;
    afterwards the waiting push is answered, and every acknowledged change is there, once.
    """
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    server = ServerProcess(redis.url, short_tmp_path)
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(3))
        await send_until_accepted(server.port, "ada", 0)

        redis.kill()
        async with trio.open_nursery() as waiting:
            waiting.start_soon(client.run, range(3, 4))
            status, headers, _ = await post_hook(server.port, "ada", 1)
            ready, _, reasons = await get(server.port, "/readyz")
            alive, _, _ = await get(server.port, "/healthz")
            unacknowledged = list(client.acknowledged)
            redis.start()
        await send_until_accepted(server.port, "ada", 1)
        kept = await client.push("show", {})
        with trio.fail_after(10):
            while (await get(server.port, "/readyz"))[0] != 200:  # noqa: ASYNC110 -- a process sets no event
                await trio.sleep(0.05)
        await client.close()
        nursery.cancel_scope.cancel()
    server.kill()

    assert 503 == status
    assert float(headers["retry-after"]) > 0
    assert (503, 200) == (ready, alive)
    assert b"store" in reasons
    assert [0, 1, 2] == unacknowledged
    assert [0, 1, 2, 3] == kept["seen"]
    assert [0, 1] == kept["hooks"]


async def test_redis_is_away_for_longer_than_the_lease(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """The lease runs out with the store, and the process stays: it closes its sockets with "come back", says that it
    is not ready, and takes the sessions up again when the store is back: everything acknowledged, nothing twice.
    """
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    server = ServerProcess(redis.url, short_tmp_path, lease_seconds=3.0)
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(3))
        await send_until_accepted(server.port, "ada", 0)

        redis.kill()
        with pytest.raises(ConnectionClosed) as closed:  # what it waits for is not acknowledged
            await client.push("add", {"n": 3, "_id": "ada-3"})
        with trio.fail_after(15):
            while "sessions are taken up" not in server.log:  # noqa: ASYNC110 -- of a process
                await trio.sleep(0.05)
            while not server.listens():  # noqa: ASYNC110 -- a process
                await trio.sleep(0.05)
        ready, _, _ = await get(server.port, "/readyz")
        status, _, _ = await post_hook(server.port, "ada", 1)
        redis.start()
        await server.wait_ready()
        await client.run(range(3, 5))
        await send_until_accepted(server.port, "ada", 1)
        kept = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()
    assert server.is_running
    server.kill()

    assert closed.value.reason is not None
    assert closed.value.reason.code == CloseCode.RESTARTED.number
    assert (503, 503) == (ready, status)
    assert [0, 1, 2, 3, 4] == kept["seen"]
    assert [0, 1] == kept["hooks"]


async def test_redis_hangs_for_longer_than_the_lease(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """Connections stay open and nothing answers: as if it were gone. When it answers again, the node serves again."""
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    server = ServerProcess(redis.url, short_tmp_path, lease_seconds=3.0)
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(3))

        redis.pause()
        with pytest.raises(ConnectionClosed) as closed:  # what it waits for is not acknowledged
            await client.push("add", {"n": 3, "_id": "ada-3"})
        with trio.fail_after(20):
            while "sessions are taken up" not in server.log:  # noqa: ASYNC110 -- of a process
                await trio.sleep(0.05)
            while not server.listens():  # noqa: ASYNC110 -- a process
                await trio.sleep(0.05)
        ready, _, _ = await get(server.port, "/readyz")
        redis.resume()
        await server.wait_ready()
        await client.run(range(3, 5))
        await send_until_accepted(server.port, "ada", 0)
        kept = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()
    server.kill()

    assert closed.value.reason is not None
    assert closed.value.reason.code == CloseCode.RESTARTED.number
    assert 503 == ready
    assert [0, 1, 2, 3, 4] == kept["seen"]
    assert [0] == kept["hooks"]


async def test_another_node_takes_the_sessions_up_while_redis_was_away(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """The node whose lease ran out finds the store taken: it says by whom and ends with 75, which means "start me
    again"; the other serves on, with everything acknowledged.
    """
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    first = ServerProcess(redis.url, short_tmp_path, node="first", lease_seconds=3.0)
    second = ServerProcess(redis.url, short_tmp_path, node="second", lease_seconds=60.0)
    await first.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", first.port, nursery, random.Random(1))
        await client.run(range(2))
        redis.kill()
        with trio.fail_after(15):
            while "sessions are taken up" not in first.log:  # noqa: ASYNC110 -- of a process
                await trio.sleep(0.05)
            while not first.listens():  # noqa: ASYNC110 -- a process
                await trio.sleep(0.05)
        first.send_signal(signal.SIGSTOP)  # or both would race for the store
        redis.start()
        await second.start()
        first.send_signal(signal.SIGCONT)
        code = await first.wait(15)
        other = StubbornClient("ada", second.port, nursery, random.Random(2))
        await other.run(range(2, 4))
        kept = await other.push("show", {})
        await client.close()
        await other.close()
        nursery.cancel_scope.cancel()
    second.kill()

    assert 75 == code
    assert "Traceback" not in first.log
    assert "node.failed" not in first.log
    (line,) = (line for line in first.log.splitlines() if "are not taken up again" in line)
    assert "second" in line
    assert [0, 1, 2, 3] == kept["seen"]


async def test_redis_hangs_for_longer_than_its_time_out(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """A Redis that stops answering leaves the commit undecided: sent again when it answers, it is applied once."""
    redis = redis_servers.start(appendonly="yes")
    server = ServerProcess(redis.url, short_tmp_path, lease_seconds=60.0)
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(2))
        async with trio.open_nursery() as waiting:
            redis.pause()
            waiting.start_soon(client.run, range(2, 4))
            await trio.sleep(2.5)  # more than two of the store's time-outs
            redis.resume()
        kept = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()
    server.kill()

    assert [0, 1, 2, 3] == kept["seen"]
    assert [("added", n) for n in range(4)] == [(event, n) for _, _, event, n in client.received]
