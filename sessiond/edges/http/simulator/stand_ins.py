"""Stand-ins for the providers that accounts call: they accept every message of whoever bears the right credential."""

import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final
from urllib.parse import parse_qs

from attrs import frozen

from sessiond.core.errors import InvalidInput
from sessiond.edges.http.json_bodies import parse_json
from sessiond.edges.http.simulator.accounts import SimulatedAccount
from sessiond.net.messages import Request

__all__ = ["STAND_INS", "FormPart", "StandIn", "form_parts"]

_Parameters = Mapping[str, str]
_Told = Mapping[str, Any]


@frozen
class StandIn:
    """One provider's side of calls."""

    path: str
    """Where it is called, below its ``api_url``."""
    bears: Callable[[Request, _Parameters], str]
    """Gives the credential of a call, as ``credential`` is written into it."""
    written: str
    """How it is written: ``{}`` is the credential."""
    read: Callable[[Request, _Parameters], _Told]
    """Reads the body. Raises ``InvalidInput``: it is not the provider's."""
    id: Callable[[str, int], str]
    """Makes the id of a message, of this start of the server and its number."""
    accepted: Callable[[str, _Told], _Told]
    """Writes the answer."""
    refused: _Told
    """What is answered to whom bears another credential (401)."""

    def is_borne(
        self, account: SimulatedAccount, request: Request, parameters: _Parameters
    ) -> bool:
        """Whether a call bears what calls of *account* have to."""
        given, wanted = self.bears(request, parameters), self.written.format(account.credential)
        return bool(account.credential) and hmac.compare_digest(
            given.encode(errors="surrogatepass"), wanted.encode()
        )


def _authorization(request: Request, _parameters: _Parameters) -> str:
    return request.header("authorization") or ""


def _json(request: Request, _parameters: _Parameters) -> dict[str, Any]:
    told = parse_json(request.body)
    if not isinstance(told, dict):
        raise InvalidInput("a message is a JSON object")
    return told


def _whatsapp_accepted(message_id: str, told: _Told) -> _Told:
    """Answer as the Cloud API does."""
    answer = {"messaging_product": "whatsapp", "messages": [{"id": message_id}]}
    to = str(told.get("to") or told.get("recipient") or "")
    return answer | ({"contacts": [{"input": to, "wa_id": to}]} if told.get("type") else {})


@frozen
class FormPart:
    """One field of a form; a *filename*: it is a file."""

    name: str
    filename: str
    type: str
    content: bytes


def form_parts(request: Request) -> Iterator[FormPart]:
    """Read a form with files (RFC 7578); what is none has no parts."""
    head = f"content-type: {request.header('content-type') or ''}\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head.encode("latin-1", "replace") + request.body)
    for part in form.iter_parts():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            name = str(part.get_param("name", header="content-disposition") or "")
            yield FormPart(name, part.get_filename() or "", part.get_content_type(), content)


def _telegram(request: Request, parameters: _Parameters) -> dict[str, Any]:
    """Read a message: JSON, or a form where a file comes with it ("Sending files"); that is told by its name."""
    if not (request.header("content-type") or "").startswith("multipart/form-data"):
        return {**_json(request, parameters), "method": parameters["method"]}
    told: dict[str, Any] = {"method": parameters["method"]}
    for part in form_parts(request):
        told[part.name] = part.filename or part.content.decode(errors="replace")
    if "chat_id" not in told:
        raise InvalidInput("a message has a chat_id")
    if re.fullmatch(r"-?[0-9]{1,20}", told["chat_id"]):
        told["chat_id"] = int(told["chat_id"])
    if "reply_markup" in told:
        told["reply_markup"] = parse_json(told["reply_markup"].encode())
    return told


def _telegram_accepted(message_id: str, told: _Told) -> _Told:
    """Answer as the Bot API does ("Making requests"): with the message, or that it is done."""
    if not str(told["method"]).startswith("send"):
        return {"ok": True, "result": True}
    chat = {"id": told.get("chat_id"), "type": "private"}
    return {"ok": True, "result": {"message_id": int(message_id), "chat": chat}}


def _twilio(request: Request, _parameters: _Parameters) -> dict[str, Any]:
    """Read a form; of a name that comes more than once there is a list."""
    fields = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
    if "To" not in fields:
        raise InvalidInput("a message is a form with a recipient (To)")
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


STAND_INS: Final[Mapping[str, StandIn]] = {
    "whatsapp": StandIn(
        path="/{version}/{number}/messages",
        bears=_authorization,
        written="Bearer {}",
        read=_json,
        id=lambda run, number: f"wamid.simulator.{run}.{number}",
        accepted=_whatsapp_accepted,
        refused={"error": {"code": 190, "message": "the access token is wrong"}},
    ),
    "telegram": StandIn(
        path="/{bot}/{method}",
        bears=lambda _request, parameters: parameters["bot"],
        written="bot{}",
        read=_telegram,
        id=lambda _run, number: str(number),
        accepted=_telegram_accepted,
        refused={"ok": False, "error_code": 401, "description": "Unauthorized"},
    ),
    "twilio": StandIn(
        path="/2010-04-01/Accounts/{sid}/Messages.json",
        bears=_authorization,
        written="Basic {}",
        read=_twilio,
        id=lambda run, number: f"SM{run}{number:016x}",
        accepted=lambda message_id, _told: {"sid": message_id, "status": "queued"},
        refused={"code": 20003, "message": "Authenticate", "status": 401},
    ),
}
"""By kind."""
