"""Frames of the protocol, Phoenix Channels v2: ``[join_ref, ref, topic, event, payload]`` as JSON text. No I/O."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from attrs import field, frozen

__all__ = ["BadFrame", "Frame", "decode", "encode", "socket_url"]

VSN = "2.0.0"
PATH = "/socket/websocket"


class BadFrame(ValueError):
    """What the server sent is not a frame."""


@frozen
class Frame:
    """One message on the wire."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Mapping[str, object] = field(factory=dict, repr=False)


def encode(frame: Frame) -> str:
    """Write *frame* as the text of a websocket message."""
    parts = (frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload)
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def decode(text: str) -> Frame:
    """Read a frame.

    Raises:
      BadFrame: *text* is not JSON of the right shape.

    """
    try:
        parts = json.loads(text)
    except ValueError:
        raise BadFrame("not JSON") from None
    match parts:
        case [str() | None, str() | None, str(), str(), dict()]:
            return Frame(*parts)
        case _:
            raise BadFrame("not a frame of five parts")


def socket_url(url: str) -> str:
    """Complete *url*: ``http`` becomes ``ws``, the path and ``vsn`` are added where they are missing."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"ws", "wss"} or not parts.netloc:
        raise ValueError("the address of a server begins with ws:// or wss://")
    path = PATH if parts.path in {"", "/"} else parts.path
    query = {"vsn": VSN} | dict(parse_qsl(parts.query))
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))
