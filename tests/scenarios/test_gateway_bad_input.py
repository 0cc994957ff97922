"""Bad input at the paths of accounts, against the whole server: a clear answer, nothing lost, nothing leaked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from attrs import evolve

from sessiond.config.load import load_settings
from sessiond.config.settings import ListenSettings
from sessiond.net.messages import Request
from tests.edges.http.gateway_doors import (
    APP_SECRET,
    TOKEN,
    ask,
    message,
    post,
    signed,
    webhook,
)
from tests.runtime.gateway_worlds import greeter
from tests.scenarios.hooks import Answer, request
from tests.scenarios.live import Live, open_live

HIDDEN = "/in/7f3a9c51"
MEGABYTE = 1024 * 1024

SETTINGS = f"""
[session_keys]
secret = "what openssl rand -base64 32 prints"
phone_region = "GH"

[gateways.line]
gateway = "nalo"
tokens = ["{TOKEN}"]

[gateways.hidden]
gateway = "nalo"
tokens = ["{TOKEN}"]
path = "{HIDDEN}"

[gateways.away]
gateway = "nalo"
tokens = ["{TOKEN}"]
networks = ["203.0.113.0/24"]

[gateways.program]
gateway = "http"
tokens = ["{TOKEN}"]

[gateways.shop]
gateway = "whatsapp"
phone_number_id = "1"
access_token = "t0p-s3cret"
verify_token = "verify-me"
app_secrets = ["{APP_SECRET}"]
api_url = "http://127.0.0.1:1"
"""


@asynccontextmanager
async def serving(folder: Path, **changes: Any) -> AsyncIterator[Live]:
    file = folder / "sessiond.toml"
    file.write_text(SETTINGS)
    settings = load_settings(files=[file], environment={})
    async with open_live(
        greeter(),
        folder,
        gateways=settings.gateways,
        session_keys=settings.session_keys,
        **changes,
    ) as live:
        yield live


async def send(live: Live, asked: Request, path: str = "/gateways/line") -> Answer:
    """Send *asked* to the server, to another path than it was made for."""
    headers = {name: value for name, value in asked.headers if name != "host"}
    target = asked.target.replace("/gateways/line", path)
    return await request(live.port, asked.method, target, asked.body, headers)


async def users(live: Live) -> set[str]:
    return {row["user"] for row in (await live.admin("sessions.list", limit=1000))["rows"]}


def dial(phone: object = "233244123456", **fields: Any) -> Request:
    body = {"USERID": "u", "MSISDN": phone, "USERDATA": "1", "SESSIONID": "s"} | fields
    return post("/gateways/line", json.dumps(body).encode())


async def test_a_batch_of_three_megabytes_is_taken(tmp_path: Path) -> None:
    """Meta gathers what could not be delivered: all of it, in one request, for everybody in it."""
    people = [f"23324412345{number}" for number in range(10)]
    odd = {"type": "hologram", "hologram": "x" * 31_000}
    batch = [{**message(n, sender=people[n % 10]), **odd} for n in range(100)]
    asked = webhook(*batch)
    assert 3 * MEGABYTE > len(asked.body) > 2.9 * MEGABYTE
    async with serving(tmp_path) as live:
        first = await send(live, asked, "/gateways/shop")
        again = await send(live, asked, "/gateways/shop")
        found = await users(live)

    assert [200, 200] == [first[0], again[0]]
    assert 10 == len(found)
    assert all(user.startswith("tel:") for user in found)


@pytest.mark.parametrize("path", ["/gateways/shop", "/gateways/line", "/gateways/nobody"])
async def test_ten_megabytes_are_not_even_read(tmp_path: Path, path: str) -> None:
    """413, when they are announced and when they are not; signed or not."""
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
    async with serving(tmp_path) as live:
        announced = await live.send_bytes(head + b"Content-Length: 10485760\r\n\r\n")
        async with await trio.open_tcp_stream("127.0.0.1", live.port) as stream:
            await stream.send_all(head + b"Transfer-Encoding: chunked\r\n\r\n")
            in_pieces = b""
            async with trio.open_nursery() as nursery:

                async def upload() -> None:
                    try:
                        for _ in range(160):
                            await stream.send_all(chunk)
                    except trio.BrokenResourceError:
                        pass  # the server has said what it had to

                nursery.start_soon(upload)
                in_pieces = bytes(await stream.receive_some(65536))
                nursery.cancel_scope.cancel()

    assert announced.startswith(b"HTTP/1.1 413 ")
    assert in_pieces.startswith(b"HTTP/1.1 413 ")


async def test_only_the_account_that_needs_it_reads_so_much(tmp_path: Path) -> None:
    """Two megabytes to a line that never sends more than some hundred bytes."""
    async with serving(tmp_path) as live:
        large = post("/gateways/line", b" " * 2 * MEGABYTE)
        assert 413 == (await send(live, large))[0]
        assert 401 == (await send(live, signed(large.body, "sha256="), "/gateways/shop"))[0]
        assert 400 == (await send(live, signed(large.body), "/gateways/shop"))[0]


async def test_whoever_may_not_call_is_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No token, signature, verify token or address of ours: refused, without a session, and told without a secret."""
    async with serving(tmp_path) as live:
        wrong = [
            (await send(live, post("/gateways/line", b"{}", query="")))[0],
            (await send(live, post("/gateways/line", b"{}", query=f"token={TOKEN}x")))[0],
            (await send(live, ask(b"{}", token="no"), "/gateways/program"))[0],
            (await send(live, webhook(message(1), signature=""), "/gateways/shop"))[0],
            (await live.get("/gateways/shop?hub.mode=subscribe&hub.verify_token=&hub.challenge=1"))[
                0
            ],
            (await send(live, dial(), "/gateways/away"))[0],
            (await send(live, webhook(message(1), number="2"), "/gateways/shop"))[0],
            (await send(live, dial(), "/gateways/nobody"))[0],
            (await send(live, dial(), "/gateways/hidden"))[0],
        ]
        found = await users(live)
        hidden = (await send(live, dial(), HIDDEN))[0]
        metrics = (await live.get("/metrics"))[2].decode()
    logged = capsys.readouterr().err

    assert [401, 401, 401, 401, 403, 403, 403, 404, 404] == wrong
    assert set() == found
    assert 200 == hidden
    assert 'route="gateway:hidden"' in metrics
    assert "auth.refused" in logged
    for secret in (TOKEN, APP_SECRET, "verify-me", "t0p-s3cret", HIDDEN, "244123456"):
        assert secret not in logged
        assert secret not in metrics


