"""``sessiond dev`` in a process of its own, and its simulator in a real browser."""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import define, field

from tests.redis_server import free_port
from tests.scenarios.devtools import Driven, open_driven

__all__ = ["Simulator", "open_simulator"]

_ROOT = Path(__file__).parents[2]

_PICK = """(() => {
  const picker = document.querySelector(%s);
  picker.value = %s;
  picker.dispatchEvent(new Event("change"));
  return picker.value;
})()"""

#: The last of the buttons with this text that can be seen: what a person would press.
_PRESS = """(() => {
  const found = [...document.querySelectorAll("button, summary")].filter(
    (one) => one.firstChild?.textContent === %s && one.checkVisibility() && !one.disabled);
  found.at(-1)?.click();
  return found.length;
})()"""


@define(eq=False)
class Simulator:
    """The page, as a person uses it."""

    page: Driven
    address: str
    _dev: "_Dev"

    async def crash(self) -> None:
        """Kill the server and start it again; the page's complaints of that do not count."""
        self._dev.kill()
        await self.page.until("document.body.dataset.chat === 'offline'")
        await self._dev.start()
        await self.page.until("document.body.dataset.chat === 'online'")
        self.page.problems.clear()

    async def pick(self, picker: str, value: str) -> None:
        """Choose one of a list."""
        picked = await self.page.run(_PICK % (json.dumps(picker), json.dumps(value)))
        assert picked == value

    async def open_chat(self, account: str) -> None:
        """Take up the chat of an account."""
        await self.page.click("#tab-chat")
        await self.page.until("document.body.dataset.chat === 'online'")
        await self.pick("#chat-account", account)

    async def write(self, text: str) -> None:
        """Say something in the chat."""
        await self.page.type("#chat-input", text)
        await self.page.click("#chat-send")

    async def attach(self, file: Path) -> None:
        """Choose a file to send in the chat."""
        found = await self.page.call(
            "Runtime.evaluate", expression="document.querySelector('#chat-file')"
        )
        await self.page.call(
            "DOM.setFileInputFiles", files=[str(file)], objectId=found["result"]["objectId"]
        )

    async def press(self, text: str) -> None:
        """Press the last button that says *text*, once it is there."""
        await self.page.until(_PRESS % json.dumps(text))

    async def until_said(self, text: str) -> str:
        """Wait until the app's last message holds *text*; gives the message."""
        last = "[...document.querySelectorAll('.messages:not([hidden]) > li:not(.mine)')].at(-1)?.innerText"
        return str(await self.page.until(f"{last}?.includes({json.dumps(text)}) && {last}"))

    async def until_shown(self, text: str) -> str:
        """Wait until the handset's screen holds *text*; gives the screen."""
        screen = "document.querySelector('#ussd-screen').textContent"
        return str(await self.page.until(f"{screen}.includes({json.dumps(text)}) && {screen}"))

    async def until_logged(self, text: str) -> str:
        """Wait until *text* is in the log; gives the log."""
        log = "document.querySelector('#log').textContent"
        return str(await self.page.until(f"{log}.includes({json.dumps(text)}) && {log}"))

    async def dial(self, text: str | None = None) -> None:
        """Dial, or answer on the handset; without *text* what stands there."""
        if text is not None:
            await self.page.type("#ussd-input", text)
        await self.page.click("#ussd-send")

    async def accessible(self) -> list[dict[str, Any]]:
        """Give what a screen reader is told of."""
        nodes: list[dict[str, Any]] = (await self.page.call("Accessibility.getFullAXTree"))["nodes"]
        return [one for one in nodes if not one["ignored"]]


@define(eq=False)
class _Dev:
    """``sessiond dev``, started again and again on the same port and state."""

    folder: Path
    target: str
    config: str
    port: int = field(factory=free_port)
    process: "subprocess.Popen[str] | None" = None

    async def start(self) -> str:
        """Start it; gives its address."""
        self.process = self._launched()
        address = await trio.to_thread.run_sync(_address, self.process)
        assert address, (self.folder / "dev.log").read_text()
        return address

    def _launched(self) -> "subprocess.Popen[str]":
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("SESSIOND_")
        }
        added = {"SESSIOND_STATE_DIR": str(self.folder / "state"), "PYTHONPATH": str(_ROOT)}
        if self.config:
            file = self.folder / "sessiond.toml"
            file.write_text(self.config.replace("PORT", str(self.port)))
            added["SESSIOND_CONFIG"] = str(file)
        with (self.folder / "dev.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "sessiond", "dev", "--port", str(self.port), self.target],
                cwd=self.folder,
                env=clean | added,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            with self.process:
                self.process = None


def _address(process: "subprocess.Popen[str]") -> str:
    """Read the simulator's address from what it prints; empty: it ended."""
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"simulator +(http://\S+)/simulator", line)
        if found:
            return found[1]
    return ""


@asynccontextmanager
async def open_simulator(
    folder: Path, profile: Path, target: str = "sessiond.demo:app", *, config: str = ""
) -> AsyncIterator[Simulator]:
    """Run ``sessiond dev`` and show its simulator; nothing may be wrong in the page's console at the end.

    *folder* is for its state; *config* are settings.
    """
    dev = _Dev(folder, target, config)
    try:
        address = await dev.start()
        async with open_driven(profile) as page:
            await page.resize(1280, 860)
            await page.show(f"{address}/simulator")
            await page.until("document.body?.dataset.ready === 'yes'")
            yield Simulator(page, address, dev)
            assert not page.problems, page.problems
    finally:
        dev.kill()
