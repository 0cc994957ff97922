"""Programs that say something again, whose answer was too large to be kept beside the id of the message."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sessiond import App, Conversation
from sessiond.config.load import load_settings
from tests.scenarios.hooks import request
from tests.scenarios.live import Live, open_live

TOKEN = "a-token-of-enough-length"
LONG = "word " * 2000


def teller() -> App:
    """An app with much to tell, before a question and at its end."""
    app = App()

    @app.flow("tell", takes_everything=True)
    async def tell(c: Conversation) -> None:
        await c.say(f"First. {LONG}")
        await c.ask("more", "More?")
        await c.say(f"Last. {LONG}")

    return app


def looker() -> App:
    """An app with much to tell of what its functions found, before a question and at its end."""
    app = App()

    async def look(times: int) -> str:
        return "found " * times

    @app.flow("look", takes_everything=True)
    async def flow(c: Conversation) -> None:
        await c.say(f"First. {await c.run('first', look, 2000)}")
        await c.ask("more", "More?")
        few = await c.run("few", look, 1)
        await c.say(f"Last. {few}{await c.run('last', look, 2000)}")

    return app


@asynccontextmanager
async def serving(folder: Path, app: App | None = None) -> AsyncIterator[Live]:
    """A server with one account, of a program."""
    file = folder / "sessiond.toml"
    file.write_text(f"""
[session_keys]
secret = "what openssl rand -base64 32 prints"

[gateways.program]
gateway = "http"
tokens = ["{TOKEN}"]
""")
    loaded = load_settings(files=[file], environment={})
    accounts = {"gateways": loaded.gateways, "session_keys": loaded.session_keys}
    async with open_live(app or teller(), folder, **accounts) as live:
        yield live


async def say(live: Live, text: str, name: str) -> Any:
    body = {"session_id": "s", "user_id": "u", "input": text, "message_id": name}
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    got = await request(live.port, "POST", "/gateways/program", json.dumps(body).encode(), headers)
    assert 200 == got[0]
    told = json.loads(got[2])
    return {name: told.get(name) for name in ("type", "message")}


async def test_a_long_answer_is_given_again(tmp_path: Path) -> None:
    """The very same one, also after a crash, and of a conversation that ended with it: nothing is said twice."""
    async with serving(tmp_path) as live:
        first = await say(live, "hi", "m-1")
        again = await say(live, "hi", "m-1")
        last = await say(live, "no", "m-2")
    async with serving(tmp_path) as live:
        again_last = await say(live, "no", "m-2")

    assert ("prompt", True) == (first["type"], first["message"].endswith("More?"))
    assert ("terminal", True) == (last["type"], last["message"].startswith("Last."))
    assert (first, last) == (again, again_last)


async def test_a_long_answer_of_a_function_is_given_again(tmp_path: Path) -> None:
    """Also where the request waited for two of them, one after the other."""
    async with serving(tmp_path, looker()) as live:
        first = await say(live, "hi", "m-1")
        again = await say(live, "hi", "m-1")
        last = await say(live, "no", "m-2")
    async with serving(tmp_path, looker()) as live:
        again_last = await say(live, "no", "m-2")

    assert ("prompt", True) == (first["type"], first["message"].endswith("More?"))
    assert ("terminal", True) == (last["type"], last["message"].startswith("Last."))
    assert (first, last) == (again, again_last)


async def test_an_older_one_shows_what_waits(tmp_path: Path) -> None:
    """Of long answers the last is kept. For another one there is what waits now, or that the conversation is over."""
    async with serving(tmp_path) as live:
        await say(live, "hi", "m-1")
        await say(live, "no", "m-2")
        over = await say(live, "hi", "m-1")
        await say(live, "hi", "m-3")
        waits = await say(live, "hi", "m-1")

    assert {"type": "terminal", "message": None} == over
    assert {"type": "prompt", "message": "More?"} == waits
