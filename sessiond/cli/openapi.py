"""``sessiond openapi``: what the HTTP doors take and answer, for programs."""

import sys
from typing import Annotated

from cyclopts import Parameter

from sessiond.cli.serve import ConfigFiles

__all__ = ["openapi"]


async def openapi(
    *,
    config: ConfigFiles = (),
    secret_paths: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print the OpenAPI document of the server's HTTP doors.

    A server tells the same at /openapi.json, but for the accounts of gateways, which are for its operator to show.
    Doors that are not configured are not in it, nor accounts with a path of their own: that may be a secret.

    Parameters
    ----------
    config
        TOML file with settings; may be repeated. Default: $SESSIOND_CONFIG.
    secret_paths
        Describe accounts with a path of their own too, and show the path.

    """
    import json

    from sessiond.app import App
    from sessiond.cli.serve import read_settings, refuse_errors
    from sessiond.server import describe, hidden_paths

    settings = read_settings(config, {})
    refuse_errors(settings)
    hidden = {} if secret_paths else hidden_paths(settings)
    for name in sorted(hidden.values()):
        print(
            f"gateways.{name} is left out, its path may be a secret: --secret-paths shows it",
            file=sys.stderr,
        )
    document = await describe(App(), settings, without=hidden)
    print(json.dumps(document, indent=2, ensure_ascii=False))
