"""A conversation with the demo's flow, as our own clients have it: over crashes of the server, and in a browser."""

import json
from pathlib import Path

import trio

from sessiond.config.settings import ListenSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.demo import app
from sessiond_client import (
    FLOW_OUTPUT,
    Backoff,
    Client,
    ClientSettings,
    Push,
    Shown,
    open_client,
)
from tests.redis_server import free_port
from tests.scenarios.browser import open_browser, serve_page
from tests.scenarios.live import open_live, token

ROOT = Path(__file__).parents[2]
KEYS = SessionKeySettings(secret="conversation-test-secret")
SETTINGS = ClientSettings(backoff=Backoff(first=0.05, longest=0.5))


async def pushed(client: Client) -> Shown:
    """Wait for what nobody waited for."""
    async for event in client:
        if isinstance(event, Push) and event.event == FLOW_OUTPUT:
            return Shown.read(event.payload)
    raise AssertionError("the stream ended")


async def test_the_python_client_talks_over_crashes(short_tmp_path: Path) -> None:
    """The server dies after each question; the client comes back by itself and the flow goes on where it was."""
    port = free_port()
    crash, crashes = trio.open_memory_channel[None](0)
    texts = []

    async def serve_over_crashes() -> None:
        while True:
            listen = ListenSettings(port=port)
            async with open_live(app, short_tmp_path, listen=listen, session_keys=KEYS):
                await crashes.receive()

    url = f"ws://127.0.0.1:{port}"
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_over_crashes)
            async with open_client(url, token("ada"), "ada", settings=SETTINGS) as client:
                texts.append((await client.start_flow("order")).text)
                await crash.send(None)
                texts.append((await client.say("large")).text)
                await crash.send(None)
                assert (await client.say("3")).pending
                texts.append((await pushed(client)).text)
                await crash.send(None)
                assert (await client.remind()).text == texts[-1]
                thanks = await client.say(choice="yes")
            nursery.cancel_scope.cancel()

    assert texts == [
        "What size?\n\n1. Small\n2. Large",
        "How many?",
        "3 × L is set aside. Order?\n\n1. Yes\n2. No",
    ]
    assert thanks.end == "returned"
    assert thanks.text.startswith("Thank you! Your reference is 3L-")


PAGE = """<!doctype html><meta charset="utf-8"><title>sessiond</title>
<script src="/phoenix.js"></script>
<script type="module">
import { Session, shownText } from "/sessiond.mjs";
const told = TOLD;
const say = (step, detail = null) => fetch("/say", {method: "POST", body: JSON.stringify({step, detail})});
let later;
const pushed = new Promise((resolve) => { later = resolve; });
const session = new Session(Phoenix.Socket, told.url, {
  token: told.token, user: "ada", device: "browser",
  onPush: (event, payload) => event === "flow:output" && later(payload),
});
const asked = await session.startFlow("order");
const tapped = await session.say({choice: "l", screen: asked.prompt.screen});
const stale = await session.say({choice: "s", screen: asked.prompt.screen});
const pending = await session.say("3");
const confirm = await pushed;
const thanks = await session.say("yes");
await say("talked", [asked, tapped, stale, confirm, thanks].map(shownText).concat(pending.pending, thanks.end));
</script>
"""


async def test_a_page_talks_with_the_session_module(short_tmp_path: Path, tmp_path: Path) -> None:
    """In a browser: start, tap, an old button, text, the push of a function's result, and the end."""
    port = free_port()
    told = json.dumps({"url": f"ws://127.0.0.1:{port}/socket", "token": token("ada")})
    phoenix = ROOT / "tests/phoenix_js/node_modules/phoenix18/priv/static/phoenix.min.js"
    module = ROOT / "clients/javascript/sessiond.mjs"
    files = {
        "/": ("text/html", PAGE.replace("TOLD", told).encode()),
        "/phoenix.js": ("text/javascript", phoenix.read_bytes()),
        "/sessiond.mjs": ("text/javascript", module.read_bytes()),
    }
    with trio.fail_after(60):
        async with serve_page(files) as page:
            listen = ListenSettings(port=port, origins=(page.origin,))
            async with open_live(app, short_tmp_path, listen=listen, session_keys=KEYS):
                with open_browser(f"{page.origin}/", tmp_path):
                    asked, tapped, stale, confirm, thanks, pending, end = await page.said("talked")

    assert asked == "What size?\n\n1. Small\n2. Large"
    assert tapped == "How many?"
    assert stale == "That choice belongs to an earlier question.\n\nHow many?"
    assert confirm == "3 × L is set aside. Order?\n\n1. Yes\n2. No"
    assert thanks.startswith("Thank you! Your reference is 3L-")
    assert (pending, end) == (True, "returned")
