"""Which check turned a provider's request down: a closed set of names for operators, never what was sent.

Whoever called is told no more than a status: a stranger learns nothing, and who sets up an account reads the rest in
the log and in ``sessiond_gateway_refused_total``.
"""

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.phone import NotAPhoneNumber
from sessiond.core.errors import InvalidInput, Refused, SessiondError

__all__ = ["CREDENTIALS", "Check", "OtherAccount", "check_of_error", "check_of_status"]


@unique
class Check(StrEnum):
    """What a request failed at; ``check`` of ``gateway.refused``."""

    NETWORK = "network"
    """The caller's address is not in `networks`. Behind a proxy set `trusted_proxies`: else it is the proxy's."""
    METHOD = "method"
    """A method that this account does not take."""
    SIZE = "size"
    """The body is larger than the provider makes them."""
    CONTENT_TYPE = "content_type"
    """A content type that this provider does not send."""
    TOKEN_MISSING = "token_missing"
    """No token (`?token=…`, `Authorization: Bearer …`, Telegram's secret), or more than one."""
    TOKEN_WRONG = "token_wrong"
    """Another one than those of `tokens` or `secret_tokens`."""
    SIGNATURE_MISSING = "signature_missing"
    """The header of the signature is not there, or twice: somebody else calls, or a proxy takes it away."""
    SIGNATURE_WRONG = "signature_wrong"
    """Signed with another secret than `app_secrets` or `auth_tokens`, or not these bytes. Twilio also signs the
    address: behind a proxy `public_url` is the one that Twilio calls."""
    TIMESTAMP = "timestamp"
    """Signed too long ago, or in the future. No provider of ours signs a time; for gateways that are plugged in."""
    VERIFY_TOKEN = "verify_token"
    """Meta's check of the address has another token than `verify_token`."""
    VERIFICATION = "verification"
    """Meta's check of the address is not in its form (`hub.mode`, `hub.challenge`)."""
    ACCOUNT = "account"
    """It is about another account or number: `phone_number_id`, `account_sid`, `sender`, `user_id`."""
    PHONE = "phone"
    """The person's number cannot be one; one in local form (`024…`) needs the `region` of the account, or
    `session_keys.phone_region`."""
    FORM = "form"
    """It cannot be read: another kind of provider, other names of fields."""
    OTHER = "other"
    """A gateway that is plugged in does not say."""
    NONE = "none"
    """Nothing was wrong with the request: it was not taken now, and the code says why."""


CREDENTIALS: Final = frozenset(
    {
        Check.TOKEN_MISSING,
        Check.TOKEN_WRONG,
        Check.SIGNATURE_MISSING,
        Check.SIGNATURE_WRONG,
        Check.TIMESTAMP,
        Check.VERIFY_TOKEN,
    }
)
"""Checks of who called."""

_BY_STATUS: Final[Mapping[int, Check]] = MappingProxyType(
    {405: Check.METHOD, 413: Check.SIZE, 415: Check.CONTENT_TYPE}
)


class OtherAccount(InvalidInput):
    """A request is right, and for another account than the one whose address it came to."""


def check_of_status(status: int) -> Check:
    """Say what a refusal with *status* failed at, where the gateway did not."""
    return _BY_STATUS.get(status, Check.OTHER)


def check_of_error(error: SessiondError) -> Check:
    """Say what a request failed at whose reading, or whose turn, ended with *error*."""
    match error:
        case OtherAccount() | Refused(code=ErrorCode.FORBIDDEN):
            return Check.ACCOUNT
        case NotAPhoneNumber():
            return Check.PHONE
        case InvalidInput():
            return Check.FORM
        case _:
            return Check.NONE
