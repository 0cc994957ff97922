"""Every kind of gateway, and requests as its provider makes them: right ones, and ones by somebody else."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import pytest
from attrs import evolve, frozen

from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.core.gateways.port import Gateway
from sessiond.net.messages import Request, Response
from tests.edges.http.gateway_doors import APP_SECRET, TOKEN

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

HOST: Final = "chat.example.com"
PHONE: Final = "233244123456"
OURS: Final = "+233200000000"
ACCOUNT_SID: Final = "AC" + "0" * 32

Fields = dict[str, Any]
Seal = Callable[[str, str, bytes], tuple[Mapping[str, str], str]]
"""Makes what proves that the provider calls: of path, media type and body, the headers and the query."""


_WRONG: Final[tuple[object, ...]] = (
    None,
    True,
    -1,
    1.5,
    1e300,
    10**40,
    [],
    {},
    "",
    " ",
    "\x00",
    "\ud800",
    "a\r\nb: c",
    "{access_token}",
    "*",
    "\u202eabc",
    "😀" * 300,
    "x" * 70_000,
)

Place = tuple[str | int, ...]


@frozen(eq=False)
class Kind:
    """One kind: its settings, its requests."""

    name: str
    given: Mapping[str, Any]
    """What has to be set."""
    secrets: tuple[str, ...]
    """Settings that may not be empty."""
    media_type: str
    fields: Callable[[str, str, int], Fields]
    """One message: of its text, the person's number and its own."""
    seal: Seal
    refusal: int = 401
    """Of who is not the provider."""
    is_calling: bool = False

    def __str__(self) -> str:
        return self.name

    def gateway(self, **settings: Any) -> Gateway:
        kind = BUILT_IN[self.name]
        return kind.open(kind.settings(**{**self.given, **settings}))

    def said(
        self, text: str = "hi", phone: str = PHONE, number: int = 1, path: str = "/gateways/line"
    ) -> Request:
        """A person's message."""
        return self.request(self.fields(text, phone, number), path=path)

    def request(self, fields: Any, *, path: str = "/gateways/line") -> Request:
        """A request with *fields*, as the provider writes them."""
        body = urlencode(fields) if self.media_type == FORM else json.dumps(fields)
        return self.sealed(body.encode(), path=path)

    def sealed(
        self, body: bytes, media_type: str | None = None, *, path: str = "/gateways/line"
    ) -> Request:
        """A request of the provider with any *body*."""
        media_type = self.media_type if media_type is None else media_type
        headers, query = self.seal(path, media_type.partition(";")[0], body)
        return Request(
            method="POST",
            target=f"{path}?{query}" if query else path,
            path=path,
            query=query,
            headers=(("host", HOST), ("content-type", media_type), *headers.items()),
            body=body,
            peer="203.0.113.7",
        )

    def spoiled(self, text: str, path: str = "/gateways/line") -> Iterator[Request]:
        """A person's messages with something wrong in one place, in any place."""
        number = 1
        for place in _places(self.fields(text, PHONE, 1)):
            for value in _WRONG:
                if self.media_type == FORM and (value == "\ud800" or not isinstance(value, str)):
                    continue  # there is no such form
                number += 1
                fields = self.fields(text, PHONE, number)
                yield self.request(_spoiled(fields, place, value), path=path)

    def strangers(self, request: Request) -> Iterator[Request]:
        """The same *request* by somebody who has no secret of ours."""
        *usual, (name, value) = request.headers
        if not request.query:
            for wrong in ("", "x", value[:-1], value + "0", value.swapcase(), value[::-1]):
                yield evolve(request, headers=(*usual, (name, wrong)))
            yield evolve(request, headers=tuple(usual))
            yield evolve(request, headers=(*usual, (name, value), (name, value)))
            return
        for query in ("", "token=", "token=x", f"token={TOKEN}x", f"TOKEN={TOKEN}"):
            yield evolve(request, query=query, target=f"{request.path}?{query}")
        query = f"{request.query}&{request.query}"
        yield evolve(request, query=query, target=f"{request.path}?{query}")

    def read(self, response: Response) -> str:
        """What the person, or the program, reads in the response of a gateway that answers."""
        if self.name == "africastalking":
            return response.body.decode()[4:]
        told = json.loads(response.body)
        if self.name == "nalo":
            return str(told["MSG"])
        if self.name == "nsano":
            return str(told["USSDResp"]["title"])
        return str(told.get("message") or told.get("error"))


