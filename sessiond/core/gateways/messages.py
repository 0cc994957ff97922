"""What passes through a gateway: the provider's requests and our answers, our calls and the provider's answers.

Bodies are bytes as they came and as they go: signatures are checked before anything is parsed.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from attrs import field, frozen

from sessiond.core.gateways.refusals import Check
from sessiond.core.values import Value

__all__ = ["LocalFile", "ProviderAnswer", "ProviderCall", "ProviderRequest", "ProviderResponse"]

JSON: Final = "application/json"


class ProviderRequest(Value, frozen=True, kw_only=True):
    """A request of a provider (a webhook). Its repr shows neither query, headers nor body: each may hold a secret."""

    PRIVATE = frozenset({"url", "query", "headers", "body"})

    method: str
    """In upper case."""
    url: str
    """As the provider called it, with scheme, host and query: behind a proxy the settings say what that is."""
    path: str
    query: str = ""
    """Still percent-encoded."""
    headers: Mapping[str, str] = {}
    """Names in lower case; a header that came twice is not here."""
    body: bytes = b""
    received_at: float = 0.0
    """Seconds since the Unix epoch, by our clock."""

    def parameter(self, name: str) -> str | None:
        """Return the only value of the query parameter *name*; ``None``: absent, or sent more than once."""
        values = [value for key, value in parse_qsl(self.query, True) if key == name]
        return values[0] if len(values) == 1 else None

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class ProviderAnswer(Value, frozen=True, kw_only=True):
    """What we answer to a provider's request."""

    PRIVATE = frozenset({"body"})

    status: int = 200
    body: bytes = b""
    media_type: str = JSON
    check: Check | None = None
    """Which check failed, for operators: it is not sent. ``None``: none, or the status says it."""


class LocalFile(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A file of this machine that a message shows; read when it is uploaded."""

    PRIVATE = frozenset({"path", "name"})

    path: str
    """Absolute."""
    mime_type: str
    name: str = ""
    """What the person sees it called, where names are shown."""
    kind: str = ""
    """What it is shown as, where the provider's id is for one kind of media alone."""


class ProviderCall(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A call that we make to a provider's API. It is stored until it is done: no secret is in it.

    *url* and *headers* name credentials as ``{access_token}``; they are filled in from the account's settings when
    the call is made (``Gateway.credentials``).
    """

    PRIVATE = frozenset({"url", "headers", "body", "file"})

    url: str
    body: bytes
    method: str = "POST"
    media_type: str = JSON
    headers: Mapping[str, str] = {}
    file: LocalFile | None = None
    """To be uploaded before; its id takes the place of ``"{media_id}"`` in the body (media.py)."""


@frozen(kw_only=True)
class ProviderResponse:
    """What a provider answered to our call."""

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Names in lower case."""
    body: bytes = field(default=b"", repr=False)
