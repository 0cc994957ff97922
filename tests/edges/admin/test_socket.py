"""The socket: its file, its neighbours, and who may use it."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from sessiond import telemetry
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.admin.socket import AdminSocketError, allowed_uids, serve_admin
from tests.edges.admin.conftest import Door
from tests.edges.admin.standin import StandInNode

#: Connects, sends a call, prints the answer; as another user when it may become one.
STRANGER = """
import os, socket, sys
path, uid = sys.argv[1], int(sys.argv[2])
client = socket.socket(socket.AF_UNIX)
if uid >= 0:
    os.setgroups([]); os.setuid(uid)
client.connect(path)
print(client.makefile().readline())
"""
NOBODY = 65534


async def test_only_the_owner_can_open_the_file(door: Door) -> None:
    """Mode 0600, whatever the umask."""
    assert stat.S_IMODE(door.settings.socket.stat().st_mode) == 0o600


async def test_the_file_of_a_killed_server_is_replaced(admin_settings: AdminSettings) -> None:
    """What nobody listens on any more does not keep a server from starting."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(admin_settings.socket))
        dead.listen()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_admin, StandInNode(), admin_settings)
        async with Door(StandInNode(), admin_settings).connect() as lines:
            assert await lines.result("version")
        nursery.cancel_scope.cancel()

    assert not admin_settings.socket.exists()


async def test_a_socket_in_use_is_left_alone(door: Door) -> None:
    """A second server is told so; the first goes on."""
    with pytest.raises(AdminSocketError, match="another server listens on"):
        await serve_admin(StandInNode(), door.settings)

    async with door.connect() as lines:
        assert await lines.result("version")


async def test_another_kind_of_file_is_never_removed(admin_settings: AdminSettings) -> None:
    """A path that was mistyped costs nobody his file."""
    admin_settings.socket.write_text("precious")

    with pytest.raises(AdminSocketError, match="is no socket"):
        await serve_admin(StandInNode(), admin_settings)
    assert admin_settings.socket.read_text() == "precious"


@pytest.mark.parametrize("name", ["missing/a.sock", "x" * 120])
async def test_a_path_that_cannot_be_bound(short_tmp_path: Path, name: str) -> None:
    """A missing directory and a name that is too long are named."""
    with pytest.raises(AdminSocketError, match="cannot listen on"):
        await serve_admin(StandInNode(), AdminSettings(socket=short_tmp_path / name))


async def test_a_successors_file_is_not_removed(admin_settings: AdminSettings) -> None:
    """A server that ends late leaves the socket of the one that replaced it."""
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_admin, StandInNode(), admin_settings)
        admin_settings.socket.rename(admin_settings.socket.with_name("old"))
        admin_settings.socket.write_text("successor")
        nursery.cancel_scope.cancel()

    assert admin_settings.socket.exists()


async def test_another_user_is_refused_and_it_is_told(admin_settings: AdminSettings) -> None:
    """Even when the file's mode lets him in, the peer's credentials do not.

    As root a process of another user really connects; otherwise the socket allows another user than the one we are.
    """
    is_root = os.geteuid() == 0
    uids = None if is_root else frozenset({os.geteuid() + 1})
    heard: list[object] = []
    detach = telemetry.attach(lambda _, __, fields: heard.append(dict(fields)), ["auth.refused"])
    async with trio.open_nursery() as nursery:
        path = await nursery.start(
            lambda **kw: serve_admin(StandInNode(), admin_settings, uids=uids, **kw)
        )
        path.chmod(0o666)
        path.parent.chmod(0o755)
        stranger = [sys.executable, "-c", STRANGER, str(path), str(NOBODY if is_root else -1)]
        with trio.fail_after(20):
            done = await trio.run_process(stranger, capture_stdout=True)
        nursery.cancel_scope.cancel()
    detach()

    assert b'"forbidden"' in done.stdout
    assert heard == [{"door": "admin", "reason": f"uid {NOBODY if is_root else os.geteuid()}"}]


def test_the_servers_user_and_root_are_allowed() -> None:
    """Nobody else is."""
    assert allowed_uids() == {os.geteuid(), 0}


async def test_connections_are_bounded(door: Door) -> None:
    """One more than allowed is told why; when one leaves there is room again."""
    async with door.connect(), door.connect(), door.connect():
        async with door.connect() as fourth, door.connect() as fifth:
            assert await fourth.result("version")
            assert (await fifth.read())["error"]["data"]["name"] == "too_many"
            assert await fifth.read() is None
            await fourth.stream.send_eof()
            assert await fourth.read() is None
        async with door.connect() as sixth:
            assert await sixth.result("version")


def test_it_works_with_a_shell(short_tmp_path: Path) -> None:
    """A request piped in from a shell gets its line back: no library is needed."""
    path = short_tmp_path / "s.sock"
    server = [sys.executable, "-m", "tests.edges.admin.standin", str(path)]
    with subprocess.Popen(server, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        request = '{"jsonrpc":"2.0","id":1,"method":"stats"}'
        client = socket.socket(socket.AF_UNIX)
        with client:
            client.settimeout(10)
            client.connect(str(path))
            client.sendall(request.encode() + b"\n")
            answer = client.makefile().readline()
        running.kill()

    assert '"uptime_seconds":61.0' in answer
