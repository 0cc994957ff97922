"""``sessiond token``: make a token for a user."""

import time
from pathlib import Path

from sessiond.cli.serve import ConfigFiles

__all__ = ["token"]


def token(
    *, user: str, ttl: float = 3600.0, config: ConfigFiles = (), state_dir: Path | None = None
) -> None:
    """Print a token that the server will accept.

    It is signed with auth.secret or the private key in auth.key_file; where neither is set, with the secret of
    `sessiond dev`, whose servers alone accept it.

    Parameters
    ----------
    user
        The user's id (the token's `sub`).
    ttl
        How long it holds, in seconds.
    config
        TOML file with settings; may be repeated.
    state_dir
        State directory of `sessiond dev`, if not the default.

    """
    from attrs import evolve

    from sessiond.cli.serve import read_settings
    from sessiond.cli.state_dir import open_state
    from sessiond.core.ids import parse_user_id
    from sessiond.edges.auth import issue_token, signing_key

    auth = read_settings(config, {}).auth
    if not (auth.secret or auth.key_file or auth.jwks_file or auth.jwks_url):
        auth = evolve(auth, secret=open_state(state_dir).secret)
    print(
        issue_token(
            signing_key(auth),
            parse_user_id(user),
            now=time.time(),
            lifetime_seconds=ttl,
            settings=auth,
        )
    )
