"""Gateways end to end: a real server, the providers' own requests, and a provider that is called."""

import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any, Protocol

import pytest

from sessiond.config.load import load_settings
from sessiond.config.settings import Settings, StoreSettings
from sessiond.testing.providers import Response, answer, garbage, half, open_provider, reset
from tests.redis_server import RedisServers
from tests.runtime.gateway_worlds import greeter
from tests.scenarios.hooks import Answer, request
from tests.scenarios.live import Live, open_live

TOKEN = "a-token-of-enough-length"
SECRET = "the-apps-secret"


def settings_of(folder: Path, api_url: str, *, answer_seconds: float = 8) -> Settings:
    file = folder / "sessiond.toml"
    file.write_text(f"""
[session_keys]
secret = "what openssl rand -base64 32 prints"

[gateways.line]
gateway = "nalo"
tokens = ["{TOKEN}"]
answer_seconds = {answer_seconds}

[gateways.shop]
gateway = "whatsapp"
phone_number_id = "100"
access_token = "t0p-s3cret"
verify_token = "verify-me"
app_secrets = ["{SECRET}"]
api_url = "{api_url}"
""")
    return load_settings(files=[file], environment={})


async def dial(live: Live, text: str, *, is_first: bool = False, session: str = "s1") -> Any:
    body = json.dumps(
        {
            "USERID": "U",
            "MSISDN": "233244123456",
            "USERDATA": text,
            "MSGTYPE": is_first,
            "SESSIONID": session,
        }
    ).encode()
    path = f"/gateways/line?token={TOKEN}"
    got = await request(live.port, "POST", path, body, {"content-type": "application/json"})
    assert 200 == got[0]
    return json.loads(got[2])


class Served(Protocol):
    """A server, in this process or in another one."""

    @property
    def port(self) -> int: ...


async def write(live: Served, text: str, name: str, *, tamper: bool = False) -> Answer:
    message = {
        "from": "233244123456",
        "id": name,
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": "100"},
        "contacts": [{"wa_id": "233244123456", "profile": {"name": "Ann"}}],
        "messages": [message],
    }
    changes = [{"field": "messages", "value": value}]
    body = json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}
    ).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    if tamper:
        body = body.replace(b"Ann", b"Eve")
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
    return await request(live.port, "POST", "/gateways/shop", body, headers)


def said(body: bytes) -> str:
    told = json.loads(body)
    text: str = (
        told["text"]["body"] if told["type"] == "text" else told["interactive"]["body"]["text"]
    )
    return text


async def test_a_dial_is_answered_in_the_providers_own_form(tmp_path: Path) -> None:
    """Welcome, question, choice, end: each in the response to the request."""
    settings = settings_of(tmp_path, "http://127.0.0.1:1")
    async with open_live(
        greeter(), tmp_path, gateways=settings.gateways, session_keys=settings.session_keys
    ) as live:
        shown = [await dial(live, "*920*44#", is_first=True)]
        shown += [await dial(live, "Ann"), await dial(live, "1")]

    assert [
        ("Welcome.\n\nWhat is your name?", True),
        ("Is it Ann?\n\n1. Yes\n2. No", True),
        ("Thank you, Ann: Yes.", False),
    ] == [(one["MSG"], one["MSGTYPE"]) for one in shown]


async def test_a_screen_that_came_too_late_is_shown_at_the_next_dial(
    redis_servers: RedisServers, tmp_path: Path
) -> None:
    """The store stands still for longer than a dial may: the answer is kept, and what followed it is shown."""
    redis = redis_servers.start(appendonly="yes")
    settings = settings_of(tmp_path, "http://127.0.0.1:1", answer_seconds=1)
    async with open_live(
        greeter(),
        tmp_path,
        gateways=settings.gateways,
        session_keys=settings.session_keys,
        store=StoreSettings(url=redis.url),
    ) as live:
        await dial(live, "*920*44#", is_first=True)
        redis.pause()
        late = await dial(live, "Ann")
        redis.resume()
        again = await dial(live, "*920*44#", is_first=True, session="s2")
        end = await dial(live, "1", session="s2")

    wait_text = settings.gateways["line"].account.wait_text
    assert [
        (wait_text, False),
        ("Is it Ann?\n\n1. Yes\n2. No", True),
        ("Thank you, Ann: Yes.", False),
    ] == [(one["MSG"], one["MSGTYPE"]) for one in (late, again, end)]


async def test_a_chat_is_acknowledged_and_answered_by_calls(tmp_path: Path) -> None:
    """A webhook sent three times is said once; what the flow shows reaches the provider in order, with our token."""
    async with open_provider() as provider:
        settings = settings_of(tmp_path, provider.url)
        async with open_live(
            greeter(), tmp_path, gateways=settings.gateways, session_keys=settings.session_keys
        ) as live:
            answers = [await write(live, "hi", "wamid.a") for _ in range(3)]
            await provider.wait_calls(2)
            answers.append(await write(live, "Ann", "wamid.b"))
            asked = await provider.wait_calls(3)

    assert [200] * 4 == [one[0] for one in answers]
    assert ["Welcome.", "What is your name?", "Is it Ann?"] == [said(one.body) for one in asked]
    assert {"Bearer t0p-s3cret"} == {one.headers["authorization"] for one in asked}
    assert {"/v23.0/100/messages"} == {one.target for one in asked}


async def test_a_body_changed_by_one_byte_is_refused(tmp_path: Path) -> None:
    """It is signed for other bytes: nobody said that."""
    settings = settings_of(tmp_path, "http://127.0.0.1:1")
    async with open_live(
        greeter(), tmp_path, gateways=settings.gateways, session_keys=settings.session_keys
    ) as live:
        got = await write(live, "hi", "wamid.a", tamper=True)
        rows = (await live.admin("sessions.list"))["rows"]

    assert 401 == got[0]
    assert [] == rows


@pytest.mark.parametrize(
    "fault",
    [
        answer(500),
        answer(429, {}, headers={"retry-after": "0"}),
        half(),
        garbage(b"HTTP/1.1 2"),
        reset(),
    ],
    ids=["500", "429", "half a body", "half a head", "reset"],
)
async def test_what_a_provider_does_not_take_is_sent_again(tmp_path: Path, fault: Response) -> None:
    """500, 429, half a response: the order of the messages stays."""
    async with open_provider() as provider:
        provider.script(fault)
        settings = settings_of(tmp_path, provider.url)
        async with open_live(
            greeter(), tmp_path, gateways=settings.gateways, session_keys=settings.session_keys
        ) as live:
            await write(live, "hi", "wamid.a")
            asked = await provider.wait_calls(3)

    assert ["Welcome.", "Welcome.", "What is your name?"] == [said(one.body) for one in asked]


async def test_what_was_acknowledged_is_answered_after_a_crash(tmp_path: Path) -> None:
    """The provider is away, the server dies; the next one calls. What the first has written already stays as it is."""
    async with open_provider() as provider:
        settings, takes = settings_of(tmp_path, provider.url), provider.otherwise
        accounts = {"gateways": settings.gateways, "session_keys": settings.session_keys}
        provider.otherwise = reset()
        async with open_live(greeter(), tmp_path, **accounts) as live:
            await write(live, "hi", "wamid.a")
        before, provider.otherwise = len(provider.calls), takes
        async with open_live(greeter(), tmp_path, **accounts):
            asked = (await provider.wait_calls(before + 2))[before:]

    assert any(b"Welcome." in call.body for call in asked)
