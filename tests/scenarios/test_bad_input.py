"""Bad tokens and bad clients, against the whole server: a clear error, nothing lost, nothing leaked."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed

from sessiond.core.codes import CloseCode
from sessiond.core.token_bucket import RateLimit
from sessiond.edges.websocket import WebsocketLimits
from sessiond.net.http1 import HttpLimits
from sessiond.net.transport import TransportLimits
from tests.edges.websocket.stand import PATH, frame, handshake, receive_close
from tests.scenarios.bad_app import app
from tests.scenarios.live import Live, close_code, code_of, open_live, reply_to, signed, token


def bad_tokens() -> dict[str, tuple[str | None, str]]:
    """Tokens that are none, and the code each is refused with."""
    return {
        "none": (None, "unauthorized"),
        "garbage": ("not.a.token", "unauthorized"),
        "bad signature": (token("ada", secret="x" * 64), "unauthorized"),
        "algorithm none": (token("ada", algorithm="none"), "unauthorized"),
        "another algorithm": (token("ada", algorithm="HS512"), "unauthorized"),
        "expired": (token("ada", exp=time.time() - 3600), "token_expired"),
        "without expiry": (token("ada", exp=None), "unauthorized"),
        "nobody": (token(""), "unauthorized"),
    }


async def refused_upgrade(live: Live, bearer: str | None) -> tuple[bytes, bytes]:
    """Ask for a websocket with *bearer*; head and body of the answer."""
    headers = () if bearer is None else (f"Authorization: Bearer {bearer}",)
    answer = await live.send_bytes(handshake(PATH, *headers, "Connection: close"))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


async def test_bad_tokens_are_refused_before_anything_is_done(
    short_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No token, a bad signature, a wrong algorithm, an expired one: 401 with its code, no session, no word of it."""
    tokens = bad_tokens()
    async with open_live(app, short_tmp_path) as live:
        answers = {
            name: await refused_upgrade(live, bearer) for name, (bearer, _) in tokens.items()
        }
        sessions = (await live.admin("sessions.list"))["rows"]
        good = await live.joined("ada")
        assert (await reply_to(good, "add", {"n": 1})).payload["status"] == "ok"
    logged = capsys.readouterr().err

    assert {name: code_of(body) for name, (_, body) in answers.items()} == {
        name: code for name, (_, code) in tokens.items()
    }
    assert {head.split(b" ")[1] for head, _ in answers.values()} == {b"401"}
    assert all(b"www-authenticate: bearer" in head.lower() for head, _ in answers.values())
    assert sessions == []
    assert "auth.refused" in logged
    for bearer, _ in tokens.values():
        if bearer:
            assert bearer not in logged
            assert all(part not in logged for part in bearer.split(".") if len(part) > 8)
            assert all(bearer.encode() not in body for _, body in answers.values())


async def test_a_token_that_expires_on_the_live_socket_closes_it(short_tmp_path: Path) -> None:
    """Expiry is checked again: 4002, and what was acknowledged before is kept."""
    async with open_live(app, short_tmp_path) as live:
        client = await live.connect("ada", exp=time.time() - 28.5)  # within the leeway of 30 s
        await client.call("phx_join", {})
        await reply_to(client, "add", {"n": 1})
        assert await close_code(client) == CloseCode.TOKEN_EXPIRED.number

        assert (await live.shown("ada"))["seen"] == [1]


async def test_somebody_elses_topic_is_forbidden(short_tmp_path: Path) -> None:
    """The error has its code, the topic is closed, the other's session is not made, one's own goes on."""
    async with open_live(app, short_tmp_path) as live:
        client = await live.joined("ada")
        reply = await client.call("phx_join", {}, topic="user:bob", join_ref="9")
        closed = await client.receive()
        pushed = await client.call("add", {"n": 1}, topic="user:bob", join_ref="9")
        own = await reply_to(client, "echo", {"n": 1})

        assert reply.payload["response"]["code"] == "forbidden"
        assert closed[:4] == ("9", "9", "user:bob", "phx_close")
        assert pushed.payload["response"]["code"] == "unmatched topic"
        assert own.payload == {"status": "ok", "response": {"n": 1}}
        assert await live.phase("bob") == "not in memory"


