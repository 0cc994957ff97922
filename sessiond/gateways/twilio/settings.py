"""One sender of Twilio's: what its owner configures, and Twilio's limits as data."""

import re
from typing import Any, Final

from attrs import Attribute, field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.media import are_hosts

__all__ = [
    "LIMITS",
    "MEDIA_HOSTS",
    "SMS",
    "WHATSAPP",
    "WHATSAPP_PREFIX",
    "MessageLimits",
    "TwilioSettings",
]

#: Platforms, as session keys name them.
SMS: Final = "sms"
WHATSAPP: Final = "whatsapp"

#: In front of the numbers of WhatsApp ("Messages resource", ``To``).
WHATSAPP_PREFIX: Final = "whatsapp:"


@frozen(kw_only=True)
class MessageLimits:
    """What Twilio accepts in one message, in characters ("Messages resource", ``Body``, ``MediaUrl``)."""

    text: int = 1600
    """Counted in UTF-16 units here, so that it fits however Twilio counts."""
    caption: int = 1024
    """WhatsApp's own, below an image or a video."""
    media: int = 10
    """Addresses of one MMS; a message of WhatsApp has one."""


LIMITS: Final = MessageLimits()

#: Where Twilio keeps what people send ("Media resource": its address leads there), with everything below.
MEDIA_HOSTS: Final = ("twiliocdn.com", "s3-external-1.amazonaws.com", "s3.amazonaws.com")

_MAX_SEGMENTS: Final = 10

#: Twilio's have 32 hex digits; below 16 characters one could be tried out.
_TOKEN: Final = re.compile(r"[!-9;-~]{16,256}")
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_KEY: Final = re.compile(r"SK[0-9a-fA-F]{32}")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE: Final = re.compile(r"[0-9]{3,8}")
#: "Alphanumeric Sender ID": letters, digits and blanks, with a letter; nobody can answer these.
_ALPHANUMERIC: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
#: "Track outbound message status": no underscores in the host.
_STATUS_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[^\s#{}]*)?")


def _are_tokens(_: object, attribute: "Attribute[Any]", value: tuple[str, ...]) -> None:
    if not value or any(_TOKEN.fullmatch(token) is None for token in value):
        raise InvalidInput(
            f"twilio: {attribute.name} needs at least one, each of 16 to 256 characters of ASCII"
        )


@frozen(kw_only=True)
class TwilioSettings:
    """One sender, or one messaging service, of an account. Every secret must be there: nothing is left unchecked.

    Raises:
      InvalidInput: something is empty, short or of the wrong form; the value is not repeated.

    """

    account_sid: str = field()
    """``AC…``: other accounts' webhooks are refused."""
    auth_tokens: tuple[str, ...] = field(repr=False, validator=_are_tokens)
    """Any of them may have signed: two while one is being replaced. The first is called with, unless there is a key."""
    platform: str = field(default=SMS)
    """``sms`` or ``whatsapp``."""
    sender: str = field(default="")
    """The number that people write to, in E.164, a short code or a name. Other numbers' messages are refused."""
    messaging_service_sid: str = field(default="")
    """``MG…``: Twilio chooses a sender of the service, and what comes in by it is ours."""
    api_key_sid: str = field(default="")
    """``SK…``: calls are made with a key of its own."""
    api_key_secret: str = field(default="", repr=False)
    """Of that key."""
    status_url: str = field(default="")
    """Where Twilio tells what became of our messages: the public address of this webhook. Absent: it does not."""
    name: str = "twilio"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    api_url: str = field(default="https://api.twilio.com")
    """Of the REST API; regions have addresses of their own."""
    media_hosts: tuple[str, ...] = field(default=MEDIA_HOSTS, validator=are_hosts)
    """Where media may be downloaded from, hosts below these included; our credentials are not sent there."""
    sends_media: bool = False
    """SMS: media go as MMS (United States, Canada, Australia); else their address is a line of the text."""
    max_segments: int = field(default=_MAX_SEGMENTS)
    """SMS: longer texts are several messages. Each segment is paid for, and networks drop what has many."""

    @account_sid.validator
    def _check_account(self, _: object, value: str) -> None:
        if _ACCOUNT.fullmatch(value) is None:
            raise InvalidInput("twilio: account_sid is AC and 32 hex digits")

    @platform.validator
    def _check_platform(self, _: object, value: str) -> None:
        if value not in {SMS, WHATSAPP}:
            raise InvalidInput("twilio: platform is sms or whatsapp")

    @sender.validator
    def _check_sender(self, _: object, value: str) -> None:
        forms = (_NUMBER, _SHORT_CODE, _ALPHANUMERIC)
        if value and all(form.fullmatch(value) is None for form in forms):
            raise InvalidInput(
                "twilio: sender is a number like +14155238886; of SMS, also a short code or a name"
            )

    @messaging_service_sid.validator
    def _check_service(self, _: object, value: str) -> None:
        if value and _SERVICE.fullmatch(value) is None:
            raise InvalidInput("twilio: messaging_service_sid is MG and 32 hex digits")

    @api_key_sid.validator
    def _check_key(self, _: object, value: str) -> None:
        if value and _KEY.fullmatch(value) is None:
            raise InvalidInput("twilio: api_key_sid is SK and 32 hex digits")

    @api_key_secret.validator
    def _check_secret(self, _: object, value: str) -> None:
        if value and _TOKEN.fullmatch(value) is None:
            raise InvalidInput("twilio: api_key_secret has 16 to 256 characters of ASCII")

    @status_url.validator
    def _check_status_url(self, _: object, value: str) -> None:
        if value and _STATUS_URL.fullmatch(value) is None:
            raise InvalidInput("twilio: status_url is an address, its host without underscores")

    @api_url.validator
    def _check_url(self, _: object, value: str) -> None:
        if re.fullmatch(r"https?://[^\s/?#{}@]+(?:/[^\s?#{}]*[^\s?#{}/])?", value) is None:
            raise InvalidInput("twilio: api_url is an address without query and last slash")

    @max_segments.validator
    def _check_segments(self, _: object, value: int) -> None:
        if not 1 <= value <= _MAX_SEGMENTS:
            raise InvalidInput(f"twilio: max_segments is 1 to {_MAX_SEGMENTS}")

    def __attrs_post_init__(self) -> None:
        if not self.sender and not self.messaging_service_sid:
            raise InvalidInput("twilio: a sender or a messaging_service_sid is needed")
        if self.sender and self.platform == WHATSAPP and _NUMBER.fullmatch(self.sender) is None:
            raise InvalidInput("twilio: a sender of WhatsApp is a number like +14155238886")
        if bool(self.api_key_sid) != bool(self.api_key_secret):
            raise InvalidInput("twilio: api_key_sid and api_key_secret go together")
