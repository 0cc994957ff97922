"""``kill -9`` at random instants, in the middle of traffic: nothing acknowledged is lost or applied twice."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.hooks import send_until_accepted
from tests.scenarios.server_process import ServerProcess

#: The issue asks for at least 30 per store.
KILLS = 30
USERS = ("ada", "ben", "cy", "dee")


@asynccontextmanager
async def killed_at_random(server: ServerProcess, rng: random.Random) -> AsyncIterator[trio.Event]:
    """Kill and restart *server* in the background; yields what is set after the last kill."""
    enough = trio.Event()

    async def killer() -> None:
        for _ in range(KILLS):
            await trio.sleep(rng.uniform(0.02, 0.4))
            server.kill()
            await server.start()
        enough.set()

    await server.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(killer)
        try:
            yield enough
        finally:
            nursery.cancel_scope.cancel()


async def run_crash_test(store: str, folder: Path, seed: int) -> None:
    """Drive traffic through a server that is killed again and again, then compare what it kept."""
    rng = random.Random(seed)
    server = ServerProcess(store, folder)
    hooked: Counter[str] = Counter()
    async with trio.open_nursery() as sockets:
        clients = [
            StubbornClient(user, server.port, sockets, random.Random(seed)) for user in USERS
        ]
        async with killed_at_random(server, rng) as enough, trio.open_nursery() as traffic:
            stop = trio.Event()

            async def push(client: StubbornClient) -> None:
                n = 1
                while not stop.is_set():
                    await client.run(range(n, n + 1))
                    n += 1

            async def hook(user: str) -> None:
                while not stop.is_set():
                    await send_until_accepted(server.port, user, hooked[user])
                    hooked[user] += 1

            for client in clients:
                await client.run(range(1))
            for client in clients:
                traffic.start_soon(push, client)
                traffic.start_soon(hook, client.user)
            await enough.wait()
            stop.set()
        for client in clients:
            await compare(client, hooked[client.user])
            await client.close()
        sockets.cancel_scope.cancel()
    server.kill()


async def compare(client: StubbornClient, hooks: int) -> None:
    """Compare what the server kept for one user with what his client was promised."""
    kept: dict[str, list[int]] = {}
    with trio.fail_after(30):
        while len(kept.get("hooks", ())) < hooks:
            try:
                kept = await client.push("show", {})
            except (OSError, trio.BrokenResourceError):
                continue
    wanted = list(range(len(client.acknowledged)))
    events = [(event, n) for _, _, event, n in client.received]

    assert wanted == client.acknowledged
    assert wanted == kept["seen"], "an acknowledged input was lost or applied twice"
    assert list(range(hooks)) == sorted(kept["hooks"]), "a webhook was lost or applied twice"
    assert all(join["recovered"] for join in client.joins[1:]), "a resume was not recovered"
    assert 1 == len({epoch for epoch, _, _, _ in client.received})
    offsets = [offset for _, offset, _, _ in client.received]
    assert list(range(1, len(offsets) + 1)) == offsets, "a durable push was lost or doubled"
    assert {("added", n) for n in wanted} | {("hooked", n) for n in range(hooks)} == set(events)
    assert len(client.joins) > KILLS // 3, "the kills did not reach this client"


async def test_nothing_acknowledged_is_lost_on_sqlite(short_tmp_path: Path) -> None:
    """Thirty SIGKILLs, SQLite: every acknowledged input is applied exactly once, no push lost or doubled."""
    await run_crash_test(f"sqlite:///{short_tmp_path}/crash.db", short_tmp_path, seed=1)


async def test_nothing_acknowledged_is_lost_on_redis(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """Thirty SIGKILLs, Redis: every acknowledged input is applied exactly once, no push lost or doubled."""
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    await run_crash_test(redis.url, short_tmp_path, seed=2)
