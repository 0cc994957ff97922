"""Files that a person sends, and that accounts upload: kept for a while, as providers do."""

import re
import secrets
from typing import Final

from attrs import define, field, frozen

from sessiond.core.errors import InvalidInput

__all__ = ["File", "Files"]

#: Bytes of all files together; of more, the oldest go.
_KEPT: Final = 64 * 1024 * 1024

_TYPE: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+-]{1,100}")


@frozen
class File:
    """One file."""

    type: str
    content: bytes = field(repr=False)


@define(eq=False)
class Files:
    """The files of all accounts, under ids that nobody can guess."""

    _files: dict[str, File] = field(factory=dict)
    _size: int = 0

    def put(self, type_: str, content: bytes) -> str:
        """Keep a file; gives its id, 32 hex digits.

        Raises:
          InvalidInput: it is empty. A type that is none becomes that of any bytes.

        """
        if not content:
            raise InvalidInput("the file is empty")
        kind = type_.partition(";")[0].strip().lower()
        name = secrets.token_hex(16)
        self._files[name] = File(
            kind if _TYPE.fullmatch(kind) else "application/octet-stream", content
        )
        self._size += len(content)
        while self._size > _KEPT and len(self._files) > 1:
            oldest = next(iter(self._files))
            self._size -= len(self._files.pop(oldest).content)
        return name

    def get(self, name: str) -> File | None:
        """Find a file."""
        return self._files.get(name)
