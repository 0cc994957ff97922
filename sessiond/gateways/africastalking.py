"""Africa's Talking USSD, and the many that took its scheme with other names for the fields.

Source: Africa's Talking, "USSD API", "Handling USSD requests" and "End of session notifications".

A form with ``sessionId``, ``serviceCode``, ``phoneNumber``, ``networkCode`` and ``text``: everything typed so far,
joined by ``*``, empty at first. Which part is new depends on what was seen: ``inputs_of`` (core/gateways/dials.py)
says it from ``Heard.so_far``. The answer is text: ``CON`` and a screen keeps the session open, ``END`` and a screen
ends it; anything else, and any status but 200, ends it with an error.

The text only grows in a session, so its length names the input: a repeat has the same id.

When a session is over, a notification says how (``status``: Success, Incomplete, Failed); it may come to the same
address. What it says of the person's input is not kept.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from attrs import field, frozen
from typing_extensions import override

from sessiond.core.conversations.shown import Readable
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.access import TOKEN_PARAMETER
from sessiond.core.gateways.arrivals import Arrived, Heard, Notice
from sessiond.core.gateways.described import (
    PHONE,
    Operations,
    Request,
    id_field,
    text_field,
    text_reply,
    with_access,
)
from sessiond.core.gateways.fields import FORM, Fields, read_fields
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.port import NOTHING_SHOWN, GatewayKind
from sessiond.core.gateways.ussd import UssdGateway, UssdSettings

__all__ = ["KIND", "AfricasTalking", "AfricasTalkingSettings", "FieldNames"]

_TEXT: Final = "text/plain; charset=utf-8"

#: Of everything typed in a session.
_MAX_TEXT: Final = 8192
_MAX_SHORT: Final = 64
_MAX_ERROR: Final = 512

#: How a session ended, and whether the person was cut off.
_STATUSES: Final[Mapping[str, bool]] = {"success": False, "incomplete": True, "failed": True}

#: Of the notification: nothing that a person typed or read, and no number.
_TOLD: Final = ("status", "networkCode", "cost", "durationInMillis", "hopsCount", "errorMessage")


@frozen(kw_only=True)
class FieldNames:
    """What the fields of a request are called. Relatives have other names (``MSISDN``, ``session_id`` …).

    Raises:
      InvalidInput: a name is empty or there twice, or is that of the token.

    """

    session: str = "sessionId"
    """The provider's session."""
    phone: str = "phoneNumber"
    """The caller's number."""
    text: str = "text"
    """What was typed."""
    service_code: str = "serviceCode"
    """What was dialled; may be absent."""
    network: str = "networkCode"
    """The caller's network; may be absent."""

    def __attrs_post_init__(self) -> None:
        names = (self.session, self.phone, self.text, self.service_code, self.network)
        if not all(names) or len(set(names)) < len(names) or TOKEN_PARAMETER in names:
            raise InvalidInput("each field has a name of its own, and none is called token")


@frozen(kw_only=True)
class AfricasTalkingSettings(UssdSettings):
    """One account at Africa's Talking, or at a provider with the same scheme.

    Raises:
      InvalidInput: a setting cannot be.

    """

    name: str = "africastalking"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    characters: int = 160
    """Of a page: networks show 182, not all of them."""
    method: str = "POST"
    """``POST``, or ``GET`` for providers that put everything into the address."""
    fields: FieldNames = field(factory=FieldNames)
    """What the fields of its requests are called."""
    cumulative: bool = True
    """Whether the text repeats everything typed in the session; else it is the last answer alone."""

    @override
    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.method not in {"POST", "GET"}:
            raise InvalidInput("method is POST or GET")


class AfricasTalking(UssdGateway):
    """One account (``AnsweringGateway``)."""

    def __init__(self, settings: AfricasTalkingSettings) -> None:
        super().__init__(settings, methods=(settings.method,), media_types=(FORM,))
        self._names = settings.fields
        self._is_cumulative = settings.cumulative

    @override
    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read one request, whatever is new in it; or the end of a session.

        Raises:
          InvalidInput: a field is missing or of the wrong kind.

        """
        fields, names = read_fields(request), self._names
        session = fields.id(names.session)
        if not session:
            raise InvalidInput(f"{names.session} is missing")
        heard = self._heard(fields, request, session)
        if names.text not in fields.values and "status" in fields.values:
            return _ended(fields, heard)
        text = fields.needed(names.text, longest=_MAX_TEXT)
        if not self._is_cumulative:
            return (msgspec.structs.replace(heard, answer=Answer(text=text)),)
        return (msgspec.structs.replace(heard, id=f"{session}:{len(text)}", so_far=text),)

    def _heard(self, fields: Fields, request: ProviderRequest, session: str) -> Heard:
        names = self._names
        msisdn = self.phone(fields, names.phone)
        network = fields.id(names.network, longest=_MAX_SHORT)
        return Heard(
            facts=self.facts(request, session=session, msisdn=msisdn),
            answer=Answer(),
            profile={"network": network} if network else {},
            dialled=fields.id(names.service_code, longest=_MAX_SHORT),
        )

    @override
    def answer(
        self, heard: Heard, text: str, *, is_last: bool, shown: Readable = NOTHING_SHOWN
    ) -> ProviderAnswer:
        """Write the next screen."""
        return _screen(text, is_last=is_last)

    @override
    def refuse(self, request: ProviderRequest, text: str, *, reason: str = "") -> ProviderAnswer:
        """Write a last screen."""
        return _screen(self.one_page(text), is_last=True)


def _ended(fields: Fields, heard: Heard) -> Sequence[Arrived]:
    status = fields.id("status", longest=_MAX_SHORT).lower()
    told = {name: fields.text(name, longest=_MAX_ERROR) for name in _TOLD}
    body = msgspec.json.encode({name: value for name, value in told.items() if value})
    kind = status if status in _STATUSES else "unknown"
    notice = Notice(
        kind=f"session_{kind}",
        body=body,
        id=f"{heard.facts.request_id}:end",
        about=heard.facts.msisdn,
    )
    if not _STATUSES.get(status, False):
        return (notice,)
    return (notice, msgspec.structs.replace(heard, id=f"{notice.id}ed", hangs_up=True))


def _screen(text: str, *, is_last: bool) -> ProviderAnswer:
    body = f"{'END' if is_last else 'CON'} {text}"
    return ProviderAnswer(body=body.encode(errors="replace"), media_type=_TEXT)


def _describe(settings: AfricasTalkingSettings) -> Operations:
    names = settings.fields
    text = "Everything typed so far, joined by `*`." if settings.cumulative else "What was typed."
    request = Request(
        summary="Africa's Talking, or its scheme: what somebody who dialled has typed",
        fields={
            names.session: id_field(says="The session.", needed=True),
            names.phone: PHONE,
            names.text: text_field(_MAX_TEXT, f"{text} Not there when `status` says how it ended."),
            names.service_code: id_field(_MAX_SHORT, "What was dialled."),
            names.network: id_field(_MAX_SHORT),
            "status": id_field(_MAX_SHORT, "How the session ended: Success, Incomplete, Failed."),
        },
        needed=(names.session, names.phone),
        example={
            names.session: "ATUid_9f1c",
            names.phone: "+254711000001",
            names.text: "",
            names.service_code: settings.service_code or "*384*123#",
        },
        media_types=(FORM,),
        replies={
            200: text_reply(
                "`CON` and a screen that keeps the session open, or `END` and the last."
            )
        },
        method=settings.method,
    )
    return with_access(request, settings)


KIND: Final = GatewayKind(
    "africastalking", AfricasTalkingSettings, AfricasTalking, describe=_describe
)
