"""The routes of the simulator."""

from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from attrs import frozen

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.ids import UserId, parse_user_id
from sessiond.edges.http.answers import error_answer, json_answer
from sessiond.edges.http.router import Route
from sessiond.edges.http.simulator.accounts import PROVIDER_PATH, SimulatedAccount
from sessiond.edges.http.simulator.guard import guarded
from sessiond.edges.http.simulator.provider import Provider
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
    """Serves the page, and what the page cannot do: tokens, signatures, the providers' side of calls."""

    def __init__(
        self, accounts: Iterable[SimulatedAccount], *, issue_token: IssueToken | None = None
    ) -> None:
        self._accounts = {account.name: account for account in accounts}
        self._providers = {name: Provider() for name in self._accounts}
        self._issue_token = issue_token
        self._files = _read_files()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes: pages, tokens, signatures, and the stand-ins."""
        return (
            Route("GET", PAGE, guarded(self._page)),
            Route("GET", f"{PAGE}/setup", guarded(self._setup)),
            Route("POST", f"{PAGE}/token", guarded(self._token)),
            Route("POST", f"{PAGE}/sign/{{account}}", guarded(self._sign)),
            Route("GET", f"{PAGE}/sent/{{account}}", guarded(self._sent)),
            Route(
                "POST",
                f"{PROVIDER_PATH}{{account}}/{{version}}/{{number}}/messages",
                guarded(self._accept),
            ),
            Route("GET", f"{PAGE}/{{file}}", guarded(self._file)),
        )

    async def _page(self, _request: Request, _parameters: Mapping[str, str]) -> Response:
        return self._files["index.html"].response()

    async def _file(self, _request: Request, parameters: Mapping[str, str]) -> Response:
        file = self._files.get(parameters["file"])
        if file is None:
            return error_answer(ErrorCode.BAD_REQUEST, "there is nothing at this path", status=404)
        return file.response()

    async def _setup(self, _request: Request, _parameters: Mapping[str, str]) -> Response:
        told = [account.told() for account in self._accounts.values()]
        return json_answer(200, {"accounts": told, "issues_tokens": self._issue_token is not None})

    async def _token(self, request: Request, _parameters: Mapping[str, str]) -> Response:
        if self._issue_token is None:
            raise Refused(ErrorCode.FORBIDDEN, "tokens are not made here: auth has no secret")
        user = parse_user_id(_parameter(request, "user") or "")
        return json_answer(200, {"user": user, "token": self._issue_token(user)})

    async def _sign(self, request: Request, parameters: Mapping[str, str]) -> Response:
        account = self._account(parameters)
        if not account.app_secret:
            raise InvalidInput("the webhooks of this account are not signed")
        return json_answer(200, {"x-hub-signature-256": account.signature(request.body)})

    async def _accept(self, request: Request, parameters: Mapping[str, str]) -> Response:
        account = self._account(parameters)
        if not account.access_token or not account.is_borne(request.header("authorization") or ""):
            return json_answer(
                401, {"error": {"code": 190, "message": "the access token is wrong"}}
            )
        return json_answer(200, self._providers[account.name].accept(request.body))

    async def _sent(self, request: Request, parameters: Mapping[str, str]) -> Response:
        provider = self._providers[self._account(parameters).name]
        after = _parameter(request, "after")
        if after is None:
            return json_answer(200, {"count": provider.count, "messages": []})
        if not (after.isascii() and after.isdigit() and len(after) < 16):
            raise InvalidInput("after is a number")
        messages = await provider.after(int(after))
        return json_answer(200, {"count": provider.count, "messages": messages})

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
