"""Nalo USSD (Ghana): the request is JSON or a form, the answer JSON with the next screen.

Source: Nalo Solutions, USSD API documentation (Postman), "Request" and "Response"; lengths as its public Python
client has them.

========= ======================================================= ===========================================
field     request                                                 answer
========= ======================================================= ===========================================
USERID    the account of the integrator, the same for everybody   the same
MSISDN    the caller, without ``+``                               the same
USERDATA  what was typed; on the first request what was dialled
MSG                                                               the screen, at most 120 characters
MSGTYPE   true: first request of the session                      true: keep it open
SESSIONID the session; older integrations have none
NETWORK   MTN, VODAFONE, AIRTELTIGO
========= ======================================================= ===========================================

FlowChat took USERID for the session, so that all callers shared one (fault 3 of the reference): here it is SESSIONID,
or else the caller, whose sessions begin with MSGTYPE true.
"""

from collections.abc import Sequence
from typing import Any, Final

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
from sessiond.core.gateways.dials import answers_dialled, dial_and_answers
from sessiond.core.gateways.fields import FORM, JSON, Fields, read_fields
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.port import NOTHING_SHOWN, GatewayKind
from sessiond.core.gateways.refusals import OtherAccount
from sessiond.core.gateways.ussd import UssdGateway, UssdSettings

__all__ = ["KIND", "Nalo", "NaloSettings"]

#: Documented: USERDATA has 120 characters; what people paste may be longer, and the flow bounds it.
_MAX_USERDATA: Final = 4096
_MAX_NETWORK: Final = 32
_MAX_USERID: Final = 64


@frozen(kw_only=True)
class NaloSettings(UssdSettings):
    """One account at Nalo."""

    name: str = "nalo"
    """The gateway of session keys and of a flow's ``gateways``. In a server's settings, absent: the account's name."""
    region: str | None = "GH"
    """Of phone numbers in local form."""
    characters: int = 120
    """Of a page: Nalo's documentation (FlowChat's 140 are too many)."""
    user_id: str = ""
    """The USERID that Nalo issued; other accounts' requests are refused. Empty: any is accepted."""


class Nalo(UssdGateway):
    """One account at Nalo (``AnsweringGateway``)."""

    def __init__(self, settings: NaloSettings) -> None:
        super().__init__(settings, methods=("POST",), media_types=(JSON, FORM))
        self._user_id = settings.user_id
        self._service_code = settings.service_code

    @override
    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read one input; of a dial, also the answers dialled with it.

        Raises:
          InvalidInput: a field is missing or of the wrong kind, or the request is for another account.

        """
        fields = read_fields(request)
        user_id = fields.id("USERID", longest=_MAX_USERID)
        if self._user_id and user_id != self._user_id:
            raise OtherAccount("USERID is that of another account")
        heard = self._heard(fields, request, user_id)
        if not heard.begins:
            return (heard,)
        dialled = heard.answer.text.strip()
        heard = msgspec.structs.replace(heard, dialled=dialled)
        return dial_and_answers(heard, answers_dialled(dialled, self._service_code))

    def _heard(self, fields: Fields, request: ProviderRequest, user_id: str) -> Heard:
        msisdn = self.phone(fields, "MSISDN")
        session, begins = fields.id("SESSIONID"), fields.flag("MSGTYPE")
        if not session and begins is None:
            raise InvalidInput("SESSIONID and MSGTYPE are missing")
        network = fields.id("NETWORK", longest=_MAX_NETWORK)
        return Heard(
            facts=self.facts(request, session=session or msisdn, msisdn=msisdn),
            answer=Answer(text=fields.text("USERDATA", longest=_MAX_USERDATA) or ""),
            profile={"network": network} if network else {},
            account=user_id,
            begins=bool(begins),
            goes_on=begins is False,
        )

    @override
    def answer(
        self, heard: Heard, text: str, *, is_last: bool, shown: Readable = NOTHING_SHOWN
    ) -> ProviderAnswer:
        """Write the next screen."""
        return _screen(
            USERID=heard.account,
            MSISDN=heard.facts.msisdn.removeprefix("+"),
            MSG=text,
            MSGTYPE=not is_last,
        )

    @override
    def refuse(self, request: ProviderRequest, text: str, *, reason: str = "") -> ProviderAnswer:
        """Write a last screen."""
        text = self.one_page(text)
        return _screen(USERID=self._user_id_in(request), MSG=text, MSGTYPE=False)

    def _user_id_in(self, request: ProviderRequest) -> str:
        """Find what to repeat in a request that may not be readable."""
        try:
            return read_fields(request).id("USERID", longest=_MAX_USERID)
        except InvalidInput:
            return self._user_id


def _screen(**fields: Any) -> ProviderAnswer:
    return ProviderAnswer(body=msgspec.json.encode(fields), media_type=JSON)


_SCREEN: Final = Form(
    "NaloScreen",
    {
        "type": "object",
        "properties": {
            "USERID": {"type": "string"},
            "MSISDN": {"type": "string"},
            "MSG": {"type": "string", "description": "The screen."},
            "MSGTYPE": {"type": "boolean", "description": "Whether the session is kept open."},
        },
        "required": ["USERID", "MSG", "MSGTYPE"],
    },
)


def _describe(settings: NaloSettings) -> Operations:
    request = Request(
        summary="Nalo: what somebody who dialled has typed",
        fields={
            "USERID": id_field(_MAX_USERID, "The account of the integrator."),
            "MSISDN": PHONE,
            "USERDATA": text_field(_MAX_USERDATA, "What was typed; at first what was dialled."),
            "MSGTYPE": {"type": "boolean", "description": "Whether the session begins."},
            "SESSIONID": id_field(says="The session."),
            "NETWORK": id_field(_MAX_NETWORK),
        },
        needed=("MSISDN", "MSGTYPE"),
        example={
            "USERID": settings.user_id or "NALOTest",
            "MSISDN": "233241112223",
            "USERDATA": settings.service_code or "*920*44#",
            "MSGTYPE": True,
            "SESSIONID": "16590115252429751",
            "NETWORK": "MTN",
        },
        media_types=(JSON, FORM),
        replies={
            200: Reply(says="The next screen; also when something was wrong.", forms=(_SCREEN,))
        },
    )
    return with_access(request, settings)


KIND: Final = GatewayKind("nalo", NaloSettings, Nalo, describe=_describe)
