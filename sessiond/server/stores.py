"""Which store the settings mean, opened, and sealed when they say so."""

import base64
import binascii
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

import trio

from sessiond.config.settings import StoreKind, StoreSettings, store_kind
from sessiond.core.errors import InvalidInput, StoreUnavailable
from sessiond.core.ids import UserId
from sessiond.core.ports import Store
from sessiond.stores.memory import MemoryStore
from sessiond.stores.seal import SealedStore, Sealer, SealKey
from sessiond.stores.sqlite import open_sqlite_store

__all__ = ["ArrivingStore", "open_store", "seal_key"]

#: How long a store may be away at the start before we give up: a compose file's Redis is up by then.
START_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 0.5

_log: Final = logging.getLogger("sessiond.server")


class ArrivingStore:
    """A store that is opened after the server has: until then every call of it raises ``StoreUnavailable``.

    It answers to every name of the ``Store`` port with what the opened one has there: cast it to ``Store``.
    """

    def __init__(self, settings: StoreSettings, keep: AsyncExitStack) -> None:
        self._settings = settings
        self._keep = keep
        self._opened: Store | None = None

    async def open(self) -> None:
        """Open it, once; *keep* closes it.

        Raises:
          StoreUnavailable: it is away; call again.
          StoreInUse, StoreError, InvalidInput: as ``open_store``.

        """
        opening = open_store(self._settings, patience=0)
        self._opened = await self._keep.enter_async_context(opening)

    def __getattr__(self, name: str) -> object:
        """Look *name* up in the opened store."""
        if self._opened is None:
            raise StoreUnavailable("the store was not reached yet")
        return getattr(self._opened, name)


@asynccontextmanager
async def open_store(
    settings: StoreSettings, *, patience: float = START_SECONDS
) -> AsyncIterator[Store]:
    """Open the store that *settings* name, waiting up to *patience* seconds for one that is away.

    Raises:
      StoreInUse: another process has it.
      StoreUnavailable: it did not answer in time.
      StoreError, InvalidInput: it cannot be used; the message says what would be right.

    """
    async with AsyncExitStack() as stack:
        yield _sealed(await _patiently(stack, settings, patience), settings)


async def _patiently(stack: AsyncExitStack, settings: StoreSettings, patience: float) -> Store:
    give_up = trio.current_time() + patience
    is_told = False
    while True:
        try:
            return await stack.enter_async_context(_connect(settings))
        except StoreUnavailable as error:
            if trio.current_time() >= give_up:
                raise
            if not is_told:
                _log.warning("waiting up to %g s for the store: %s", patience, error)
                is_told = True
        await trio.sleep(_RETRY_SECONDS)


@asynccontextmanager
async def _connect(settings: StoreSettings) -> AsyncIterator[Store]:
    match store_kind(settings.url):
        case StoreKind.MEMORY:
            yield MemoryStore()
        case StoreKind.SQLITE:
            async with open_sqlite_store(unquote(urlsplit(settings.url).path)[1:]) as sqlite:
                yield sqlite
        case StoreKind.REDIS:
            from sessiond.stores.redis.store import (  # noqa: PLC0415 -- costs 60 ms that SQLite does not need
                open_redis_store,
            )

            async with open_redis_store(
                settings.url,
                durability=settings.durability.value,
                cluster=settings.cluster,
                timeout_seconds=settings.timeout_seconds,
                key_prefix=settings.prefix,
            ) as redis:
                yield redis


def _sealed(store: Store, settings: StoreSettings) -> Store:
    # Also without keys and compression: what is stored says how it was sealed, so both can be switched on later.
    sealer = Sealer(
        [seal_key(text) for text in settings.encryption_keys],
        compress_from=settings.compress_over_bytes or None,
    )
    return SealedStore(store, sealer, on_unreadable=_unreadable)


def _unreadable(_user: UserId, reason: str) -> None:
    _log.error("something stored cannot be opened and was left out: %s", reason)


def seal_key(text: str) -> SealKey:
    """Read one of ``store.encryption_keys``.

    Raises:
      InvalidInput: it is not an id and 32 bytes; the message does not hold it.

    """
    name, _, encoded = text.partition(":")
    try:
        return SealKey(name, base64.b64decode(encoded, validate=True))
    except binascii.Error:
        raise InvalidInput("an encryption key is ID:BASE64 of 32 bytes") from None
