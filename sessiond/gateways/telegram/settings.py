"""One bot: what its owner configures, and Telegram's limits as data."""

import re
from typing import Any, Final

from attrs import Attribute, field, frozen

from sessiond.core.errors import InvalidInput

__all__ = ["LIMITS", "MessageLimits", "TelegramSettings"]


@frozen(kw_only=True)
class MessageLimits:
    """What Telegram accepts in one message; texts in UTF-16 units, after their marks are read."""

    text: int = 4096
    """"sendMessage", ``text``."""
    caption: int = 1024
    """"sendPhoto" and its like, ``caption``."""
    callback_data: int = 64
    """"InlineKeyboardButton", in bytes."""
    buttons: int = 30
    """Of one message: the API takes up to a hundred, but no keyboard above some 10 KB, and nobody reads so many."""
    title: int = 64
    """Of a button in a row of its own, in characters. The API names no limit; apps cut what is too wide."""
    short_title: int = 20
    """Of a button that shares its row with another."""


LIMITS: Final = MessageLimits()

#: "Authorizing your bot": the bot's id and a secret. 16 characters of that at least, so that no fragment is taken.
_BOT_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{16,128}")
#: "setWebhook", ``secret_token``: 1 to 256 of these; below 16 it could be tried out.
_SECRET_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,256}")


def _are_secret_tokens(_: object, __: "Attribute[Any]", value: tuple[str, ...]) -> None:
    if not value or any(_SECRET_TOKEN.fullmatch(token) is None for token in value):
        raise InvalidInput(
            "telegram: secret_tokens needs at least one, each of 16 to 256 letters, digits, _ and -"
        )


def _is_time(_: object, attribute: "Attribute[Any]", value: float | None) -> None:
    if value is not None and not value > 0:
        raise InvalidInput(f"telegram: {attribute.name} is above 0 seconds, or absent")


def _is_label(_: object, attribute: "Attribute[Any]", value: str) -> None:
    if not 1 <= len(value.strip()) <= len(value) <= LIMITS.title:
        raise InvalidInput(f"telegram: {attribute.name} has 1 to {LIMITS.title} characters")


@frozen(kw_only=True)
class TelegramSettings:
    """One bot. Every secret must be there: nothing is ever left unchecked.

    Raises:
      InvalidInput: something is empty, short or of the wrong form; the value is not repeated.

    """

    bot_token: str = field(repr=False)
    """What BotFather gave: ``<id>:<secret>``."""
    secret_tokens: tuple[str, ...] = field(repr=False, validator=_are_secret_tokens)
    """``setWebhook`` was told one of them; two while one is being replaced."""
    name: str = "telegram_bot_api"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    api_url: str = field(default="https://api.telegram.org")
    """Of a Bot API server."""
    max_age_seconds: float | None = field(default=None, validator=_is_time)
    """Older messages are told of (``too_old``) and not run. Absent: all are run, for what is repeated after an outage
    is old. A tap does not say when it was made."""
    max_ahead_seconds: float | None = field(default=None, validator=_is_time)
    """Likewise for messages from the future (``from_future``)."""
    choose: str = field(default="Choose", validator=_is_label)
    """The text of a question without words: a keyboard needs one."""
    share_location: str = field(default="📍 Share my location", validator=_is_label)
    """The button below a question for a place."""
    share_contact: str = field(default="📱 Share my phone number", validator=_is_label)
    """The button below a question for a contact."""

    @bot_token.validator
    def _check_token(self, _: object, value: str) -> None:
        if _BOT_TOKEN.fullmatch(value) is None:
            raise InvalidInput(
                "telegram: bot_token is like 123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
            )

    @api_url.validator
    def _check_url(self, _: object, value: str) -> None:
        if re.fullmatch(r"https?://[^\s/?#{}@]+(?:/[^\s?#{}]*[^\s?#{}/])?", value) is None:
            raise InvalidInput("telegram: api_url is an address without query and last slash")
