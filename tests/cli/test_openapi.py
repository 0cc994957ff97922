"""``sessiond openapi``, as a process."""

from pathlib import Path

from tests.cli.conftest import run

CHAT = """
[chat]
tokens = ["a-token-that-is-a-secret"]
path = "/say"
[session_keys]
secret = "kkkkkkkkkkkkkkkk"
"""


def test_the_document_of_the_configured_doors(tmp_path: Path) -> None:
    """JSON on the standard output, with the doors that the settings open and no secret; nothing is left behind."""
    (tmp_path / "s.toml").write_text(CHAT)
    done = run("sessiond.cli", ["openapi", "--config", "s.toml"], tmp_path)

    assert 0 == done.code, done.err
    assert {"/say", "/healthz", "/socket/websocket"} <= done.json["paths"].keys()
    assert "a-token-that-is-a-secret" not in done.out
    assert ["s.toml"] == [file.name for file in tmp_path.iterdir()]


def test_unusable_settings_are_refused(tmp_path: Path) -> None:
    """With what is wrong, as at the start of a server."""
    (tmp_path / "s.toml").write_text('[webhook]\nsecrets = ["hunter2"]\n')
    done = run("sessiond.cli", ["openapi", "--config", "s.toml"], tmp_path)

    assert 1 == done.code
    assert "webhook.secrets[0]" in done.err
    assert "" == done.out
