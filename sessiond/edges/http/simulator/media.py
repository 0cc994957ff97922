"""The stand-ins' side of media: where a file is, the file, and uploads. As each provider has it."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from attrs import frozen

from sessiond.core.errors import InvalidInput
from sessiond.edges.http.answers import json_answer
from sessiond.edges.http.router import Route
from sessiond.edges.http.simulator.accounts import PROVIDER_PATH, SimulatedAccount
from sessiond.edges.http.simulator.files import File, Files
from sessiond.edges.http.simulator.guard import guarded
from sessiond.edges.http.simulator.sent import Sent
from sessiond.edges.http.simulator.stand_ins import STAND_INS, form_parts
from sessiond.net.messages import Request, Response

__all__ = ["media_routes"]


@frozen
class _Asked:
    """One request to a stand-in, and what there is to answer it with."""

    account: SimulatedAccount
    files: Files
    sent: Sent
    request: Request
    parameters: Mapping[str, str]

    @property
    def file(self) -> File | None:
        return self.files.get(self.parameters.get("file", ""))

    def url(self, name: str) -> str:
        host = self.request.header("host")
        return f"http://{host}{PROVIDER_PATH}{self.account.name}/files/{name}"


_Answer = Callable[[_Asked], Response]


def _content(asked: _Asked) -> Response:
    file = asked.file
    if file is None:
        return json_answer(404, {"error": "there is no such file"})
    headers = (
        ("content-type", file.type),
        ("cache-control", "no-store"),
        ("content-security-policy", "sandbox"),  # whatever it is, no page of ours
    )
    return Response(200, headers, file.content)


def _whatsapp_address(asked: _Asked) -> Response:
    """Say where it is ("Media", "Retrieve Media URL")."""
    file, name = asked.file, asked.parameters["file"]
    if file is None:
        return json_answer(400, {"error": {"code": 100, "message": "there is no such media"}})
    told = {"mime_type": file.type, "file_size": len(file.content), "id": name}
    digest = sha256(file.content).hexdigest()
    return json_answer(200, {"url": asked.url(name), "sha256": digest, **told})


def _whatsapp_upload(asked: _Asked) -> Response:
    """Take a file ("Media", "Upload Media"), and show that it came."""
    for part in form_parts(asked.request):
        if part.filename:
            name = asked.files.put(part.type, part.content)
            told = {"upload": part.type, "bytes": len(part.content)}
            asked.sent.add(asked.account.name, name, told, {"id": name})
            return json_answer(200, {"id": name})
    raise InvalidInput("an upload is a form with a file")


def _telegram_address(asked: _Asked) -> Response:
    """Say under which path it is ("getFile")."""
    told = STAND_INS["telegram"].read(asked.request, {"method": "getFile"})
    name = str(told.get("file_id", ""))
    file = asked.files.get(name)
    if file is None:
        what = "Bad Request: wrong file_id or the file is temporarily unavailable"
        return json_answer(400, {"ok": False, "error_code": 400, "description": what})
    found = {"file_id": name, "file_size": len(file.content), "file_path": f"files/{name}"}
    return json_answer(200, {"ok": True, "result": found})


def _twilio_address(asked: _Asked) -> Response:
    """Lead to where it is ("Media resource")."""
    name = asked.parameters["media"].removeprefix("ME")
    if asked.files.get(name) is None:
        return json_answer(404, {"code": 20404, "message": "Not found", "status": 404})
    return Response(307, (("location", asked.url(name)),))


#: By kind: method, path below the account's, what answers, and whether the credential is asked for.
_ROUTES: Final[Mapping[str, tuple[tuple[str, str, _Answer, bool], ...]]] = {
    "whatsapp": (
        ("POST", "/{version}/{number}/media", _whatsapp_upload, True),
        ("GET", "/{version}/{file}", _whatsapp_address, True),
    ),
    "telegram": (
        ("POST", "/{bot}/getFile", _telegram_address, True),
        ("GET", "/file/{bot}/files/{file}", _content, True),
    ),
    "twilio": (
        (
            "GET",
            "/2010-04-01/Accounts/{sid}/Messages/{message}/Media/{media}",
            _twilio_address,
            True,
        ),
    ),
}

#: Where the first answers of WhatsApp and Twilio lead.
_FILES: Final = ("GET", "/files/{file}", _content, False)


def media_routes(account: SimulatedAccount, files: Files, sent: Sent) -> Iterator[Route]:
    """Make the routes of one account. They come before those of messages, whose paths may be more general."""
    for method, path, answer, is_asked in (_FILES, *_ROUTES.get(account.kind, ())):
        handler = _Handler(account, files, sent, answer, is_asked)
        yield Route(method, f"{PROVIDER_PATH}{account.name}{path}", guarded(handler))


@frozen
class _Handler:
    account: SimulatedAccount
    files: Files
    sent: Sent
    answer: _Answer
    is_asked: bool

    async def __call__(self, request: Request, parameters: Mapping[str, str]) -> Response:
        stand_in = STAND_INS[self.account.kind]
        if self.is_asked and not stand_in.is_borne(self.account, request, parameters):
            refused: Mapping[str, Any] = stand_in.refused
            return json_answer(401, refused)
        return self.answer(_Asked(self.account, self.files, self.sent, request, parameters))
