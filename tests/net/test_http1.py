"""The HTTP loop over in-memory streams: bounds, order, time-outs, the way out to websocket."""

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest
import trio
import trio.testing

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.net.http1 import HttpLimits, Switched, UpgradeHandler, error_response, serve_http
from sessiond.net.messages import Handler, Request, Response
from tests.net.links import Recorder


async def tell(request: Request) -> Response:
    """Answer with what was understood of the request."""
    said = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "body": request.body.decode("latin-1"),
        "peer": request.peer,
    }
    return Response(200, (("content-type", "application/json"),), json.dumps(said).encode())


async def fail(request: Request) -> Response:
    raise RuntimeError("secret detail")


class Talk:
    """A client of raw bytes against one served connection."""

    def __init__(
        self,
        nursery: trio.Nursery,
        handler: Handler = tell,
        upgrade: UpgradeHandler | None = None,
        limits: HttpLimits | None = None,
        larger: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.stream, ours = trio.testing.memory_stream_pair()
        self.result: list[Switched | None] = []

        async def serve() -> None:
            self.result.append(
                await serve_http(
                    ours, handler, upgrade=upgrade, limits=limits, larger=larger, peer="192.0.2.1"
                )
            )

        nursery.start_soon(serve)

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read_to_end(self) -> bytes:
        data = b""
        while piece := await self.stream.receive_some(65536):
            data += bytes(piece)
        return data

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer by its Content-Length."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += bytes(await self.stream.receive_some(1))
        lines = data.decode().rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        body = b""
        while len(body) < int(headers.get("content-length", "0")):
            body += bytes(await self.stream.receive_some(1))
        return int(lines[0].split()[1]), headers, body


async def ask(
    data: bytes,
    handler: Handler = tell,
    limits: HttpLimits | None = None,
    larger: Mapping[str, int] = MappingProxyType({}),
) -> tuple[int, bytes]:
    """Send *data*, read everything until the server closes; status and body of the first answer."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, handler, limits=limits, larger=larger)
        await talk.send(data)
        raw = await talk.read_to_end()
        await talk.stream.aclose()
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


GET = b"GET /a/b?c=d HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_a_request_is_understood_and_answered() -> None:
    """Method, path, query, body and peer reach the handler; the answer has length and date."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery)
        await talk.send(b"POST /a?b=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        status, headers, body = await talk.answer()
        await talk.stream.aclose()

    assert status == 200
    assert "date" in headers
    assert json.loads(body) == {
        "method": "POST",
        "path": "/a",
        "query": "b=%20",
        "body": "hi",
        "peer": "192.0.2.1",
    }


async def test_a_status_has_its_words() -> None:
    """For whoever looks at the answer with curl."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery)
        await talk.send(LAST)
        answer = await talk.read_to_end()
        await talk.stream.aclose()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Three requests in one packet: three answers, then the connection is kept."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery)
        chunked = (
            b"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n"
        )
        await talk.send(GET + chunked + LAST)
        paths = [json.loads((await talk.answer())[2])["path"] for _ in range(3)]
        assert await talk.read_to_end() == b""
        await talk.stream.aclose()

    assert paths == ["/a/b", "/2", "/last"]


async def test_expect_100_continue_is_answered_before_the_body() -> None:
    """Curl waits for it before it sends a large body."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery)
        await talk.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await talk.answer())[0] == 100
        await talk.send(b"hi")
        assert (await talk.answer())[0] == 200
        await talk.stream.aclose()


async def test_expect_100_continue_of_a_body_that_is_too_large_is_413() -> None:
    """The body is refused before it is sent."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"

    assert (await ask(head, limits=HttpLimits(body_bytes=10)))[0] == 413


async def test_what_no_door_sees_is_counted() -> None:
    """Whoever looks for a request that never came finds it: by its status, for its path may be a secret."""
    heard: list[object] = []
    detach = telemetry.attach(lambda *event: heard.append(event[2]), ["http.answered"])
    bounds = HttpLimits(body_bytes=10)
    await ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n", limits=bounds)
    await ask(b"nonsense\r\n\r\n")
    await ask(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")  # the handler's to count
    detach()

    assert heard == [{"route": "unrouted", "status": status} for status in (413, 400)]


async def test_head_requests_get_no_body() -> None:
    """HEAD: the headers of a GET, and nothing behind them."""
    request = b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert await ask(request) == (200, b"")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HEAD /" + b"y" * 600 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"HEAD /" + b"y" * 600 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 431),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", 413),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n" + b"x" * 11, 413),
    ],
)
async def test_head_requests_that_are_refused_get_no_body(data: bytes, status: int) -> None:
    """By h11 and in one piece: what is behind the head of an answer to HEAD would be the next answer."""
    assert await ask(data, limits=HttpLimits(head_bytes=512, body_bytes=10)) == (status, b"")


async def test_what_is_refused_after_a_head_request_says_why() -> None:
    """HEAD is about one request, not about the connection."""
    data = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\ngarbage\r\n\r\n"
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery)
        await talk.send(data)
        assert b"not a valid HTTP/1.1 request" in await talk.read_to_end()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + b"x" * 5, 408),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 19 + b"\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n"
            + b"x" * 15
            + b"\r\n0\r\n\r\n",
            413,
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 600 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 600 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000, 431),
        (b"GET / HTTP/1.1\r\nHos", 408),
        (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", 400),
    ],
    ids=[
        "garbage",
        "tls hello",
        "no host",
        "two hosts",
        "contradicting lengths",
        "negative length",
        "body that never comes",
        "unknown transfer coding",
        "body too large",
        "length beyond all bounds",
        "chunks too large",
        "header too large",
        "target too large",
        "head without end",
        "head that stops",
        "upgrade without a door",
    ],
)
async def test_bad_requests_have_their_status(
    data: bytes, status: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Malformed, too large, too slow: answered in JSON, without repeating the request, and closed."""
    answered, body = await ask(data, limits=HttpLimits(head_bytes=512, body_bytes=10))
    assert answered == status
    assert json.loads(body).keys() == {"code", "reason", "message"}
    assert b"yyy" not in body


async def test_a_slow_loris_head_is_408(autojump_clock: trio.testing.MockClock) -> None:
    """A byte now and then does not extend the time for the head."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, limits=HttpLimits(head_seconds=10))
        started = trio.current_time()

        async def drip() -> None:
            for byte in GET[:-1]:
                await talk.send(bytes([byte]))
                await trio.sleep(1)

        nursery.start_soon(drip)
        assert (await talk.answer())[0] == 408
        assert 10 <= trio.current_time() - started <= 12
        nursery.cancel_scope.cancel()


async def test_a_slow_loris_body_is_408(autojump_clock: trio.testing.MockClock) -> None:
    """Nor for the body."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, limits=HttpLimits(body_seconds=10))
        await talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")

        async def drip() -> None:
            while True:
                await talk.send(b"x")
                await trio.sleep(1)

        nursery.start_soon(drip)
        assert (await talk.answer())[0] == 408
        nursery.cancel_scope.cancel()


async def test_silence_between_requests_ends_quietly(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A kept connection that is not used is closed without an answer nobody asked for."""
    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, limits=HttpLimits(keep_alive_seconds=60))
        await talk.send(GET)
        await talk.answer()
        assert await talk.read_to_end() == b""
        assert 60 <= trio.current_time() <= 63
        await talk.stream.aclose()


async def test_a_failing_handler_is_500_and_says_nothing() -> None:
    """The client learns that it was our fault, and no more."""
    status, body = await ask(LAST, fail)

    assert status == 500
    assert json.loads(body)["code"] == "internal_error"
    assert b"secret" not in body


async def test_a_client_that_does_not_read_its_answer_is_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The write deadline ends a connection whose client stopped reading."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    await_failed = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, GET)
        try:
            await serve_http(ours, tell)
        except trio.BrokenResourceError:
            await_failed = True
        nursery.cancel_scope.cancel()

    assert await_failed
    assert trio.current_time() >= 10


async def test_an_upgrade_gets_the_request_and_what_followed() -> None:
    """Names in lower case, values as sent; what came behind the head is handed on, not parsed."""
    head = b"GET /ws?x=1 HTTP/1.1\r\nHOST: x\r\nuPGRADE:  WebSocket\r\nConnection: Upgrade\r\n\r\n"
    seen: list[Request] = []
    link = Recorder()

    async def upgrade(request: Request) -> Recorder:
        seen.append(request)
        return link

    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, upgrade=upgrade)
        await talk.send(head + b"\x81\x00frames")

    assert [(request.path, request.query) for request in seen] == [("/ws", "x=1")]
    assert seen[0].header("upgrade") == "WebSocket"
    assert talk.result == [Switched(link, b"\x81\x00frames")]


@pytest.mark.parametrize("cut", [1, 30, 62, 84])
async def test_an_upgrade_in_pieces_is_one(cut: int) -> None:
    """Wherever the head is cut, not a byte of what follows it is lost."""
    head = b"GET /ws?x=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    link = Recorder()

    async def upgrade(_request: Request) -> Recorder:
        return link

    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, upgrade=upgrade)
        data = head + b"\r\n\x81\x00"
        await talk.send(data[:cut])
        await trio.testing.wait_all_tasks_blocked()
        await talk.send(data[cut:])

    assert talk.result == [Switched(link, b"\r\n\x81\x00")]


async def test_http_1_0_cannot_upgrade() -> None:
    """A server must ignore ``Upgrade`` in a request of HTTP/1.0 (RFC 9110, 7.8): it is plain HTTP."""

    async def upgrade(_request: Request) -> Recorder:
        raise AssertionError

    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, upgrade=upgrade)
        await talk.send(b"GET / HTTP/1.0\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
        assert (await talk.answer())[0] == 200
        await talk.stream.aclose()


async def test_nothing_is_read_while_an_upgrade_is_checked() -> None:
    """What the client sends meanwhile stays in the stream."""
    asked, checked = trio.Event(), trio.Event()

    async def upgrade(request: Request) -> Recorder:
        asked.set()
        await checked.wait()
        return Recorder()

    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, upgrade=upgrade)
        await talk.send(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
        await asked.wait()
        await talk.send(b"later")
        await trio.testing.wait_all_tasks_blocked()
        checked.set()

    (switched,) = talk.result
    assert switched is not None
    assert switched.data == b""


async def test_a_refused_upgrade_is_an_answer() -> None:
    """The handler's response is sent, and the connection closed."""

    async def upgrade(request: Request) -> Response:
        return error_response(401, ErrorCode.UNAUTHORIZED, "no", headers=(("x-y", "z"),))

    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, upgrade=upgrade)
        await talk.send(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
        status, headers, body = await talk.answer()
        await talk.stream.aclose()

    assert (status, headers["x-y"], headers["connection"]) == (401, "z", "close")
    assert json.loads(body) == {"code": "unauthorized", "reason": "unauthorized", "message": "no"}


async def test_only_the_first_request_may_upgrade() -> None:
    """Behind another request an upgrade is refused: the first one has decided."""

    async def upgrade(request: Request) -> Recorder:
        return Recorder()

    async with trio.open_nursery() as nursery:
        talk = Talk(nursery, upgrade=upgrade)
        await talk.send(GET + b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
        assert (await talk.answer())[0] == 200
        assert (await talk.answer())[0] == 400
        await talk.stream.aclose()


@pytest.mark.parametrize(
    ("target", "size", "status"),
    [
        (b"/large", 20, 200),
        (b"/large?a=b", 20, 200),
        (b"/large", 21, 413),
        (b"/small", 11, 413),
        (b"/small", 10, 200),
        (b"/lower", 10, 200),
        (b"/larger", 20, 413),
    ],
)
async def test_some_paths_take_larger_bodies(target: bytes, size: int, status: int) -> None:
    """Said beforehand, or sent in pieces; a bound that is lower than that of all paths does not count."""
    limits, larger = HttpLimits(body_bytes=10), {"/large": 20, "/lower": 5}
    head = b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    told = head + b"Content-Length: %d\r\n\r\n" % size + b"x" * size
    piece = b"%x\r\n%b\r\n" % (size, b"x" * size)
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + piece + b"0\r\n\r\n"

    assert status == (await ask(told, limits=limits, larger=larger))[0]
    assert status == (await ask(chunked, limits=limits, larger=larger))[0]
