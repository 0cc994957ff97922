"""Programs as a user runs them: processes with arguments, output and an exit code."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cyclopts
import pytest
from attrs import frozen


@frozen
class Done:
    """A process that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(module: str, arguments: Sequence[str], folder: Path, **environment: str) -> Done:
    """Run ``main`` of *module* in *folder*, with a state directory of its own and none of our settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SESSIOND_")}
    here = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", f"from {module} import main; main()", *arguments],
        cwd=folder,
        env=clean | {"SESSIOND_STATE_DIR": str(folder / "state"), "PYTHONPATH": here} | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Ctl:
    """``sessionctl`` against one socket."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def __call__(self, *arguments: str) -> Done:
        everything = ["--socket", str(self.socket), *arguments]
        return run("sessiond.cli.sessionctl", everything, self.socket.parent)


@pytest.fixture
def ctl(short_tmp_path: Path) -> Iterator[Ctl]:
    """``sessionctl`` and a stand-in node in a process of its own."""
    socket = short_tmp_path / "a.sock"
    server = [sys.executable, "-m", "tests.edges.admin.standin", str(socket)]
    with subprocess.Popen(server, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith(b"ready")
        yield Ctl(socket)
        running.kill()


def undocumented(app: cyclopts.App) -> list[str]:
    """Name the commands of *app* whose help is not what the docstring of their function says."""
    wrong: list[str] = []
    for name in app:
        command = app[name]
        if name.startswith("-"):
            continue
        if any(not inner.startswith("-") for inner in command):
            wrong += undocumented(command)
        else:
            words = inspect.getdoc(command.default_command) or ""
            if command.help != words.partition("\n\nParameters\n")[0]:
                wrong.append(name)
    return wrong
