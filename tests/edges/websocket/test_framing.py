"""Frames ↔ messages: the quick path and the library must be one protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from sessiond.edges.websocket.framing import CONTROL, Binary, Control, MessageReader, text_frame
from tests.edges.websocket.stand import frame

messages = st.lists(
    st.tuples(st.sampled_from(["text", "binary", "ping", "split"]), st.binary(max_size=300)),
    max_size=8,
)


def reader(limit: int = 70_000) -> MessageReader:
    return MessageReader(limit=limit, fragments=64)


def written(kind: str, data: bytes) -> bytes:
    match kind:
        case "text":
            return frame(data)
        case "binary":
            return frame(data, opcode=2)
        case "ping":
            return frame(data[:125], opcode=9)
        case _:
            return frame(data[:3], opcode=2, fin=False) + frame(data[3:], opcode=0)


@given(messages, st.data())
def test_messages_are_found_in_any_cut(sent: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """However the bytes are cut, the same messages come out in the same order."""
    stream = b"".join(written(*one) for one in sent)
    ours = reader()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += ours.read(stream[:size])
        stream = stream[size:]

    expected = [data if kind == "text" else Binary(data) for kind, data in sent if kind != "ping"]
    assert [message for message in found if not isinstance(message, Control)] == expected
    assert ours.is_open


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    """Garbage ends the connection with a code, or waits for more; it never raises."""
    ours = reader()
    ours.read(data)
    ours.read(data)

    assert ours.is_open or ours.close_code is not None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70_000])
def test_texts_of_every_size_are_written_as_the_library_reads_them(size: int) -> None:
    """All three forms of the length, read back by an independent parser."""
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
    client.receive_data(text_frame(b"x" * size))

    (event,) = client.events_received()
    assert isinstance(event, Frame)
    assert (event.opcode, event.data) == (Opcode.TEXT, b"x" * size)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70_000])
def test_texts_of_every_size_are_read(size: int) -> None:
    """All three forms of the length."""
    assert reader().read(frame(b"x" * size)) == [b"x" * size]


def test_a_frame_beyond_the_limit_is_refused_by_its_head() -> None:
    """Nothing of a message that is too large is collected."""
    ours = reader(limit=1000)
    assert ours.read(frame(b"x" * 1001)[:14]) == []

    assert not ours.is_open
    assert ours.close_code == 1009


def test_a_text_inside_a_fragmented_message_is_a_protocol_error() -> None:
    """The quick path must not let it through."""
    ours = reader()
    ours.read(frame(b"a", fin=False))
    ours.read(frame(b"b"))

    assert ours.close_code == 1002


def test_a_close_is_answered_and_ends_it() -> None:
    """The client's code is echoed; then our half is closed."""
    ours = reader()
    assert ours.read(frame((1000).to_bytes(2, "big"), opcode=8)) == [CONTROL]

    assert ours.answers() == [b"\x88\x02\x03\xe8", b""]
    assert ours.close_code == 1000
