"""Calls to providers over HTTP: the only place that knows the HTTP client.

One pool of connections for a node. Certificates are always verified, redirects are never followed (they would carry
credentials elsewhere), cookies are not kept, answers are read up to a bound. The usual environment variables name a
proxy (``HTTPS_PROXY``, ``NO_PROXY``) and other certificate authorities (``SSL_CERT_FILE``).
"""

import ssl
from contextlib import aclosing
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import httpx2
import trio

from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.runtime.provider_calls import CallFailed

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
    """Makes calls (``CallProvider``) until it is closed.

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
        try:
            with trio.fail_after(seconds):
                return await self._exchange(call)
        except trio.TooSlowError:
            raise CallFailed("no answer in time") from None
        except _NOT_REACHED as error:
            raise CallFailed(f"no connection ({type(error).__name__})", reached=False) from None
        except httpx2.RequestError as error:
            raise CallFailed(f"no whole answer ({type(error).__name__})") from None
        except (httpx2.InvalidURL, ValueError) as error:  # of a header: h11 takes no line breaks
            raise CallFailed(f"the call cannot be made ({type(error).__name__})") from None

    async def _exchange(self, call: ProviderCall) -> ProviderResponse:
        client = self._client
        if client is None:
            client = self._client = _client(self._tls or ssl.create_default_context())
        headers = {**call.headers, "content-type": call.media_type}
        body = bytearray()
        async with (
            client.stream(
                call.method,
                call.url,
                content=call.body,
                headers=headers if call.body else call.headers,
            ) as response,
            aclosing(response.aiter_raw()) as chunks,
        ):
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise CallFailed("the answer is too large")
        return ProviderResponse(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body),
        )


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
