"""Credentials: what is stored of a call names them, and they are filled in when it is made."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from sessiond.core.gateways.messages import ProviderCall

__all__ = ["with_credentials"]

_NAME: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def with_credentials(call: ProviderCall, credentials: Mapping[str, str]) -> ProviderCall:
    """Put *credentials* in the place of their ``{names}`` in url and headers; the body is sent as it is.

    Other names stay, and so does what looks like a name inside a credential.
    """

    def fill(text: str) -> str:
        return _NAME.sub(lambda found: credentials.get(found[1], found[0]), text)

    headers = {name: fill(value) for name, value in call.headers.items()}
    return replace(call, url=fill(call.url), headers=headers)
