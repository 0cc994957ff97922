"""The duplicate window: ids of inputs already applied, so that a repeat is harmless.

(Hohpe and Woolf call it the idempotent receiver.)

Packed: 24 bytes an id (16 of digest, 8 of time) in one ``bytes`` value. 256 ids take 6 KiB; as a dict of
bytes objects they would take 37 KiB *(measured with tracemalloc)*. A look-up is one C search over at most 6 KiB.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from sessiond.core.ids import DIGEST_BYTES, Digest
from sessiond.core.values import Value

__all__ = ["EMPTY_WINDOW", "DuplicateWindow"]

_RECORD: Final = struct.Struct("<16sd")


class DuplicateWindow(Value, frozen=True):
    """An immutable window; oldest first."""

    PRIVATE = frozenset({"packed"})

    packed: bytes = b""

    @classmethod
    def of(cls, records: Iterable[tuple[Digest, float]]) -> "DuplicateWindow":
        """Make a window of ``(digest, time)`` pairs, oldest first."""
        return cls(b"".join(_RECORD.pack(digest, at) for digest, at in records))

    def __len__(self) -> int:
        """Count the ids."""
        return len(self.packed) // _RECORD.size

    def __iter__(self) -> Iterator[tuple[Digest, float]]:
        """Iterate over ``(digest, time)``, oldest first."""
        for digest, at in _RECORD.iter_unpack(self.packed):
            yield Digest(digest), at

    def __contains__(self, digest: object) -> bool:
        """Tell whether *digest* was applied within the window."""
        if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
            return False
        found = self.packed.find(digest)
        while found >= 0 and found % _RECORD.size:  # a hit that does not begin a record is no hit
            found = self.packed.find(digest, found + 1)
        return found >= 0

    def add(
        self, digest: Digest, now: float, *, limit: int, keep_seconds: float
    ) -> tuple["DuplicateWindow", tuple[Digest, ...]]:
        """Return the window with *digest* as its newest id, and the ids that thereby leave it.

        An id leaves when there are more than *limit*, or when it is older than *keep_seconds*.
        """
        packed = self.packed + _RECORD.pack(digest, now)
        drop = max(0, len(packed) // _RECORD.size - limit)
        oldest_kept = now - keep_seconds
        while (drop + 1) * _RECORD.size < len(packed):
            _, at = _RECORD.unpack_from(packed, drop * _RECORD.size)
            if at >= oldest_kept:
                break
            drop += 1
        if not drop:
            return DuplicateWindow(packed), ()
        cut = drop * _RECORD.size
        gone = tuple(Digest(d) for d, _ in _RECORD.iter_unpack(packed[:cut]))
        return DuplicateWindow(packed[cut:]), gone


EMPTY_WINDOW: Final = DuplicateWindow()
