"""RFC 6455 at the real socket: the case groups of the Autobahn testsuite that concern a server without extensions.

The other side is wsproto, which shares no code with the server, and bytes by hand where a frame is not legal. Autobahn
itself runs on Python 2 only. Cases that other modules hold (masking, limits, ping floods) are not repeated.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import define, field
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from sessiond.core.wire.json_v2 import decode_server
from tests.edges.websocket.stand import frame, open_stand

HEAD = '["1","2","user:alice","echo",{"x":"'
TAIL = '"}]'
PROTOCOL_ERROR = 1002
INVALID_DATA = 1007


@define(eq=False)
class Peer:
    """The client's side of a joined connection."""

    stream: trio.SocketStream
    protocol: Connection = field(factory=lambda: Connection(ConnectionType.CLIENT))
    arrived: deque[Event] = field(factory=deque)

    async def send(self, *events: Event) -> None:
        """Send legal frames, each in its own piece."""
        for event in events:
            await self.stream.send_all(self.protocol.send(event))

    async def send_bytes(self, data: bytes, piece: int = 0) -> None:
        """Send what wsproto would not; *piece*: so many bytes at a time."""
        for start in range(0, len(data), piece or len(data)):
            await self.stream.send_all(data[start : start + (piece or len(data))])

    async def next(self) -> Event:
        """Wait for the next event."""
        while not self.arrived:
            data = bytes(await self.stream.receive_some(65536))
            self.protocol.receive_data(data or None)
            self.arrived.extend(self.protocol.events())
        return self.arrived.popleft()

    async def text(self) -> str:
        """Wait for a whole text."""
        whole = ""
        while True:
            event = await self.next()
            assert isinstance(event, TextMessage), event
            whole += event.data
            if event.message_finished:
                return whole

    async def answer(self) -> object:
        """Wait for a reply's content."""
        return decode_server(await self.text()).payload["response"]

    async def close_code(self) -> int:
        """Wait for the server's close frame, then for the end of the connection."""
        event = await self.next()
        assert isinstance(event, CloseConnection), event
        if self.protocol.state.name == "REMOTE_CLOSING":
            await self.send(event.response())
        while await self.stream.receive_some(65536):
            pass
        return event.code


@asynccontextmanager
async def joined() -> AsyncIterator[Peer]:
    """Open the door and join as alice."""
    async with open_stand() as stand, stand.raw() as stream:
        peer = Peer(stream)
        await peer.send(TextMessage(data='["1","1","user:alice","phx_join",{}]'))
        await peer.answer()
        yield peer


def echo(filling: str = "") -> bytes:
    """Make an echo request's text."""
    return (HEAD + filling + TAIL).encode()


# ------------------------------------------------------------------------- 1: framing


@pytest.mark.parametrize("size", [125, 126, 127, 128, 65535, 65536])
@pytest.mark.parametrize("piece", [0, 997])
async def test_texts_of_every_length_field(size: int, piece: int) -> None:
    """Autobahn 1.1: both sides of each way to write a length, whole and in pieces."""
    filling = "*" * (size - len(HEAD + TAIL))
    async with joined() as peer:
        text = echo(filling)
        assert size == len(text)
        await peer.send_bytes(peer.protocol.send(TextMessage(data=text.decode())), piece)

        assert {"x": filling} == await peer.answer()


@pytest.mark.parametrize("size", [125, 126, 127, 128, 65535, 65536])
async def test_binaries_of_every_length_field(size: int) -> None:
    """Autobahn 1.2."""
    names = [b"1", b"9", b"user:alice", b"upload"]
    head = bytes([0, *(len(name) for name in names)]) + b"".join(names)
    async with joined() as peer:
        await peer.send(BytesMessage(data=head + b"\xfe" * (size - len(head))))

        assert {"bytes": size - len(head)} == await peer.answer()


# ------------------------------------------------------------------- 2: pings and pongs


