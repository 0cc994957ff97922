"""Callers: the users that phone numbers are, however a number is written, and on whichever platform it calls.

The id of such a user is ``tel:`` and the keyed hash of the number: without the secret nothing of the number can be
read from it, so it may be stored and shown; and no user of a token has it by chance.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import attrs

from sessiond.core.conversations.phone import e164
from sessiond.core.conversations.session_keys import (
    Identifier,
    SessionKeys,
    SessionKeySettings,
    hash_key,
)
from sessiond.core.errors import InvalidInput
from sessiond.core.ids import UserId
from sessiond.core.values import Value

__all__ = ["CALLER_PREFIX", "Caller", "Callers"]

CALLER_PREFIX = "tel:"

#: Callers whose users are remembered.
_REMEMBERED: Final = 4096


class Caller(Value, frozen=True):
    """Somebody who is known by his phone *number* (E.164), as a user."""

    PRIVATE = frozenset({"number"})

    user: UserId
    number: str


class Callers:
    """Finds the users of one deployment by their numbers.

    Raises:
      InvalidInput: there is no secret (FlowChat's modes need none for their keys; users need one), or a short one.

    """

    __slots__ = ("_keys", "_region", "find")

    def __init__(self, settings: SessionKeySettings) -> None:
        if not hash_key(settings):
            raise InvalidInput("phone numbers cannot be hashed: session_keys.secret is empty")
        self._keys = SessionKeys(attrs.evolve(settings, identifier=None))
        self._region = settings.phone_region
        # The inputs of one person come close together (measured: 4 µs each time but the first, 0.1 from here).
        self.find: Callable[[str], Caller] = lru_cache(maxsize=_REMEMBERED)(self._found)
        """Find the user of a phone number, written in any form.

        Raises ``InvalidInput``: it is no phone number, or a local one and there is no region. It is not repeated.
        """

    def _found(self, phone: str) -> Caller:
        number = e164(phone, self._region)
        return Caller(UserId(CALLER_PREFIX + self._keys.hashed(Identifier.MSISDN, number)), number)
