"""What an upgrade request asks for: protocol version, subprotocol, token.

Stock phoenix.js 1.8 sends its token as a subprotocol, since browsers can set no header:
``Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.<base64url of the token>``. Only ``phoenix``
may be answered: an echo of the other would put the token into a response, and stock clients that
offer nothing must get nothing back *(run: phoenix 1.8.16 and 1.7.21)*.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused

__all__ = ["SUBPROTOCOL", "check_version", "choose_subprotocol", "find_token", "parse_query"]

SUBPROTOCOL: Final = "phoenix"
_BEARER_PREFIX: Final = "base64url.bearer.phx."

#: phoenix.js adds two parameters of its own; apps add a few. More is an attack on the parser.
_MAX_PARAMETERS: Final = 64


def parse_query(query: str) -> dict[str, str]:
    """Split a percent-encoded query; of a name given twice the last one counts.

    Raises:
      InvalidInput: more than 64 parameters.

    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise InvalidInput(f"the query has more than {_MAX_PARAMETERS} parameters") from None
    return dict(pairs)


def check_version(parameters: dict[str, str]) -> None:
    """See that the client speaks serializer version 2 (``vsn=2.x``).

    Raises:
      InvalidInput: another version, or none: version 1 has another frame format.

    """
    major, _, minor = parameters.get("vsn", "").partition(".")
    if major != "2" or not minor.replace(".", "").isdigit():
        raise InvalidInput("connect with ?vsn=2.0.0: this server speaks Phoenix serializer 2.x")


def choose_subprotocol(offers: Sequence[str]) -> str | None:
    """Answer ``phoenix`` to whoever offers it, nothing to everybody else."""
    return SUBPROTOCOL if SUBPROTOCOL in offers else None


def find_token(authorization: str | None, offers: Sequence[str], parameters: dict[str, str]) -> str:
    """Find the token: header, then subprotocol, then ``?token=``. Never part of an error.

    Raises:
      Refused: ``unauthorized``, when there is none or its encoding is broken.

    """
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        raise Refused(ErrorCode.UNAUTHORIZED, "the Authorization header has to be: Bearer <token>")
    for offer in offers:
        if offer.startswith(_BEARER_PREFIX):
            return _decode_bearer(offer.removeprefix(_BEARER_PREFIX))
    token = parameters.get("token", "")
    if not token:
        raise Refused(ErrorCode.UNAUTHORIZED, "a token is needed to connect")
    return token


def _decode_bearer(encoded: str) -> str:
    # phoenix.js takes btoa() and drops the padding; the alphabet is plain or URL-safe base64.
    padded = encoded + "=" * (-len(encoded) % 4)
    try:
        raw = base64.b64decode(padded.translate({45: "+", 95: "/"}), validate=True)
        token = raw.decode("ascii")
    except (binascii.Error, ValueError):
        token = ""
    if not token:
        raise Refused(ErrorCode.UNAUTHORIZED, "the token in the subprotocol is not base64url")
    return token
