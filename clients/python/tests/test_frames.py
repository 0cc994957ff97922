"""Frames of the protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond_client.frames import BadFrame, Frame, decode, encode, socket_url


def test_a_frame_is_an_array_of_five() -> None:
    """As Phoenix Channels v2 writes it."""
    frame = Frame("1", "2", "user:ada", "hello", {"n": 1})

    assert encode(frame) == '["1","2","user:ada","hello",{"n":1}]'


@given(st.none() | st.text(), st.text(), st.dictionaries(st.text(), st.integers() | st.text()))
def test_a_frame_comes_back_as_it_was(ref: str | None, text: str, payload: dict) -> None:
    """Encoding and decoding are inverse."""
    frame = Frame(ref, ref, text, text, payload)

    assert decode(encode(frame)) == frame


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '["1","2","t","e"]', '["1","2","t","e",[]]', '[1,"2","t","e",{}]', "nul"],
)
def test_anything_else_is_a_bad_frame(text: str) -> None:
    """Wrong JSON, shape or types."""
    with pytest.raises(BadFrame):
        decode(text)


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("ws://h:4000", "ws://h:4000/socket/websocket?vsn=2.0.0"),
        ("https://h/", "wss://h/socket/websocket?vsn=2.0.0"),
        ("wss://h/chat/websocket?a=b", "wss://h/chat/websocket?vsn=2.0.0&a=b"),
        ("ws://h/x?vsn=2.1.0", "ws://h/x?vsn=2.1.0"),
    ],
)
def test_an_address_is_completed(url: str, full: str) -> None:
    """Path and version are added where they are missing."""
    assert socket_url(url) == full


def test_another_scheme_is_an_error() -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(ValueError, match="ws://"):
        socket_url("localhost:4000")
