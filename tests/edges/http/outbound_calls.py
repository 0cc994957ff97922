"""A provider on this machine, and the client that servers call it with."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import trio

from sessiond.core.gateways.messages import ProviderCall
from sessiond.edges.http.outbound import Outbound
from sessiond.testing.providers import Provider, open_provider

__all__ = ["call_of", "calling"]


@asynccontextmanager
async def calling() -> AsyncIterator[tuple[Outbound, Provider]]:
    """A provider, and what calls it."""
    async with aclosing(Outbound()) as outbound, open_provider() as provider:
        with trio.fail_after(20):
            yield outbound, provider


def call_of(provider: Provider, body: bytes = b'{"a":1}') -> ProviderCall:
    """A call with a secret in its address, and another in its headers."""
    url = f"{provider.url}/v1/messages?token=t0p"
    return ProviderCall(url=url, body=body, headers={"Authorization": "Bearer x"})
