"""Who may call an answering gateway: whoever has one of its tokens.

USSD providers sign nothing; all that can be agreed on is an address that nobody else knows, and the addresses that
they call from (which the door checks). So the token is a query parameter of the address, or a header where the
caller can send one.

Fails closed: without a token settings are refused, unless the gateway is open on purpose.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from typing import Final

from attrs import Attribute, field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.refusals import Check

__all__ = ["MAX_BODY", "TOKEN_PARAMETER", "Access", "AccessSettings"]

#: The query parameter that holds the token.
TOKEN_PARAMETER: Final = "token"

#: Bytes of a request: a dial has some two hundred, and a text of a flow at most 4096 characters.
MAX_BODY: Final = 64 * 1024

#: What an address and an ``Authorization`` header (RFC 6750, 2.1) can hold, and nobody can try out.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]{16,256}")

_TEXT: Final = "text/plain; charset=utf-8"


def _check_tokens(_: object, __: "Attribute[tuple[str, ...]]", value: tuple[str, ...]) -> None:
    if any(_TOKEN.fullmatch(token) is None for token in value):
        raise InvalidInput(
            "a token has 16 to 256 letters, digits and . _ ~ -, like what `openssl rand -hex 24` prints"
        )


@frozen(kw_only=True)
class AccessSettings:
    """Who may call.

    Raises:
      InvalidInput: a token is empty, short or malformed, or there is none. Tokens are not repeated.

    """

    tokens: tuple[str, ...] = field(default=(), repr=False, validator=_check_tokens)
    """Any of them is accepted: two while one is being replaced."""
    open: bool = False
    """Everybody who reaches the address may speak for every phone number: where the door lets in only the addresses
    of the provider, or for trying things out."""

    def __attrs_post_init__(self) -> None:
        if not self.tokens and not self.open:
            raise InvalidInput(
                "tokens: one is needed, unless `open = true` lets everybody in on purpose"
            )


class Access:
    """Checks requests, before anything of them is parsed."""

    __slots__ = ("_hashed", "_in_header", "_is_open", "_media_types", "_methods")

    def __init__(
        self,
        settings: AccessSettings,
        *,
        methods: Collection[str],
        media_types: Collection[str],
        in_header: bool = False,
    ) -> None:
        self._hashed = tuple(_hashed(token) for token in settings.tokens)
        self._is_open = settings.open
        self._methods = frozenset(methods)
        self._media_types = frozenset(media_types)
        self._in_header = in_header

    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        """Return the refusal, or ``None``. Who it is comes first: others learn nothing about us."""
        if not self._is_open:
            given = self._given(request)
            if not self._knows(given):
                check = Check.TOKEN_WRONG if given else Check.TOKEN_MISSING
                return _refusal(401, "unknown token", check)
        if request.method not in self._methods:
            return _refusal(405, "wrong method")
        if len(request.body) > MAX_BODY:
            return _refusal(413, "too large")
        if request.method != "GET" and request.media_type not in self._media_types:
            return _refusal(415, "wrong content type")
        return None

    def _knows(self, given: str) -> bool:
        """Compare with every token, whichever fits: how long it takes tells nothing."""
        hashed = _hashed(given)
        same = [hmac.compare_digest(hashed, token) for token in self._hashed]
        return any(same)

    def _given(self, request: ProviderRequest) -> str:
        if not self._in_header:
            return request.parameter(TOKEN_PARAMETER) or ""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


def _hashed(token: str) -> bytes:
    """Make texts comparable: of one length, and no lone surrogate stops it."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _refusal(status: int, why: str, check: Check | None = None) -> ProviderAnswer:
    return ProviderAnswer(status=status, body=why.encode(), media_type=_TEXT, check=check)
