"""The client, against sockets that misbehave."""

from pathlib import Path

import pytest
import trio

from sessiond.cli.admin_client import AdminCallFailed, CannotConnect, open_admin
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.admin.socket import serve_admin
from tests.edges.admin.standin import StandInNode


async def misbehave(path: Path, answer: bytes, nursery: trio.Nursery) -> None:
    """Listen at *path*, answer whatever comes with *answer*, and close."""
    door = trio.socket.socket(trio.socket.AF_UNIX)
    await door.bind(str(path))
    door.listen()

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(answer)

    nursery.start_soon(trio.serve_listeners, serve, [trio.SocketListener(door)])


@pytest.mark.parametrize("answer", [b"", b'{"id":1', b"hello\n", b"[]\n", b"\xff\n"])
async def test_a_server_that_breaks_off_or_speaks_something_else(
    short_tmp_path: Path, nursery: trio.Nursery, answer: bytes
) -> None:
    """It is told as a broken connection, never as a result."""
    path = short_tmp_path / "a.sock"
    await misbehave(path, answer, nursery)

    with pytest.raises(CannotConnect), trio.fail_after(5):
        async with open_admin(path) as admin:
            await admin.call("version")


async def test_a_file_nobody_listens_on(short_tmp_path: Path) -> None:
    """A missing, a stale, and a wrong kind of file are told apart from a refusal."""
    stale = short_tmp_path / "stale"
    with trio.socket.socket(trio.socket.AF_UNIX) as dead:
        await dead.bind(str(stale))
    for path, words in ((short_tmp_path / "none", "no admin socket"), (stale, "nobody listens")):
        with pytest.raises(CannotConnect, match=words):
            async with open_admin(path):
                pass


async def test_a_refused_user_is_told_why(short_tmp_path: Path, nursery: trio.Nursery) -> None:
    """The answer to nobody's request is the answer to ours."""
    settings = AdminSettings(socket=short_tmp_path / "a.sock")

    async def serve(*, task_status: trio.TaskStatus[Path]) -> None:
        await serve_admin(StandInNode(), settings, uids=frozenset(), task_status=task_status)

    await nursery.start(serve)
    with pytest.raises(AdminCallFailed) as caught:
        async with open_admin(settings.socket) as admin:
            await admin.call("version")

    assert caught.value.name == "forbidden"


async def test_notifications_between_answers_are_kept(
    short_tmp_path: Path, nursery: trio.Nursery
) -> None:
    """What came during a call is given afterwards, in order."""
    settings = AdminSettings(socket=short_tmp_path / "a.sock")
    await nursery.start(serve_admin, StandInNode(), settings)
    async with open_admin(settings.socket) as admin:
        await admin.call("watch", event="session.ended")
        await admin.call("sessions.stop", user="ann")
        await admin.call("sessions.stop", user="bob")
        with trio.fail_after(5):
            messages = [await admin.next_notification() for _ in range(2)]

    users = [message["params"]["metadata"]["user"] for message in messages if message]
    assert users == ["ann", "bob"]
