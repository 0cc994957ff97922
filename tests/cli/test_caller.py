"""``sessiond caller``, as a process."""

from pathlib import Path

from sessiond.cli.state_dir import open_state
from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.gateways.identities import Identities
from tests.cli.conftest import run

SECRET = "a secret of this test"


def test_the_user_of_a_number(tmp_path: Path) -> None:
    """As the server with these settings makes it, however the number is written."""
    (tmp_path / "s.toml").write_text(f'[session_keys]\nsecret = "{SECRET}"\nphone_region = "GH"\n')
    user = Callers(SessionKeySettings(secret=SECRET)).find("+233244123456").user
    for phone in ("+233244123456", "024 412 3456"):
        done = run("sessiond.cli", ["caller", phone, "--config", "s.toml"], tmp_path)
        assert (0, f"{user}\n", "") == (done.code, done.out, done.err)


def test_without_settings_it_is_the_development_secret(tmp_path: Path) -> None:
    """So that it works with sessiond dev."""
    done = run("sessiond.cli", ["caller", "+233244123456"], tmp_path)
    secret = open_state(tmp_path / "state").session_key_secret

    assert Callers(SessionKeySettings(secret=secret)).find("+233244123456").user == done.out.strip()
    assert [
        "note: made with the secret of sessiond dev; --config names the settings of a server"
    ] == (done.err.splitlines())


def test_what_is_no_number(tmp_path: Path) -> None:
    """One line, exit code 1, and it is not repeated."""
    for phone in ("ama", "0244123456"):
        done = run("sessiond.cli", ["caller", phone], tmp_path)
        assert 1 == done.code
        assert 1 == len(done.err.splitlines())
        assert phone not in done.err
        assert "session_keys.phone_region" in done.err


def test_the_user_of_an_id_on_an_account(tmp_path: Path) -> None:
    """Somebody without a number: a chat of Telegram's, a program's own user. A number is one there, too."""
    (tmp_path / "s.toml").write_text(f"""
        [session_keys]
        secret = "{SECRET}"
        [gateways.bot]
        gateway = "telegram"
        bot_token = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
        secret_tokens = ["0123456789abcdef"]
        [gateways.program]
        gateway = "http"
        tokens = ["0123456789abcdef"]
        """)
    identities = Identities(SessionKeySettings(secret=SECRET))
    for person, platform, account in (
        ("5512", "telegram", "bot"),
        ("u1", "http", "program"),
        ("+233244123456", "http", "program"),
    ):
        command = ["caller", person, "--account", account, "--config", "s.toml"]
        done = run("sessiond.cli", command, tmp_path)
        user = identities.find(person, platform, account)
        assert (0, f"{user}\n") == (done.code, done.out)

    wrong = run("sessiond.cli", ["caller", "u1", "--account", "bt", "--config", "s.toml"], tmp_path)
    assert 1 == wrong.code
    assert 'there is no account "bt" (there are: bot, program)' in wrong.err
