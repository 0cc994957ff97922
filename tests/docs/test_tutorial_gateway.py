"""The gateway tutorial, typed as it stands there: against a real server, by a real shell."""

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from tests.docs.pages import captioned

PAGE = "tutorial-gateway.md"
_COMMAND = re.compile(r"^\$ ", re.MULTILINE)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


class Desk:
    """The reader's folder and his two terminals; the server listens on a port that is free here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        for name in ("wallet.py", "gateways.toml"):
            (folder / name).write_text(captioned(PAGE, name))
        self.functions = captioned(PAGE, "dial.sh").replace(":4000", f":{self.port}")
        self.server: subprocess.Popen[bytes] | None = None

    async def type_in(self, line: str) -> str:
        """Do what a typed line does; returns what it prints."""
        if line.startswith("pkill -9"):
            self.kill()
            return ""
        if line.startswith("sessiond serve"):
            await self.serve(line)
            return ""
        done = await trio.run_process(
            ["bash", "-c", f"{self.functions}\n{line}"], capture_stdout=True
        )
        return done.stdout.decode()

    async def serve(self, line: str) -> None:
        """Start the server in the first terminal, and wait until it listens."""
        self.start(line)
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", self.port)
            except OSError:
                assert self.server is not None
                assert self.server.poll() is None, (self.folder / "log").read_text()
                await trio.sleep(0.05)
            else:
                await stream.aclose()
                return

    def start(self, line: str) -> None:
        words = [*shlex.split(line)[1:], "--port", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "sessiond", *words], cwd=self.folder, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    one = Desk(folder)
    try:
        yield one
    finally:
        one.kill()


async def test_every_dial_of_the_tutorial_is_answered_as_it_says(tmp_path: Path) -> None:
    """Line by line, over a ``kill -9``."""
    commands = [text for text in _COMMAND.split(captioned(PAGE, "dialled")) if text.strip()]
    wanted = [text.strip().partition("\n") for text in commands]
    assert len(wanted) == 10

    with desk(tmp_path) as one, trio.fail_after(120):
        await one.serve("sessiond serve wallet:app --config gateways.toml")
        for line, _, shown in wanted:
            assert (await one.type_in(line)).strip() == shown.strip(), line


def test_the_tutorials_settings_are_accepted(tmp_path: Path) -> None:
    """``sessiond check`` finds nothing but what the page says."""
    one = Desk(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "sessiond", "check", "wallet:app", "--config", "gateways.toml"],
        cwd=one.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
