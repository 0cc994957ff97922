"""The stock phoenix package from npm, unmodified, in Node: the clients people already have."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.edges.websocket.stand import Stand, open_stand

SCRIPTS = Path(__file__).parents[2] / "phoenix_js"
VERSIONS = pytest.mark.parametrize("version", ["17", "18"])


async def travel(stand: Stand, version: str, journey: str, token: str = "alice") -> dict[str, Any]:
    """Run one journey; return what it said, by step."""
    url = f"ws://localhost:{stand.port}/socket"
    done = await trio.run_process(
        ["node", "journey.js", version, url, token, "alice", journey],
        cwd=SCRIPTS,
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode()
    assert done.returncode == 0, output
    return {line["step"]: line["detail"] for line in map(json.loads, output.splitlines())}


@VERSIONS
async def test_a_stock_client_lives_its_whole_life(version: str) -> None:
    """Connect, join, push, receive, binary, rejoin, leave, join again, disconnect."""
    async with open_stand() as stand:
        said = await travel(stand, version, "full")

        assert said["open"] == ("" if version == "17" else "phoenix")
        assert said["join"][0] == "ok"
        assert said["join"][1]["user_id"] == "alice"
        assert said["join"][2] == "joined"
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
        assert said["closed"] in {1000, 1005}


@VERSIONS
async def test_a_stock_client_that_is_turned_away_stays_away(version: str) -> None:
    """After a final refusal the channel is closed; the socket comes back without a join."""
    async with open_stand() as stand:
        stand.actor().join_error = "unknown_user"
        said = await travel(stand, version, "refused")

        assert said["join"][0] == "error"
        assert said["join"][1]["reason"] == "unknown_user"
        assert said["channel"] == "closed"
        assert said["closed"] == 4003
        assert said["reopened"] == 0
        assert len(stand.actor().told) == 1


@VERSIONS
async def test_a_stock_client_cannot_join_somebody_else(version: str) -> None:
    """The foreign channel is closed for good, the own one works on the same socket."""
    async with open_stand() as stand:
        said = await travel(stand, version, "foreign")

        assert said["join"][0] == "error"
        assert said["join"][1]["reason"] == "forbidden"
        assert said["channel"] == "closed"
        assert said["own"] == "ok"


@VERSIONS
async def test_a_stock_client_without_a_good_token_is_not_let_in(version: str) -> None:
    """The upgrade is answered 401, and costs no actor."""
    async with open_stand() as stand:
        said = await travel(stand, version, "unauthorized", token="bad")

        assert "401" in said["failed"]
        assert stand.directory.actors == {}