def _places(told: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a document."""
    if place:
        yield place
    if isinstance(told, dict | list):
        for key, value in told.items() if isinstance(told, dict) else enumerate(told):
            yield from _places(value, (*place, key))


def _spoiled(told: Any, place: Place, value: object) -> Any:
    *path, last = place
    inner = told
    for key in path:
        inner = inner[key]
    inner[last] = value
    return told


def _whatsapp(text: str, phone: str, number: int) -> Fields:
    message = {
        "from": phone,
        "id": f"wamid.{number}",
        "timestamp": str(int(time.time())),  # what was written long ago is not answered any more
        "type": "text",
        "text": {"body": text},
    }
    value = {"metadata": {"phone_number_id": "1"}, "messages": [message]}
    changes = [{"field": "messages", "value": value}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def _telegram(text: str, phone: str, number: int) -> Fields:
    """Telegram tells no numbers: digits stand for the chat."""
    chat = {"id": int(phone), "type": "private"}
    message = {"message_id": number, "date": 1_700_000_000 + number, "chat": chat, "text": text}
    return {"update_id": number, "message": message}


def _twilio(text: str, phone: str, number: int) -> Fields:
    plus = "" if phone.startswith(("+", "0")) else "+"
    return {
        "AccountSid": ACCOUNT_SID,
        "MessageSid": f"SM{number:032x}",
        "From": plus + phone,
        "To": OURS,
        "Body": text,
    }


def _nalo(text: str, phone: str, number: int) -> Fields:
    return {
        "USERID": "u",
        "MSISDN": phone,
        "USERDATA": text,
        "MSGTYPE": False,
        "SESSIONID": f"s{number}",
    }


def _nsano(text: str, phone: str, number: int) -> Fields:
    return {"network": "MTN", "msisdn": phone, "msg": text, "UserSessionID": f"s{number}"}


def _talking(text: str, phone: str, number: int) -> Fields:
    return {
        "sessionId": f"s{number}",
        "serviceCode": "*384*123#",
        "phoneNumber": phone,
        "text": text,
    }


def _program(text: str, phone: str, number: int) -> Fields:
    return {"session_id": f"s{number}", "user_id": "u", "msisdn": phone, "input": text}


def _signed_by_meta(_path: str, _media_type: str, body: bytes) -> tuple[Mapping[str, str], str]:
    signature = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={signature}"}, ""


def _with_secret(_path: str, _media_type: str, _body: bytes) -> tuple[Mapping[str, str], str]:
    return {"x-telegram-bot-api-secret-token": TOKEN}, ""


def _signed_by_twilio(path: str, media_type: str, body: bytes) -> tuple[Mapping[str, str], str]:
    """By the documentation of Twilio: the address, and the sorted parameters of a form."""
    url, query = f"http://{HOST}{path}", ""
    if media_type == FORM:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        url += "".join(name + value for name, value in sorted(set(pairs)))
    else:
        query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
        url += f"?{query}"
    digest = hmac.new(TOKEN.encode(), url.encode(), hashlib.sha1).digest()
    return {"x-twilio-signature": base64.b64encode(digest).decode()}, query


def _with_token(_path: str, _media_type: str, _body: bytes) -> tuple[Mapping[str, str], str]:
    return {}, f"token={TOKEN}"


def _with_bearer(_path: str, _media_type: str, _body: bytes) -> tuple[Mapping[str, str], str]:
    return {"authorization": f"Bearer {TOKEN}"}, ""


_TOKENS: Final[Mapping[str, Any]] = {"tokens": (TOKEN,)}

WHATSAPP: Final = Kind(
    "whatsapp",
    {
        "phone_number_id": "1",
        "access_token": "t0p-s3cret",
        "verify_token": "verify-me",
        "app_secrets": (APP_SECRET,),
    },
    ("access_token", "verify_token", "app_secrets"),
    JSON,
    _whatsapp,
    _signed_by_meta,
    is_calling=True,
)
TELEGRAM: Final = Kind(
    "telegram",
    {"bot_token": "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "secret_tokens": (TOKEN,)},
    ("bot_token", "secret_tokens"),
    JSON,
    _telegram,
    _with_secret,
    is_calling=True,
)
TWILIO: Final = Kind(
    "twilio",
    {"account_sid": ACCOUNT_SID, "auth_tokens": (TOKEN,), "sender": OURS},
    ("account_sid", "auth_tokens"),
    FORM,
    _twilio,
    _signed_by_twilio,
    refusal=403,
    is_calling=True,
)
NALO: Final = Kind("nalo", _TOKENS, ("tokens",), JSON, _nalo, _with_token)
NSANO: Final = Kind("nsano", _TOKENS, ("tokens",), JSON, _nsano, _with_token)
TALKING: Final = Kind(
    "africastalking",
    {**_TOKENS, "region": "GH"},
    ("tokens",),
    FORM,
    _talking,
    _with_token,
)
PROGRAM: Final = Kind(
    "http",
    {**_TOKENS, "region": "GH"},
    ("tokens",),
    JSON,
    _program,
    _with_bearer,
)

KINDS: Final = (WHATSAPP, TELEGRAM, TWILIO, NALO, NSANO, TALKING, PROGRAM)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
each_answering_kind = pytest.mark.parametrize("kind", KINDS[3:], ids=str)
