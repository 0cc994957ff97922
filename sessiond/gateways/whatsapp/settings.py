"""One WhatsApp number: what its owner configures, and Meta's limits as data."""

import re
from typing import Any, Final

from attrs import Attribute, field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.media import are_hosts

__all__ = ["LIMITS", "MEDIA_HOSTS", "MessageLimits", "WhatsAppSettings"]

#: Where Meta keeps the media of webhooks, with everything below: nobody else is sent our token.
MEDIA_HOSTS: Final = ("fbsbx.com", "facebook.com", "whatsapp.net")


@frozen(kw_only=True)
class MessageLimits:
    """What Meta accepts in one message, in characters where nothing else is said.

    Cloud API reference, "Messages": text, interactive (reply buttons, list), media. Checked against Meta's pages of
    November 2025; older copies say 1024 for the body of a list.
    """

    text: int = 4096
    caption: int = 1024
    button_body: int = 1024
    list_body: int = 4096
    location_request_body: int = 1024
    buttons: int = 3
    rows: int = 10
    """Of all sections of a list together."""
    button_title: int = 20
    row_title: int = 24
    row_description: int = 72
    list_button: int = 20
    section_title: int = 24
    button_id: int = 256
    row_id: int = 200
    filename: int = 240


LIMITS: Final = MessageLimits()

#: Credentials travel in headers: visible ASCII.
_CREDENTIAL: Final = re.compile(r"[!-~]{1,4096}")


def _is_credential(_: object, attribute: "Attribute[Any]", value: str) -> None:
    if _CREDENTIAL.fullmatch(value) is None:
        raise InvalidInput(f"whatsapp: {attribute.name} is empty, or not one word of ASCII")


def _are_credentials(_: object, attribute: "Attribute[Any]", value: tuple[str, ...]) -> None:
    if not value:
        raise InvalidInput(f"whatsapp: {attribute.name} needs at least one")
    for one in value:
        _is_credential(_, attribute, one)


def _is_time(_: object, attribute: "Attribute[Any]", value: float | None) -> None:
    if value is not None and not value > 0:
        raise InvalidInput(f"whatsapp: {attribute.name} is above 0 seconds, or absent")


def _is_label(limit: int) -> Any:
    def check(_: object, attribute: "Attribute[Any]", value: str) -> None:
        if not 1 <= len(value.strip()) <= len(value) <= limit:
            raise InvalidInput(f"whatsapp: {attribute.name} has 1 to {limit} characters")

    return check


@frozen(kw_only=True)
class WhatsAppSettings:
    """One business number of the Cloud API. Every secret must be there: nothing is ever left unchecked.

    Raises:
      InvalidInput: something is empty or of the wrong form; the value is not repeated.

    """

    phone_number_id: str = field()
    """Meta's id of the number, digits; not the number itself. Other numbers' webhooks are refused."""
    access_token: str = field(repr=False, validator=_is_credential)
    """What messages are sent with: that of a system user does not expire."""
    verify_token: str = field(repr=False, validator=_is_credential)
    """What Meta repeats when the webhook's address is set."""
    app_secrets: tuple[str, ...] = field(repr=False, validator=_are_credentials)
    """Any of them may have signed: two while one is being replaced."""
    business_account_id: str = field(default="")
    """Meta's id of the business account that the number belongs to; where it is given, what is told of other accounts
    (templates, reviews) is not ours. Absent: it is, for such news name no number."""
    name: str = "whatsapp_cloud_api"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    api_url: str = field(default="https://graph.facebook.com")
    """Where the Graph API is."""
    api_version: str = field(default="v23.0")
    """Which version of it is called."""
    max_age_seconds: float | None = field(default=None, validator=_is_time)
    """Older messages are told of (``too_old``) and not run. Absent: all are run, for what Meta repeats after an outage
    is old (fault 21: dropping after 20 seconds lost it)."""
    max_ahead_seconds: float | None = field(default=None, validator=_is_time)
    """Likewise for messages from the future (``from_future``)."""
    list_button: str = field(default="Choose", validator=_is_label(LIMITS.list_button))
    """What opens a list; also the body of a question without words."""
    list_title: str = field(default="Options", validator=_is_label(LIMITS.section_title))
    """What stands above the choices of a list."""
    media_hosts: tuple[str, ...] = field(default=MEDIA_HOSTS, validator=are_hosts)
    """Where media may be downloaded from, hosts below these included."""
    drops_unsigned: bool = False
    """Answer 200 to what is not signed by us and forget it, as FlowChat 0.10 does, where 401 is the answer otherwise.

    With 401 Meta sends again for days: messages are late after a wrong secret, not lost.
    """

    @phone_number_id.validator
    def _check_number(self, _: object, value: str) -> None:
        if re.fullmatch(r"[0-9]{1,32}", value) is None:
            raise InvalidInput("whatsapp: phone_number_id is Meta's id of the number, digits only")

    @business_account_id.validator
    def _check_account(self, _: object, value: str) -> None:
        if re.fullmatch(r"[0-9]{0,32}", value) is None:
            raise InvalidInput("whatsapp: business_account_id is Meta's, digits only")

    @api_url.validator
    def _check_url(self, _: object, value: str) -> None:
        if re.fullmatch(r"https?://[^\s/?#{}@]+(?:/[^\s?#{}]*[^\s?#{}/])?", value) is None:
            raise InvalidInput("whatsapp: api_url is an address without query and last slash")

    @api_version.validator
    def _check_version(self, _: object, value: str) -> None:
        if re.fullmatch(r"v[0-9]{1,3}\.[0-9]{1,2}", value) is None:
            raise InvalidInput("whatsapp: api_version is like v23.0")
