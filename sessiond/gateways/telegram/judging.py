"""What the Bot API's answers mean ("Making requests", ``ResponseParameters``).

``error_code`` decides; ``description`` is for people, and may change.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Raw, Struct

from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.gateways.pieces import decoded
from sessiond.core.gateways.port import AccountStopped, GivenUp, Judgement, Sent, TryAgain
from sessiond.core.gateways.retry_after import LONGEST_WAIT, retry_after

__all__ = ["judge"]

_UNCLEAR: Final = frozenset({408, 409, 425})

#: By code. A 404 is about the address that we call, which holds the token.
_CODES: Final[Mapping[int, Judgement]] = {
    401: AccountStopped("401: the bot's token is not accepted"),
    403: GivenUp(
        "403: the person has blocked the bot, is gone, or never wrote to it", is_personal=True
    ),
    404: AccountStopped("404: there is no such bot"),
    413: GivenUp("413: the message is too large"),
}


class _Parameters(Struct):
    retry_after: int | float | None = None
    migrate_to_chat_id: int | None = None


class _Answer(Struct):
    ok: bool
    result: Raw = Raw(b"null")
    error_code: int | None = None
    parameters: _Parameters | None = None


class _File(Struct):
    file_id: str
    width: int = 0


class _Message(Struct):
    message_id: int
    photo: list[_File] = []
    document: _File | None = None
    audio: _File | None = None
    video: _File | None = None
    sticker: _File | None = None

    @property
    def file_id(self) -> str:
        """Of the media in it: of a photo's sizes the largest; empty: none that could be sent by it again."""
        if self.photo:
            return max(self.photo, key=lambda one: one.width).file_id
        found = self.document or self.audio or self.video or self.sticker
        return "" if found is None else found.file_id


def judge(response: ProviderResponse) -> Judgement:
    """Say what the answer to a call means.

    What cannot be read (half a response, a proxy's page) is not Telegram's answer, and is tried again, so that the
    person may get the message twice: what was acknowledged to a person must not be lost. The outbox bounds how often.
    """
    answer, status = decoded(response.body, _Answer), response.status
    if answer is None:
        reason, is_taken = f"{status}: the answer cannot be read", 200 <= status < 300
        return TryAgain(reason, retry_after(response), is_taken=is_taken)
    if answer.ok:
        message = decoded(answer.result, _Message)
        return Sent("") if message is None else Sent(str(message.message_id), message.file_id)
    parameters = answer.parameters or _Parameters()
    if parameters.migrate_to_chat_id is not None:
        return GivenUp("400: the group has become another one")
    code = status if answer.error_code is None else answer.error_code
    return _judge_code(code, _bounded(parameters.retry_after) or retry_after(response))


def _judge_code(code: int, seconds: float | None) -> Judgement:
    if code in _CODES:
        return _CODES[code]
    if code == 429:
        # Of the chat (one a second) or of the bot (30 a second): it does not say, and one person's stops nobody else.
        return TryAgain("429: too many messages", seconds, perhaps_account=True)
    if code >= 500 or code < 400 or code in _UNCLEAR:
        return TryAgain(f"{code}: not now", seconds)
    return GivenUp(f"{code}: refused")


def _bounded(seconds: float | None) -> float | None:
    return min(float(seconds), LONGEST_WAIT) if seconds is not None and seconds > 0 else None
