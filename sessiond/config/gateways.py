"""``[gateways.<account>]``: one table per account, with the settings of every account and those of its kind.

Which settings a table has depends on its ``gateway``; so it is read here and not by the class alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import cattrs
from attrs import field, frozen

from sessiond.config.gateway_kinds import find_kind
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.port import GatewayKind
from sessiond.core.structuring import nearest

__all__ = ["GatewaySettings", "kind_of", "register_gateways"]

_GENERAL: Final = frozenset(attrs.fields_dict(AccountSettings))

#: The setting that is the account's name unless it is given, where a kind has it: the gateway of session keys.
_NAME: Final = "name"

#: The setting that is ``session_keys.phone_region`` unless it is given, where a kind has it.
_REGION: Final = "region"

#: What a name may be: each message is refused where session keys cannot be made of it.
_GATEWAY: Final = re.compile(r"[A-Za-z0-9_./-]{1,64}")


@frozen(kw_only=True)
class GatewaySettings:
    """One account: what every account has, and what its kind adds."""

    account: AccountSettings
    kind: GatewayKind = field(repr=False)
    own: Any = field(repr=False)
    """An instance of ``kind.settings``."""
    is_named: bool = True
    """Whether ``name`` was given; absent, it is the account's: other accounts have other conversations."""

    def open(self, name: str, phone_region: str | None = None) -> Account:
        """Make the account that is called *name*; *phone_region* is the ``region`` of one that has none of its own.

        Raises:
          InvalidInput: the kind does not take its settings.

        """
        own = self.own if self.is_named else attrs.evolve(self.own, name=name)
        if phone_region is not None and getattr(own, _REGION, "") is None:
            own = attrs.evolve(own, **{_REGION: phone_region})
        return Account(name, self.account, self.kind.open(own))


def kind_of(table: object) -> GatewayKind | None:
    """Find the kind that the *table* of an account names; ``None``: it names none that can be used."""
    name = table.get("gateway") if isinstance(table, Mapping) else None
    try:
        return find_kind(name) if isinstance(name, str) else None
    except InvalidInput:
        return None


def register_gateways(converter: cattrs.Converter) -> None:
    """Teach *converter* to read the table of an account, with all that is wrong with it at once."""
    converter.register_structure_hook(GatewaySettings, _hook(converter))


def _hook(converter: cattrs.Converter) -> Callable[[Any, Any], GatewaySettings]:
    def hook(value: object, cls: Any) -> GatewaySettings:
        if not isinstance(value, Mapping):
            raise TypeError("must be a table")
        reading = _Reading(value, converter)
        if reading.errors:
            raise cattrs.ClassValidationError("an account does not fit", reading.errors, cls)
        assert reading.kind is not None
        return GatewaySettings(
            account=reading.account,
            kind=reading.kind,
            own=reading.own,
            is_named=reading.is_named,
        )

    return hook


class _Reading:
    """One table as it is read, with what is wrong with it."""

    def __init__(self, table: Mapping[str, object], converter: cattrs.Converter) -> None:
        self._converter = converter
        self.errors: list[Exception] = []
        self.kind: GatewayKind | None = None
        self.own: Any = None
        self.is_named = True
        own = {name: value for name, value in table.items() if name not in _GENERAL}
        general = {name: value for name, value in table.items() if name in _GENERAL}
        self.account: Any = self._structure(general, AccountSettings)
        self._read_own(table.get("gateway"), own)

    def _read_own(self, name: object, table: Mapping[str, object]) -> None:
        if not isinstance(name, str):
            return  # required and a text: that was said
        try:
            self.kind = find_kind(name)
        except InvalidInput as error:
            self.errors.append(_at("gateway", error))
            return
        names = frozenset(attrs.fields_dict(self.kind.settings))
        self.is_named = _NAME in table or _NAME not in names
        self.errors += _unknown([one for one in table if one not in names], names | _GENERAL)
        known = {one: value for one, value in table.items() if one in names}
        self.own = self._structure(known, self.kind.settings)
        if self.own is not None and _NAME in known and _GATEWAY.fullmatch(self.own.name) is None:
            what = "the name of a gateway has 1 to 64 letters, digits and _ . / -"
            self.errors.append(_at(_NAME, InvalidInput(what)))

    def _structure(self, table: Mapping[str, object], cls: type) -> Any:
        try:
            return self._converter.structure(table, cls)
        except Exception as error:  # noqa: BLE001 -- hooks and validators may raise anything; all of it is bad input
            self.errors.append(error)
            return None


def _unknown(names: list[str], known: frozenset[str]) -> Iterator[Exception]:
    for name in sorted(names):
        yield _at(name, InvalidInput(f"unknown name{nearest(name, known)}"))


def _at(name: str, error: Exception) -> Exception:
    """Say at which name of the table it went wrong, as cattrs does."""
    error.add_note(cattrs.AttributeValidationNote(f"at {name}", name, object))
    return error
