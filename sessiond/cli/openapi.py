"""``sessiond openapi``: what the HTTP doors take and answer, for programs."""

from sessiond.cli.serve import ConfigFiles

__all__ = ["openapi"]


async def openapi(*, config: ConfigFiles = ()) -> None:
    """Print the OpenAPI document of the server's HTTP doors, as it serves it at /openapi.json.

    Doors that are not configured are not in it.

    Parameters
    ----------
    config
        TOML file with settings; may be repeated. Default: $SESSIOND_CONFIG.

    """
    import json

    from sessiond.app import App
    from sessiond.cli.serve import read_settings, refuse_errors
    from sessiond.server import describe

    settings = read_settings(config, {})
    refuse_errors(settings)
    print(json.dumps(await describe(App(), settings), indent=2, ensure_ascii=False))
