"""Upgrade requests: who gets a websocket and who is turned away, at which price."""

import base64
import json

import pytest
import trio

from sessiond.core.codes import CloseCode
from sessiond.edges.websocket import WebsocketSettings
from sessiond.net.http1 import HttpLimits
from tests.edges.websocket.stand import PATH, Stand, frame, handshake, open_stand, receive_close


async def ask(stand: Stand, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send raw bytes; return status, headers and body of the answer, read to the end."""
    stream = await trio.open_tcp_stream("localhost", stand.port)
    await stream.send_all(request)
    answer = b""
    while data := await stream.receive_some(65536):
        answer += bytes(data)
        if answer.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n" in answer:
            break
    await stream.aclose()
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


async def test_a_token_in_the_query_is_enough() -> None:
    """``?token=`` works, and without an offer no subprotocol is answered."""
    async with open_stand() as stand:
        status, headers, _ = await ask(stand, handshake(f"{PATH}&token=alice"))

        assert status == 101
        assert "sec-websocket-protocol" not in headers


async def test_a_bearer_header_is_enough() -> None:
    """``Authorization: Bearer`` works, in any case of the scheme."""
    async with open_stand() as stand:
        status, _, _ = await ask(stand, handshake(PATH, "Authorization: bearer alice"))

        assert status == 101


async def test_the_bearer_subprotocol_is_never_echoed() -> None:
    """phoenix.js 1.8 offers its token as a subprotocol: the answer is exactly ``phoenix``."""
    token = base64.b64encode(b"alice").decode().rstrip("=")
    offer = f"Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.{token}"
    async with open_stand() as stand:
        status, headers, _ = await ask(stand, handshake(PATH, offer))

        assert status == 101
        assert headers["sec-websocket-protocol"] == "phoenix"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("X: y", 401),
        ("Authorization: Bearer bad-token", 401),
        ("Authorization: Basic YWxpY2U=", 401),
        ("Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.!!", 401),
    ],
)
async def test_no_token_or_a_bad_one_is_401(header: str, status: int) -> None:
    """Without a good token there is no websocket, no actor, and no repetition of the token."""
    async with open_stand() as stand:
        answer = await ask(stand, handshake(PATH, header))

        assert answer[0] == status
        assert answer[1]["www-authenticate"] == "Bearer"
        assert json.loads(answer[2])["code"] == "unauthorized"
        assert b"bad-token" not in answer[2]
        assert stand.directory.actors == {}


@pytest.mark.parametrize("version", ["", "vsn=1.0.0", "vsn=3.0.0", "vsn=2", "vsn=x"])
async def test_another_protocol_version_is_400(version: str) -> None:
    """Only serializer 2.x is spoken, and the error says how to ask for it."""
    async with open_stand() as stand:
        target = f"/socket/websocket?{version}&token=alice"
        status, _, body = await ask(stand, handshake(target))

        assert status == 400
        assert "vsn=2.0.0" in json.loads(body)["message"]


async def test_an_upgrade_with_a_body_is_400() -> None:
    """A body in front of websocket frames is how requests are smuggled."""
    async with open_stand() as stand:
        request = handshake(f"{PATH}&token=alice", "Content-Length: 3") + b"abc"
        assert (await ask(stand, request))[0] == 400

        request = handshake(f"{PATH}&token=alice", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
        assert (await ask(stand, request))[0] == 400


async def test_another_path_is_404() -> None:
    """Websockets are in one place."""
    async with open_stand() as stand:
        status, _, _ = await ask(stand, handshake("/elsewhere?vsn=2.0.0&token=alice"))

        assert status == 404


async def test_a_broken_handshake_is_an_http_error() -> None:
    """A wrong websocket version, a key that is none, a POST: an error in JSON."""
    good = handshake(f"{PATH}&token=alice")
    async with open_stand() as stand:
        for request, expected in [
            (good.replace(b"Version: 13", b"Version: 8"), 400),
            (good.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
            (good.replace(b"Connection: Upgrade", b"Connection: close"), 426),
            (good.replace(b"websocket\r\n", b"websocket, h2c\r\n"), 426),
            (handshake(f"{PATH}&token=alice", method="POST"), 405),
        ]:
            status, _, body = await ask(stand, request)
            assert status == expected
            assert json.loads(body)["code"] == "bad_request"


async def test_pages_of_other_origins_are_turned_away() -> None:
    """The page's own host and listed origins may connect; others get 403."""
    settings = WebsocketSettings(origins=("https://shop.example",))
    async with open_stand(settings) as stand:
        for origin, expected in [
            ("https://shop.example", 101),
            ("http://localhost", 101),
            ("https://evil.example", 403),
            ("null", 403),
        ]:
            request = handshake(f"{PATH}&token=alice", f"Origin: {origin}")
            assert (await ask(stand, request))[0] == expected


async def test_while_draining_upgrades_are_503() -> None:
    """A node that is being stopped sends clients to another one."""
    async with open_stand() as stand:
        stand.door.drain()
        status, headers, body = await ask(stand, handshake(f"{PATH}&token=alice"))

        assert status == 503
        assert int(headers["retry-after"]) > 0
        assert json.loads(body)["code"] == "draining"


async def test_what_follows_the_upgrade_at_once_is_websocket() -> None:
    """Frames sent together with the handshake are not lost, and answered after the 101."""
    join = frame(b'["1","1","user:alice","phx_join",{}]')
    async with open_stand() as stand:
        async with await trio.open_tcp_stream("localhost", stand.port) as stream:
            await stream.send_all(handshake(f"{PATH}&token=alice") + join)
            answer = b""
            while b'"status":"ok"' not in answer:
                answer += bytes(await stream.receive_some(4096))

        assert answer.startswith(b"HTTP/1.1 101 ")


async def test_a_pipelined_request_after_an_upgrade_is_a_protocol_error() -> None:
    """After the upgrade everything is websocket: HTTP there closes with 1002."""
    async with open_stand() as stand:
        async with await trio.open_tcp_stream("localhost", stand.port) as stream:
            request = handshake(f"{PATH}&token=alice") + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            await stream.send_all(request)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += bytes(await stream.receive_some(1))
            code = await receive_close(stream)

        assert code == CloseCode.PROTOCOL_ERROR.number


async def test_a_slow_loris_head_is_408() -> None:
    """A head that comes a byte at a time does not keep a connection for ever."""
    async with open_stand(http=HttpLimits(head_seconds=0.2)) as stand:
        status, _, _ = await ask(stand, handshake(f"{PATH}&token=alice")[:-2])

        assert status == 408


async def test_an_oversized_head_is_431() -> None:
    """Headers beyond the bound are refused, whatever is in them."""
    async with open_stand() as stand:
        status, _, _ = await ask(stand, handshake(PATH, "X: " + "y" * 20_000))

        assert status == 431
