"""The accounts of the settings, opened; and their door."""

from collections.abc import Mapping

from sessiond.app import App
from sessiond.config.settings import Settings
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.described import Operations
from sessiond.core.ports import Clock
from sessiond.edges.http.gateways import GatewayDoor
from sessiond.runtime.downloads import MediaDownloads, Provider
from sessiond.runtime.node import NodeRuntime

__all__ = ["hidden_paths", "larger_bodies", "open_accounts", "open_door", "open_downloads"]


def open_accounts(settings: Settings) -> Mapping[str, Account]:
    """Open every account that is configured, by its name.

    Raises:
      InvalidInput: a kind does not take its settings.

    """
    region = settings.session_keys.phone_region
    return {name: one.open(name, region) for name, one in settings.gateways.items()}


def larger_bodies(settings: Settings, accounts: Mapping[str, Account]) -> Mapping[str, int]:
    """Say at which paths more than ``http.body_bytes`` is read, and how much: providers gather messages."""
    return {
        accounts[name].path: one.kind.body_bytes
        for name, one in settings.gateways.items()
        if one.kind.body_bytes > settings.http.body_bytes
    }


def hidden_paths(settings: Settings) -> Mapping[str, str]:
    """Name the accounts with a path of their own, by it: it may be what keeps strangers away."""
    return {one.account.path: name for name, one in settings.gateways.items() if one.account.path}


def _operations(settings: Settings) -> Mapping[str, Operations]:
    """Describe what the accounts take, those whose kinds do so, by their names."""
    return {
        name: one.kind.describe(one.own)
        for name, one in settings.gateways.items()
        if one.kind.describe is not None
    }


def open_door(settings: Settings, runtime: NodeRuntime) -> GatewayDoor:
    """Make the door of the accounts of *runtime*."""
    return GatewayDoor(
        runtime.accounts,
        keys=settings.session_keys,
        intake=runtime.intake,
        directory=runtime.directory,
        clock=runtime.clock,
        entropy=runtime.entropy,
        scheme="http" if settings.listen.tls_certificate is None else "https",
        operations=_operations(settings),
    )


def open_downloads(
    app: App, accounts: Mapping[str, Account], provider: Provider, clock: Clock
) -> None:
    """Let *app* fetch what people send on *accounts*."""
    app.downloads = MediaDownloads(accounts, provider, clock=clock)
