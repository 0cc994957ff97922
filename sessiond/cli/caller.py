"""``sessiond caller``: find the user that a phone number is."""

from pathlib import Path

from sessiond.cli.serve import ConfigFiles

__all__ = ["caller"]


def caller(phone: str, /, *, config: ConfigFiles = (), state_dir: Path | None = None) -> None:
    """Print the user id of a phone number, for sessionctl.

    Nothing that is stored holds a number: the id is made from it with session_keys.secret, or, where none is set, with
    the secret of `sessiond dev`.

    Parameters
    ----------
    phone
        The number, written in any way; in local form (0244123456) when session_keys.phone_region is set.
    config
        TOML file with settings; may be repeated.
    state_dir
        State directory of `sessiond dev`, if not the default.

    """
    from attrs import evolve

    from sessiond.cli.serve import read_settings
    from sessiond.cli.state_dir import open_state
    from sessiond.core.conversations.callers import Callers
    from sessiond.core.errors import InvalidInput

    keys = read_settings(config, {}).session_keys
    if not keys.secret:
        keys = evolve(keys, secret=open_state(state_dir).session_key_secret)
    try:
        print(Callers(keys).find(phone).user)
    except InvalidInput as error:
        raise InvalidInput(
            f"{error}; write it with the country's code (+233…), or set session_keys.phone_region"
        ) from None
