"""The routes of the simulator."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from attrs import frozen

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.phone import e164
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.ids import UserId, parse_user_id
from sessiond.edges.http.answers import error_answer, json_answer
from sessiond.edges.http.router import Route
from sessiond.edges.http.simulator.accounts import PROVIDER_PATH, SimulatedAccount
from sessiond.edges.http.simulator.files import Files
from sessiond.edges.http.simulator.guard import guarded
from sessiond.edges.http.simulator.media import media_routes
from sessiond.edges.http.simulator.sent import Sent
from sessiond.edges.http.simulator.signing import signed_headers
from sessiond.edges.http.simulator.stand_ins import STAND_INS, StandIn
from sessiond.net.messages import Request, Response

__all__ = ["PAGE", "IssueToken", "Simulator"]

PAGE: Final = "/simulator"

IssueToken = Callable[[UserId], str]
"""Makes a token of a user, as ``sessiond token`` does."""

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


@frozen
class _File:
    kind: str
    content: bytes

    def response(self) -> Response:
        headers = (("content-type", self.kind), ("cache-control", "no-store"))
        return Response(200, headers, self.content)


class Simulator:
    """Serves the page, and what the page cannot do: tokens, signatures, the providers' side of calls.

    *words* are those that begin something, for people who do not know what to write.
    """

    def __init__(
        self,
        accounts: Iterable[SimulatedAccount],
        *,
        issue_token: IssueToken | None = None,
        words: Iterable[str] = (),
    ) -> None:
        self._accounts = {account.name: account for account in accounts}
        self._sent = Sent()
        self._media = Files()
        self._issue_token = issue_token
        self._words = tuple(words)
        self._files = _read_files()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes: pages, tokens, signatures, and the stand-ins."""
        return (
            Route("GET", PAGE, guarded(self._page)),
            Route("GET", f"{PAGE}/setup", guarded(self._setup)),
            Route("GET", f"{PAGE}/sent", guarded(self._told_sent)),
            Route("POST", f"{PAGE}/token", guarded(self._token)),
            Route("POST", f"{PAGE}/phone", guarded(self._phone)),
            Route("POST", f"{PAGE}/media", guarded(self._keep)),
            Route("POST", f"{PAGE}/sign/{{account}}", guarded(self._sign)),
            *self._stand_ins(),
            Route("GET", f"{PAGE}/{{file}}", guarded(self._file)),
        )

    def _stand_ins(self) -> Iterator[Route]:
        """Make the routes of the stand-ins."""
        for account in self._accounts.values():
            stand_in = STAND_INS.get(account.kind)
            if stand_in is not None:
                yield from media_routes(account, self._media, self._sent)
                path = f"{PROVIDER_PATH}{account.name}{stand_in.path}"
                accept = partial(self._accept, account, stand_in)
                yield Route("POST", path, guarded(accept))

    async def _page(self, _request: Request, _parameters: Mapping[str, str]) -> Response:
        return self._files["index.html"].response()

    async def _file(self, _request: Request, parameters: Mapping[str, str]) -> Response:
        file = self._files.get(parameters["file"])
        if file is None:
            return error_answer(ErrorCode.BAD_REQUEST, "there is nothing at this path", status=404)
        return file.response()

    async def _setup(self, _request: Request, _parameters: Mapping[str, str]) -> Response:
        told = [account.told() for account in self._accounts.values()]
        can_issue = self._issue_token is not None
        setup = {"accounts": told, "issues_tokens": can_issue, "words": self._words}
        return json_answer(200, setup)

    async def _token(self, request: Request, _parameters: Mapping[str, str]) -> Response:
        if self._issue_token is None:
            raise Refused(ErrorCode.FORBIDDEN, "tokens are not made here: auth has no secret")
        user = parse_user_id(_parameter(request, "user") or "")
        return json_answer(200, {"user": user, "token": self._issue_token(user)})

    async def _phone(self, request: Request, _parameters: Mapping[str, str]) -> Response:
        """Read the body as a phone number, as the doors do, and say what is wrong with it."""
        try:
            told = {"phone": e164(request.body.decode(errors="replace").strip())}
        except InvalidInput as error:
            told = {"problem": str(error)}
        return json_answer(200, told)

    async def _keep(self, request: Request, _parameters: Mapping[str, str]) -> Response:
        """Keep a file that the person sends; its provider hands it out by the id that is answered."""
        kind = _parameter(request, "type") or ""
        return json_answer(200, {"id": self._media.put(kind, request.body)})

    async def _sign(self, request: Request, parameters: Mapping[str, str]) -> Response:
        account = self._account(parameters)
        base = account.public_url or f"http://{request.header('host')}"
        url = base + (_parameter(request, "to") or account.path)
        return json_answer(200, signed_headers(account, url, request.body))

    async def _accept(
        self,
        account: SimulatedAccount,
        stand_in: StandIn,
        request: Request,
        parameters: Mapping[str, str],
    ) -> Response:
        if not stand_in.is_borne(account, request, parameters):
            return json_answer(401, stand_in.refused)
        told = stand_in.read(request, parameters)
        message_id = stand_in.id(self._sent.run, self._sent.count + 1)
        answer = stand_in.accepted(message_id, told)
        self._sent.add(account.name, message_id, told, answer)
        return json_answer(200, answer)

    async def _told_sent(self, request: Request, _parameters: Mapping[str, str]) -> Response:
        after = _parameter(request, "after")
        calls = [] if after is None else await self._sent.after(after)
        return json_answer(200, {"cursor": self._sent.cursor, "calls": calls})

    def _account(self, parameters: Mapping[str, str]) -> SimulatedAccount:
        account = self._accounts.get(parameters["account"])
        if account is None:
            raise InvalidInput("there is no such account")
        return account


def _parameter(request: Request, name: str) -> str | None:
    values = parse_qs(request.query, keep_blank_values=True).get(name, [])
    return values[0] if len(values) == 1 else None


def _read_files() -> Mapping[str, _File]:
    """Read what is shipped with the package."""
    found = {}
    for file in files("sessiond.edges.http.simulator").joinpath("static").iterdir():
        stem, dot, suffix = file.name.rpartition(".")
        if stem and dot + suffix in _TYPES:
            found[file.name] = _File(_TYPES[dot + suffix], file.read_bytes())
    return found
