"""JSON-RPC lines, without a socket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.edges.admin.messages import MAX_BATCH, Call, Invalid, parse_line


def only(line: bytes) -> Call | Invalid:
    (item,) = parse_line(line).items
    return item


@given(st.binary())
def test_any_bytes_are_an_answerable_line(line: bytes) -> None:
    """Nothing raises, whatever comes."""
    assert parse_line(line).items


def test_a_request_and_a_notification() -> None:
    """Without an id nothing is answered."""
    assert only(b'{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}}') == Call(
        "m", {"x": 1}, "a", False
    )
    assert only(b'{"jsonrpc":"2.0","method":"m"}') == Call("m", {}, None, True)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"5", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"m"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"m"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"m"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}', -32602),
    ],
)
def test_what_is_not_a_request(line: bytes, code: int) -> None:
    """Each has JSON-RPC's own code."""
    item = only(line)

    assert isinstance(item, Invalid)
    assert item.fault.code.code == code


def test_a_batch_is_bounded() -> None:
    """A longer one is refused as a whole."""
    one = {"jsonrpc": "2.0", "id": 1, "method": "m"}

    assert len(parse_line(json.dumps([one] * MAX_BATCH).encode()).items) == MAX_BATCH
    assert isinstance(only(json.dumps([one] * (MAX_BATCH + 1)).encode()), Invalid)
