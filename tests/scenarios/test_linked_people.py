"""One person on USSD and on a websocket: linked with a code, one conversation, apart again; the server is killed in
between.
"""

import json
import random
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import trio
from attrs import define
from trio_websocket import ConnectionClosed, HandshakeError

from sessiond.cli.admin_client import open_admin
from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.hooks import request
from tests.scenarios.server_process import ServerProcess

TOKEN = "a-token-of-enough-length"

_AWAY = (ConnectionClosed, HandshakeError, OSError, trio.BrokenResourceError, trio.TooSlowError)


@define
class Person:
    """Ann, who has a phone and a browser."""

    server: ServerProcess
    folder: Path
    browser: StubbornClient
    dials: int = 0
    said: int = 0

    async def dial(self) -> str:
        """Dial the code; a new session of the provider."""
        self.dials += 1
        return await self._post("*920*44#", is_first=True)

    async def press(self, text: str) -> str:
        """Answer what the phone shows."""
        return await self._post(text, is_first=False)

    async def _post(self, text: str, *, is_first: bool) -> str:
        body = json.dumps(
            {
                "USERID": "U",
                "MSISDN": "233244123456",
                "USERDATA": text,
                "MSGTYPE": is_first,
                "SESSIONID": f"s{self.dials}",
            }
        ).encode()
        path = f"/gateways/line?token={TOKEN}"
        headers = {"content-type": "application/json"}
        status, _, answer = await request(self.server.port, "POST", path, body, headers)
        assert 200 == status
        shown: str = json.loads(answer)["MSG"]
        return shown

    async def write(self, event: str, **payload: Any) -> str:
        """Say something in the browser, until it is acknowledged."""
        self.said += 1
        while True:
            with suppress(*_AWAY):
                shown = await self.browser.push(event, {**payload, "_id": f"{self.said}"})
                texts = [one["text"] for one in shown.get("messages", ())]
                prompt = shown.get("prompt")
                return "\n".join([*texts, *([prompt["text"]] if prompt else [])])
            await trio.sleep(0.02)

    async def aliases(self) -> list[str]:
        """Who operators see that this person is, too."""
        async with open_admin(self.folder / "node-1.sock") as admin:
            inspected = await admin.call("sessions.inspect", user="ann")
        found: list[str] = inspected["aliases"]
        return found

    async def until_linked(self, *, is_linked: bool) -> None:
        """Wait until the link is made, or gone."""
        while bool(await self.aliases()) is not is_linked:
            pass

    async def crash(self) -> None:
        """``kill -9`` and a new start."""
        self.server.kill()
        await self.server.start()


async def live_through_it(store: str, folder: Path) -> None:
    """Link, talk here and there, part."""
    module = "tests.scenarios.link_server"
    server = ServerProcess(store, folder, module=module, arguments=[TOKEN])
    await server.start()
    async with trio.open_nursery() as sockets:
        with trio.fail_after(120):
            browser = StubbornClient("ann", server.port, sockets, random.Random(1))
            ann = Person(server, folder, browser)
            await link(ann)
            await talk_here_and_there(ann)
            await part(ann)
            await browser.close()
        sockets.cancel_scope.cancel()
    server.kill()


async def link(ann: Person) -> None:
    """A code is shown in the browser and typed on the phone; the server dies after each."""
    assert "elsewhere" in await ann.write("flow:start", flow="link")
    shown = await ann.write("flow:say", text="1")
    code = re.search(r"\d{8}", shown)
    assert code is not None, shown
    await ann.crash()

    assert "What now?" in await ann.dial()
    assert "elsewhere" in await ann.press("2")
    assert "Which code" in await ann.press("2")
    typed = f"{code[0][:4]} {code[0][4:]}"
    assert "you are one" in await ann.press(typed)
    await ann.crash()
    await ann.until_linked(is_linked=True)


async def talk_here_and_there(ann: Person) -> None:
    """The phone is asked what the browser was asked, and the browser goes on from the phone's answer."""
    assert "What now?" in await ann.write("flow:say", text="hello")
    assert "Which item?" in await ann.write("flow:say", text="1")
    await ann.crash()

    assert "Which item?" in await ann.dial()
    assert "How many?" in await ann.press("Tea")
    await ann.crash()

    assert "How many?" in await ann.write("flow:remind")
    assert "3 Tea." in await ann.write("flow:say", text="3")


async def part(ann: Person) -> None:
    """Said in the browser: then what is asked there is not what the phone is asked."""
    await ann.write("flow:start", flow="link")
    assert "not yours any more" in await ann.write("flow:say", text="3")
    await ann.crash()
    await ann.until_linked(is_linked=False)

    assert "What now?" in await ann.write("flow:say", text="hello")
    assert "Which item?" in await ann.write("flow:say", text="1")
    assert "What now?" in await ann.dial()
    assert "Which item?" in await ann.press("1")
    assert "How many?" in await ann.press("Milk")
    assert "Which item?" in await ann.write("flow:remind")


async def test_one_person_on_a_phone_and_in_a_browser_on_sqlite(short_tmp_path: Path) -> None:
    """Five SIGKILLs at the worst moments we know."""
    await live_through_it(f"sqlite:///{short_tmp_path}/links.db", short_tmp_path)


async def test_one_person_on_a_phone_and_in_a_browser_on_redis(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """The same on Redis."""
    server = redis_servers.start(appendonly="yes", appendfsync="always")
    await live_through_it(server.url, short_tmp_path)