@pytest.mark.parametrize(
    "payload", [b"", b"hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"p" * 125]
)
@pytest.mark.parametrize("piece", [0, 1])
async def test_pings_come_back_as_they_were(payload: bytes, piece: int) -> None:
    """Autobahn 2.1 to 2.4 and 2.6."""
    async with joined() as peer:
        await peer.send_bytes(peer.protocol.send(Ping(payload=payload)), piece)

        assert Pong(payload=payload) == await peer.next()


async def test_pings_are_answered_in_order_and_pongs_ignored() -> None:
    """Autobahn 2.7 to 2.11."""
    async with joined() as peer:
        await peer.send(Pong(payload=b"nobody asked"))
        await peer.send_bytes(
            b"".join(peer.protocol.send(Ping(payload=b"%d" % n)) for n in range(10))
        )

        assert [Pong(payload=b"%d" % n) for n in range(10)] == [
            await peer.next() for _ in range(10)
        ]


# --------------------------------------------- 2 to 5: what no client may send, at any time

ILLEGAL: dict[str, bytes] = {
    "a ping of 126 bytes": frame(b"p" * 126, opcode=9),
    "a pong of 126 bytes": frame(b"p" * 126, opcode=10),
    "a fragmented ping": frame(b"a", opcode=9, fin=False) + frame(b"b", opcode=0),
    "a fragmented pong": frame(b"a", opcode=10, fin=False) + frame(b"b", opcode=0),
    "a fragmented close": frame(b"\x03\xe8", opcode=8, fin=False),
    **{f"a text with reserved bits {bits:#x}": frame(echo(), opcode=1 | bits) for bits in (0x40, 0x20, 0x10, 0x70)},
    "a ping with a reserved bit": frame(b"", opcode=9 | 0x40),
    "a close with a reserved bit": frame(b"", opcode=8 | 0x20),
    **{f"opcode {code}": frame(b"x", opcode=code) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a continuation of nothing": frame(b"x", opcode=0),
    "an open continuation of nothing": frame(b"x", opcode=0, fin=False),
    "a text inside a message": frame(b"[", fin=False) + frame(b"]"),
    "a binary inside a message": frame(b"[", fin=False) + frame(b"]", opcode=2),
    "a continuation after the end": frame(echo()[:9], fin=False) + frame(echo()[9:], opcode=0) + frame(b"x", opcode=0),
}  # fmt: skip


@pytest.mark.parametrize("name", ILLEGAL)
async def test_illegal_frames_end_the_connection(name: str) -> None:
    """Autobahn 2.5, 3, 4, 5.1 to 5.18: 1002; a ping behind it is not answered any more."""
    async with joined() as peer:
        await peer.send_bytes(ILLEGAL[name] + frame(b"late", opcode=9))

        assert PROTOCOL_ERROR == await peer.close_code()


@pytest.mark.parametrize(
    "name", ["opcode 5", "a text with reserved bits 0x40", "a fragmented ping"]
)
async def test_illegal_frames_in_pieces_end_it_too(name: str) -> None:
    """Autobahn 3.4, 4.1.5: byte by byte."""
    async with joined() as peer:
        await peer.send_bytes(ILLEGAL[name], piece=1)

        assert PROTOCOL_ERROR == await peer.close_code()


# --------------------------------------------------------------------- 5: fragmentation


async def test_pings_between_fragments_are_answered_at_once() -> None:
    """Autobahn 5.19, 5.20: several pings between many fragments, some of which are empty."""
    text = echo("a" * 20)
    async with joined() as peer:
        for number, start in enumerate(range(0, len(text), 10)):
            await peer.send_bytes(
                frame(text[start : start + 10], opcode=0 if start else 1, fin=False)
            )
            await peer.send_bytes(frame(b"", opcode=0, fin=False) + frame(b"%d" % number, opcode=9))
            assert Pong(payload=b"%d" % number) == await peer.next()
        await peer.send_bytes(frame(b"", opcode=0))

        assert {"x": "a" * 20} == await peer.answer()


# ---------------------------------------------------------------------------- 6: UTF-8

VALID = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\x7f\u0080\u07ff\u0800\uffff\U00010000",
    "\ufffe\U0001ffff\U0010ffff",
    "\ud7ff\ue000",
]

NOT_UTF8 = {
    "overlong": b"\xc0\xaf",
    "overlong NUL": b"\xe0\x80\x80",
    "overlong in four": b"\xf0\x80\x80\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "a lone continuation": b"\x80",
    "cut short": b"\xce",
    "impossible": b"\xfe",
}


@pytest.mark.parametrize("filling", VALID)
async def test_any_unicode_passes(filling: str) -> None:
    """Autobahn 6.2, 6.5, 6.7 to 6.11, 6.22, 6.23: whole, and cut between any two bytes."""
    text = echo(filling)
    async with joined() as peer:
        await peer.send_bytes(frame(text))
        answers = [await peer.answer()]
        for start in range(0, len(text), 50):  # at most 64 frames make a message
            cut = [text[n : n + 1] for n in range(start, min(start + 50, len(text)))]
            first, *rest = [text[:start], *cut, text[start + 50 :]]
            parts = [frame(first, fin=False), *(frame(one, opcode=0, fin=False) for one in rest)]
            await peer.send_bytes(b"".join(parts) + frame(b"", opcode=0))
            answers.append(await peer.answer())

    assert [{"x": filling}] * len(answers) == answers


@pytest.mark.parametrize("name", NOT_UTF8)
@pytest.mark.parametrize("is_cut", [False, True])
async def test_texts_that_are_not_utf8_end_it(name: str, *, is_cut: bool) -> None:
    """Autobahn 6.3, 6.4, 6.6, 6.12 to 6.21: 1007, whole or in fragments."""
    text = HEAD.encode() + NOT_UTF8[name] + TAIL.encode()
    middle = len(HEAD) + 1
    async with joined() as peer:
        await peer.send_bytes(
            frame(text[:middle], fin=False) + frame(text[middle:], opcode=0)
            if is_cut
            else frame(text)
        )

        assert INVALID_DATA == await peer.close_code()


# ---------------------------------------------------------------------------- 7: closing


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
async def test_close_codes_are_given_back(code: int) -> None:
    """Autobahn 7.7: whoever may send such a code gets it back, then the connection ends."""
    async with joined() as peer:
        await peer.send(CloseConnection(code=code, reason="bye"))

        assert code == await peer.close_code()


@pytest.mark.parametrize(
    "payload", [b"", b"\x03\xe8" + b"r" * 123, "\x03è".encode("latin-1") + "ü".encode()]
)
async def test_a_close_may_say_nothing_or_much(payload: bytes) -> None:
    """Autobahn 7.3.1, 7.3.3 to 7.3.5."""
    async with joined() as peer:
        await peer.send_bytes(frame(payload, opcode=8))

        assert await peer.close_code() == (1000 if payload else 1005)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x03",
        b"\x03\xe8" + b"r" * 124,
        *(code.to_bytes(2, "big") for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)),
    ],
    ids=lambda payload: f"{payload[:2].hex()}-{len(payload)}",
)  # fmt: skip
async def test_closes_that_are_not_allowed(payload: bytes) -> None:
    """Autobahn 7.3.2, 7.3.6, 7.9: 1002."""
    async with joined() as peer:
        await peer.send_bytes(frame(payload, opcode=8))

        assert PROTOCOL_ERROR == await peer.close_code()


