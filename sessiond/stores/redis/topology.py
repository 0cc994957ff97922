"""Which node of a cluster holds which key. Pure; the client asks for the map and keeps it."""

import binascii
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from typing_extensions import override

__all__ = ["Address", "SlotMap", "parse_slot_map", "slot_of"]

SLOTS: Final = 16384


@frozen
class Address:
    """Where a server listens; *port* 0: *host* is the path of a Unix socket."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


@frozen
class SlotMap:
    """The primaries of a cluster: ranges of slots, both ends included."""

    ranges: tuple[tuple[int, int, Address], ...]

    def primaries(self) -> tuple[Address, ...]:
        """List each primary once."""
        return tuple(dict.fromkeys(address for _, _, address in self.ranges))

    def primary_of(self, key: str) -> Address | None:
        """Tell who holds *key*; ``None`` when nobody serves its slot."""
        slot = slot_of(key)
        return next((who for first, last, who in self.ranges if first <= slot <= last), None)


def slot_of(key: str) -> int:
    """Hash *key* as the cluster specification says: CRC-16/XMODEM of the tag in braces, if there is one."""
    raw = key.encode()
    start = raw.find(b"{")
    end = raw.find(b"}", start + 1)
    if start >= 0 and end > start + 1:
        raw = raw[start + 1 : end]
    return binascii.crc_hqx(raw, 0) % SLOTS


def parse_slot_map(reply: Sequence[Any], asked: Address) -> SlotMap:
    """Read the answer of ``CLUSTER SLOTS``; a node that does not know its own name is *asked*."""
    return SlotMap(
        tuple(
            (int(first), int(last), Address((primary[0] or b"").decode() or asked.host, primary[1]))
            for first, last, primary, *_replicas in reply
        )
    )
