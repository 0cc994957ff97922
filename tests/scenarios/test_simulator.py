"""The simulator of ``sessiond dev`` in a real browser, with the demo app and the accounts it makes by itself."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sessiond.config import load_settings
from sessiond.config.settings import ListenSettings
from sessiond.demo import app
from sessiond.server.simulated import dev_accounts
from tests.redis_server import free_port
from tests.scenarios.devtools import Driven, open_driven
from tests.scenarios.hooks import request
from tests.scenarios.live import SECRET, open_live

SCREEN = "document.querySelector('#ussd-screen').textContent"
STATE = "document.body.dataset.ussd"
CHAT = "document.querySelector('#chat-messages').textContent"
FRAMES = "document.querySelector('#socket-frames').textContent"


@asynccontextmanager
async def open_simulator(folder: Path, profile: Path) -> AsyncIterator[tuple[Driven, str, int]]:
    """Start the server and show the page; gives the access token of the stand-in's account, and the port."""
    port = free_port()
    accounts = dev_accounts(SECRET, f"127.0.0.1:{port}")
    flags = {
        f"gateways.{name}.{key}": value
        for name, table in accounts.items()
        for key, value in table.items()
    }
    made = load_settings(flags={**flags, "session_keys.secret": SECRET}, environment={})
    changes: dict[str, Any] = {
        "dev": True,
        "listen": ListenSettings(host="127.0.0.1", port=port),
        "gateways": made.gateways,
        "session_keys": made.session_keys,
    }
    async with (
        open_driven(profile) as page,
        open_live(app, folder, **changes) as live,
    ):
        await page.show(f"http://{live.address}/simulator")
        await page.until("document.body?.dataset.ready === 'yes'")
        yield page, accounts["whatsapp"]["access_token"], port
        assert [] == page.problems


async def answer(page: Driven, text: str, shown: str) -> None:
    """Type an answer on the handset, and wait for what is on its screen then."""
    await page.type("#ussd-input", text)
    await page.click("#ussd-send")
    await page.until(f"{SCREEN}.includes({json.dumps(shown)})")


async def test_a_handset(short_tmp_path: Path, tmp_path: Path) -> None:
    """One dials, turns a page, reads to the end, redials and orders; each screen is counted against the page, and
    each exchange is in the log as it was, without the token.
    """
    async with open_simulator(short_tmp_path, tmp_path) as (page, _, _):
        await page.click("#ussd-send")
        await page.until(f"{STATE} === 'in session'")
        menu = await page.text("#ussd-screen")
        await page.click("#ussd-keypad button:nth-child(2)")
        typed = await page.run("document.querySelector('#ussd-input').value")
        await answer(page, typed, "We bake every day")
        counted = await page.text("#ussd-counter")
        await answer(page, "#", "Orders of the last half hour")
        while await page.run(STATE) != "session ended":
            before = await page.text("#ussd-screen")
            await page.type("#ussd-input", "#")
            await page.click("#ussd-send")
            await page.until(f"{STATE} !== 'waiting' && {SCREEN} !== {json.dumps(before)}")
        last = await page.text("#ussd-screen")
        await page.click("#ussd-redial")
        await page.until(f"{SCREEN}.includes('Welcome')")
        await answer(page, "1", "What size?")
        await page.click("#ussd-cancel")
        hung_up = await page.run(STATE)
        log = await page.text("#log")
        await page.save_screenshot(tmp_path / "ussd.png")

    assert "Welcome to Pizza!" in menu
    assert "2" == typed
    assert counted.endswith(" / 120 GSM-7")
    assert "the driver tells the price" in last
    assert "hung up" == hung_up
    assert "→ POST /gateways/ussd?token=… 200" in log
    assert '"USERDATA": "*920*44#"' in log
    assert "dev-only" not in log


async def test_other_answering_accounts(short_tmp_path: Path, tmp_path: Path) -> None:
    """The generic JSON account is asked with its own request; what a flow says is never markup."""
    async with open_simulator(short_tmp_path, tmp_path) as (page, _, _):
        await page.run(
            "const picker = document.querySelector('#ussd-account'); picker.value = 'http';"
            "picker.dispatchEvent(new Event('change')); 0"
        )
        await page.click("#ussd-send")
        await page.until(f"{SCREEN}.includes('What size?')")
        screen = await page.text("#ussd-screen")
        log = await page.text("#log")

    assert "s: Small\nl: Large" in screen
    assert '"session_id"' in log


async def test_a_chat(short_tmp_path: Path, tmp_path: Path) -> None:
    """What the person writes is a signed webhook that is taken; what the account sends its provider is shown as text
    with its buttons, also when it looks like markup; a tap is a webhook too, and answers that message.
    """
    question = {
        "to": "233244123456",
        "type": "interactive",
        "interactive": {
            "type": "button",
            "header": {"type": "image", "image": {"link": "https://example.com/a.png"}},
            "body": {"text": "<img src=x onerror=alert(1)> Really?"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "y1", "title": "Yes, <b>"}}]},
        },
    }
    async with open_simulator(short_tmp_path, tmp_path) as (page, token, port):
        await page.click("#tab-chat")
        await page.until("document.body.dataset.chat === 'online'")
        await page.type("#chat-input", "hello there")
        await page.click("#chat-form button")
        await page.until(
            "document.querySelector('#log').textContent.includes('/gateways/whatsapp 200')"
        )
        status, _, body = await request(
            port,
            "POST",
            "/simulator/provider/whatsapp/v23.0/100000000000001/messages",
            json.dumps(question).encode(),
            {"authorization": f"Bearer {token}"},
        )
        await page.until(f"{CHAT}.includes('Really?')")
        images = await page.run("document.querySelectorAll('#chat-messages img').length")
        await page.click("#chat-messages li:not(.mine) .choices button")
        await page.until("document.querySelector('#log').textContent.includes('button_reply')")
        mine = await page.run(
            "[...document.querySelectorAll('#chat-messages .mine')].map(one => one.textContent)"
        )
        await page.until("document.querySelectorAll('#log li').length >= 3")
        log = await page.text("#log")
        await page.save_screenshot(tmp_path / "chat.png")

    assert 200 == status
    assert 0 == images
    assert ["hello there", "Yes, <b>"] == mine
    assert json.loads(body)["messages"][0]["id"] in log
    assert "401" not in log


async def test_a_socket(short_tmp_path: Path, tmp_path: Path) -> None:
    """With a token made for the user it joins, and pushes what was typed; frames are shown as they are."""
    async with open_simulator(short_tmp_path, tmp_path) as (page, _, _):
        await page.click("#tab-socket")
        await page.click("#socket-connect")
        await page.until(f'{FRAMES}.includes(\'"status":"ok"\')')
        await page.click("#socket-push")
        await page.until(f"{FRAMES}.includes('What size?')")
        await page.type("#socket-payload", "{oops")
        await page.click("#socket-push")
        await page.until(f"{FRAMES}.includes('the payload is no JSON')")
        await page.click("#socket-close")
        await page.until("document.body.dataset.socket === 'closed'")
        frames = await page.text("#socket-frames")

    assert '"phx_join"' in frames
    assert '["1","2","user:demo","flow:say",{"text":"hi"}]' in frames
