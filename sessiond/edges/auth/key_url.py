"""A key set behind a URL: fetched in a worker thread, kept, and fetched again when it should be.

Whose key id is known never waits for the network, but for whoever comes first after the set got
old; while the URL is away the old set stays in use. An unknown key id fetches the set anew, at most
once per interval, whoever invents key ids.

The standard library's client and not PyJWT's: that one has no bound on size or on total time.
No redirects are followed; a proxy (environment) is used for ``https`` only.
"""

import ipaddress
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urlsplit

import trio

from sessiond import telemetry
from sessiond.core.errors import InvalidInput, SessiondError
from sessiond.core.ports import Clock
from sessiond.edges.auth.keys import Key, parse_jwks
from sessiond.edges.auth.settings import AuthSettings

__all__ = ["KeyUrl", "KeysAway", "check_key_url"]

#: A real key set has a few kilobytes.
MAX_DOCUMENT_BYTES: Final = 256 * 1024

_CHUNK_BYTES: Final = 16 * 1024

Select = Callable[[tuple[Key, ...]], list[Key]]


class KeysAway(SessiondError):
    """The key asked for may exist, but the key set cannot be fetched at the moment."""


class KeyUrl:
    """The key set at one URL. Nothing is fetched before the first key is asked for.

    Raises:
      InvalidInput: the URL is neither ``https`` nor ``http`` on loopback, or holds a password.

    """

    def __init__(self, url: str, settings: AuthSettings, clock: Clock) -> None:
        self._url = check_key_url(url)
        self._settings = settings
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._stale_at = self._next_attempt = clock.monotonic()
        self._is_away = False
        self._fetching = trio.Lock()
        self._threads = trio.CapacityLimiter(1)

    async def find(self, select: Select) -> list[Key]:
        """Return what *select* picks from the key set, fetching that if need be.

        Cancelled, it fetches nothing more; the running fetch is left to end by its own time-out.

        Raises:
          KeysAway: nothing was picked, and the last attempt to fetch the set failed.

        """
        found = select(self._keys)
        is_stale = self._clock.monotonic() >= self._stale_at
        if found and not (is_stale and not self._fetching.locked()):
            return found
        await self._refresh()
        found = select(self._keys)
        if not found and self._is_away:
            raise KeysAway("the key set cannot be fetched")
        return found

    async def _refresh(self) -> None:
        """Fetch the set unless somebody did, or tried to, within the minimum interval."""
        async with self._fetching:
            now = self._clock.monotonic()
            if now < self._next_attempt:
                return
            self._next_attempt = now + self._settings.jwks_min_interval_seconds
            try:
                keys = parse_jwks(await self._fetch())
            except (KeysAway, InvalidInput) as error:
                self._is_away = True
                telemetry.emit("auth.keys_away", {}, {"reason": str(error)})
            else:
                self._keys, self._is_away = keys, False
                self._stale_at = now + self._settings.jwks_refresh_seconds
                telemetry.emit("auth.keys_fetched", {"keys": len(keys)})

    async def _fetch(self) -> bytes:
        timeout = self._settings.jwks_timeout_seconds
        with trio.move_on_after(timeout):
            return await trio.to_thread.run_sync(
                _get, self._url, timeout, abandon_on_cancel=True, limiter=self._threads
            )
        raise KeysAway("the answer took too long")


def check_key_url(url: str) -> str:
    """Return *url* when keys may be fetched from it.

    Raises:
      InvalidInput: as ``KeyUrl``.

    """
    try:
        parts = urlsplit(url)
        host, is_open = parts.hostname or "", parts.username is None and parts.port != 0
    except ValueError:
        raise InvalidInput("jwks_url is not a URL") from None
    if not host or not is_open:
        raise InvalidInput("jwks_url has a host, and neither user nor password")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return url
    raise InvalidInput("jwks_url begins with https:// (http:// is for loopback only)")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _get(url: str, timeout_seconds: float) -> bytes:
    """Fetch *url*; runs in a worker thread, each blocking step bounded by *timeout_seconds*."""
    deadline = time.monotonic() + timeout_seconds
    opener = urllib.request.OpenerDirector()  # no handler for redirects, files or ftp
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler())
    if url.startswith("https:"):
        opener.add_handler(urllib.request.ProxyHandler())
    try:
        response = opener.open(url, timeout=timeout_seconds)
        assert isinstance(response, HTTPResponse)
        with response:
            return _read(response, deadline)
    except (OSError, HTTPException, ValueError) as error:
        raise KeysAway(f"no answer ({type(error).__name__})") from None


def _read(response: HTTPResponse, deadline: float) -> bytes:
    if response.status != 200:
        raise KeysAway(f"the answer was {response.status}")
    body = b""
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise KeysAway(f"the answer is larger than {MAX_DOCUMENT_BYTES} bytes")
        if time.monotonic() > deadline:
            raise KeysAway("the answer took too long")
    return body
