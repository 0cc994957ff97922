"""A node that was stopped for longer than its lease may not harm what the next owner does."""

import random
import signal
from pathlib import Path

import trio

from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.server_process import ServerProcess

LEASE_SECONDS = 3.0


async def test_a_node_stopped_for_longer_than_its_lease_gives_up(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """SIGSTOP past the lease: another node takes over, and the sleeper exits non-zero without writing anything."""
    redis = redis_servers.start(appendonly="yes")
    first = ServerProcess(redis.url, short_tmp_path, node="first", lease_seconds=LEASE_SECONDS)
    second = ServerProcess(redis.url, short_tmp_path, node="second", lease_seconds=LEASE_SECONDS)
    await first.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", first.port, nursery, random.Random(1))
        await client.run(range(2))

        second.spawn()
        refused = await second.wait(30)
        first.send_signal(signal.SIGSTOP)
        with trio.fail_after(30):
            while True:
                second.spawn()
                while second.exit_code() is None and not await second.is_ready():  # noqa: ASYNC110 -- no event
                    await trio.sleep(0.05)
                if second.exit_code() is None:
                    break
        other = StubbornClient("ada", second.port, nursery, random.Random(2))
        await other.run(range(2, 4))
        first.send_signal(signal.SIGCONT)
        code = await first.wait(15)
        await other.run(range(4, 5))
        kept = await other.push("show", {})
        await client.close()
        await other.close()
        nursery.cancel_scope.cancel()
    second.kill()

    assert 0 != refused, "two living nodes owned the same partitions"
    assert "first" in second.log
    assert 75 == code
    assert [0, 1, 2, 3, 4] == kept["seen"]


async def test_the_same_node_takes_back_what_it_held(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """A node killed and started again under its own name does not wait for its old lease to run out."""
    redis = redis_servers.start(appendonly="yes")
    server = ServerProcess(redis.url, short_tmp_path, lease_seconds=300.0)
    await server.start()
    server.kill()
    with trio.fail_after(20):
        await server.start()
    server.kill()


async def test_a_node_whose_redis_has_forgotten_everything_begins_anew(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """Nothing can be written any more under what it held: it exits to be started again, and then serves."""
    redis = redis_servers.start()
    server = ServerProcess(redis.url, short_tmp_path, lease_seconds=LEASE_SECONDS)
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(2))
        redis.flush()
        code = await server.wait(15)
        await server.start()
        await client.run(range(2, 4))
        kept = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()
    server.kill()

    assert 75 == code
    assert [2, 3] == kept["seen"]
