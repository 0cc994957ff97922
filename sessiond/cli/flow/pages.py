"""Whose pages of USSD flows are measured by: those of the accounts in the settings, of kinds of gateways, or of all."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sessiond.cli.exit_codes import ExitCode
from sessiond.cli.run import CommandFailed

if TYPE_CHECKING:
    from sessiond.config.gateways import GatewaySettings
    from sessiond.core.flow_check.platforms import Page

__all__ = ["page_of_accounts", "page_of_kinds", "pages_of_kinds"]


def page_of_accounts(config: tuple[Path, ...]) -> "Page":
    """Give the shortest page of the accounts in the settings; without one on USSD, the shortest of all our kinds.

    Raises:
      SettingsError: the settings cannot be read; with every problem.

    """
    from sessiond.cli.serve import read_settings

    return _shortest(list(_pages_of(read_settings(config, {}).gateways)) or pages_of_kinds())


def page_of_kinds(names: Collection[str]) -> "Page":
    """Give the shortest page of the kinds of gateways of these *names*; of all of ours when there are none.

    Raises:
      CommandFailed: there is no such kind, or it is not one of USSD.

    """
    pages = pages_of_kinds()
    known = {page.gateway for page in pages}
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known))
            message = f"there is no USSD gateway {name!r} (known: {listed})"
            raise CommandFailed(ExitCode.REFUSED, message)
    return _shortest([page for page in pages if not names or page.gateway in names])


def pages_of_kinds() -> "list[Page]":
    """Give the page of each of our kinds of USSD gateways, as it is unless an account says otherwise."""
    from sessiond.config.gateway_kinds import BUILT_IN
    from sessiond.core.flow_check.platforms import Page
    from sessiond.core.gateways.ussd import UssdSettings

    return [
        Page(name, kind.settings(open=True).page_limits)
        for name, kind in BUILT_IN.items()
        if issubclass(kind.settings, UssdSettings)
    ]


def _pages_of(accounts: "Mapping[str, GatewaySettings]") -> "Iterator[Page]":
    from sessiond.core.flow_check.platforms import Page

    for name, settings in accounts.items():
        limits = settings.open(name).gateway.limits.pages
        if limits is not None:
            yield Page(name, limits)


def _shortest(pages: "Collection[Page]") -> "Page":
    """Give the page that fits everywhere: of two alphabets, one may be shortest at one gateway, one at another."""
    from sessiond.core.flow_check.platforms import Page
    from sessiond.core.rendering.gsm import PageLimits

    septets = min(pages, key=lambda page: page.limits.septets)
    units = min(pages, key=lambda page: page.limits.units)
    if units.limits.units == septets.limits.units:
        return septets
    limits = PageLimits(septets.limits.septets, units.limits.units)
    return Page(f"{septets.gateway} and {units.gateway}", limits)
