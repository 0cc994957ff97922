"""Requests at the websocket's path that do not ask for one: they are told to, and programs how."""

from collections.abc import Mapping
from typing import Final

from sessiond.core.described import Credential, Operation, Parameter, Reply, failure
from sessiond.edges.websocket.handshake import need_upgrade
from sessiond.net.messages import Request, Response

__all__ = ["OPERATION", "answer_plain"]

OPERATION: Final = Operation(
    summary="Open a websocket",
    says="""\
Phoenix channels, serializer 2: the manual's page on the protocol says what goes over it. Without `Upgrade: websocket`
the answer is 426. The first request of a connection may upgrade, no later one.

The token is in `Authorization: Bearer`, in the subprotocol `base64url.bearer.phx.<base64url of the token>`, or in
the query.""",
    parameters=(
        Parameter(
            name="vsn",
            where="query",
            says="Version of the serializer. Needed for the upgrade.",
            schema={"type": "string", "pattern": "^2\\.[0-9][0-9.]*$"},
            required=False,
            example="2.0.0",
        ),
    ),
    replies={
        101: Reply(says="The connection is a websocket from now on."),
        400: failure("The handshake, or `vsn`, is wrong."),
        401: failure(
            "There is no token, or one that is not accepted.",
            {"WWW-Authenticate": {"type": "string"}},
        ),
        403: failure("Pages of this origin may not connect, or the token may not."),
        426: failure("It does not ask for a websocket.", {"Upgrade": {"const": "websocket"}}),
        429: failure("Too many."),
        503: failure(
            "The server is starting or being stopped, or keys cannot be had; connect again.",
            {"Retry-After": {"type": "integer", "minimum": 0}},
        ),
    },
    credentials=(
        Credential("session", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
        Credential("sessionInQuery", {"type": "apiKey", "in": "query", "name": "token"}),
    ),
)


async def answer_plain(_request: Request, _parameters: Mapping[str, str]) -> Response:
    """Answer a GET that is no upgrade: 426."""
    return need_upgrade()
