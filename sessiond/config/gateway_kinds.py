"""The kinds of gateways there are: ours, and those that other packages plug in.

A package plugs a kind in by an entry point of the group ``sessiond.gateways``: its name is the kind's, what it points
to is a ``GatewayKind`` (docs/howto/write-a-gateway.md). It is imported when an account names it, and not before: a
package that is broken harms only who uses it.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

import attrs

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.core.gateways.port import GatewayKind
from sessiond.core.structuring import nearest
from sessiond.gateways import africastalking, http, nalo, nsano, telegram, twilio, whatsapp

__all__ = ["BUILT_IN", "ENTRY_POINTS", "find_kind", "shared_names"]

#: The group that packages plug their kinds into.
ENTRY_POINTS: Final = "sessiond.gateways"

_OURS: Final = (nalo, nsano, africastalking, whatsapp, telegram, twilio, http)

BUILT_IN: Final[Mapping[str, GatewayKind]] = MappingProxyType(
    {module.KIND.name: module.KIND for module in _OURS}
)
"""Ours, by name."""


def find_kind(name: str) -> GatewayKind:
    """Find the kind that an account's ``gateway`` names; imports the package that plugs it in.

    Raises:
      InvalidInput: there is none of this name, or two; it cannot be imported, or is no kind of gateway.

    """
    plugged = [one for one in entry_points(group=ENTRY_POINTS) if one.name == name]
    ours = BUILT_IN.get(name)
    if ours is not None and not plugged:
        return ours
    if not plugged:
        known = {*BUILT_IN, *entry_points(group=ENTRY_POINTS).names}
        raise InvalidInput(
            f"there is no kind of gateway of this name (known: {', '.join(sorted(known))}){nearest(name, known)}"
        )
    if ours is not None:
        raise InvalidInput(f"{_packages(plugged)} plugs in a gateway under the name of one of ours")
    if len(plugged) > 1:
        raise InvalidInput(f"{_packages(plugged)} plug in a gateway under this name: keep one")
    return _loaded(plugged[0])


def _loaded(point: EntryPoint) -> GatewayKind:
    try:
        kind = point.load()
    except Exception as error:  # a package may raise anything as it is imported
        raise InvalidInput(
            f"{_packages([point])}: {point.value} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(kind, GatewayKind):
        raise InvalidInput(
            f"{_packages([point])}: {point.value} is a {type(kind).__name__}, and no GatewayKind"
        )
    if kind.name != point.name:
        raise InvalidInput(f"{_packages([point])}: {point.value} calls itself {kind.name!r}")
    if not attrs.has(kind.settings):
        raise InvalidInput(
            f"{_packages([point])}: the settings of {kind.name!r} are no attrs class"
        )
    taken = sorted(shared_names(kind))
    if taken:
        raise InvalidInput(
            f"{_packages([point])}: every account has the settings {', '.join(taken)}; {kind.name!r} needs other names"
        )
    return kind


def shared_names(kind: GatewayKind) -> set[str]:
    """Name the settings of *kind* that every account has as well: there must be none, they are in one table."""
    own, general = attrs.fields_dict(kind.settings), attrs.fields_dict(AccountSettings)
    return {*own} & {*general}


def _packages(points: list[EntryPoint]) -> str:
    return " and ".join(sorted(point.dist.name if point.dist else "a package" for point in points))
