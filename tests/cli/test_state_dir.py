"""The state directory of ``sessiond dev``."""

import socket
import stat
from pathlib import Path

import pytest

from sessiond.cli.state_dir import default_socket, open_state
from sessiond.config import Severity, check_settings, load_settings
from sessiond.core.errors import InvalidInput


def test_secrets_are_made_once_and_for_us_alone(tmp_path: Path) -> None:
    """The same after a restart; nobody else can read them, no repr shows them."""
    first = open_state(tmp_path / "a" / "state")
    second = open_state(tmp_path / "a" / "state")

    assert first == second
    assert stat.S_IMODE(first.folder.stat().st_mode) == 0o700
    for file in ("secret", "hook-secret", "session-key-secret", "chat-token"):
        assert stat.S_IMODE((first.folder / file).stat().st_mode) == 0o600
    made = {first.secret, first.hook_secret, first.session_key_secret, first.chat_token}
    assert 4 == len(made)
    assert not any(secret in repr(first) for secret in made)


def test_a_state_directory_of_an_older_version_gets_what_it_lacks(tmp_path: Path) -> None:
    """The secrets that are there stay; the one that is missing is made."""
    first = open_state(tmp_path)
    (tmp_path / "session-key-secret").unlink()
    second = open_state(tmp_path)

    assert (first.secret, first.hook_secret) == (second.secret, second.hook_secret)
    assert second.session_key_secret not in {"", first.session_key_secret}
    assert open_state(tmp_path) == second


def test_development_secrets_are_refused_elsewhere(tmp_path: Path) -> None:
    """A server outside development does not start with any of them."""
    state = open_state(tmp_path)
    settings = load_settings(
        flags={
            "auth.secret": state.secret,
            "webhook.secrets": [state.hook_secret],
            "session_keys.secret": state.session_key_secret,
            "chat.tokens": [state.chat_token],
        }
    )
    errors = {one.path for one in check_settings(settings) if one.severity is Severity.ERROR}

    assert errors >= {"auth.secret", "webhook.secrets", "session_keys.secret", "chat.tokens"}


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """Its path is named."""
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidInput, match="cannot use the directory"):
        open_state(tmp_path / "file" / "state")


def test_which_admin_socket_is_meant(short_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one here, where a server listens; else that of ``sessiond dev``, unless it is dead and there is one here."""
    monkeypatch.chdir(short_tmp_path)
    monkeypatch.setenv("SESSIOND_STATE_DIR", str(short_tmp_path))
    own, served = short_tmp_path / "admin.sock", Path("sessiond-admin.sock")
    assert default_socket() == own

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(own))
        listening.listen()
        served.touch()
        assert default_socket() == own
        served.unlink()
        with socket.socket(socket.AF_UNIX) as here:
            here.bind(str(served))
            here.listen()
            assert default_socket() == served
    assert own.exists()
    assert default_socket() == served
