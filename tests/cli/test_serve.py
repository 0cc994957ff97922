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


FLOWS = """
from sessiond import App

app = App()


@app.flow("order")
async def order(c):
    await c.say("Ok")
"""


def test_an_app_with_flows_and_no_secret(tmp_path: Path) -> None:
    """Refused by serve and by check, in one sentence that names the setting; with the secret there is no problem."""
    (tmp_path / "talks.py").write_text(FLOWS)
    (tmp_path / "key").write_text("s" * 32)
    named = {"SESSIOND_SESSION_KEYS__SECRET_FILE": "key"}
    refused = run("sessiond.cli", ["serve", "talks:app", "--port", "0"], tmp_path)
    checked = run("sessiond.cli", ["check", "talks:app"], tmp_path)
    good = run("sessiond.cli", ["check", "talks:app"], tmp_path, **named)

    assert (1, 1, 0) == (refused.code, checked.code, good.code)
    for said in (refused.err, checked.out):
        (line,) = (line for line in said.splitlines() if line.startswith("error: "))
        assert line.startswith("error: session_keys.secret: the app has flows"), line
    assert "Traceback" not in refused.err + checked.err


def test_usage(tmp_path: Path) -> None:
    """A missing app and an unknown flag are exit code 2."""
    assert run("sessiond.cli", ["serve"], tmp_path).code == 2
    assert run("sessiond.cli", ["serve", "a:b", "--prot", "1"], tmp_path).code == 2
