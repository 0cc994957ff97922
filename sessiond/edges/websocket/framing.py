"""Websocket frames: bytes → whole messages, and texts → bytes.

Nearly every frame is a whole, masked text of less than 64 KiB, and is taken apart here; every other
one is handed, whole, to the ``websockets`` library, which answers pings and closes, refuses what RFC
6455 forbids, and passes Autobahn. *(measured, 90 bytes: the library's parser 5.8 µs and its writer
2.2 µs a message; these 0.7 µs and 0.1 µs.)*

Not here: what a message means, and UTF-8 (the JSON parser checks it).
"""

import logging
from typing import Final, NamedTuple

from websockets.frames import (  # type: ignore[attr-defined]  # apply_mask: in C, else in Python
    Opcode,
    apply_mask,
)
from websockets.protocol import OPEN, SEND_EOF, SERVER, Protocol

__all__ = ["CONTROL", "Binary", "Control", "Message", "MessageReader", "text_frame"]


class Binary(NamedTuple):
    """A whole binary message."""

    data: bytes


class Control(NamedTuple):
    """A frame that carries no message of its own (ping, pong, a fragment); it only costs."""


CONTROL: Final = Control()

Message = bytes | Binary | Control
"""A text message is plain bytes."""

_FIN_TEXT: Final = 0x81
_MASKED: Final = 0x80
_SHORT: Final = 126
_MASK_BYTES: Final = 4

#: The library logs frames at DEBUG, and frames hold what clients say.
_quiet: Final = logging.getLogger("sessiond.websocket.library")
_quiet.setLevel(logging.WARNING)

#: The heads of texts of fewer than 126 bytes.
_SHORT_HEADS: Final = tuple(bytes((_FIN_TEXT, size)) for size in range(_SHORT))


def text_frame(text: bytes) -> bytes:
    """Frame a text message as a server does: whole and unmasked."""
    size = len(text)
    if size < _SHORT:
        return _SHORT_HEADS[size] + text
    if size < 65536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), text)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), text)


class MessageReader:
    """Finds the messages in what a client sends after the handshake.

    The library's part is made when the first frame needs it: *(measured)* it takes 5 µs and 1.1 KB,
    and most connections need it when they close, if ever.
    """

    __slots__ = ("_fragments", "_is_text", "_limit", "_max_fragments", "_partial", "_protocol")

    def __init__(self, *, limit: int, fragments: int) -> None:
        self._protocol: Protocol | None = None
        self._limit = limit
        self._max_fragments = fragments
        self._partial: bytearray | None = None  # a frame that has not come completely
        self._fragments: list[bytes] | None = None  # a message that has not come completely
        self._is_text = False

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed."""
        return self._protocol is None or self._protocol.state is OPEN

    @property
    def close_code(self) -> int | None:
        """The code the connection was closed with, by whichever side closed first."""
        if self._protocol is None:
            return None
        ours, theirs = self._protocol.close_sent, self._protocol.close_rcvd
        first = theirs if self._protocol.close_rcvd_then_sent else ours or theirs
        return None if first is None else int(first.code)

    def read(self, data: bytes) -> list[Message]:
        """Take *data* and return what became complete, in order.

        Afterwards ``answers`` has what is to be written for it, and ``is_open`` says whether the
        connection is over.
        """
        whole: bytes | bytearray = data
        if self._partial is not None:
            self._partial += data
            whole = self._partial
        messages: list[Message] = []
        at = self._scan(whole, messages)
        if at == len(whole) or not self.is_open:
            self._partial = None
        elif whole is data:
            self._partial = bytearray(data[at:])
        elif at:
            del self._partial[:at]  # type: ignore[union-attr]  # whole is self._partial
        return messages

    def answers(self) -> list[bytes]:
        """What is to be written; an empty item means: close our half."""
        return [] if self._protocol is None else self._protocol.data_to_send()

    def close(self, number: int, reason: str) -> list[bytes]:
        """Begin to close; returns what is to be written."""
        library = self._library()
        if self.is_open:
            library.send_close(number, reason)
        return [chunk for chunk in library.data_to_send() if chunk != SEND_EOF]

    def end(self) -> list[bytes]:
        """Tell that the client has finished sending; returns what is to be written."""
        if self._protocol is None:
            return []  # it went without a word: nothing to answer
        self._protocol.receive_eof()
        return self._protocol.data_to_send()

    def _library(self) -> Protocol:
        if self._protocol is None:
            self._protocol = Protocol(SERVER, max_size=self._limit, logger=_quiet)
        return self._protocol

    def _scan(self, data: bytes | bytearray, messages: list[Message]) -> int:
        """Put what is complete into *messages*; return where the rest begins."""
        at = 0
        available = len(data)
        while available - at >= 2:
            size = data[at + 1] - _MASKED
            start = at + 2 + _MASK_BYTES
            if size == _SHORT:
                start += 2
                size = int.from_bytes(data[at + 2 : at + 4], "big")
            # A negative size is a frame without a mask, 127 one with eight bytes of size.
            is_plain = (
                data[at] == _FIN_TEXT
                and 0 <= size <= self._limit
                and data[at + 1] != 255
                and self._fragments is None
            )
            if not is_plain:
                end = self._frame_end(data, at)
                if end < 0:
                    break
                library = self._library()
                library.receive_data(bytes(data[at:end]))
                at = end
                self._take_events(library, messages)
                if not self.is_open:
                    break
                continue
            end = start + size
            if end > available:
                break
            messages.append(apply_mask(data[start:end], data[start - _MASK_BYTES : start]))
            at = end
        return at

    def _frame_end(self, data: bytes | bytearray, at: int) -> int:
        """Where the frame at *at* ends; -1 when that is not here yet.

        Of a frame that will be refused the whole rest is handed on: its head is enough for that.
        """
        size = data[at + 1] & 0x7F
        start = at + 2
        if size == _SHORT:
            start += 2
        elif size > _SHORT:
            start += 8
        if len(data) < start:
            return -1
        if size >= _SHORT:
            size = int.from_bytes(data[at + 2 : start], "big")
        if not data[at + 1] & _MASKED or size > self._limit:
            return len(data)
        end = start + _MASK_BYTES + size
        return end if end <= len(data) else -1

    def _take_events(self, library: Protocol, messages: list[Message]) -> None:
        for event in library.events_received():
            opcode = getattr(event, "opcode", None)
            if opcode is Opcode.TEXT or opcode is Opcode.BINARY or opcode is Opcode.CONT:
                self._take_data(event, opcode, messages)  # type: ignore[arg-type]
            else:
                messages.append(CONTROL)

    def _take_data(self, frame: "_DataFrame", opcode: Opcode, messages: list[Message]) -> None:
        if self._fragments is None:
            self._fragments = []
            self._is_text = opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            data = b"".join(self._fragments)
            self._fragments = None
            messages.append(data if self._is_text else Binary(data))
            return
        messages.append(CONTROL)
        if len(self._fragments) >= self._max_fragments:
            self._fragments = None
            self._library().fail(1009, "too many fragments")


class _DataFrame(NamedTuple):
    data: bytes
    fin: bool
