"""A real server process, started again and again on the same store and port."""

import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import trio

__all__ = ["ServerProcess"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """``tests.scenarios.crash_server`` as a child process, one at a time; *module* and *arguments* name another."""

    def __init__(
        self,
        store: str,
        folder: Path,
        *,
        node: str = "node-1",
        lease_seconds: float = 10.0,
        module: str = "tests.scenarios.crash_server",
        arguments: list[str] | None = None,
    ) -> None:
        self.port = _free_port()
        self._module = module
        self._arguments = [
            store,
            str(self.port),
            str(folder / f"{node}.sock"),
            *([node, str(lease_seconds)] if arguments is None else arguments),
        ]
        self._log = folder / f"{node}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """Everything it has written."""
        return self._log.read_text()

    async def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.spawn()
        await self.wait_ready()

    async def wait_ready(self) -> None:
        """Wait until ``/readyz`` says so."""
        with trio.fail_after(30):
            while not await self.is_ready():
                assert self.exit_code() is None, self.log
                await trio.sleep(0.01)

    async def is_ready(self) -> bool:
        """Tell whether it serves; not when it listens and waits for its store, or ends."""
        if not self.listens():
            return False
        with suppress(OSError, trio.BrokenResourceError):
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                await stream.send_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return b" 200 " in await stream.receive_some(1024)
        return False

    def spawn(self) -> None:
        """Start the process and do not wait."""
        command = [sys.executable, "-m", self._module, *self._arguments]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log, stdout=log)

    def listens(self) -> bool:
        """Tell whether the port takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def exit_code(self) -> int | None:
        """Tell how it ended; ``None``: it runs."""
        assert self._process is not None
        return self._process.poll()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP, SIGCONT, SIGTERM."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        self.send_signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    async def wait(self, seconds: float) -> int:
        """Wait for its end and return the exit code."""
        with trio.fail_after(seconds):
            while (code := self.exit_code()) is None:  # noqa: ASYNC110 -- a process sets no event
                await trio.sleep(0.01)
        return code
