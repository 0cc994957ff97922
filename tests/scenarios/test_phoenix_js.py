"""The stock phoenix package from npm, unmodified, in Node, against the whole server."""

import json
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from sessiond import App, Session
from sessiond.config.settings import ListenSettings, Settings, StoreSettings
from sessiond.core.ids import UserId
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.auth import AuthSettings, issue_token, signing_key
from sessiond.server import serve

SCRIPTS = Path(__file__).parents[1] / "phoenix_js"
VERSIONS = pytest.mark.parametrize("version", ["17", "18"])
AUTH = AuthSettings(secret="phoenix-test-secret-of-more-than-32-bytes")

app = App()


@app.load_user
async def load_user(user: str) -> dict[str, Any] | None:
    """Know everybody but nobody."""
    return None if user == "nobody" else {}


@app.on("echo")
async def echo(_session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Answer with what came."""
    return payload


@app.on("shout")
async def shout(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Push it to everybody, durably."""
    session.push("shouted", {"data": payload})
    return {}


@app.on("fail")
async def fail(_session: Session, _payload: dict[str, Any]) -> None:
    """Do what handlers must not do."""
    raise RuntimeError("the handler failed")


@app.on("upload")
async def upload(_session: Session, payload: bytes) -> dict[str, Any]:
    """Count the bytes of a binary push."""
    return {"bytes": len(payload)}


@asynccontextmanager
async def open_server(folder: Path) -> AsyncIterator[str]:
    """Run the server in this process; yields host and port."""
    settings = Settings(
        listen=ListenSettings(port=0),
        auth=AUTH,
        store=StoreSettings(url="memory:"),
        admin=AdminSettings(socket=folder / "admin.sock"),
    )
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Any]) -> None:
            await serve(app, settings, handle_signals=False, task_status=task_status)

        bound = await nursery.start(run)
        with trio.fail_after(30):
            yield bound.http[0]
        nursery.cancel_scope.cancel()


async def travel(folder: Path, version: str, journey: str, user: str = "alice") -> dict[str, Any]:
    """Run one journey of *user*; return what it said, by step."""
    token = issue_token(signing_key(AUTH), UserId(user), now=time.time(), lifetime_seconds=60)
    async with open_server(folder) as address:
        done = await trio.run_process(
            ["node", "journey.js", version, f"ws://{address}/socket", token, user, journey],
            cwd=SCRIPTS,
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )
    output = done.stdout.decode()
    assert done.returncode == 0, output
    return {line["step"]: line["detail"] for line in map(json.loads, output.splitlines())}


@VERSIONS
async def test_a_stock_client_lives_its_whole_life(version: str, short_tmp_path: Path) -> None:
    """Connect, join, push, receive, binary, rejoin, leave, join again, disconnect."""
    said = await travel(short_tmp_path, version, "full")

    assert said["join"][0] == "ok"
    assert said["join"][1]["user_id"] == "alice"
    assert {"session_id", "epoch", "offset", "recovered"} <= said["join"][1].keys()
    assert said["echo"] == ["ok", {"text": "héllo", "n": 1}]
    assert said["shouted"] == {"_offset": 1, "data": {"x": 1}}
    assert said["error"][0] == "error"
    assert said["error"][1]["reason"] == "handler_failed"
    assert said["binary"] == ["ok", {"bytes": 3}]
    assert said["rejoin"][0::2] == ["ok", "joined"]
    assert said["first"] == "closed"
    assert said["echo again"] == ["ok", {"n": 2}]
    assert said["leave"][0] == "ok"
    assert said["left"] == "closed"
    assert said["join after leave"][0::2] == ["ok", "joined"]


@VERSIONS
async def test_an_unknown_user_stays_away(version: str, short_tmp_path: Path) -> None:
    """Refused for good: the channel is closed, the socket comes back without a join."""
    said = await travel(short_tmp_path, version, "refused", user="nobody")

    assert said["join"][1]["reason"] == "unknown_user"
    assert said["channel"] == "closed"
    assert said["closed"] == 4003
    assert said["reopened"] == 0
