"""``sessiond`` as a whole: help, version, usage."""

from pathlib import Path

from sessiond import __version__
from sessiond.cli.sessiond import app
from tests.cli.conftest import run, undocumented


def test_help_and_version(tmp_path: Path) -> None:
    """Each command has its summary."""
    done = run("sessiond.cli", ["--help"], tmp_path)

    assert done.code == 0
    for command in ("check", "dev", "serve", "token"):
        assert command in done.out
    assert "Serve the app until SIGTERM" in done.out
    assert run("sessiond.cli", ["--version"], tmp_path).out.strip() == __version__


def test_help_of_a_command_is_its_docstring(tmp_path: Path) -> None:
    """All of it: what `flow run` does with functions, and that there is /help in it, is found before it is used."""
    done = run("sessiond.cli", ["flow", "run", "--help"], tmp_path)

    assert "/help lists" in done.out
    assert [] == undocumented(app)


def test_an_unknown_command_is_usage(tmp_path: Path) -> None:
    """The message lists the commands there are."""
    done = run("sessiond.cli", ["frob"], tmp_path)

    assert done.code == 2
    assert "dev" in done.err
