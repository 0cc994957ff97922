"""Our own clients against a real server that is killed and started again."""

import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from sessiond.core.ids import UserId
from sessiond.edges.auth import issue_token, signing_key
from sessiond_client import Backoff, ClientSettings, JoinRefused, Push, Stopped, open_client
from tests.scenarios.crash_server import AUTH
from tests.scenarios.server_process import ServerProcess

SETTINGS = ClientSettings(backoff=Backoff(first=0.05, longest=0.5))
CLIENTS = Path(__file__).parents[2] / "clients"


@pytest.fixture
def server(short_tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(f"sqlite:///{short_tmp_path}/store.db", short_tmp_path)
    yield server
    if server.exit_code() is None:
        server.kill()


def token(user: str) -> str:
    return issue_token(signing_key(AUTH), UserId(user), now=time.time(), lifetime_seconds=600)


async def test_the_python_client_survives_a_killed_server(server: ServerProcess) -> None:
    """Pushes made before and after a SIGKILL are applied once, and what they caused is yielded once, in order."""
    got: list[object] = []

    async def read() -> None:
        async for event in client:
            assert isinstance(event, Push), event
            got.append(event.payload["n"])

    with trio.fail_after(60):
        await server.start()
        url = f"ws://127.0.0.1:{server.port}"
        async with (
            open_client(url, token("ada"), "ada", device="t", settings=SETTINGS) as client,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(read)
            for n in range(1, 41):
                if n == 20:
                    server.kill()
                    nursery.start_soon(server.start)
                await client.push("add", {"n": n})
            shown = await client.push("show")
            nursery.cancel_scope.cancel()

    assert shown["seen"] == list(range(1, 41))
    assert got == list(range(1, 41))


async def test_a_later_process_resumes_where_an_earlier_one_stopped(server: ServerProcess) -> None:
    """The stored position brings what came in between, without a word of loss."""
    with trio.fail_after(60):
        await server.start()
        url = f"ws://127.0.0.1:{server.port}"
        async with (
            open_client(url, token("ada"), "ada", device="a", settings=SETTINGS) as first,
            open_client(url, token("ada"), "ada", device="b", settings=SETTINGS) as other,
        ):
            for n in (1, 2, 3):
                await other.push("add", {"n": n})
            assert (await anext(first), await anext(first)) is not None
            position = first.position
        async with open_client(
            url, token("ada"), "ada", device="a", resume=position, settings=SETTINGS
        ) as again:
            missed = [await anext(again), await anext(again)]

    assert position is not None
    assert position.offset == 1
    assert [event.payload for event in missed if isinstance(event, Push)] == [{"n": 2}, {"n": 3}]


async def test_the_python_client_is_told_what_cannot_be_cured(server: ServerProcess) -> None:
    """Somebody else's topic and a token that nobody signed end the client with the reason."""
    with trio.fail_after(60):
        await server.start()
        url = f"ws://127.0.0.1:{server.port}"
        with pytest.raises(JoinRefused, match="forbidden"):
            async with open_client(url, token("ada"), "bob", settings=SETTINGS):
                pass
        with pytest.raises(Stopped, match="401"):
            async with open_client(url, "nonsense", "ada", settings=SETTINGS):
                pass


class Journey:
    """session_journey.mjs as a child process."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.said: list[tuple[str, Any]] = []
        self._buffer = b""

    async def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{line}\n".encode())

    async def until(self, step: str) -> None:
        """Read up to the next line that says *step*."""
        assert self.process.stdout is not None
        while True:
            while b"\n" not in self._buffer:
                data = await self.process.stdout.receive_some()
                assert data, self.said
                self._buffer += data
            line, _, self._buffer = self._buffer.partition(b"\n")
            told = json.loads(line)
            self.said.append((told["step"], told["detail"]))
            if told["step"] == step:
                return


@asynccontextmanager
async def journey(version: str, port: int, count: int) -> AsyncIterator[Journey]:
    script = Path(__file__).parent / "session_journey.mjs"
    url = f"ws://127.0.0.1:{port}/socket"
    command = ["node", str(script), version, url, token("ada"), "ada", str(count)]
    pipe = subprocess.PIPE
    process = await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe)
    try:
        yield Journey(process)
        assert process.stdin is not None
        await process.stdin.aclose()
        assert await process.wait() == 0
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                await stream.aclose()


@pytest.mark.parametrize("version", ["17", "18"])
async def test_the_javascript_session_survives_a_killed_server(
    server: ServerProcess, version: str
) -> None:
    """On both versions of phoenix: resumed after a SIGKILL, everything once and in order, nothing lost."""
    with trio.fail_after(60):
        await server.start()
        async with journey(version, server.port, 5) as client:
            await client.until("joined")
            await client.tell("0")
            await client.until("done")
            server.kill()
            await server.start()
            await client.until("joined")
            await client.tell("5")
            await client.until("done")
            await client.tell("leave")

    assert [detail for step, detail in client.said if step == "push"] == list(range(1, 11))
    assert [detail for step, detail in client.said if step == "joined"] == [False, True]
    assert [step for step, _ in client.said if step in {"lost", "stopped"}] == []


async def test_the_javascript_module_passes_its_own_tests() -> None:
    """``node --test`` in its folder."""
    done = await trio.run_process(
        ["node", "--test"],
        cwd=CLIENTS / "javascript",
        check=False,
        capture_stdout=True,
        stderr=subprocess.STDOUT,
    )

    assert done.returncode == 0, done.stdout.decode()
