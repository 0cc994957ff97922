"""A page in a real browser, driven from outside by Chromium's DevTools protocol: nothing is put into the page."""

import base64
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import define, field
from trio_websocket import WebSocketConnection, open_websocket_url

from tests.scenarios.browser import open_browser

__all__ = ["Driven", "open_driven"]

#: Resolves once the expression is true; it is looked at with every change, for some are no mutation of the tree.
_UNTIL = """new Promise((done, fail) => {
  const end = performance.now() + %d;
  const look = () => {
    const found = (() => (%s))();
    if (found) done(found);
    else if (performance.now() > end) fail(new Error(document.body.innerText));
    else setTimeout(look, 20);
  };
  look();
})"""

_MAX_SCREENSHOT = 64 * 1024 * 1024


@define(eq=False)
class Driven:
    """One page."""

    _socket: WebSocketConnection
    session: str = ""
    _ids: Iterator[int] = field(factory=lambda: itertools.count(1))
    problems: list[str] = field(factory=list)
    """What the page's console has complained of, scripts that the policy stopped too."""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        sent = {"id": next(self._ids), "method": method, "params": parameters}
        await self._socket.send_message(
            json.dumps(sent | ({"sessionId": self.session} if self.session else {}))
        )
        while True:
            told = json.loads(await self._socket.get_message())
            if told.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.problems.append(json.dumps(told["params"]))
            if told.get("id") == sent["id"]:
                assert "error" not in told, told
                return dict(told["result"])

    async def show(self, url: str) -> None:
        """Go there."""
        await self.call("Page.navigate", url=url)

    async def run(self, expression: str) -> Any:
        """Evaluate JavaScript in the page; promises are awaited."""
        told = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, expression: str, seconds: float = 20) -> Any:
        """Wait until an expression is true; fails with the page's text."""
        return await self.run(_UNTIL % (seconds * 1000, expression))

    async def text(self, selector: str) -> str:
        """Give what can be read there."""
        return str(await self.run(f"document.querySelector({json.dumps(selector)}).textContent"))

    async def click(self, selector: str) -> None:
        """Press a button once it can be pressed."""
        at = json.dumps(selector)
        await self.until(f"document.querySelector({at})?.disabled === false")
        await self.run(f"document.querySelector({at}).click()")

    async def type(self, selector: str, text: str) -> None:
        """Replace what is in a field."""
        await self.run(
            f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}; 0"
        )

    async def resize(self, width: int, height: int) -> None:
        """Make the window so large."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def save_screenshot(self, file: Path) -> None:
        """Write a picture of the page."""
        shot = await self.call("Page.captureScreenshot", format="png")
        await trio.Path(file).write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def open_driven(folder: Path) -> AsyncIterator[Driven]:
    """Start a browser with an empty page; *folder* is for its profile."""
    with open_browser("about:blank", folder):
        told = folder / "profile" / "DevToolsActivePort"
        with trio.fail_after(30):
            while not (told.exists() and told.read_text().count("\n") == 1):  # noqa: ASYNC110 -- it sets no event
                await trio.sleep(0.05)
        port, path = told.read_text().split("\n")
        address = f"ws://127.0.0.1:{port}{path}"
        async with open_websocket_url(address, max_message_size=_MAX_SCREENSHOT) as socket:
            page = Driven(socket)
            targets = (await page.call("Target.getTargets"))["targetInfos"]
            target = next(one["targetId"] for one in targets if one["type"] == "page")
            attached = await page.call("Target.attachToTarget", targetId=target, flatten=True)
            page.session = attached["sessionId"]
            for domain in ("Log", "Runtime", "Page"):
                await page.call(f"{domain}.enable")
            yield page