async def test_a_reason_is_utf8() -> None:
    """Autobahn 7.5.1."""
    async with joined() as peer:
        await peer.send_bytes(frame(b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80", opcode=8))

        assert INVALID_DATA == await peer.close_code()


async def test_nothing_is_read_after_a_close() -> None:
    """Autobahn 7.1.3 to 7.1.5: neither a text, a ping nor a second close behind it."""
    behind = frame(echo("late")) + frame(b"", opcode=9) + frame(b"\x0f\xa0", opcode=8)
    async with joined() as peer:
        await peer.send_bytes(frame(b"\x03\xe8", opcode=8) + behind)

        assert 1000 == await peer.close_code()


async def test_a_close_inside_a_message_ends_it() -> None:
    """Autobahn 7.1.5: legal (RFC 6455, 5.4); the library under us says 1002, because a message was cut off."""
    async with joined() as peer:
        await peer.send_bytes(frame(b"[", fin=False) + frame(b"\x03\xe8", opcode=8))

        assert await peer.close_code() in {1000, PROTOCOL_ERROR}


# ------------------------------------------------------------------- 9, 10: size and cut


@pytest.mark.parametrize("count", [2, 16, 64])
async def test_large_messages_in_fragments(count: int) -> None:
    """Autobahn 9.3, 9.4, 10.1: as large as is taken, in as many fragments as are taken."""
    filling = "*" * (65536 - len(HEAD + TAIL))
    text = echo(filling)
    size = len(text) // count
    async with joined() as peer:
        for start in range(0, len(text), size):
            is_last = start + size >= len(text)
            await peer.send_bytes(
                frame(text[start : start + size], opcode=0 if start else 1, fin=is_last)
            )

        assert {"x": filling} == await peer.answer()