async def test_behind_a_proxy_only_the_providers_addresses_are_let_in(tmp_path: Path) -> None:
    """What our proxy appends counts; what a caller writes before it, or without a proxy of ours, does not."""
    listen = ListenSettings(port=0, trusted_proxies=("127.0.0.0/8",))
    async with serving(tmp_path, listen=listen) as live:
        statuses = [
            (await send(live, through(dial(), forwarded), "/gateways/away"))[0]
            for forwarded in ("203.0.113.7", "203.0.113.7, 192.0.2.66", "192.0.2.66", "nonsense")
        ]
    async with serving(tmp_path) as live:
        statuses += [(await send(live, through(dial(), "203.0.113.7"), "/gateways/away"))[0]]

    assert statuses == [200, 403, 403, 403, 403]


def through(asked: Request, forwarded: str) -> Request:
    return evolve(asked, headers=(*asked.headers, ("x-forwarded-for", forwarded)))


async def test_a_number_in_ten_spellings_is_one_session(tmp_path: Path) -> None:
    """On the line, in the chat and for a program; impossible ones are nobody's."""
    spellings: list[object] = [
        "+233244123456",
        "233244123456",
        "00233244123456",
        "0244123456",
        "+233 24 412 3456",
        "+233-24-412-3456",
        "+233 (24) 412 3456",
        "(024) 412-3456",
        "024.412.3456",
        233244123456,
    ]
    impossible: list[object] = ["", "12", "call me", "+", "2332441234567890123", None, [], True]
    async with serving(tmp_path) as live:
        for phone in impossible:
            answer = await send(live, dial(phone))
            assert 200 == answer[0]
            assert "not available" in json.loads(answer[2])["MSG"]
        assert set() == await users(live)
        for phone in spellings:
            assert "not available" not in json.loads((await send(live, dial(phone)))[2])["MSG"]
        body = {"session_id": "s", "user_id": "u", "msisdn": "+233 24 412 3456", "input": "hi"}
        assert 200 == (await send(live, ask(body), "/gateways/program"))[0]
        assert 200 == (await send(live, webhook(message(1)), "/gateways/shop"))[0]
        assert 1 == len(await users(live))


async def test_programs_and_lines_are_answered_in_their_own_form(tmp_path: Path) -> None:
    """JSON where a form is due, null, wrong types: whoever reads the answer can read it."""
    form = ("content-type", "application/x-www-form-urlencoded")
    async with serving(tmp_path) as live:
        for body in (b"", b"null", b"[]", b"{", b'{"MSISDN":{}}', b"\xff", b"[" * 9999):
            answer = await send(live, post("/gateways/line", body))
            assert 200 == answer[0]
            assert msgspec.json.decode(answer[2])["MSGTYPE"] is False
            answer = await send(live, ask(body), "/gateways/program")
            assert 400 == answer[0]
            assert ["error"] == list(msgspec.json.decode(answer[2]))
            assert 400 == (await send(live, signed(body), "/gateways/shop"))[0]
        assert (
            415
            == (await send(live, post("/gateways/line", b"{}", ("content-type", "text/xml"))))[0]
        )
        as_form = post("/gateways/line", b'{"MSISDN":"233244123456"}', form)
        assert 200 == (await send(live, as_form))[0]
        assert (
            415
            == (await send(live, post("/gateways/line", b"a=b", form, query=""), "/gateways/shop"))[
                0
            ]
        )
        assert set() == await users(live)
