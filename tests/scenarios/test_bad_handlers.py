"""Handlers and stored states that are broken, behind the whole server: one user's failure, nothing half applied."""

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.scenarios.bad_app import app
from tests.scenarios.live import (
    Live,
    code_of,
    open_live,
    replace_snapshot,
    reply_to,
    stored_snapshot,
)

HALF_DONE = {
    "raise": "handler_failed",
    "hang": "timeout",
    "nonsense": "handler_failed",
    "spoil": "handler_failed",
    "flood": "handler_failed",
}


@pytest.mark.parametrize("event", HALF_DONE)
async def test_a_broken_handler_changes_nothing(event: str, short_tmp_path: Path) -> None:
    """Raises, hangs, returns nonsense, floods: an error with its code; data and pushes are as before, work goes on."""
    async with open_live(app, short_tmp_path) as live:
        client = await live.joined("ada")
        await reply_to(client, "add", {"n": 1})
        failed = await reply_to(client, event, {"_id": "0123456789abcdef", "word": "secret-word"})
        again = await reply_to(client, "add", {"n": 2, "_id": "0123456789abcdef"})
        shown = await reply_to(client, "show", {})
        pushed = (await live.admin("sessions.inspect", user="ada"))["stream"]["head"]

    error = failed.payload["response"]
    assert failed.payload["status"] == "error"
    assert error["code"] == HALF_DONE[event]
    assert "secret-word" not in str(error)
    assert again.payload["status"] == "ok", "the id of a failed push is free"
    assert shown.payload["response"] == {"seen": [1, 2]}
    assert pushed == 2


async def test_an_oversized_state_fails_its_turn(short_tmp_path: Path) -> None:
    """More data than a snapshot holds is refused with its code; what was there stays, and is there after a restart."""
    async with open_live(app, short_tmp_path) as live:
        client = await live.joined("ada")
        await reply_to(client, "add", {"n": 1})
        refused = await reply_to(client, "bloat", {"bytes": 300_000})
        await reply_to(client, "add", {"n": 2})
    async with open_live(app, short_tmp_path) as live:
        shown = await live.shown("ada")

    assert refused.payload["response"]["code"] == "too_large"
    assert shown == {"seen": [1, 2]}


async def test_a_failing_webhook_is_a_dead_letter(short_tmp_path: Path) -> None:
    """Accepted first, so tried once more, then kept for an operator; the webhooks after it are applied."""
    async with open_live(app, short_tmp_path) as live:
        failing = await live.hook("ada", b'{"fail":"secret-word"}', message_id="bad")
        good = await live.hook("ada", b'{"n":1}', message_id="good")
        shown = await live.wait_for_hooks("ada", 1)
        while not (letters := (await live.admin("dead_letters.list"))["rows"]):  # noqa: ASYNC110
            await trio.sleep(0.05)  # an admin socket sets no event

    assert (failing[0], good[0]) == (202, 202)
    assert shown["hooks"] == [1]
    assert [(letter["kind"], letter["attempts"]) for letter in letters] == [("hook:json", 2)]
    assert "secret-word" not in str(letters)


async def test_a_failing_waiting_webhook_is_answered(short_tmp_path: Path) -> None:
    """Its sender gets 500 with a code and no word of the cause; the id is free for another try."""
    async with open_live(app, short_tmp_path) as live:
        failed = await live.hook("ada", b'{"fail":"secret-word"}', name="count", message_id="m")
        again = await live.hook("ada", b'{"n":1}', name="count", message_id="m")

    assert (failed[0], code_of(failed[2])) == (500, "handler_failed")
    assert b"secret-word" not in failed[2]
    assert (again[0], again[2]) == (200, b'{"count":1}')


def damaged(sealed: bytes) -> bytes:
    """Flip one bit of the state."""
    return sealed[:-3] + bytes([sealed[-3] ^ 1]) + sealed[-2:]


