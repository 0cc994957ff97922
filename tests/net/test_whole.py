"""Requests that came in one piece (sessiond/net/whole.py): h11 is what they are compared with."""

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessiond.net.heads import Head, decode_head
from sessiond.net.messages import Response
from sessiond.net.whole import read_whole, write_whole

PLAIN = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Two: a  b \r\nContent-Length: 2\r\n\r\nhi"

#: What requests are made of here: most of it usual, all of it as somebody sends it.
LINES = st.sampled_from(
    [
        b"Host: x",
        b"host:\tx \t",
        b"Content-Length: 2",
        b"Content-Length: 02",
        b"Content-Length: +2",
        b"Content-Length: 3",
        b"Content-Length:",
        b"X-Empty:",
        b"X-Space : 1",
        b" folded",
        b"X-Latin: \xe9",
        b"X-Nul: a\0b",
        b"X-Bare: a\rb",
        b"X-Line: a\nContent-Length: 9",
        b"X-Vertical: a\x0bb",
        b'x-more: a, b;c="d"',
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        b"Connection: close",
        b"Expect: 100-continue",
        b"Upgrade: websocket",
        b"no colon",
        b"",
    ]
)
FIRST = st.sampled_from(
    [
        b"GET / HTTP/1.1",
        b"POST /a%20b?c=d#e HTTP/1.1",
        b"PO-ST /a HTTP/1.1",
        b"HEAD /\x7f HTTP/1.1",
        b"GET / HTTP/1.0",
        b"GET  / HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET http://x/ HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1",
    ]
)
REQUESTS = st.builds(
    lambda first, lines, end, body: b"\r\n".join((first, *lines)) + end + body,
    FIRST,
    st.lists(LINES, max_size=5),
    st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n", b""]),
    st.sampled_from([b"", b"hi", b"hi!", b"GET / HTTP/1.1\r\nHost: y\r\n\r\n"]),
)


def read_by_h11(data: bytes) -> tuple[Head, bytes]:
    """Read one request, which has to be all of *data*."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    request, body = connection.next_event(), b""
    assert isinstance(request, h11.Request)
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        body += event.data
    assert connection.trailing_data == (b"", False)
    assert connection.their_state is h11.DONE
    return decode_head(request), body


def test_a_plain_request_is_read() -> None:
    """Names in lower case, values without the white space around them."""
    found = read_whole(PLAIN)

    assert found is not None
    head, body = found
    assert (head.method, head.target, body) == ("POST", "/a?b=c", b"hi")
    assert head.headers == (("host", "x"), ("x-two", "a  b"), ("content-length", "2"))


@given(REQUESTS)
@example(PLAIN)
def test_what_is_read_here_h11_reads_alike(data: bytes) -> None:
    """Whatever the bytes: either they are left to h11, or both read the same head and body, and nothing is left."""
    found = read_whole(data)

    if found is not None:
        assert found == read_by_h11(data)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN[:-1],
        PLAIN + b"!",
        PLAIN[:20],
        b"",
        PLAIN.replace(b"Host: x", b"Host: x\r\nHost: x"),
        PLAIN.replace(b"Host: x", b"X: x"),
        PLAIN.replace(b"Host: x", b"Host: x\r\nConnection: close"),
        PLAIN.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"),
        PLAIN.replace(b"Host: x", b"Host: x\r\nUpgrade: websocket"),
        PLAIN.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"),
        PLAIN.replace(b"Host: x", b"Host: \xe9"),
        PLAIN.replace(b"1.1", b"1.0"),
    ],
)
def test_the_rest_is_left_to_h11(data: bytes) -> None:
    """Pieces, pipelined requests, and everything that changes what a connection or a body is."""
    assert read_whole(data) is None


@pytest.mark.parametrize("is_head", [False, True])
@pytest.mark.parametrize("status", [200, 204, 304, 401, 499])
def test_an_answer_is_what_h11_writes(status: int, is_head: bool) -> None:
    """Status line, headers, length, date, body; byte for byte."""
    response = Response(status, (("content-type", "text/plain"), ("x-a", "b")), b"hello")
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"%b / HTTP/1.1\r\nHost: x\r\n\r\n" % (b"HEAD" if is_head else b"GET"))
    connection.next_event()
    fields = [*response.headers, ("content-length", "5"), ("date", "today")]
    encoded = [(name.encode(), value.encode()) for name, value in fields]
    written = write_whole(response, date="today", is_head=is_head)
    reason = written.partition(b"\r\n")[0].partition(b" ")[2].partition(b" ")[2]
    head = h11.Response(status_code=status, headers=encoded, reason=reason)
    by_h11 = connection.send(head) or b""
    if not is_head and status not in {204, 304}:
        by_h11 += connection.send(h11.Data(data=b"hello")) or b""

    assert written == by_h11


def test_no_header_breaks_out() -> None:
    """A line end in a value would be another header: nothing is written."""
    with pytest.raises(h11.LocalProtocolError):
        write_whole(Response(200, (("x-a", "b\r\nx-c: d"),)), date="today")
