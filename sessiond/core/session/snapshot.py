"""Snapshots: a user's state as self-describing bytes, with a schema version and upcasters.

Layout: ``b"SD"``, version (1 byte), codec (1 byte, ``J`` = JSON), CRC-32 of the body (4 bytes, big endian), body.
Sealing (zstd, AES-GCM) wraps these bytes and belongs to stores/seal.py.

Rules. A newer version is refused, never overwritten. An older one is lifted step by step by UPCASTERS, one pure
function per version, from plain data to plain data. Every version ever released has a golden file in
``tests/core/session/golden/``.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import replace

from sessiond.core.errors import SnapshotCorrupt, SnapshotTooNew
from sessiond.core.values import Value

__all__ = [
    "SNAPSHOT_VERSION",
    "UPCASTERS",
    "Device",
    "Snapshot",
    "Upcasters",
    "decode_snapshot",
    "encode_snapshot",
    "rolled_back",
]

SNAPSHOT_VERSION: Final = 1

_HEADER: Final = struct.Struct(">2sBcI")
_MAGIC: Final = b"SD"
_JSON: Final = b"J"

#: More messages than are written in the commits between two snapshots of one user.
_MESSAGES_SINCE: Final = 1 << 16

Plain = dict[str, object]

Upcasters = Mapping[int, Callable[[Plain], Plain]]

#: ``UPCASTERS[n]`` turns the plain data of version n into that of version n + 1.
UPCASTERS: Final[Upcasters] = MappingProxyType({})

#: What parsing and lifting a body of the wrong shape can raise.
_WRONG_SHAPE: Final = (
    msgspec.MsgspecError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class Device(Value, frozen=True):
    """How far one device has acknowledged the stream; *left_at* is ``None`` while it is attached."""

    cursor: int
    left_at: float | None = None


class Snapshot(Value, frozen=True, kw_only=True):
    """What survives passivation. *data* is the app's own state, encoded as JSON."""

    PRIVATE = frozenset({"data", "devices", "conversations", "subscriptions", "lines"})

    session_id: str
    created_at: float
    data: bytes = b"{}"
    unread: int = 0
    left_at: float | None = None
    """When the last connection left."""
    devices: Mapping[str, Device] = {}
    conversations: Mapping[str, bytes] = {}
    """Encoded records of running flows by session key."""
    subscriptions: Mapping[str, int] = {}
    """Topics followed, with the last position seen."""
    lines: Mapping[str, bytes] = {}
    """Encoded lines (gateways/lines.py) by account."""
    sent: int = 0
    """How many messages were given to gateways: the next one's number."""
    linked_to: str = ""
    """The user whom this one is now (core/linking.py); his inputs are handed on."""
    aliases: tuple[str, ...] = ()
    """The users who are this one now, or are about to be."""
    link_tries: tuple[float, ...] = ()
    """Of a user that counts codes (core/linking.py): when they were typed. Guessing has a bound."""


def rolled_back(earlier: Snapshot, now: Snapshot | None) -> Snapshot:
    """Put *earlier* in the place of *now*, which may be unreadable, without undoing what others rely on.

    Those are who the user is, where and with what he is reached, and the numbers of his messages: the ones that were
    given to gateways since are in the store, and a number that was given twice would overwrite one of them.
    """
    if now is None:
        return replace(earlier, sent=earlier.sent + _MESSAGES_SINCE)
    return replace(
        earlier,
        lines=now.lines,
        sent=now.sent,
        linked_to=now.linked_to,
        aliases=now.aliases,
        link_tries=now.link_tries,
    )


class _Body(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    session_id: str
    created_at: float
    data: msgspec.Raw = msgspec.Raw(b"{}")
    unread: int = 0
    left_at: float | None = None
    devices: dict[str, tuple[int, float | None]] = {}
    conversations: dict[str, msgspec.Raw] = {}
    subscriptions: dict[str, int] = {}
    lines: dict[str, msgspec.Raw] = {}
    sent: int = 0
    linked_to: str = ""
    aliases: tuple[str, ...] = ()
    link_tries: tuple[float, ...] = ()


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(_Body)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Encode as the current version; equal snapshots give equal bytes."""
    body = _ENCODER.encode(
        _Body(
            session_id=snapshot.session_id,
            created_at=snapshot.created_at,
            data=msgspec.Raw(snapshot.data),
            unread=snapshot.unread,
            left_at=snapshot.left_at,
            devices={name: (d.cursor, d.left_at) for name, d in snapshot.devices.items()},
            conversations={
                key: msgspec.Raw(record) for key, record in snapshot.conversations.items()
            },
            subscriptions=dict(snapshot.subscriptions),
            lines={account: msgspec.Raw(line) for account, line in snapshot.lines.items()},
            sent=snapshot.sent,
            linked_to=snapshot.linked_to,
            aliases=snapshot.aliases,
            link_tries=snapshot.link_tries,
        )
    )
    return _HEADER.pack(_MAGIC, SNAPSHOT_VERSION, _JSON, zlib.crc32(body)) + body


def decode_snapshot(raw: bytes, upcasters: Upcasters = UPCASTERS) -> Snapshot:
    """Decode a snapshot of this or any older version; *upcasters* lift an older one step by step.

    Raises:
      SnapshotCorrupt: not a snapshot, a wrong checksum, or a body of the wrong shape.
      SnapshotTooNew: written by a newer version.

    """
    if len(raw) < _HEADER.size:
        raise SnapshotCorrupt("too short for a snapshot")
    magic, version, codec, checksum = _HEADER.unpack_from(raw)
    if magic != _MAGIC:
        raise SnapshotCorrupt("not a snapshot")
    if version > SNAPSHOT_VERSION:
        raise SnapshotTooNew(
            f"snapshot version {version}; this server reads versions up to {SNAPSHOT_VERSION}"
        )
    body = raw[_HEADER.size :]
    if codec != _JSON or zlib.crc32(body) != checksum:
        raise SnapshotCorrupt("unknown codec" if codec != _JSON else "wrong checksum")
    try:
        return _from_body(_DECODER.decode(_upcast(version, body, upcasters)))
    except _WRONG_SHAPE as error:
        # The error's own text could hold state; its kind is enough to find the cause.
        raise SnapshotCorrupt(
            f"body of version {version} has the wrong shape ({type(error).__name__})"
        ) from None


def _upcast(version: int, body: bytes, upcasters: Upcasters) -> bytes:
    if version == SNAPSHOT_VERSION:
        return body
    plain: Plain = msgspec.json.decode(body, type=Plain)
    for step in range(version, SNAPSHOT_VERSION):
        plain = upcasters[step](plain)
    return _ENCODER.encode(plain)


def _from_body(body: _Body) -> Snapshot:
    return Snapshot(
        session_id=body.session_id,
        created_at=body.created_at,
        data=bytes(body.data),
        unread=body.unread,
        left_at=body.left_at,
        devices={name: Device(cursor, left_at) for name, (cursor, left_at) in body.devices.items()},
        conversations={key: bytes(record) for key, record in body.conversations.items()},
        subscriptions=dict(body.subscriptions),
        lines={account: bytes(line) for account, line in body.lines.items()},
        sent=body.sent,
        linked_to=body.linked_to,
        aliases=body.aliases,
        link_tries=body.link_tries,
    )
