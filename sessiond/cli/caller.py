"""``sessiond caller``: find the user that a phone number, or an id on an account, is."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sessiond.cli.serve import ConfigFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sessiond.config.gateways import GatewaySettings
    from sessiond.core.conversations.session_keys import SessionKeySettings

__all__ = ["caller"]


def caller(
    phone: str,
    /,
    *,
    account: str = "",
    config: ConfigFiles = (),
    state_dir: Path | None = None,
) -> None:
    """Print the user id of a phone number, for sessionctl and webhooks.

    Nothing that is stored holds a number: the id is made from it with session_keys.secret, or, where none is set, with
    the secret of `sessiond dev`.

    Parameters
    ----------
    phone
        The number, written in any way; in local form (0244123456) when session_keys.phone_region is set. With
        --account: a number in international form (+233…), or the id that a person without one has there.
    account
        The account whose id it is, as in [gateways.<account>]: of a Telegram chat, of a program's own user.
    config
        TOML file with settings; may be repeated.
    state_dir
        State directory of `sessiond dev`, if not the default.

    """
    from attrs import evolve

    from sessiond.cli.serve import read_settings
    from sessiond.cli.state_dir import open_state

    settings = read_settings(config, {})
    keys = settings.session_keys
    if not keys.secret:
        keys = evolve(keys, secret=open_state(state_dir).session_key_secret)
    user = _on_account(phone, account, keys, settings.gateways) if account else _of(phone, keys)
    if not settings.session_keys.secret:
        print(
            "note: made with the secret of sessiond dev; --config names the settings of a server",
            file=sys.stderr,
        )
    print(user)


def _of(phone: str, keys: "SessionKeySettings") -> str:
    from sessiond.core.conversations.callers import Callers
    from sessiond.core.errors import InvalidInput

    try:
        return Callers(keys).find(phone).user
    except InvalidInput as error:
        raise InvalidInput(
            f"{error}; write it with the country's code (+233…), or set session_keys.phone_region"
        ) from None


def _on_account(
    person: str,
    account: str,
    keys: "SessionKeySettings",
    accounts: "Mapping[str, GatewaySettings]",
) -> str:
    from sessiond.core.errors import InvalidInput
    from sessiond.core.gateways.identities import Identities

    if account not in accounts:
        known = ", ".join(sorted(accounts)) or "none"
        raise InvalidInput(f'there is no account "{account}" (there are: {known})')
    platform = accounts[account].open(account).gateway.platform
    return Identities(keys).find(person, platform, account)
