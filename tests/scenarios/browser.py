"""A real browser without a window, and a web server for the page it shows.

The binary is ``$SESSIOND_CHROMIUM``, or the first of the usual names on the path.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trio
from attrs import define

__all__ = ["Page", "find_browser", "open_browser", "serve_page"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str:
    """Name the browser to use, or raise with what to do about it."""
    if named := os.environ.get("SESSIOND_CHROMIUM"):
        return named
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    msg = "no Chromium: run tests/setup/browser.sh, or set SESSIOND_CHROMIUM"
    raise RuntimeError(msg)


@contextmanager
def open_browser(url: str, folder: Path) -> Iterator[None]:
    """Show *url* until the end of the block; *folder* is for the browser's profile and what it says."""
    flags = (
        "--headless=new",
        "--no-sandbox",  # CI runs as root, in a container
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--remote-debugging-port=0",  # without it, it may end when the page is loaded
        f"--user-data-dir={folder / 'profile'}",
    )
    with (folder / "browser.log").open("wb") as log:
        browser = subprocess.Popen(
            [find_browser(), *flags, url], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)  # its own group: it has children
        browser.wait()


@define(eq=False)
class Page:
    """A page that is served, and what it has said so far."""

    port: int
    _said: trio.MemoryReceiveChannel[tuple[str, Any]]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def said(self, step: str) -> Any:
        """Wait until the page says *step*, passing over the rest; returns the detail."""
        while True:
            said, detail = await self._said.receive()
            if said == step:
                return detail

    async def said_all(self, *steps: str) -> dict[str, list[Any]]:
        """Wait until the page has said each of *steps*; returns everything it said, by step."""
        everything: dict[str, list[Any]] = {}
        while not set(steps) <= everything.keys():
            said, detail = await self._said.receive()
            everything.setdefault(said, []).append(detail)
        return everything


@asynccontextmanager
async def serve_page(files: Mapping[str, tuple[str, bytes]]) -> AsyncIterator[Page]:
    """Serve *files* (path → type and content) on a free port; ``POST /say`` is how the page talks to the test."""
    send, receive = trio.open_memory_channel[tuple[str, Any]](1000)
    token = trio.lowlevel.current_trio_token()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, content = files.get(self.path.partition("?")[0], ("", b""))
            self._answer(200 if kind else 404, kind or "text/plain", content)

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            token.run_sync_soon(send.send_nowait, (said["step"], said["detail"]))
            self._answer(200, "text/plain", b"")

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Page(server.server_address[1], receive)
    finally:
        server.shutdown()
        server.server_close()
