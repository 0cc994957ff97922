"""Calls to providers over HTTP: the only place that knows the HTTP client.

One pool of connections for a node. Certificates are always verified, redirects are never followed (they would carry
credentials elsewhere), cookies are not kept, answers are read up to a bound. The usual environment variables name a
proxy (``HTTPS_PROXY``, ``NO_PROXY``) and other certificate authorities (``SSL_CERT_FILE``).
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import httpx2
import trio

from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.runtime.provider_calls import CallFailed, Fetched

__all__ = ["MAX_ANSWER_BYTES", "Outbound"]

#: Bytes of an answer: providers say some hundred, and a page of an error some thousand.
MAX_ANSWER_BYTES: Final = 1024 * 1024

#: Connections at once, and those that stay open for the next call, for so many seconds.
_LIMITS: Final = httpx2.Limits(
    max_connections=512, max_keepalive_connections=64, keepalive_expiry=30.0
)

#: Nothing of the call has left: whatever comes next will not be its second time.
_NOT_REACHED: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


class Outbound:
    """Makes calls (``CallProvider``, ``FetchFromProvider``) until it is closed.

    *tls* says which authorities are trusted; those of the system unless given. Made when it is first needed: reading
    them takes some 30 ms.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._client: httpx2.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close all connections; calls under way fail."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def __call__(self, call: ProviderCall, seconds: float) -> ProviderResponse:
        """Make *call*; see ``CallProvider``."""
        body = bytearray()
        with _told(seconds):
            async with (
                self._opened().stream(**_request(call)) as response,
                aclosing(response.aiter_raw()) as chunks,
            ):
                async for chunk in chunks:
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise CallFailed("the answer is too large")
        return ProviderResponse(
            status=response.status_code, headers=_headers(response), body=bytes(body)
        )

    @asynccontextmanager
    async def fetch(self, call: ProviderCall, seconds: float) -> AsyncIterator[Fetched]:
        """Make *call* and hand out the answer as it comes; see ``FetchFromProvider``."""
        client = self._opened()
        with _told(seconds):
            response = await client.send(client.build_request(**_request(call)), stream=True)
        try:
            async with (
                aclosing(response.aiter_raw()) as raw,
                aclosing(_timed(raw, seconds)) as chunks,
            ):
                yield Fetched(
                    status=response.status_code, headers=_headers(response), chunks=chunks
                )
        finally:
            with trio.CancelScope(shield=True):
                await response.aclose()

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = _client(self._tls or ssl.create_default_context())
        return self._client


async def _timed(chunks: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes, None]:
    """Give *chunks*, each of which may take *seconds*."""
    while True:
        with _told(seconds):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk


@contextmanager
def _told(seconds: float) -> Iterator[None]:
    """Say by ``CallFailed`` what went wrong, and that it took longer than *seconds*."""
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise CallFailed("no answer in time") from None
    except _NOT_REACHED as error:
        raise CallFailed(f"no connection ({type(error).__name__})", reached=False) from None
    except httpx2.RequestError as error:
        raise CallFailed(f"no whole answer ({type(error).__name__})") from None
    except (httpx2.InvalidURL, ValueError) as error:  # of a header: h11 takes no line breaks
        raise CallFailed(f"the call cannot be made ({type(error).__name__})") from None


def _request(call: ProviderCall) -> dict[str, Any]:
    headers = {**call.headers, "content-type": call.media_type} if call.body else call.headers
    return {"method": call.method, "url": call.url, "content": call.body, "headers": headers}


def _headers(response: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _client(tls: ssl.SSLContext) -> httpx2.AsyncClient:
    client = httpx2.AsyncClient(
        verify=tls,
        timeout=None,  # each call has its own, as a whole
        limits=_LIMITS,
        follow_redirects=False,
        # What would be compressed is small, and could be a bomb.
        headers={"accept-encoding": "identity", "user-agent": "sessiond"},
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client
