"""What USSD gateways have in common: settings, limits, who may call, and the facts of an input."""

import re
from collections.abc import Collection
from typing import Final

from attrs import frozen
from typing_extensions import override

from sessiond.core.conversations.phone import MAX_PHONE_TEXT, check_region, e164
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.access import Access, AccessSettings
from sessiond.core.gateways.fields import Fields, host_of
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.port import AnsweringGateway, ScreenLimits
from sessiond.core.rendering.gsm import PageLimits, cut_to_page
from sessiond.core.rendering.paging import NAVIGATION, Navigation, check_room

__all__ = ["UssdGateway", "UssdSettings"]

_PLATFORM: Final = "ussd"

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SERVICE_CODE: Final = re.compile(r"(\*[0-9]{1,12}){1,6}#")

#: 160 octets: 3GPP TS 29.002, ``USSD-String``.
_MAX_SEPTETS, _MAX_UNITS = 182, 80

#: Nobody holds a phone for longer.
_MAX_ANSWER_SECONDS: Final = 60


@frozen(kw_only=True)
class UssdSettings(AccessSettings):
    """One USSD account. Gateways set the defaults.

    Raises:
      InvalidInput: something is missing or cannot be; tokens are not repeated.

    """

    name: str = "ussd"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    region: str | None = None
    """Of phone numbers in local form (``GH``). In a server's settings, absent: ``session_keys.phone_region``."""
    service_code: str = ""
    """What people dial (``*920*44#``): what they add to it are answers. Empty: nothing can be added."""
    characters: int = 160
    """Of a page, in the GSM alphabet; its extension characters are two. A network shows 182 at most."""
    ucs2_characters: int | None = None
    """Of a page in other alphabets; absent: as many as have the same octets (61 for 140). At most 80."""
    navigation: Navigation = NAVIGATION
    """How pages are turned."""
    answer_seconds: float = 8.0
    """How long we may take: how long the provider waits, less the way there and back."""

    @override
    def __attrs_post_init__(self) -> None:
        # Here and not at the fields: gateways have other defaults, and would lose the validators with them.
        super().__attrs_post_init__()
        if _NAME.fullmatch(self.name) is None:
            raise InvalidInput("the name of a gateway has 1 to 64 letters, digits and _ . -")
        if self.region is not None:
            check_region(self.region)
        if self.service_code and _SERVICE_CODE.fullmatch(self.service_code) is None:
            raise InvalidInput("a service code looks like *920*44#")
        pages = self.page_limits
        if pages.septets > _MAX_SEPTETS or pages.units > _MAX_UNITS:
            raise InvalidInput(
                f"a page has at most {_MAX_SEPTETS} characters, {_MAX_UNITS} in UCS-2"
            )
        check_room(pages, self.navigation)
        if not 0 < self.answer_seconds <= _MAX_ANSWER_SECONDS:
            raise InvalidInput(f"answer_seconds is above 0 and at most {_MAX_ANSWER_SECONDS}")

    @property
    def limits(self) -> ScreenLimits:
        """What fits on a screen."""
        return ScreenLimits(
            characters=self.characters,
            pages=self.page_limits,
            navigation=self.navigation,
            answer_seconds=self.answer_seconds,
        )

    @property
    def page_limits(self) -> PageLimits:
        """What fits on a page."""
        if self.ucs2_characters is None:
            return PageLimits(self.characters)
        return PageLimits(self.characters, self.ucs2_characters)


class UssdGateway(AnsweringGateway):
    """What is the same at all of them; a gateway adds how it reads and how it writes."""

    def __init__(
        self, settings: UssdSettings, *, methods: Collection[str], media_types: Collection[str]
    ) -> None:
        self._settings = settings
        self._limits = settings.limits  # asked for three times a turn
        self._access = Access(settings, methods=methods, media_types=media_types)

    @property
    @override
    def name(self) -> str:
        """The gateway part of session keys."""
        return self._settings.name

    @property
    @override
    def platform(self) -> str:
        """The platform part of session keys."""
        return _PLATFORM

    @property
    @override
    def limits(self) -> ScreenLimits:
        """What fits on a screen."""
        return self._limits

    @override
    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        """Check the token, which is a query parameter of the address: nothing is signed."""
        return self._access.check(request)

    @override
    def acknowledge(self) -> ProviderAnswer:
        """Write the response to what nobody waits at."""
        return ProviderAnswer(media_type="text/plain; charset=utf-8")

    def facts(self, request: ProviderRequest, *, session: str, msisdn: str) -> ChannelFacts:
        """Make the facts of an input: the provider's session is the request id, the number is in E.164."""
        return ChannelFacts(
            platform=_PLATFORM,
            gateway=self.name,
            host=host_of(request),
            path=request.path,
            request_id=session,
            msisdn=msisdn,
        )

    def phone(self, fields: Fields, name: str) -> str:
        """Read the caller's number, in E.164.

        Raises:
          InvalidInput: it is absent, or no phone number.

        """
        return e164(fields.needed(name, longest=MAX_PHONE_TEXT), self._settings.region)

    def one_page(self, text: str) -> str:
        """Shorten a text that is not a flow's."""
        return cut_to_page(text, self._settings.page_limits)
