"""The stock phoenix.js in a real browser, on a page of another origin, against the whole server."""

import json
from pathlib import Path

import pytest
import trio

from sessiond import telemetry
from sessiond.config.settings import ListenSettings
from sessiond.telemetry import Measurements, Metadata
from tests.redis_server import free_port
from tests.scenarios.browser import open_browser, serve_page
from tests.scenarios.crash_app import app
from tests.scenarios.live import open_live, token

PHOENIX = Path(__file__).parents[1] / "phoenix_js" / "node_modules"

PAGE = """<!doctype html><meta charset="utf-8"><title>sessiond</title>
<script src="/phoenix.js"></script>
<script>
const told = TOLD;
let last = Promise.resolve();
const say = (step, detail = null) => {
  last = last.then(() => fetch("/say", {method: "POST", body: JSON.stringify({step, detail})}));
};
const soon = () => 100;
const socket = new Phoenix.Socket(told.url, {
  params: {token: told.token}, reconnectAfterMs: soon, rejoinAfterMs: soon,
});
let position = null, n = 0;
const channel = socket.channel("user:ada", () => (
  position ? {device: "browser", resume: position} : {device: "browser"}
));
for (const event of ["added", "news"]) channel.on(event, (payload) => {
  position.offset = payload._offset;
  say(event, payload.n);
});
channel.join().receive("ok", (reply) => {
  if (!reply.recovered) position = {epoch: reply.epoch, offset: reply.offset};
  say("joined", reply.recovered);
  n += 1;
  channel.push("add", {n}).receive("ok", (answer) => say("answered", answer.count));
});
socket.onClose((event) => say("closed", event.code));
socket.connect();
</script>
"""


def page_files(version: str, port: int) -> dict[str, tuple[str, bytes]]:
    """Make the page for a server on *port*, and its script: the package's own build for browsers."""
    told = json.dumps({"url": f"ws://127.0.0.1:{port}/socket", "token": token("ada")})
    script = PHOENIX / f"phoenix{version}" / "priv" / "static" / "phoenix.min.js"
    return {
        "/": ("text/html", PAGE.replace("TOLD", told).encode()),
        "/phoenix.js": ("text/javascript", script.read_bytes()),
    }


@pytest.mark.parametrize("version", ["17", "18"])
async def test_a_page_survives_a_crash_of_the_server(
    version: str, short_tmp_path: Path, tmp_path: Path
) -> None:
    """A page of an origin that is not listed is refused. Listed, it joins, pushes and receives; when the server dies
    and another starts, it comes back by itself and resumes: what it missed arrives, once.
    """
    port = free_port()
    refused = trio.Event()

    def look(_name: str, _measurements: Measurements, metadata: Metadata) -> None:
        if metadata["reason"] == "origin":
            refused.set()

    async with serve_page(page_files(version, port)) as page:
        closed_door = ListenSettings(port=port)
        open_door = ListenSettings(port=port, origins=(page.origin,))
        with open_browser(f"{page.origin}/", tmp_path):
            with trio.fail_after(60):
                await page.said("closed")  # it is there, and nobody listens yet
            async with open_live(app, short_tmp_path, listen=closed_door) as live:
                detach = telemetry.attach(look, ["auth.refused"])
                await refused.wait()
                detach()
                stats = await live.admin("stats")
            async with open_live(app, short_tmp_path, listen=open_door):
                first = await page.said_all("joined", "added", "answered")
            async with open_live(app, short_tmp_path, listen=open_door) as live:
                await live.admin("sessions.send", user="ada", event="news", payload={"n": 7})
                second = await page.said_all("joined", "news", "added", "answered")
                shown = await live.shown("ada")

    assert 0 == stats["connections"]
    assert ([False], [1], [1]) == (first["joined"], first["added"], first["answered"])
    assert ([True], [2], [2]) == (second["joined"], second["added"], second["answered"])
    assert [7] == second["news"]
    assert [1, 2] == shown["seen"]
