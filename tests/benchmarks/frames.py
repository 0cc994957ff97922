"""Bytes on the wire, the client's side: masked text frames out, unmasked ones in, as cheaply as Python can."""

import base64
import json
import os
from typing import Any, Final

__all__ = ["LoadError", "client_frame", "message", "split_frames", "upgrade_request"]

_TEXT: Final = 0x81
#: The server does the same work for any key; this one lets payloads be read in a dump.
_KEY: Final = b"\0\0\0\0"


class LoadError(Exception):
    """The server answered something that no scenario asks for; the figures would mean nothing."""


def client_frame(payload: bytes) -> bytes:
    """Make one masked text frame."""
    size = len(payload)
    if size < 126:
        head = bytes((_TEXT, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((_TEXT, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_TEXT, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + _KEY + payload


def message(user: str, event: str, payload: dict[str, Any], ref: str | None = "2") -> bytes:
    """Make the frame of a client's message on its own topic."""
    return client_frame(
        json.dumps(["1", ref, f"user:{user}", event, payload], separators=(",", ":")).encode()
    )


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Split what a server sent into the payloads of whole text frames and the rest.

    Raises:
      LoadError: there is a frame of another kind; a close is shown with its code and reason.

    """
    payloads: list[bytes] = []
    at, available = 0, len(data)
    while available - at >= 2:
        size, start = data[at + 1], at + 2
        if size >= 126:
            start += 2 if size == 126 else 8
            if start > available:
                break
            size = int.from_bytes(data[at + 2 : start], "big")
        end = start + size
        if end > available:
            break
        if data[at] != _TEXT:
            raise LoadError(f"frame {data[at]:#x} from the server: {data[start:end]!r}")
        payloads.append(data[start:end])
        at = end
    return payloads, data[at:] if at else data


def upgrade_request(path: str, token: str | None) -> bytes:
    """Make the HTTP request that begins a websocket."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
        f"Sec-WebSocket-Version: 13\r\n{bearer}\r\n"
    ).encode()
