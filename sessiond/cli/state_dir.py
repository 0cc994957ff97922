"""The directory in which ``sessiond dev`` keeps its database, its secrets and its admin socket."""

import base64
import os
import secrets
import socket
from pathlib import Path

from attrs import field, frozen

from sessiond.config.checks import DEV_SECRET_PREFIX
from sessiond.core.errors import InvalidInput

__all__ = ["DevState", "default_socket", "open_state", "state_dir"]


@frozen
class DevState:
    """What is in it."""

    folder: Path
    secret: str = field(repr=False)
    """Signs tokens."""
    hook_secret: str = field(repr=False)
    """Signs webhooks: ``whsec_…``."""
    session_key_secret: str = field(repr=False)
    """Keys the hash of session keys."""
    chat_token: str = field(repr=False)
    """Opens ``POST /chat``."""

    @property
    def socket(self) -> Path:
        """The admin socket's path."""
        return self.folder / "admin.sock"

    @property
    def store_url(self) -> str:
        """The embedded store."""
        return f"sqlite:///{self.folder / 'sessiond.db'}"


def state_dir() -> Path:
    """Tell where: ``$SESSIOND_STATE_DIR``, else ``$XDG_STATE_HOME/sessiond``, else ``~/.local/state/sessiond``."""
    if own := os.environ.get("SESSIOND_STATE_DIR"):
        return Path(own).absolute()
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "sessiond"


def default_socket() -> Path:
    """Tell which socket ``sessionctl`` uses when none is named: that of the ``serve`` that was started here,
    else that of ``sessiond dev``.

    A socket file that a killed server left behind does not stand in the way.
    """
    own = state_dir() / "admin.sock"
    served = Path("sessiond-admin.sock")
    if _is_listening(served):
        return served
    return served if served.exists() and not _is_listening(own) else own


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def open_state(folder: Path | None = None) -> DevState:
    """Make the directory, for us alone, and the secrets that are not there yet.

    Raises:
      InvalidInput: it cannot be written.

    """
    folder = (folder or state_dir()).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = _kept(folder / "secret", DEV_SECRET_PREFIX + secrets.token_urlsafe(32))
        raw = DEV_SECRET_PREFIX.encode() + secrets.token_bytes(32)
        hook_secret = _kept(folder / "hook-secret", "whsec_" + base64.b64encode(raw).decode())
        of_keys = DEV_SECRET_PREFIX + secrets.token_urlsafe(32)
        session_key_secret = _kept(folder / "session-key-secret", of_keys)
        chat_token = _kept(folder / "chat-token", DEV_SECRET_PREFIX + secrets.token_urlsafe(32))
    except OSError as error:
        raise InvalidInput(f"cannot use the directory {folder}: {error.strerror}") from None
    return DevState(folder, secret, hook_secret, session_key_secret, chat_token)


def _kept(file: Path, fresh: str) -> str:
    """Read *file*; make it of *fresh*, readable for us alone, when it is not there."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(fresh + "\n")
    return fresh
