"""Forms with a file (RFC 7578), as uploads are made of."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from sessiond.core.gateways.messages import LocalFile

__all__ = ["multipart"]

_UNQUOTABLE: Final = re.compile(r'[\x00-\x1f\x7f"\\]')


def multipart(
    fields: Mapping[str, str], name: str, file: LocalFile, content: bytes
) -> tuple[bytes, str]:
    """Write a form of *fields* and, as *name*, the file; returns its body and its media type.

    Nothing random is in it. The boundary is made of everything that is, so that nobody can have put it there.
    """
    parts = [
        f'Content-Disposition: form-data; name="{field}"\r\n\r\n{value}'.encode(errors="replace")
        for field, value in fields.items()
    ]
    shown = _UNQUOTABLE.sub("_", file.name) or "file"
    head = (
        f'Content-Disposition: form-data; name="{name}"; filename="{shown}"\r\n'
        f"Content-Type: {file.mime_type}\r\n\r\n"
    )
    parts.append(head.encode(errors="replace") + content)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    boundary = f"sessiond-{digest.hexdigest()}"
    between = f"--{boundary}\r\n".encode()
    body = b"".join(between + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
