"""The port for calls to providers; the edges implement it (edges/http/outbound.py)."""

from typing import Protocol

from sessiond.core.errors import SessiondError
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse

__all__ = ["CallFailed", "CallProvider"]


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
