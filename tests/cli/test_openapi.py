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


SHOP = """
[session_keys]
secret = "kkkkkkkkkkkkkkkk"
[gateways.shop]
gateway = "nalo"
path = "/w/8f2c"
tokens = ["a-token-that-is-a-secret"]
[gateways.cafe]
gateway = "http"
tokens = ["a-token-that-is-a-secret"]
"""


def test_a_path_that_may_be_a_secret_is_shown_to_who_asks_for_it(tmp_path: Path) -> None:
    """The account is left out otherwise, and that is said; others are described."""
    (tmp_path / "s.toml").write_text(SHOP)
    shown = run("sessiond.cli", ["openapi", "--config", "s.toml"], tmp_path)
    asked = run("sessiond.cli", ["openapi", "--config", "s.toml", "--secret-paths"], tmp_path)

    assert (0, 0) == (shown.code, asked.code), shown.err + asked.err
    assert "/gateways/cafe" in shown.json["paths"]
    assert "8f2c" not in shown.out + shown.err
    assert "gateways.shop is left out" in shown.err
    assert asked.json["paths"].keys() - shown.json["paths"].keys() == {"/w/8f2c"}
    assert "gateways.shop" not in asked.err
    assert "a-token-that-is-a-secret" not in asked.out


def test_unusable_settings_are_refused(tmp_path: Path) -> None:
    """With what is wrong, as at the start of a server."""
    (tmp_path / "s.toml").write_text('[webhook]\nsecrets = ["hunter2"]\n')
    done = run("sessiond.cli", ["openapi", "--config", "s.toml"], tmp_path)

    assert 1 == done.code
    assert "webhook.secrets[0]" in done.err
    assert "" == done.out
