"""What happened in a conversation, as an operator reads it of a real server: over crashes, within its bound."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.cli.conftest import Ctl, Done
from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.server_process import ServerProcess

PHONE = "+233201234567"


@pytest.fixture(params=["sqlite", "redis"])
def store(
    request: pytest.FixtureRequest, redis_servers: RedisServers, short_tmp_path: Path
) -> Iterator[str]:
    """A store that survives the server."""
    if request.param == "sqlite":
        yield f"sqlite:///{short_tmp_path}/journal.db"
    else:
        yield redis_servers.start(appendonly="yes", appendfsync="always").url


class Office:
    """The server, and an operator who looks."""

    def __init__(self, store: str, folder: Path, *, entries: int) -> None:
        module = "tests.scenarios.journal_server"
        self.server = ServerProcess(store, folder, module=module, arguments=[str(entries)])
        self._ctl = Ctl(folder / "node-1.sock")

    async def ctl(self, *words: str) -> Done:
        done = await trio.to_thread.run_sync(lambda: self._ctl(*words))
        assert done.code == 0, done.err
        return done

    async def journal(self, *words: str) -> list[dict[str, Any]]:
        """Read ``sessionctl journal ada`` page by page."""
        rows: list[dict[str, Any]] = []
        cursor: list[str] = []
        while True:
            done = await self.ctl("--json", "journal", "ada", "--limit", "3", *words, *cursor)
            rows += done.json["rows"]
            if not done.json["cursor"]:
                return rows
            cursor = ["--cursor", done.json["cursor"]]


async def test_a_journal_survives_the_server_and_hides_what_was_said(
    store: str, short_tmp_path: Path
) -> None:
    """Every entry of an acknowledged turn is there after ``kill -9``; the conversation and its journal go on."""
    office = Office(store, short_tmp_path, entries=1000)
    await office.server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", office.server.port, nursery, random.Random(1))
        await client.push("flow:start", {"flow": "order"})
        refused = await client.push("flow:say", {"text": f"call me on {PHONE}"})
        before = await office.journal("--reveal")
        office.server.kill()
        await client.close()
        await office.server.start()
        kept = await office.journal("--reveal")
        went_on = await client.push("flow:say", {"text": "5"})
        after = await office.journal()
        (error,) = await office.journal("--event", "validation_error")
        table = (await office.ctl("journal", "ada", "--flow", "order")).out
        await client.close()
        nursery.cancel_scope.cancel()
    office.server.kill()

    assert refused["rejected"]
    assert "sure" == went_on["prompt"]["key"]
    assert before == kept
    assert [row["event"] for row in before] == [row["event"] for row in after[-len(before) :]]
    assert len(after) > len(before)
    assert ("order", "amount", "failure") == (error["flow"], error["step"], error["status"])
    texts = [row["text"] for row in before if row["event"] == "message.received"]
    assert any("call me on" in text for text in texts if text)
    assert PHONE not in str(before)
    assert "call me" not in str(after)
    assert "validation_error" in table
    assert "call me" not in table
    assert f"text({len(f'call me on {PHONE}')})" in table


async def test_a_journal_keeps_what_settings_say(store: str, short_tmp_path: Path) -> None:
    """The oldest entries make room; what is left is the newest, in order."""
    office = Office(store, short_tmp_path, entries=5)
    await office.server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("ada", office.server.port, nursery, random.Random(1))
        await client.push("flow:start", {"flow": "order"})
        for n in range(6):
            await client.push("flow:say", {"text": f"no number {n}"})
        rows = await office.journal("--reveal")
        await client.close()
        nursery.cancel_scope.cancel()
    office.server.kill()

    assert 5 == len(rows)
    assert "no number 5" in str(rows)
    assert "no number 0" not in str(rows)
    assert sorted(rows, key=lambda row: (-row["at"], -row["n"])) == rows
