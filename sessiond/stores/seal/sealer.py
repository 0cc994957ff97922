"""Sealer: bytes to sealed bytes and back. The only module that imports zstandard and cryptography.

Sealed bytes are: ``0xE5`` and a byte of flags (1: zstd, 2: AES-256-GCM). When encrypted there follow one byte with
the length of the key's id, the id, a 12-byte nonce, and the ciphertext with its tag. What comes before the nonce,
the user, and what the bytes are (a snapshot, a frame, …) are authenticated: nothing can be moved to another user
or to another place.

Each user has a key of his own, derived from the configured one (keyed BLAKE2b): random 96-bit nonces are safe for
2³² messages per key (NIST SP 800-38D, 8.3), which one key for everybody would reach in days at full load.
"""

import hashlib
import os
import threading
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import zstandard
from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessiond.core.errors import InvalidInput, SnapshotCorrupt, SnapshotTooNew
from sessiond.core.ids import UserId

__all__ = ["Kind", "SealKey", "Sealer"]

_MAGIC: Final = 0xE5  # no JSON, no text and no MessagePack map begins with it
_ZSTD: Final = 1
_GCM: Final = 2
_PLAIN: Final = (bytes((_MAGIC, 0)), bytes((_MAGIC, _ZSTD)))
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16

#: Below this, zstd's frame header costs about what it saves.
COMPRESS_FROM: Final = 512

#: What a snapshot may unpack to: far above its limit (256 KiB), far below what would hurt.
MAX_OPENED_BYTES: Final = 16 * 1024 * 1024


class _Zstandard(threading.local):
    """What packs and unpacks, one for each thread: it may do one thing at a time.

    *(measured: a snapshot of 600 bytes takes 6 µs, and 17 with a new compressor for each)*
    """

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor()
        self.decompressor = zstandard.ZstdDecompressor()


_ZSTANDARD: Final = _Zstandard()


class Kind(StrEnum):
    """What sealed bytes are; authenticated with them."""

    SNAPSHOT = "snapshot"
    FRAME = "frame"
    REPLY = "reply"
    INBOX = "inbox"
    TIMER = "timer"
    DELIVERY = "delivery"
    JOURNAL = "journal"
    DEAD_LETTER = "dead letter"


@frozen
class SealKey:
    """A named AES-256 key: *secret* is 32 bytes; *id* (1 to 32 ASCII characters) is stored beside what it sealed."""

    id: str
    secret: bytes = field(repr=False)

    def __attrs_post_init__(self) -> None:
        if not (self.id.isascii() and 1 <= len(self.id) <= 32):
            raise InvalidInput("the id of a sealing key has 1 to 32 ASCII characters")
        if len(self.secret) != 32:
            raise InvalidInput(f"the sealing key {self.id!r} must have 32 bytes")


class Sealer:
    """Seals and opens bytes; holds no state but its keys, and may be used by several threads.

    The first of *keys* seals, all of them open: a new key is put in front, the old one is removed when everything
    was written anew. Without keys nothing is encrypted, and what is encrypted cannot be opened.
    *accepts_plain* lets a sealer with keys open what was stored before encryption was switched on; switch it off
    afterwards, or whoever can write to the store can put unencrypted state there.
    """

    def __init__(
        self,
        keys: Sequence[SealKey] = (),
        *,
        compress_from: int | None = COMPRESS_FROM,
        accepts_plain: bool = False,
    ) -> None:
        self._keys = {key.id.encode(): key.secret for key in keys}
        if len(self._keys) != len(keys):
            raise InvalidInput("two sealing keys have the same id")
        self._first = keys[0].id.encode() if keys else None
        self._compress_from = compress_from
        self._opens_plain = accepts_plain or not keys

    def seal(self, user: UserId, kind: Kind, data: bytes) -> bytes:
        """Seal *data* of *user*; only snapshots are compressed."""
        flags = 0
        if (
            kind is Kind.SNAPSHOT
            and self._compress_from is not None
            and len(data) >= self._compress_from
        ):
            packed = _ZSTANDARD.compressor.compress(data)
            if len(packed) < len(data):
                flags, data = _ZSTD, packed
        if self._first is None:
            return _PLAIN[flags] + data
        header = bytes((_MAGIC, flags | _GCM, len(self._first))) + self._first
        nonce = os.urandom(_NONCE_BYTES)
        cipher = AESGCM(_user_key(self._keys[self._first], user))
        return header + nonce + cipher.encrypt(nonce, data, _associated(header, user, kind))

    def open(self, user: UserId, kind: Kind, sealed: bytes) -> bytes:
        """Open what ``seal`` made for the same *user* and *kind*.

        Raises:
          SnapshotCorrupt: it was changed, moved, cut, or sealed with a key that is not here.
          SnapshotTooNew: a newer version sealed it in a way this one does not know.

        """
        if len(sealed) < 2 or sealed[0] != _MAGIC:
            raise SnapshotCorrupt(f"a stored {kind} is not sealed")
        flags = sealed[1]
        if flags & ~(_ZSTD | _GCM):
            raise SnapshotTooNew(f"a stored {kind} was sealed by a newer version")
        if flags & _GCM:
            data = self._decrypt(user, kind, sealed)
        elif self._opens_plain:
            data = sealed[2:]
        else:
            raise SnapshotCorrupt(f"a stored {kind} is not encrypted")
        return _unpack(kind, data) if flags & _ZSTD else data

    def _decrypt(self, user: UserId, kind: Kind, sealed: bytes) -> bytes:
        start = 3 + (sealed[2] if len(sealed) > 2 else 0)
        secret = self._keys.get(sealed[3:start])
        if secret is None:
            raise SnapshotCorrupt(f"a stored {kind} was sealed with a key that is not configured")
        header, nonce = sealed[:start], sealed[start : start + _NONCE_BYTES]
        if len(sealed) < start + _NONCE_BYTES + _TAG_BYTES:
            raise SnapshotCorrupt(f"a stored {kind} is cut short")
        cipher = AESGCM(_user_key(secret, user))
        try:
            rest = sealed[start + _NONCE_BYTES :]
            return cipher.decrypt(nonce, rest, _associated(header, user, kind))
        except InvalidTag:
            raise SnapshotCorrupt(f"a stored {kind} does not fit its seal") from None


def _user_key(secret: bytes, user: UserId) -> bytes:
    return hashlib.blake2b(
        user.encode(), digest_size=32, key=secret, person=b"sessiond-seal"
    ).digest()


def _associated(header: bytes, user: UserId, kind: Kind) -> bytes:
    return b"\0".join((header, kind.encode(), user.encode()))


def _unpack(kind: Kind, data: bytes) -> bytes:
    try:
        size = zstandard.get_frame_parameters(data).content_size
        if 0 <= size <= MAX_OPENED_BYTES:
            return _ZSTANDARD.decompressor.decompress(data)
    except zstandard.ZstdError:
        pass
    raise SnapshotCorrupt(f"a stored {kind} cannot be unpacked")
