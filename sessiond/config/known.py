"""Which settings there are, while the sources of their values are read: those of accounts depend on their kind."""

import json
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from sessiond.config.describe import (
    ACCOUNT,
    SettingDoc,
    describe_accounts,
    describe_kind,
    describe_settings,
)
from sessiond.config.gateways import kind_of
from sessiond.core.gateways.accounts import ACCOUNT_NAME
from sessiond.core.structuring import nearest

__all__ = ["GATEWAYS", "PREFIX", "KnownSettings", "wrong_accounts"]

PREFIX: Final = "SESSIOND_"
"""What the environment's names of settings begin with."""

GATEWAYS: Final = "gateways"

_SETTINGS: Final[Mapping[str, SettingDoc]] = {doc.path: doc for doc in describe_settings()}


@define
class KnownSettings:
    """Looks settings up by their paths; *values* is what was read so far, and grows."""

    values: Mapping[str, Any]
    _of_kinds: dict[str, Mapping[str, SettingDoc]] = field(factory=dict)

    def find(self, path: str) -> SettingDoc | None:
        """Find the setting at *path*; of an account (``gateways.shop.tokens``) what its kind says."""
        section, _, rest = path.partition(".")
        if section != GATEWAYS:
            return _SETTINGS.get(path)
        account, _, name = rest.partition(".")
        return self._of(account).get(name)

    def secrets(self) -> Mapping[str, Any]:
        """Give the types of all secrets, by their paths."""
        found = {path: doc.annotation for path, doc in _SETTINGS.items() if doc.secret}
        for account in self._accounts():
            for name, doc in self._of(account).items():
                if doc.secret:
                    found[f"{GATEWAYS}.{account}.{name}"] = doc.annotation
        return found

    def is_secret(self, path: str) -> bool:
        """Whether *path* is that of a secret."""
        found = self.find(path)
        return found is not None and found.secret

    def unknown(self, variable: str, path: str) -> str:
        """Say what is wrong with a *variable* of the environment whose *path* is none."""
        account = path.split(".")[1] if path.startswith(f"{GATEWAYS}.") else None
        if account is not None and kind_of(self._accounts().get(account)) is None:
            return f"unknown setting: {PREFIX}{GATEWAYS.upper()}__{account.upper()}__GATEWAY names no kind of gateway"
        # Without the prefix, which would make everything look alike.
        known = [doc.environment.removeprefix(PREFIX) for doc in _SETTINGS.values()]
        if account is not None:
            known = [f"{GATEWAYS}.{account}.{name}" for name in self._of(account)]
            known = [one.upper().replace(".", "__") for one in known]
        found = nearest(variable.removeprefix(PREFIX), known)
        return "unknown setting" + found.replace('"', f'"{PREFIX}', 1)

    def _accounts(self) -> Mapping[str, Any]:
        accounts = self.values.get(GATEWAYS)
        return accounts if isinstance(accounts, dict) else {}

    def _of(self, account: str) -> Mapping[str, SettingDoc]:
        """Give the settings of an account by their names; of one without a kind those that every account has."""
        table = self._accounts().get(account)
        name = table.get("gateway") if isinstance(table, dict) else None
        key = name if isinstance(name, str) else ""
        if key not in self._of_kinds:
            kind = kind_of(table)
            docs = (*describe_accounts(), *(() if kind is None else describe_kind(kind)))
            self._of_kinds[key] = {doc.path.removeprefix(ACCOUNT): doc for doc in docs}
        return self._of_kinds[key]


def wrong_accounts(tables: Mapping[str, object]) -> Mapping[str, str]:
    """Say what is wrong with the accounts that a file has, by their paths."""
    found: dict[str, str] = {}
    for name, table in tables.items():
        if ACCOUNT_NAME.fullmatch(name) is None:
            found[f"{GATEWAYS}.{json.dumps(name)}"] = (
                "the name of an account has 1 to 32 small letters, digits, _ and -, and begins with a letter or digit"
            )
        elif not isinstance(table, Mapping):
            found[f"{GATEWAYS}.{name}"] = "must be a table"
    return found
