"""One client: whatever it sends or leaves unread, it gets an error at most, and the others notice nothing."""

import json
import logging

import pytest
import trio

from sessiond.edges.admin.messages import MAX_LINE_BYTES
from tests.edges.admin.conftest import Door

VERSION = b'{"jsonrpc":"2.0","id":1,"method":"version"}'


async def test_garbage_is_answered_and_the_connection_stays_usable(door: Door) -> None:
    """A line that is not JSON costs one error."""
    async with door.connect() as lines:
        for line in (b"{", b"\xff\xfe", b"hello", b"null"):
            await lines.send(line)
            assert (await lines.read())["error"]["code"] in {-32700, -32600}
        assert await lines.result("version")


async def test_empty_lines_are_nothing(door: Door) -> None:
    """Who presses return gets no answer."""
    async with door.connect() as lines:
        await lines.send(b"\n  \n\r")
        assert await lines.result("version")


async def test_a_line_in_pieces_and_lines_in_one_piece(door: Door) -> None:
    """Lines are found whatever the packets."""
    async with door.connect() as lines:
        for byte in VERSION:
            await lines.stream.send_all(bytes([byte]))
        await lines.send(b"\r\n" + VERSION + b"\n" + VERSION)
        for _ in range(3):
            assert "result" in await lines.read()


async def test_an_oversized_line_is_refused_without_being_kept(door: Door) -> None:
    """More than 1 MiB is thrown away as it comes; the next line is served."""
    async with door.connect() as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lines.send, b"x" * (3 * MAX_LINE_BYTES))
            error = (await lines.read())["error"]
        assert (error["code"], error["message"]) == (-32600, "a line has at most 1048576 bytes")
        assert await lines.result("version")


async def test_half_a_line_and_then_the_end(door: Door) -> None:
    """A request without a line's end is served, half of one is an error; then the connection ends."""
    for line, key in ((VERSION, "result"), (VERSION[:20], "error")):
        async with door.connect() as lines:
            await lines.stream.send_all(line)
            await lines.stream.send_eof()
            assert key in await lines.read()
            assert await lines.read() is None


async def test_a_batch_is_answered_with_one_line(door: Door) -> None:
    """In order, without the notifications; a batch of notifications is not answered."""
    request = {"jsonrpc": "2.0", "method": "version"}
    async with door.connect() as lines:
        await lines.send(
            json.dumps([request | {"id": 1}, request, 5, request | {"id": 2}]).encode()
        )
        answers = await lines.read()
        await lines.send(json.dumps([request, request]).encode())
        await lines.send(json.dumps(request).encode())
        after = await lines.ask("stats")

    assert [(one["id"], "result" in one) for one in answers] == [
        (1, True),
        (None, False),
        (2, True),
    ]
    assert after["result"]["node"] == "n1"


async def test_a_flood_is_answered_in_order(door: Door) -> None:
    """A thousand requests at once are served one by one, at the reader's pace."""
    async with door.connect() as lines, trio.open_nursery() as nursery:
        flood = b"\n".join(
            b'{"jsonrpc":"2.0","id":%d,"method":"stats"}' % number for number in range(1000)
        )
        nursery.start_soon(lines.send, flood)
        for number in range(1000):
            assert (await lines.read())["id"] == number


async def test_a_slow_call_holds_up_its_own_connection_only(door: Door) -> None:
    """Another connection is served meanwhile."""
    async with door.connect() as slow, door.connect() as quick:
        await slow.send(
            b'{"jsonrpc":"2.0","id":1,"method":"sessions.send","params":{"user":"a","event":"hang"}}'
        )
        assert await quick.result("version")
        door.node.hang.set()
        assert "result" in await slow.read()


async def test_a_bug_is_logged_and_not_shown(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """The operator is sent to the log, which has the traceback."""
    with caplog.at_level(logging.ERROR):
        async with door.connect() as lines:
            error = await lines.error("sessions.send", user="a", event="bug")

    assert error["message"] == "internal error: see the server's log"
    assert "sessions.send failed" in caplog.text
