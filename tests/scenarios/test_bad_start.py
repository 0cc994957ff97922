"""What keeps a server from starting, or from writing: one clear line, an exit code, nothing lost."""

import json
import random
import re
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.cli.conftest import Done, run
from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.hooks import get, post_hook, request, send_until_accepted
from tests.scenarios.server_process import ServerProcess


@pytest.fixture
def server(short_tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(f"sqlite:///{short_tmp_path}/store.db", short_tmp_path)
    yield server
    if server.is_running:
        server.kill()


def started(folder: Path, *arguments: str) -> Done:
    """Run ``sessiond serve``, which must not get far."""
    app = ["serve", "sessiond.demo:app", "--admin-socket", str(folder / "other.sock")]
    secret = {"SESSIOND_SESSION_KEYS__SECRET": "k" * 16}
    return run("sessiond.cli", [*app, *arguments], folder, **secret)


def said(done: Done) -> list[str]:
    """What it said beside warnings and log lines."""
    lines = done.err.splitlines()
    return [line for line in lines if not line.startswith(("warning: ", "{"))]


def test_a_port_in_use(short_tmp_path: Path) -> None:
    """Exit code 1 and one line that names the address; no store file is taken, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = started(short_tmp_path, "--port", str(port), "--store", "memory:")

    assert done.code == 1
    (line,) = said(done)
    assert f"127.0.0.1:{port}" in line
    assert "in use" in line
    assert "Traceback" not in done.err


async def test_a_second_process_on_the_same_sqlite_file(
    server: ServerProcess, short_tmp_path: Path
) -> None:
    """Exit code 1 and one line with the file and the other's process id; the first serves on, unharmed."""
    await server.start()
    before = (await post_hook(server.port, "ada", 1))[0]
    store = f"sqlite:///{short_tmp_path}/store.db"
    done = await trio.to_thread.run_sync(
        lambda: started(short_tmp_path, "--port", "0", "--store", store)
    )
    after = (await post_hook(server.port, "ada", 2))[0]

    assert done.code == 1
    (line,) = said(done)
    assert f"{short_tmp_path}/store.db is in use by the process {server.pid}" in line
    assert "Traceback" not in done.err
    assert (before, after) == (202, 202)


def test_settings_with_typos(short_tmp_path: Path) -> None:
    """Every problem at once, each with its source and the nearest known name; exit code 1, secrets are not repeated."""
    (short_tmp_path / "s.toml").write_text(
        '[auth]\nsecert = "hunter2hunter2"\n[listen]\nport = "http"\n[sotre]\nurl = "memory:"\n'
    )
    done = started(short_tmp_path, "--config", "s.toml")

    assert done.code == 1
    for words in ('did you mean "secret"?', "listen.port (s.toml)", 'did you mean "store"?'):
        assert words in done.err
    assert "hunter2" not in done.err
    assert "Traceback" not in done.err


async def test_redis_is_away_at_the_start(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """Its doors are open: alive, not ready with the reason, 503 to all; it goes on by itself when the store comes."""
    redis = redis_servers.start(appendonly="yes")
    redis.stop()
    server = ServerProcess(redis.url, short_tmp_path)
    server.spawn()
    path = short_tmp_path / "node-1.sock"

    async def ctl(*words: str) -> Done:
        arguments = ["--socket", str(path), *words]
        return await trio.to_thread.run_sync(
            lambda: run("sessiond.cli.sessionctl", arguments, short_tmp_path)
        )

    try:
        with trio.fail_after(20):
            while not server.listens():  # noqa: ASYNC110 -- a process
                await trio.sleep(0.05)
        alive, unready = [await get(server.port, path) for path in ("/healthz", "/readyz")]
        webhook = await post_hook(server.port, "ada", 1)
        upgrade = await request(
            server.port,
            "GET",
            "/socket/websocket?vsn=2.0.0",
            b"",
            {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"},
        )
        stats, listing, sending = [
            await ctl(*words) for words in (("stats", "--json"), ("ls",), ("inspect", "ada"))
        ]
        redis.start()
        await server.wait_ready()
        again = await post_hook(server.port, "ada", 1)
        assert await send_until_accepted(server.port, "ada", 2) == 1
        async with trio.open_nursery() as nursery:
            client = StubbornClient("ada", server.port, nursery, random.Random(1))
            shown = await client.push("show", {})
            await client.close()
            nursery.cancel_scope.cancel()
    finally:
        server.kill()

    assert alive[0] == 200
    assert unready[0] == 503
    assert json.loads(unready[2])["reasons"] == ["starting", "the store is away"]
    for status, headers, body in (webhook, upgrade):
        assert (status, json.loads(body)["code"]) == (503, "unavailable")
        assert float(headers["retry-after"]) > 0
    assert stats.code == 0
    assert json.loads(stats.out)["ready"] is False
    assert listing.code == 0
    assert sending.code not in {0, 3}
    assert "Traceback" not in server.log + sending.err
    assert (again[0], "webhook-duplicate" in again[1]) == (202, False)
    assert shown["hooks"] == [1, 2]
    assert re.search(r'"store.away".*"reason":', server.log)
    assert re.search(r'"node.not_ready".*"reason":"starting, the store is away"', server.log)


async def test_a_server_whose_store_never_comes_can_be_stopped(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """SIGTERM ends it in order: there is nothing to save."""
    redis = redis_servers.start()
    redis.stop()
    server = ServerProcess(redis.url, short_tmp_path)
    server.spawn()
    with trio.fail_after(20):
        while not server.listens():  # noqa: ASYNC110 -- a process
            await trio.sleep(0.05)
    server.send_signal(signal.SIGTERM)

    assert await server.wait(10) == 0
    assert "Traceback" not in server.log


async def test_the_admin_socket_of_a_killed_server_is_replaced(
    server: ServerProcess, short_tmp_path: Path
) -> None:
    """SIGKILL leaves the socket file: ``sessionctl`` says that nobody listens, and the next start takes its place."""
    path = short_tmp_path / "node-1.sock"

    async def version() -> Done:
        ctl = ["--socket", str(path), "version"]
        return await trio.to_thread.run_sync(
            lambda: run("sessiond.cli.sessionctl", ctl, short_tmp_path)
        )

    await server.start()
    await post_hook(server.port, "ada", 1)
    first = await version()
    server.kill()
    gone, is_left = await version(), path.is_socket()
    await server.start()
    await post_hook(server.port, "ada", 2)
    back = await version()

    assert first.code == 0
    assert is_left
    assert gone.code == 3
    assert "nobody listens" in gone.err
    assert back.code == 0


async def test_a_full_disk(server: ServerProcess, short_tmp_path: Path) -> None:
    """Webhooks get 503, pushes wait, readiness says so; with room again work goes on; nothing is lost or doubled."""
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(3))
        await send_until_accepted(server.port, "ada", 0)

        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        # Too little for the store's log, and for the file that it would be copied into to begin again.
        full = (1 << 15, resource.RLIM_INFINITY)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, full)
        number = 1
        with trio.fail_after(20):
            while (refused := await post_hook(server.port, "ada", number))[0] == 202:
                number += 1
        async with trio.open_nursery() as waiting:
            waiting.start_soon(client.run, range(3, 4))
            with trio.fail_after(10):
                while (unready := await get(server.port, "/readyz"))[0] == 200:  # noqa: ASYNC110
                    await trio.sleep(0.02)
            alive = await get(server.port, "/healthz")
            acknowledged = list(client.acknowledged)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        await send_until_accepted(server.port, "ada", number)
        with trio.fail_after(10):
            while (await get(server.port, "/readyz"))[0] != 200:  # noqa: ASYNC110 -- a process
                await trio.sleep(0.05)
        shown = await client.push("show", {})
        await client.close()
        server.kill()
        await server.start()
        again = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()

    assert refused[0] == 503
    assert float(refused[1]["retry-after"]) > 0
    assert unready[0] == 503
    assert b"store" in unready[2]
    assert alive[0] == 200
    assert acknowledged == [0, 1, 2]
    assert shown == again
    assert shown["seen"] == [0, 1, 2, 3]
    assert shown["hooks"] == list(range(number + 1))
    assert re.search(r'"store.away".*"reason":"the store [^"]*: the disk ', server.log)


async def test_a_file_that_is_moved_away(server: ServerProcess, short_tmp_path: Path) -> None:
    """Soon nothing is acknowledged any more; put back, work goes on, and nothing is lost or doubled."""
    file, elsewhere = trio.Path(short_tmp_path / "store.db"), short_tmp_path / "elsewhere.db"
    await server.start()
    await send_until_accepted(server.port, "ada", 0)
    await file.rename(elsewhere)
    number = 1
    with trio.fail_after(10):
        while (refused := await post_hook(server.port, "ada", number))[0] == 202:
            number += 1
        while (unready := await get(server.port, "/readyz"))[0] == 200:  # noqa: ASYNC110 -- a process
            await trio.sleep(0.02)
    assert not await file.exists()
    await trio.Path(elsewhere).rename(file)
    await send_until_accepted(server.port, "ada", number)
    server.kill()
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        shown = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()

    assert refused[0] == 503
    assert unready[0] == 503
    assert shown["hooks"] == list(range(number + 1))
    assert re.search(r'"store.away".*"reason":"[^"]*: the file was removed or replaced', server.log)


async def test_a_server_stopped_for_longer_than_its_lease_on_sqlite(short_tmp_path: Path) -> None:
    """Nobody can have taken the file, yet it does not guess: it ends with 75, and started again has everything."""
    store = f"sqlite:///{short_tmp_path}/store.db"
    server = ServerProcess(store, short_tmp_path, lease_seconds=3.0)
    await server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", server.port, nursery, random.Random(1))
        await client.run(range(2))
        server.send_signal(signal.SIGSTOP)
        await trio.sleep(3.5)  # the process's own clock decides: nothing here can stand for it
        server.send_signal(signal.SIGCONT)
        code = await server.wait(15)
        await client.close()
        await server.start()
        await client.run(range(2, 3))
        shown = await client.push("show", {})
        await client.close()
        nursery.cancel_scope.cancel()
    server.kill()

    assert code == 75
    assert shown["seen"] == [0, 1, 2]