def newer(sealed: bytes) -> bytes:
    """Say that a newer version wrote it."""
    assert sealed[:2] == b"\xe5\x00"
    assert sealed[2:4] == b"SD"
    return sealed[:4] + b"\x63" + sealed[5:]


def reshaped(sealed: bytes) -> bytes:
    """A body of another shape, with the right checksum."""
    body = b'{"surprise":1}'
    return sealed[:6] + zlib.crc32(body).to_bytes(4, "big") + body


def pasted(_sealed: bytes) -> bytes:
    """Bytes of something else altogether."""
    return b"\x00" * 40


@pytest.mark.parametrize("spoil", [damaged, newer, reshaped, pasted])
async def test_a_record_that_cannot_be_read_is_one_users_trouble(
    spoil: Any, short_tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Corrupt, or of a newer version: its user alone is refused, nothing is overwritten, and repaired it goes on."""
    async with open_live(app, short_tmp_path) as live:
        client = await live.joined("ada")
        await reply_to(client, "add", {"n": 1})
    good = stored_snapshot(short_tmp_path, "ada")
    bad = spoil(good)
    replace_snapshot(short_tmp_path, "ada", bad)

    async with open_live(app, short_tmp_path) as live:
        client = await live.connect("ada")
        refused = await client.join()
        waits = await live.hook("ada", b'{"n":5}')
        bob = await live.joined("bob")
        other = await reply_to(bob, "echo", {"n": 1})
        detail = await live.admin("sessions.inspect", user="ada")
    kept = stored_snapshot(short_tmp_path, "ada")
    replace_snapshot(short_tmp_path, "ada", good)
    async with open_live(app, short_tmp_path) as live:
        shown = await live.wait_for_hooks("ada", 1)
    logged = capsys.readouterr().err

    assert refused.payload["response"]["code"] == "quarantined"
    assert waits[0] == 202
    assert other.payload["status"] == "ok"
    assert detail["quarantine"]["error"]
    assert kept == bad
    assert shown == {"seen": [1], "hooks": [5]}
    assert "supervisor.quarantined" in logged
    assert '"seen"' not in logged


async def inspect_quarantine(live: Live, user: str) -> Any:
    return (await live.admin("sessions.inspect", user=user))["quarantine"]


@pytest.mark.parametrize("spoil", [damaged, pasted])
async def test_a_damaged_record_is_rolled_back_by_an_operator(
    spoil: Any, short_tmp_path: Path
) -> None:
    """The snapshot before the last one is put back, and the user released: he may come in again at once."""
    async with open_live(app, short_tmp_path) as live:
        client = await live.joined("ada")
        await reply_to(client, "add", {"n": 1})
        await reply_to(client, "add", {"n": 2})
    replace_snapshot(short_tmp_path, "ada", spoil(stored_snapshot(short_tmp_path, "ada")))

    async with open_live(app, short_tmp_path) as live:
        client = await live.connect("ada")
        refused = await client.join()
        before = await inspect_quarantine(live, "ada")
        await live.admin("sessions.rollback", user="ada")
        await live.admin("sessions.release", user="ada")
        after = await inspect_quarantine(live, "ada")
        shown = await live.shown("ada")

    assert refused.payload["response"]["code"] == "quarantined"
    assert before is not None
    assert after is None
    assert shown["seen"] in ([1], [1, 2])


async def test_a_file_of_a_newer_schema_is_refused(short_tmp_path: Path) -> None:
    """A server does not start on the file of a newer version, says so, and leaves it as it is."""
    async with open_live(app, short_tmp_path) as live:
        await live.joined("ada")
    file = short_tmp_path / "store.db"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA user_version = 99")
    before = file.read_bytes()

    with pytest.RaisesGroup(
        pytest.RaisesExc(Exception, match="newer version"), flatten_subgroups=True
    ):
        async with open_live(app, short_tmp_path):
            raise AssertionError("it started")

    assert file.read_bytes() == before
