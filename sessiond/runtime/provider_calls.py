"""The ports for calls to providers; the edges implement them (edges/http/outbound.py)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from attrs import field, frozen

from sessiond.core.errors import SessiondError
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse

__all__ = ["CallFailed", "CallProvider", "FetchFromProvider", "Fetched"]


class CallFailed(SessiondError):
    """There is no answer to a call; whether the provider has it is not known, unless it was not *reached*.

    The message names neither address nor credential: it is logged and kept.
    """

    def __init__(self, reason: str, *, reached: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reached = reached


class CallProvider(Protocol):
    """Makes one call."""

    async def __call__(self, call: ProviderCall, seconds: float) -> ProviderResponse:
        """Make *call*, credentials filled in, and return what came back, whatever its status.

        Cancelled: the provider may or may not have it.

        Raises:
          CallFailed: no connection, no answer within *seconds*, half of one, one that is too large or no HTTP.

        """
        ...


@frozen(kw_only=True)
class Fetched:
    """An answer whose body is still on its way."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    chunks: AsyncIterator[bytes] = field(repr=False)
    """Its body, in chunks of any size. Raises ``CallFailed`` where it breaks off, or the next chunk takes too long."""


class FetchFromProvider(Protocol):
    """Makes one call whose answer may be large."""

    def fetch(self, call: ProviderCall, seconds: float) -> AbstractAsyncContextManager[Fetched]:
        """Make *call*, credentials filled in, and hand out the answer before its body; leaving the block ends it.

        *seconds*: for the head of the answer, and for each chunk.

        Raises:
          CallFailed: as ``CallProvider``.

        """
        ...
