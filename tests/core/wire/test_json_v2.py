"""Phoenix v2 messages: what is read, what is refused and why, what is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.core.wire.frames import ServerFrame
from sessiond.core.wire.json_v2 import (
    BadText,
    close_frame,
    decode_binary,
    decode_server,
    decode_text,
    encode_json,
    encode_tail,
    error_reply,
    ok_reply,
    push_frame,
    push_prefix,
    with_offset,
)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@given(st.none() | names, st.none() | names, names, names, values)
def test_every_frame_that_json_can_say_is_read(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: object
) -> None:
    """Whatever another encoder writes comes back as it was."""
    frame = [join_ref, ref, topic, event, payload]

    assert decode_text(json.dumps(frame).encode()) == tuple(frame)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (b"", "malformed JSON"),
        (b"{}", r"Expected `array`"),
        (b'["1","1","t","e"]', "length 5"),
        (b'["1","1","t","e",{},1]', "length 5"),
        (b'[1,"1","t","e",{}]', r"\$\[0\]"),
        (b'["1",1,"t","e",{}]', r"\$\[1\]"),
        (b'["1","1",null,"e",{}]', r"\$\[2\]"),
        (b'["1","1","t",["e"],{}]', r"\$\[3\]"),
        (b'["1","1","t","e",NaN]', "malformed JSON"),
        (b'["1","1","t","e",1e999]', "out of range"),
        (b'["1","1","t","e",{}] []', "malformed JSON"),
        (b'["1","1","t","e","\\ud800"]', "malformed JSON"),
        (b"\xef\xbb\xbf[]", "malformed JSON"),
        (b'["1","1","t","e",' + b"[" * 256 + b"]" * 256 + b"]", "nested deeper than 256 levels"),
    ],
    ids=str,
)
def test_what_is_no_frame_is_refused_with_the_place(text: bytes, hint: str) -> None:
    """The error says what a message is, and what is wrong where."""
    with pytest.raises(InvalidInput, match=hint) as refused:
        decode_text(text)

    assert not isinstance(refused.value, BadText)


@pytest.mark.parametrize("text", [b'["1","1","t","e","\xff"]', b"\xff", b'[\xc3"', b"{\x80}"])
def test_what_is_not_utf_8_is_bad_text(text: bytes) -> None:
    """RFC 6455 has a code of its own for it, also when the JSON is broken too."""
    with pytest.raises(BadText, match="UTF-8"):
        decode_text(text)


def test_an_error_never_repeats_the_payload() -> None:
    """Errors reach logs."""
    with pytest.raises(InvalidInput) as refused:
        decode_text(b'["1","1","t",5,{"card":"4111"}]')

    assert "4111" not in str(refused.value)


def binary(*fields: str, payload: bytes = b"", kind: int = 0) -> bytes:
    encoded = [field.encode() for field in fields]
    return bytes([kind, *map(len, encoded)]) + b"".join(encoded) + payload


@given(*[names.filter(lambda name: len(name.encode()) < 256)] * 4, st.binary())
def test_binary_pushes_are_read(
    join_ref: str, ref: str, topic: str, event: str, payload: bytes
) -> None:
    """The layout of phoenix.js: empty refs are none."""
    frame = decode_binary(binary(join_ref, ref, topic, event, payload=payload))

    assert frame == (join_ref or None, ref or None, topic, event, payload)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x01",
        binary("1", "1", "t", "e", kind=1),
        b"\x00\x01\x01\x01\xff12t",
        b"\x00\x01\x00\x00\x00\xff",
    ],
    ids=["empty", "short head", "a reply", "short fields", "no UTF-8"],
)
def test_binary_garbage_is_refused(data: bytes) -> None:
    """Anything but a whole push."""
    with pytest.raises(InvalidInput, match="binary"):
        decode_binary(data)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_push_or_an_error(data: bytes) -> None:
    """No input makes the parsers raise anything else."""
    for decode in (decode_binary, decode_text):
        try:
            frame = decode(data)
        except InvalidInput:
            continue
        assert len(frame) == 5


def test_replies_echo_the_refs() -> None:
    """Ok and error replies, as Phoenix writes them."""
    refs = encode_json("1"), encode_json('a"b'), encode_json("user:ä")
    assert decode_server(ok_reply(*refs, b'{"x":1}')) == ServerFrame(
        "1", 'a"b', "user:ä", "phx_reply", {"status": "ok", "response": {"x": 1}}
    )
    error = decode_server(error_reply(refs, "overloaded", "later", 1.5)).payload
    assert error == {
        "status": "error",
        "response": {
            "code": "overloaded",
            "reason": "overloaded",
            "message": "later",
            "retry_after": 1.5,
        },
    }
    assert "retry_after" not in decode_server(error_reply(refs, "x", "y")).payload["response"]


def test_a_close_names_its_join() -> None:
    """phoenix.js compares the join_ref; null would close whatever is open."""
    frame = decode_server(close_frame(b'"4"', b'"user:a"'))

    assert frame == ServerFrame("4", "4", "user:a", "phx_close", {})


def test_a_tail_is_spliced_into_each_join() -> None:
    """One encoding, many connections."""
    tail = encode_tail("news", {"a": 1}, offset=7)
    frame = decode_server(push_frame(push_prefix(b'"2"', b'"user:a"'), tail))

    assert tail == b'"news",{"_offset":7,"a":1}'
    assert frame == ServerFrame("2", None, "user:a", "news", {"_offset": 7, "a": 1})


def test_an_offset_fits_into_an_empty_object() -> None:
    """No comma is left over."""
    assert encode_tail("e", {}, offset=1) == b'"e",{"_offset":1}'
    assert with_offset(b'"e",{"a":1}', 2, body_at=4) == b'"e",{"_offset":2,"a":1}'


def test_ephemeral_pushes_may_be_any_json() -> None:
    """Only durable ones need an object, for their offset."""
    assert encode_tail("e", [1, None]) == b'"e",[1,null]'
    with pytest.raises(InvalidInput, match="has to be an object"):
        encode_tail("e", [1], offset=1)


def test_what_cannot_be_json_is_refused() -> None:
    """A handler that pushes nonsense learns it at once."""
    with pytest.raises(InvalidInput, match="cannot be JSON"):
        encode_tail("e", {"x": object()})


@pytest.mark.parametrize("text", [b"", b"[1]", b"\xff"])
def test_a_server_frame_that_is_none_is_refused(text: bytes) -> None:
    """Clients get the same clear error."""
    with pytest.raises(InvalidInput, match="not a frame of a server"):
        decode_server(text)
