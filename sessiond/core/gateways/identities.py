"""Identities: which user somebody is who is known to a provider, by a phone number or by an id of the provider's.

A number is the same person wherever it calls from: ``tel:`` and a keyed hash (core/conversations/callers.py). An id of
a provider's is one only where it was given: ``telegram:`` and a keyed hash of platform and id, for platforms that give
each person one id for good; elsewhere (a program's own users, ids that are made for each business) the account is in
the hash too, so that nobody meets another tenant's ``u1``.

Nothing of a number or an id can be read from such a user without the secret.
"""

from typing import Final

import attrs
import msgspec

from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.session_keys import (
    MAX_IDENTIFIER,
    ChannelFacts,
    Identifier,
    SessionKeys,
    SessionKeySettings,
)
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.ids import UserId, parse_user_id

__all__ = ["Identities"]

#: Platforms whose ids are the same for every account.
_ONE_ID_FOR_GOOD: Final = frozenset({"telegram"})

#: What a number in E.164 begins with, and no id of a provider's.
_PLUS: Final = "+"


class Identities:
    """Finds the users of one deployment.

    Raises:
      InvalidInput: there is no secret to hash with, or a short one.

    """

    __slots__ = ("_callers", "_keys")

    def __init__(self, settings: SessionKeySettings) -> None:
        self._callers = Callers(settings)
        self._keys = SessionKeys(attrs.evolve(settings, identifier=None))

    def introduce(self, heard: Heard, account: str) -> tuple[UserId, Heard]:
        """Find the user who sent *heard* on *account*; and make *heard* name him, as all doors do.

        ``facts.user_id`` becomes the user, so that one conversation can go on across platforms; the provider's id,
        where it is all that is known of the person, is kept as the ``sender``.

        Raises:
          InvalidInput: there is neither a phone number nor an id, or one that cannot be. It is not repeated.

        """
        facts = heard.facts
        sender = heard.sender or ("" if facts.msisdn else facts.user_id)
        if facts.msisdn:
            caller = self._callers.find(facts.msisdn)
            user, msisdn = caller.user, caller.number
        else:
            user, msisdn = self._of_id(facts.user_id, facts.platform, account), ""
        facts = _with_user(facts, user, msisdn)
        return user, msgspec.structs.replace(heard, facts=facts, sender=sender)

    def find(self, person: str, platform: str, account: str) -> UserId:
        """Find the user whom a status or a notice is about: a number in E.164, or an id of the provider's.

        Raises:
          InvalidInput: it is neither. It is not repeated.

        """
        if person.startswith(_PLUS):
            return self._callers.find(person).user
        return self._of_id(person, platform, account)

    def _of_id(self, provider_id: str, platform: str, account: str) -> UserId:
        if not provider_id.strip():
            raise InvalidInput("there is neither a phone number nor an id of the person")
        try:
            size = len(provider_id.encode())
        except UnicodeEncodeError:
            raise InvalidInput("the id of the person is not valid Unicode") from None
        if size > MAX_IDENTIFIER:
            raise InvalidInput(f"the id of a person has at most {MAX_IDENTIFIER} bytes")
        scope = "" if platform in _ONE_ID_FOR_GOOD else account
        # Neither platforms nor accounts hold a NUL, so all three can be read back from what is hashed.
        hashed = self._keys.hashed(Identifier.USER_ID, f"{platform}\0{scope}\0{provider_id}")
        return parse_user_id(f"{platform}:{hashed}")


def _with_user(facts: ChannelFacts, user: UserId, msisdn: str) -> ChannelFacts:
    return msgspec.structs.replace(facts, user_id=user, msisdn=msisdn)
