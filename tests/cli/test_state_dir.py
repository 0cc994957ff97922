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

    assert (first.secret, first.hook_secret) == (second.secret, second.hook_secret)
    assert stat.S_IMODE(first.folder.stat().st_mode) == 0o700
    for file in ("secret", "hook-secret"):
        assert stat.S_IMODE((first.folder / file).stat().st_mode) == 0o600
    assert first.secret not in repr(first)


def test_development_secrets_are_refused_elsewhere(tmp_path: Path) -> None:
    """A server outside development does not start with either of them."""
    state = open_state(tmp_path)
    settings = load_settings(
        flags={"auth.secret": state.secret, "webhook.secrets": [state.hook_secret]}
    )
    errors = {one.path for one in check_settings(settings) if one.severity is Severity.ERROR}

    assert errors >= {"auth.secret", "webhook.secrets"}


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """Its path is named."""
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidInput, match="cannot use the directory"):
        open_state(tmp_path / "file" / "state")


def test_which_admin_socket_is_meant(short_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of ``sessiond dev``, unless it is dead and there is one here."""
    monkeypatch.chdir(short_tmp_path)
    monkeypatch.setenv("SESSIOND_STATE_DIR", str(short_tmp_path))
    own, served = short_tmp_path / "admin.sock", Path("sessiond-admin.sock")
    assert default_socket() == own

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(own))
        listening.listen()
        served.touch()
        assert default_socket() == own
    assert own.exists()
    assert default_socket() == served
