"""``sessiond serve``: what keeps it from starting."""

from pathlib import Path

import pytest

from tests.cli.conftest import run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere:app"], "there is no module 'nowhere'"),
        (["sessiond.demo:app", "--port", "99999"], "listen.port (--port): must be <= 65535"),
        (["sessiond.demo:app", "--admin-socket", "/nowhere/a.sock"], "admin.socket: its directory"),
        (["sessiond.demo:app", "--config", "missing.toml"], "missing.toml: cannot be read"),
        (
            ["sessiond.demo:app", "--store", "mysql://u:hunter2@h"],
            "store.url (--store): must begin",
        ),
        (["sessiond.demo:app", "--config", "short.toml"], "error: auth.secret: a token secret has"),
        (["sessiond.demo:app", "--log-level", "loud"], "log.level (--log-level): must be one of"),
    ],
)
def test_one_clear_message(tmp_path: Path, arguments: list[str], words: str) -> None:
    """No traceback, exit code 1, no secret."""
    (tmp_path / "short.toml").write_text('[auth]\nsecret = "hunter2"\n')
    done = run("sessiond.cli", ["serve", *arguments], tmp_path)

    assert done.code == 1
    assert words in done.err
    assert "Traceback" not in done.err
    assert "hunter2" not in done.err


def test_usage(tmp_path: Path) -> None:
    """A missing app and an unknown flag are exit code 2."""
    assert run("sessiond.cli", ["serve"], tmp_path).code == 2
    assert run("sessiond.cli", ["serve", "a:b", "--prot", "1"], tmp_path).code == 2
