"""``sessiond check``: is everything as a server needs it?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

from cyclopts import Parameter

from sessiond.cli.exit_codes import ExitCode
from sessiond.cli.serve import ConfigFiles

if TYPE_CHECKING:
    from sessiond.config import Settings
    from sessiond.config.gateways import GatewaySettings

__all__ = ["check"]

#: How long a store may be away before that is a problem: long enough for a slow name server.
_PATIENCE_SECONDS = 3.0


async def check(
    target: Annotated[str | None, Parameter(name="MODULE:APP")] = None,
    /,
    *,
    config: ConfigFiles = (),
    store: str | None = None,
) -> int:
    """Check settings, app and store without serving.

    All problems are said at once; exit code 1 when there is any. Says where each gateway's provider has to call, but
    for a path that the settings give: it may be a secret.

    Parameters
    ----------
    target
        The app, like shop:app.
    config
        TOML file with settings; may be repeated. Default: $SESSIOND_CONFIG.
    store
        URL of the store, instead of the one in the settings.

    """
    problems = warnings = 0
    async for line in _findings(target, config, store):
        print(line)
        problems += line.startswith("error: ")
        warnings += line.startswith("warning: ")
    said = f"{problems} problem{'s' * (problems > 1)}" if problems else "no problems"
    print(f"{said}, {warnings} warning{'s' * (warnings > 1)}" if warnings else said)
    return ExitCode.REFUSED if problems else ExitCode.OK


async def _findings(
    target: str | None, config: tuple[Path, ...], store: str | None
) -> AsyncIterator[str]:
    from sessiond.cli.load_app import load_app
    from sessiond.cli.serve import read_settings
    from sessiond.config import SettingsError, check_settings
    from sessiond.core.errors import InvalidInput
    from sessiond.server.unusable import find_doubtful, find_unfit, find_unusable

    app = None
    if target is not None:
        try:
            app = load_app(target)
        except InvalidInput as error:
            yield f"error: app: {error}"
    try:
        settings = read_settings(config, {"store.url": store})
    except SettingsError as error:
        for problem in error.problems:
            yield f"error: {problem.describe()}"
        return
    unfit = [] if app is None else list(find_unfit(app, settings))
    for path, message in (*unfit, *find_unusable(settings)):
        yield f"error: {path}: {message}"
    for path, message in () if app is None else find_doubtful(app, settings):
        yield f"warning: {path}: {message}"
    said = {path for path, _ in unfit}
    for finding in (one for one in check_settings(settings) if one.path not in said):
        yield finding.describe()
    for name, gateway in settings.gateways.items():
        yield f"gateway {name}: {gateway.account.gateway} calls {_address(name, gateway)}"
    async for line in _store_findings(settings):
        yield line


def _address(name: str, gateway: "GatewaySettings") -> str:
    """Say what the provider of an account calls; a path that the settings give may be a secret, as a token is."""
    from sessiond.core.gateways.accounts import account_path
    from sessiond.core.gateways.ussd import UssdSettings

    account = gateway.account
    query = "?token=…" if isinstance(gateway.own, UssdSettings) and gateway.own.tokens else ""
    if account.path:
        return "the path that is set" + (f", with {query}" if query else "")
    return f"{account.public_url}{account_path(name, account)}{query}"


async def _store_findings(settings: "Settings") -> AsyncIterator[str]:
    from sessiond.config.settings import StoreKind, store_kind
    from sessiond.core.errors import SessiondError, StoreInUse
    from sessiond.server import open_store

    kind = store_kind(settings.store.url)
    if kind is StoreKind.MEMORY:
        return  # there is nothing to look into
    if kind is StoreKind.SQLITE:
        file = Path(unquote(urlsplit(settings.store.url).path)[1:])
        exists, has_folder = _look(file)
        if not exists:
            if not has_folder:
                yield f"error: store.url: the directory of {file} does not exist"
            return  # it is made at the first start; a check leaves nothing behind
    warnings: tuple[str, ...] = ()
    try:
        async with open_store(settings.store, patience=_PATIENCE_SECONDS) as store:
            warnings = await store.check()
    except StoreInUse:
        yield "warning: store: a running server has it, so it was not looked into"
    except SessiondError as error:
        yield f"error: store: {error}"
    for warning in warnings:
        yield f"warning: store: {warning}"


def _look(file: Path) -> tuple[bool, bool]:
    return file.exists(), file.absolute().parent.is_dir()
