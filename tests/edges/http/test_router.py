"""Routing (sessiond/edges/http/router.py)."""

import json
from collections.abc import Mapping

import pytest
import trio
import trio.testing

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Refused, SnapshotCorrupt
from sessiond.edges.http.router import Route, Router
from sessiond.net.http1 import serve_http
from sessiond.net.messages import Request, Response


class StoppedClock:
    """Time does not matter here."""

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


async def echo(request: Request, parameters: Mapping[str, str]) -> Response:
    return Response(200, (), json.dumps([request.method, dict(parameters)]).encode())


async def refuse(request: Request, parameters: Mapping[str, str]) -> Response:
    raise Refused(ErrorCode.DRAINING, "come back")


async def crash(request: Request, parameters: Mapping[str, str]) -> Response:
    raise ZeroDivisionError("hush")


async def crash_inside(request: Request, parameters: Mapping[str, str]) -> Response:
    raise SnapshotCorrupt("hush")


ROUTER = Router(
    [
        Route("GET", "/page", echo),
        Route("PUT", "/page", echo),
        Route("POST", "/hooks/{hook}/{user}", echo),
        Route("GET", "/hooks/json/all", echo),
        Route("GET", "/refuse", refuse),
        Route("GET", "/crash", crash),
        Route("GET", "/crash_inside", crash_inside),
    ],
    StoppedClock(),
)


async def ask(path: str, method: str = "GET") -> Response:
    return await ROUTER(Request(method=method, target=path, path=path))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_method_and_path_decide(method: str) -> None:
    """HEAD is served by who serves GET; the handler sees which it was."""
    assert json.loads((await ask("/page", method)).body) == [method, {}]


@pytest.mark.parametrize(
    ("method", "parameters"), [("GET", {}), ("POST", {"hook": "json", "user": "all"})]
)
async def test_a_path_may_be_that_of_two_patterns(method: str, parameters: dict[str, str]) -> None:
    """One by its words, one by its parameters: the method decides between them."""
    assert json.loads((await ask("/hooks/json/all", method)).body) == [method, parameters]


@pytest.mark.parametrize(
    ("path", "user"),
    [
        ("/hooks/json/ama", "ama"),
        ("/hooks/json/a%2Fb", "a/b"),
        ("/hooks/json/%2B233%20%C3%A9", "+233 é"),
        ("/hooks/json/a+b", "a+b"),
        ("/hooks/json/..", ".."),
        ("/hooks/json/user@shop.example", "user@shop.example"),
    ],
)
async def test_parameters_are_decoded_segment_by_segment(path: str, user: str) -> None:
    """An escaped slash belongs to the user id; a plus is a plus."""
    _, parameters = json.loads((await ask(path, "POST")).body)

    assert parameters == {"hook": "json", "user": user}


@pytest.mark.parametrize("user", ["%", "%2", "%zz", "a%", "%ff", "%C3", "% 2"])
async def test_a_broken_escape_is_a_bad_request(user: str) -> None:
    """What cannot be decoded is refused, not passed on as it is."""
    answer = await ask(f"/hooks/json/{user}", "POST")

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "path",
    ["", "/", "page", "/page/", "//page", "/PAGE", "/hooks/json", "/hooks/json/", "/hooks//ama",
     "/hooks/json/ama/more", "*", "/pag%65"],
)  # fmt: skip
async def test_a_path_nobody_serves_is_not_found(path: str) -> None:
    """404 as JSON, whatever the method."""
    for method in ("GET", "POST", "BREW"):
        answer = await ask(path, method)
        assert (answer.status, json.loads(answer.body)["code"]) == (404, "bad_request")


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/page", "POST", "GET, HEAD, PUT"),
        ("/hooks/json/ama", "GET", "POST"),
        ("/hooks/json/ama", "HEAD", "POST"),
        ("/page", "get", "GET, HEAD, PUT"),
    ],
)
async def test_another_method_is_not_allowed(path: str, method: str, allowed: str) -> None:
    """405 with the methods that are."""
    answer = await ask(path, method)

    assert (answer.status, dict(answer.headers)["allow"]) == (405, allowed)


async def test_a_handler_may_refuse() -> None:
    """What a handler raises on purpose is answered by the table."""
    answer = await ask("/refuse")

    assert (answer.status, dict(answer.headers)["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    ("path", "error"), [("/crash", "ZeroDivisionError"), ("/crash_inside", "SnapshotCorrupt")]
)
async def test_a_crash_is_answered_and_told(path: str, error: str) -> None:
    """A bug of ours is 500 without details, and an event for operators."""
    heard: list[object] = []
    detach = telemetry.attach(lambda *event: heard.append(event), ["door.failed"])
    answer = await ask(path)
    detach()

    assert (answer.status, json.loads(answer.body)["code"]) == (500, "internal_error")
    assert b"hush" not in answer.body
    assert heard == [("door.failed", {}, {"door": "http", "error": error})]


async def test_every_answer_is_told_by_its_pattern() -> None:
    """Telemetry names the pattern, never the path: that would hold user ids, and have no end."""
    heard: list[object] = []
    detach = telemetry.attach(lambda *event: heard.append(event[2]), ["http.answered"])
    await ask("/hooks/json/ama", "POST")
    await ask("/ama")
    detach()

    assert heard == [
        {"route": "/hooks/{hook}/{user}", "status": 200},
        {"route": "unmatched", "status": 404},
    ]


async def test_a_route_with_a_label_is_told_by_it() -> None:
    """Its path may be a secret: also what is not taken there is told by the label."""
    heard: list[object] = []
    detach = telemetry.attach(lambda *event: heard.append(event[2]), ["http.answered"])
    router = Router([Route("POST", "/in/7f3a", echo, label="gateway:shop")], StoppedClock())
    for method in ("POST", "PUT"):
        await router(Request(method=method, target="/in/7f3a", path="/in/7f3a"))
    detach()

    assert heard == [
        {"route": "gateway:shop", "status": 200},
        {"route": "gateway:shop", "status": 405},
    ]


async def test_head_over_the_wire_has_the_headers_of_get() -> None:
    """Under the real HTTP loop HEAD tells the length of a body that it leaves out."""
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http, server, ROUTER)
        await client.send_all(
            b"HEAD /page HTTP/1.1\r\nhost: x\r\n\r\n"
            b"GET /page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        received = b"".join([data async for data in client])

    first, second, body = received.split(b"\r\n\r\n")
    assert b"content-length: 12" in first.lower()
    assert second.startswith(b"HTTP/1.1 200")
    assert json.loads(body) == ["GET", {}]
