"""``sessiond serve``: run a server."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sessiond.cli.exit_codes import ExitCode
from sessiond.cli.run import CommandFailed

if TYPE_CHECKING:
    from sessiond.app import App
    from sessiond.config import Settings

__all__ = ["ConfigFiles", "read_settings", "refuse_errors", "refuse_unfit", "serve"]


#: What ``--config`` gives.
ConfigFiles = Annotated[tuple[Path, ...], Parameter(negative="", show_default=False)]


async def serve(
    target: Annotated[str, Parameter(name="MODULE:APP")],
    /,
    *,
    config: ConfigFiles = (),
    host: str | None = None,
    port: int | None = None,
    store: str | None = None,
    node: str | None = None,
    admin_socket: Path | None = None,
    log_format: str | None = None,
    log_level: str | None = None,
) -> int:
    """Serve the app until SIGTERM or Ctrl-C, then drain.

    Every setting can be given in a TOML file or the environment; these flags override both.

    Parameters
    ----------
    target
        The app, like shop:app.
    config
        TOML file with settings; may be repeated, later ones override. Default: $SESSIOND_CONFIG.
    host
        Address to listen on.
    port
        TCP port; 0: a free one.
    store
        URL of the store, like redis://host:6379/0 or sqlite:///file.db.
    node
        This node's name; living nodes on one store need different ones.
    admin_socket
        Path of the admin socket.
    log_format
        json or console.
    log_level
        debug, info, warning or error.

    """
    from sessiond.cli.load_app import load_app
    from sessiond.server import serve as serve_app

    flags = {
        "listen.host": host,
        "listen.port": port,
        "store.url": store,
        "node.name": node,
        "admin.socket": None if admin_socket is None else str(admin_socket),
        "log.format": log_format,
        "log.level": log_level,
    }
    settings = read_settings(config, flags)
    refuse_errors(settings)
    app = load_app(target)
    refuse_unfit(app, settings)
    return await serve_app(app, settings, app_name=target)


def read_settings(config: tuple[Path, ...], flags: Mapping[str, object]) -> "Settings":
    """Load the settings of a command: files, environment, flags.

    Raises:
      SettingsError: with every problem.

    """
    from sessiond.config import load_settings

    named = os.environ.get("SESSIOND_CONFIG", "")
    files = config or tuple(Path(one) for one in named.split(os.pathsep) if one)
    return load_settings(files=files, environment=os.environ, flags=flags)


def refuse_errors(settings: "Settings") -> None:
    """Say what is wrong or unwise about the settings, and end the command when anything is wrong."""
    from sessiond.config import Severity, check_settings
    from sessiond.server.unusable import find_unusable

    unusable = tuple(find_unusable(settings))
    for path, message in unusable:
        print(f"error: {path}: {message}", file=sys.stderr)
    findings = check_settings(settings)
    for finding in findings:
        print(finding.describe(), file=sys.stderr)
    if unusable or any(finding.severity is Severity.ERROR for finding in findings):
        raise CommandFailed(ExitCode.REFUSED)


def refuse_unfit(app: "App", settings: "Settings") -> None:
    """Say in what the app and the settings do not fit each other, and end the command when it could not work."""
    from sessiond.server.unusable import find_doubtful, find_unfit

    for path, message in find_doubtful(app, settings):
        print(f"warning: {path}: {message}", file=sys.stderr)
    unfit = tuple(find_unfit(app, settings))
    for path, message in unfit:
        print(f"error: {path}: {message}", file=sys.stderr)
    if unfit:
        raise CommandFailed(ExitCode.REFUSED)
