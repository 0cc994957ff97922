"""Nsano USSD (Ghana): the request is JSON, the answer JSON with the next screen.

No public documentation is known; the shape is that of FlowChat's gateway as it worked in 2022, and of its simulator:
``network``, ``msisdn``, ``msg`` (what was typed, may be empty) and ``UserSessionID``; answered with
``USSDResp.action`` (``input``: keep the session open, ``prompt``: end it), ``menus`` (always empty) and ``title`` (the
screen).

Nothing says that a request is the first of its session: ``inputs_of`` (core/gateways/dials.py) takes a session that
was not seen before for a new one. The length of a page is not known either: FlowChat's 140 unless set.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from attrs import frozen
from typing_extensions import override

from sessiond.core.conversations.shown import Readable
from sessiond.core.described import Form, Reply
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Arrived, Heard
from sessiond.core.gateways.described import (
    PHONE,
    Operations,
    Request,
    id_field,
    text_field,
    with_access,
)
from sessiond.core.gateways.fields import JSON, read_fields
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.port import NOTHING_SHOWN, GatewayKind
from sessiond.core.gateways.ussd import UssdGateway, UssdSettings

__all__ = ["KIND", "Nsano", "NsanoSettings"]

_MAX_MSG: Final = 4096
_MAX_NETWORK: Final = 32


@frozen(kw_only=True)
class NsanoSettings(UssdSettings):
    """One account at Nsano."""

    name: str = "nsano"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    region: str | None = "GH"
    """Of phone numbers in local form."""
    characters: int = 140
    """Of a page: FlowChat's."""


class Nsano(UssdGateway):
    """One account at Nsano (``AnsweringGateway``)."""

    def __init__(self, settings: NsanoSettings) -> None:
        super().__init__(settings, methods=("POST",), media_types=(JSON,))

    @override
    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read one input.

        Raises:
          InvalidInput: a field is missing or of the wrong kind.

        """
        fields = read_fields(request)
        session = fields.id("UserSessionID")
        if not session:
            raise InvalidInput("UserSessionID is missing")
        msisdn = self.phone(fields, "msisdn")
        network = fields.id("network", longest=_MAX_NETWORK)
        return (
            Heard(
                facts=self.facts(request, session=session, msisdn=msisdn),
                answer=Answer(text=fields.text("msg", longest=_MAX_MSG) or ""),
                profile={"network": network} if network else {},
            ),
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


def _screen(text: str, *, is_last: bool) -> ProviderAnswer:
    action = "prompt" if is_last else "input"
    body = {"USSDResp": {"action": action, "menus": "", "title": text}}
    return ProviderAnswer(body=msgspec.json.encode(body), media_type=JSON)


_SCREEN: Final = Form(
    "NsanoScreen",
    {
        "type": "object",
        "properties": {
            "USSDResp": {
                "type": "object",
                "properties": {
                    "action": {"enum": ["input", "prompt"], "description": "`prompt` ends it."},
                    "menus": {"const": ""},
                    "title": {"type": "string", "description": "The screen."},
                },
                "required": ["action", "menus", "title"],
            }
        },
        "required": ["USSDResp"],
    },
)


def _describe(settings: NsanoSettings) -> Operations:
    request = Request(
        summary="Nsano: what somebody who dialled has typed",
        fields={
            "network": id_field(_MAX_NETWORK),
            "msisdn": PHONE,
            "msg": text_field(_MAX_MSG, "What was typed; nothing at first."),
            "UserSessionID": id_field(says="The session.", needed=True),
        },
        needed=("msisdn", "UserSessionID"),
        example={
            "network": "MTN",
            "msisdn": "233241112223",
            "msg": "",
            "UserSessionID": "a7c1f0e2",
        },
        media_types=(JSON,),
        replies={
            200: Reply(says="The next screen; also when something was wrong.", forms=(_SCREEN,))
        },
    )
    return with_access(request, settings)


KIND: Final = GatewayKind("nsano", NsanoSettings, Nsano, describe=_describe)
