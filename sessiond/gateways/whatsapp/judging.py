"""What the Graph API's answers mean, and the errors that statuses tell.

Cloud API reference, "Error codes": the code decides, not the HTTP status and never the words.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from attrs import evolve
from msgspec import Struct

from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.gateways.pieces import decoded
from sessiond.core.gateways.port import (
    AccountStopped,
    GivenUp,
    Judgement,
    Sent,
    TryAgain,
    WindowClosed,
)
from sessiond.core.gateways.retry_after import LONGEST_WAIT, retry_after

__all__ = ["CODES", "judge", "judge_code"]

#: By code. Reasons are ours: Meta's messages may name the recipient.
CODES: Final[Mapping[int, Judgement]] = {
    0: AccountStopped("0: the access token is not accepted"),
    1: TryAgain("1: unknown error"),
    2: TryAgain("2: the service is down or overloaded"),
    3: AccountStopped("3: no permission for this call"),
    4: TryAgain("4: the app's rate limit", account=True),
    10: AccountStopped("10: permission denied"),
    33: AccountStopped("33: the business number is gone"),
    100: GivenUp("100: a parameter is not accepted"),
    190: AccountStopped("190: the access token has expired"),
    368: AccountStopped("368: blocked for a violation of policies"),
    80007: TryAgain("80007: the business account's rate limit", account=True),
    130429: TryAgain("130429: the number's throughput", account=True),
    130472: GivenUp("130472: the person is part of an experiment", is_personal=True),
    130497: GivenUp("130497: messages to this country are not allowed", is_personal=True),
    131000: TryAgain("131000: something went wrong"),
    131005: AccountStopped("131005: access denied"),
    131008: GivenUp("131008: a parameter is missing"),
    131009: GivenUp("131009: the value of a parameter is not accepted"),
    131016: TryAgain("131016: the service is not available"),
    131021: GivenUp("131021: the recipient is the sender", is_personal=True),
    131026: GivenUp("131026: cannot be delivered to this person", is_personal=True),
    131030: GivenUp(
        "131030: the recipient is not on the list of allowed numbers", is_personal=True
    ),
    131031: AccountStopped("131031: the business account is locked"),
    131037: AccountStopped("131037: the number needs an approved display name"),
    131042: AccountStopped("131042: a problem with the payment method"),
    131045: AccountStopped("131045: the number is not registered"),
    131047: WindowClosed("131047: more than 24 hours since the person's last message"),
    131048: TryAgain("131048: too many messages were taken for spam", account=True),
    131049: GivenUp("131049: held back to keep people engaged", is_personal=True),
    131050: GivenUp("131050: the person wants no marketing messages", is_personal=True),
    131051: GivenUp("131051: this type of message is not supported"),
    131052: GivenUp("131052: the person's media cannot be fetched"),
    131053: GivenUp("131053: our media cannot be used"),
    131056: TryAgain("131056: too many messages to this person"),
    131057: TryAgain("131057: the account is in maintenance", account=True),
    133004: TryAgain("133004: the server is not available"),
    133010: AccountStopped("133010: the number is not registered"),
    133016: TryAgain("133016: too many registrations", account=True),
    135000: GivenUp("135000: an error that is not named"),
}

#: "API permission": the whole range.
_PERMISSIONS: Final = range(200, 300)
#: What is wrong with a template; sending it again does not mend it.
_TEMPLATES: Final = range(132000, 133000)
#: Of code 100: the number does not exist, or is not ours.
_NO_SUCH_OBJECT: Final = 33

_UNCLEAR_STATUSES: Final = frozenset({408, 425, 429})
_USAGE: Final = "x-business-use-case-usage"


class _MessageId(Struct):
    id: str


class _Accepted(Struct):
    messages: list[_MessageId] = []
    id: str = ""
    """Of uploaded media."""
    success: bool = False


class _Error(Struct):
    code: int | None = None
    error_subcode: int | None = None
    is_transient: bool | None = None


class _Refusal(Struct):
    error: _Error


def judge(response: ProviderResponse) -> Judgement:
    """Say what the answer to a call means.

    A success that cannot be read (half a response, a proxy's page) is tried again, so that the person may get the
    message twice. What was acknowledged to a person must not be lost: a question that never comes ends a conversation,
    one that comes twice is answered once, for a tap on the older one names the same screen. The outbox bounds how
    often.
    """
    is_success = 200 <= response.status < 300
    if is_success and (sent := _sent(response)):
        return sent
    refusal = decoded(response.body, _Refusal)
    if refusal is not None and refusal.error.code is not None:
        judged = _judge_error(refusal.error, response)
    elif is_success:
        reason = f"{response.status}: accepted, but the answer cannot be read"
        judged = TryAgain(reason, is_taken=True)
    else:
        judged = _judge_status(response)
    if isinstance(judged, TryAgain):
        return evolve(judged, seconds=_wait(response))
    return judged


def judge_code(code: int) -> Judgement | None:
    """Say what an error code means, of an answer or of a status; ``None``: it is not known."""
    if code in _PERMISSIONS:
        return AccountStopped(f"{code}: no permission for this call")
    if code in _TEMPLATES:
        return GivenUp(f"{code}: the template cannot be used")
    return CODES.get(code)


def _sent(response: ProviderResponse) -> Sent | None:
    accepted = decoded(response.body, _Accepted)
    if accepted is not None and (accepted.messages or accepted.id or accepted.success):
        return Sent(accepted.messages[0].id if accepted.messages else accepted.id)
    return None


def _judge_error(error: _Error, response: ProviderResponse) -> Judgement:
    assert error.code is not None
    if error.code == 100 and error.error_subcode == _NO_SUCH_OBJECT:
        return AccountStopped("100: there is no such number, or it is not ours")
    judged = judge_code(error.code)
    if judged is None and error.is_transient:
        return TryAgain(f"{error.code}: passing")
    return judged or _judge_status(response)


def _judge_status(response: ProviderResponse) -> Judgement:
    status = response.status
    if status in {401, 403}:
        return AccountStopped(f"{status}: the credentials are not accepted")
    if status >= 500 or status < 400 or status in _UNCLEAR_STATUSES:
        return TryAgain(f"{status}: not now", account=status == 429)
    return GivenUp(f"{status}: refused")


def _wait(response: ProviderResponse) -> float | None:
    """Read how long to wait: ``Retry-After``, or Meta's estimate of when a limit ends, in minutes."""
    after = retry_after(response)
    if after is not None:
        return after
    usage = decoded(
        response.headers.get(_USAGE, "").encode(errors="replace"), dict[str, msgspec.Raw]
    )
    minutes = max((one for raw in (usage or {}).values() for one in _minutes(raw)), default=0.0)
    return min(minutes * 60, LONGEST_WAIT) if minutes > 0 else None


def _minutes(raw: msgspec.Raw) -> Iterator[float]:
    for usage in decoded(raw, list[dict[str, Any]]) or ():
        minutes = usage.get("estimated_time_to_regain_access")
        if isinstance(minutes, int | float):
            yield float(minutes)