async def test_an_unknown_user_is_turned_away_for_good(short_tmp_path: Path) -> None:
    """Its own code, a close that says not to come back, no record and no restart loop."""
    async with open_live(app, short_tmp_path) as live:
        client = await live.connect("nobody")
        reply = await client.join()
        code = await close_code(client)
        status, _, _ = await live.hook("nobody", b'{"n":1}')
        while not (letters := (await live.admin("dead_letters.list"))["rows"]):
            await trio.lowlevel.checkpoint()
        stats = await live.admin("stats")

    assert reply.payload["response"]["code"] == "unknown_user"
    assert code == CloseCode.UNKNOWN_USER.number
    assert status == 202
    assert [letter["user"] for letter in letters] == ["nobody"]
    assert stats["quarantined"] == 0
    assert stats["restarts"] == 0
    assert stats["failed_turns"] == 0


MALFORMED: dict[str, tuple[bytes, CloseCode]] = {
    "malformed": (frame(b"not json"), CloseCode.BAD_FRAME),
    "another shape": (frame(b'{"topic":"user:ada"}'), CloseCode.BAD_FRAME),
    "binary": (frame(b"\x01\x02garbage", opcode=2), CloseCode.UNSUPPORTED_DATA),
    "not UTF-8": (frame(b'["1","2","user:ada","add",{"x":"\xff"}]'), CloseCode.INVALID_DATA),
    "oversized": (frame(b"x" * 65_537), CloseCode.MESSAGE_TOO_BIG),
    "an endless frame": (b"\x81\xff\x7f" + b"\xff" * 7 + b"mask", CloseCode.MESSAGE_TOO_BIG),
    "endless fragments": (
        frame(b"", fin=False) + frame(b"", opcode=0, fin=False) * 70,
        CloseCode.MESSAGE_TOO_BIG,
    ),
    "not masked": (frame(b"[]", masked=False), CloseCode.PROTOCOL_ERROR),
    "a reserved opcode": (frame(b"", opcode=3), CloseCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_clients_are_closed_with_their_code(
    name: str, short_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Malformed, binary, oversized: the close code says which; the session and the user's other device stay."""
    data, code = MALFORMED[name]
    async with open_live(app, short_tmp_path) as live:
        other = await live.joined("ada", device="other")
        async with live.raw("ada") as stream:
            await stream.send_all(frame(b'["1","1","user:ada","phx_join",{"device":"bad"}]'))
            await receive_text(stream, b"recovered")
            await stream.send_all(frame(b'["1","2","user:ada","add",{"n":1}]'))
            await receive_text(stream, b'"count":1')
            await stream.send_all(data)
            assert await receive_close(stream) == code.number
        kept = await reply_to(other, "show", {})

    assert kept.payload["response"]["seen"] == [1]
    assert "Traceback" not in capsys.readouterr().err


async def receive_text(stream: trio.SocketStream, words: bytes) -> None:
    """Read until *words* came."""
    received = b""
    while words not in received:
        data = await stream.receive_some(65536)
        assert data, received
        received += bytes(data)


async def test_a_fragmented_message_is_one_message(short_tmp_path: Path) -> None:
    """Fragments, with a ping between them, sent byte by byte, are applied once."""
    async with open_live(app, short_tmp_path) as live:
        async with live.raw("ada") as stream:
            text = b'["1","2","user:ada","add",{"n":1}]'
            await stream.send_all(frame(b'["1","1","user:ada","phx_join",{}]'))
            await receive_text(stream, b"recovered")
            parts = [
                frame(text[:5], fin=False),
                frame(b"", opcode=9),
                frame(text[5:20], opcode=0, fin=False),
                frame(text[20:], opcode=0),
            ]
            for byte in b"".join(parts):
                await stream.send_all(bytes([byte]))
            await receive_text(stream, b'"count":1')

        assert (await live.shown("ada"))["seen"] == [1]


async def test_a_half_open_client_is_detached(short_tmp_path: Path) -> None:
    """A client that shuts its sending half without a close is gone; the pushes it misses wait for it."""
    async with open_live(app, short_tmp_path) as live:
        async with live.raw("ada") as stream:
            await stream.send_all(frame(b'["1","1","user:ada","phx_join",{"device":"phone"}]'))
            await receive_text(stream, b"recovered")
            await stream.send_eof()
            while await live.phase("ada") != "detached":
                await trio.lowlevel.checkpoint()
        status, _, _ = await live.hook("ada", b'{"n":1}')
        again = await live.wait_for_hooks("ada", 1)

    assert status == 202
    assert again["hooks"] == [1]


async def test_a_silent_client_is_closed(short_tmp_path: Path) -> None:
    """A half-open client that says nothing at all for the bound is closed with 4102."""
    limits = WebsocketLimits(silence_seconds=0.5)
    async with open_live(app, short_tmp_path, websocket=limits) as live, live.raw("ada") as stream:
        await stream.send_all(frame(b'["1","1","user:ada","phx_join",{}]'))

        assert await receive_close(stream) == CloseCode.HEARTBEAT_TIMEOUT.number


@pytest.mark.parametrize(
    "part",
    [
        b"GET /healthz HT",
        handshake(PATH)[:-2],
        b"POST /hooks/json/ada HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ],
    ids=["request line", "upgrade head", "body"],
)
async def test_a_slow_loris_is_408(part: bytes, short_tmp_path: Path) -> None:
    """A head or body that does not end is answered and closed; others are served meanwhile."""
    limits = HttpLimits(head_seconds=0.5, body_seconds=0.5)
    async with open_live(app, short_tmp_path, http=limits) as live:
        answers: list[bytes] = []

        async def slow() -> None:
            answers.append(await live.send_bytes(part))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(slow)
            client = await live.joined("ada")
            assert (await reply_to(client, "echo", {"n": 1})).payload["status"] == "ok"

    assert {answer.split(b" ")[1] for answer in answers} == {b"408"}
    assert len(answers) == 20


async def test_a_flooding_client_is_refused_then_closed(short_tmp_path: Path) -> None:
    """Errors with retry_after, then 4101; every acknowledged push was applied; others are served."""
    limits = WebsocketLimits(rate=RateLimit(1, 20), refusals=5)
    async with open_live(app, short_tmp_path, websocket=limits) as live:
        bob = await live.joined("bob")
        client = await live.joined("ada")
        for n in range(40):
            await client.send("add", {"n": n})
        replies: list[dict[str, Any]] = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                got = await client.receive()
                if got.event == "phx_reply":
                    replies.append(got.payload)
        assert (await reply_to(bob, "echo", {})).payload["status"] == "ok"
        applied = (await live.shown("ada"))["seen"]

    assert closed.value.reason is not None
    assert closed.value.reason.code == CloseCode.RATE_LIMITED.number
    refused = [reply["response"] for reply in replies if reply["status"] == "error"]
    assert [one["code"] for one in refused] == ["rate_limited"] * 5
    assert all(one["retry_after"] > 0 for one in refused)
    assert len(replies) - 5 <= len(applied) < 20
    assert applied == list(range(len(applied)))


async def test_a_client_that_stops_reading_is_closed_and_resumes(short_tmp_path: Path) -> None:
    """Beyond the bound it is cut off; the user's other device and other users notice nothing; it may resume."""
    limits = TransportLimits(hard_bytes=1_500_000, soft_bytes=1_000_000)
    async with open_live(app, short_tmp_path, transport=limits) as live:
        bob = await live.joined("bob")
        ada = await live.joined("ada", device="reads")
        async with live.raw("ada") as stream:
            await stream.send_all(frame(b'["1","1","user:ada","phx_join",{"device":"stuck"}]'))
            await receive_text(stream, b"recovered")
            joined = await live.admin("sessions.inspect", user="ada")
            epoch, head = joined["stream"]["epoch"], joined["stream"]["head"]
            assert (await reply_to(ada, "add", {"n": 7})).payload["status"] == "ok"
            blasts = 0
            while len((await live.admin("sessions.inspect", user="ada"))["connections"]) == 2:
                assert (await reply_to(ada, "blast", {})).payload["status"] == "ok"
                blasts += 1
                assert blasts < 200
            code = await receive_close(stream)
            assert (await reply_to(bob, "echo", {})).payload["status"] == "ok"
        back = await live.connect("ada")
        resume = {"epoch": epoch, "offset": head}
        welcome = await reply_to(back, "phx_join", {"device": "stuck", "resume": resume})
        missed = await back.receive()

    assert code == CloseCode.SLOW_CONSUMER.number
    assert welcome.payload["response"]["recovered"] is True
    assert (missed.event, missed.payload["n"]) == ("added", 7)


async def test_bad_http_requests_have_their_status(short_tmp_path: Path) -> None:
    """Oversized heads and bodies, unknown paths, other methods, no HTTP: a status and a code, nothing repeated."""
    body = b'{"secret":"' + b"s" * 300_000 + b'"}'
    big = b"POST /hooks/json/ada HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
    async with open_live(app, short_tmp_path) as live:
        head_too_large = await live.send_bytes(handshake(PATH, "X: " + "y" * 20_000))
        body_too_large = await live.send_bytes(big)
        garbage = await live.send_bytes(b"\x16\x03\x01\x02\x00 secret-words\r\n\r\n")
        hook = await live.hook("ada", body)
        nowhere = await live.get("/nowhere")
        method = await live.get("/hooks/json/ada")

    assert head_too_large.startswith(b"HTTP/1.1 431 ")
    assert body_too_large.startswith(b"HTTP/1.1 413 ")
    assert garbage.startswith(b"HTTP/1.1 400 ")
    assert b"secret-words" not in garbage
    assert (hook[0], code_of(hook[2])) == (413, "too_large")
    assert b"ssss" not in hook[2]
    assert (nowhere[0], method[0]) == (404, 405)


GOOD = b'{"n":1}'
OTHER = "whsec_" + "AAAA" * 8


def bad_hooks() -> dict[str, tuple[bytes, dict[str, str], int, str]]:
    """Body and headers of webhooks that are none; status and code of the answer."""
    good = signed(GOOD, "m")
    return {
        "garbage": (b"\x00garbage", signed(b"\x00garbage", "m"), 400, "bad_request"),
        "truncated": (GOOD[:4], good, 401, "unauthorized"),
        "truncated by its sender": (GOOD[:4], signed(GOOD[:4], "m"), 400, "bad_request"),
        "unsigned": (GOOD, {"content-type": "application/json"}, 401, "unauthorized"),
        "of another sender": (GOOD, signed(GOOD, "m", secret=OTHER), 401, "unauthorized"),
        "replayed": (GOOD, signed(GOOD, "m", age=3600), 401, "unauthorized"),
        "from the future": (GOOD, signed(GOOD, "m", age=-3600), 401, "unauthorized"),
        "of another type": (GOOD, good | {"content-type": "text/plain"}, 415, "bad_request"),
    }


async def test_bad_webhooks_are_refused_and_change_nothing(short_tmp_path: Path) -> None:
    """Garbage, truncated, unsigned, replayed: a status and a code; no session is made, and the id stays free."""
    hooks = bad_hooks()
    async with open_live(app, short_tmp_path) as live:
        answers = {
            name: await live.hook("ada", body, headers)
            for name, (body, headers, _, _) in hooks.items()
        }
        phase = await live.phase("ada")
        good = await live.hook("ada", GOOD, message_id="m")
        applied = await live.wait_for_hooks("ada", 1)

    assert {name: (status, code_of(body)) for name, (status, _, body) in answers.items()} == {
        name: (status, code) for name, (_, _, status, code) in hooks.items()
    }
    assert phase == "not in memory"
    assert good[0] == 202
    assert "webhook-duplicate" not in good[1]
    assert applied["hooks"] == [1]


async def test_duplicated_webhooks_are_applied_once(short_tmp_path: Path) -> None:
    """Ten at once and one afterwards: each is answered 202, all but one as a duplicate, and it is applied once."""
    async with open_live(app, short_tmp_path) as live:
        answers: list[tuple[int, dict[str, str], bytes]] = []

        async def post() -> None:
            answers.append(await live.hook("ada", GOOD, message_id="same"))

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(post)
        await live.wait_for_hooks("ada", 1)
        await post()
        await live.hook("ada", b'{"n":2}', message_id="other")
        applied = await live.wait_for_hooks("ada", 2)

    assert {status for status, _, _ in answers} == {202}
    assert len({body for _, _, body in answers}) == 1
    assert [headers.get("webhook-duplicate") for _, headers, _ in answers].count(None) == 1
    assert applied["hooks"] == [1, 2]


async def test_a_waiting_webhook_that_is_repeated_gets_the_first_answer(
    short_tmp_path: Path,
) -> None:
    """Concurrent and later duplicates of a waiting hook: the same answer, one application."""
    async with open_live(app, short_tmp_path) as live:
        answers: list[object] = []

        async def post() -> None:
            status, _, body = await live.hook("ada", GOOD, name="count", message_id="same")
            answers.append((status, json.loads(body)))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(post)
        await post()
        other = await live.hook("ada", GOOD, name="count", message_id="other")

    assert answers == [(200, {"count": 1})] * 6
    assert json.loads(other[2]) == {"count": 2}
