"""What the answers of the Messages resource mean ("Twilio's response": an error has a code and a status).

The code decides where it is known, then the HTTP status; never the words.
"""

from typing import Final

from attrs import evolve
from msgspec import Struct

from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.gateways.pieces import decoded
from sessiond.core.gateways.port import AccountStopped, GivenUp, Judgement, Sent, TryAgain
from sessiond.core.gateways.retry_after import retry_after
from sessiond.gateways.twilio.codes import judge_code

__all__ = ["judge"]

_UNCLEAR: Final = frozenset({408, 409, 425})
_REFUSED: Final = frozenset({403, 404})
#: From here on codes are about a message, not about who we are.
_MESSAGES: Final = 21_000


class _Answer(Struct):
    sid: str | None = None
    """Of the message."""
    code: int | None = None
    """Of an error."""
    error_code: int | None = None
    """Of a message that failed at once."""


def judge(response: ProviderResponse) -> Judgement:
    """Say what the answer to a call means.

    What cannot be read (half a response, a proxy's page) is not Twilio's answer, and is tried again, so that the
    person may get the message twice: what was acknowledged to a person must not be lost. The outbox bounds how often.
    """
    judged = _judge(response)
    if isinstance(judged, TryAgain):
        return evolve(judged, seconds=retry_after(response))
    return judged


def _judge(response: ProviderResponse) -> Judgement:
    status = response.status
    answer = decoded(response.body, _Answer)
    if answer is None:
        reason, is_taken = f"{status}: the answer cannot be read", 200 <= status < 300
        return TryAgain(reason, account=status == 429, is_taken=is_taken)
    code = answer.code or answer.error_code
    if 200 <= status < 300 and not code:
        if answer.sid:
            return Sent(answer.sid)
        return TryAgain(f"{status}: accepted, but without a sid", is_taken=True)
    known = judge_code(code) if code else None
    return known or _judge_status(status, code or 0)


def _judge_status(status: int, code: int) -> Judgement:
    if status == 401 or (status in _REFUSED and code < _MESSAGES):
        return AccountStopped(f"{status}: the credentials are not accepted")
    if status == 429:
        return TryAgain("429: too many requests", account=True)
    if status >= 500 or status < 400 or status in _UNCLEAR:
        return TryAgain(f"{status}: not now")
    return GivenUp(f"{status}: refused")
