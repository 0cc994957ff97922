"""``sessiond caller``, as a process."""

from pathlib import Path

from sessiond.cli.state_dir import open_state
from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.session_keys import SessionKeySettings
from tests.cli.conftest import run

SECRET = "a secret of this test"


def test_the_user_of_a_number(tmp_path: Path) -> None:
    """As the server with these settings makes it, however the number is written."""
    (tmp_path / "s.toml").write_text(f'[session_keys]\nsecret = "{SECRET}"\nphone_region = "GH"\n')
    user = Callers(SessionKeySettings(secret=SECRET)).find("+233244123456").user
    for phone in ("+233244123456", "024 412 3456"):
        done = run("sessiond.cli", ["caller", phone, "--config", "s.toml"], tmp_path)
        assert (0, f"{user}\n") == (done.code, done.out)


def test_without_settings_it_is_the_development_secret(tmp_path: Path) -> None:
    """So that it works with sessiond dev."""
    done = run("sessiond.cli", ["caller", "+233244123456"], tmp_path)
    secret = open_state(tmp_path / "state").session_key_secret

    assert Callers(SessionKeySettings(secret=secret)).find("+233244123456").user == done.out.strip()


def test_what_is_no_number(tmp_path: Path) -> None:
    """One line, exit code 1, and it is not repeated."""
    for phone in ("ama", "0244123456"):
        done = run("sessiond.cli", ["caller", phone], tmp_path)
        assert 1 == done.code
        assert 1 == len(done.err.splitlines())
        assert phone not in done.err
        assert "session_keys.phone_region" in done.err
