"""Who may use the simulator: a page of ours in a browser on this machine, and nobody else.

The socket listens on loopback alone, but every web page that is open on this machine can send requests there. A page
cannot read what comes back from another origin, unless it makes itself one: by a name of its own that it lets point to
127.0.0.1 (DNS rebinding). Then the browser sends that name as ``Host``, so only names of this machine are served.
"""

import re
from collections.abc import Mapping
from typing import Final

from attrs import evolve

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused
from sessiond.edges.http.peers import from_loopback
from sessiond.edges.http.router import RouteHandler
from sessiond.net.messages import Request, Response

__all__ = ["guarded"]

_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


def guarded(handler: RouteHandler) -> RouteHandler:
    """Let in only who may use the simulator, and forbid browsers whatever it does not need.

    Raises (the handler that is returned):
      Refused: ``forbidden``.

    """

    async def answer(request: Request, parameters: Mapping[str, str]) -> Response:
        host = _host(request)
        response = await handler(request, parameters)
        return evolve(response, headers=(*response.headers, *_headers(host)))

    return answer


def _host(request: Request) -> str:
    """Return the host that was asked for, or refuse."""
    host = request.header("host") or ""
    origins = request.values("origin")
    if not from_loopback(request) or _HOST.fullmatch(host) is None:
        raise Refused(ErrorCode.FORBIDDEN, "the simulator is for localhost")
    if any(origin.lower() != f"http://{host.lower()}" for origin in origins):
        raise Refused(ErrorCode.FORBIDDEN, "pages of this origin may not use the simulator")
    return host


def _headers(host: str) -> tuple[tuple[str, str], ...]:
    """Allow what the page needs, from where it came. Some browsers do not count sockets to ``self``."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return (
        ("content-security-policy", policy),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    )
