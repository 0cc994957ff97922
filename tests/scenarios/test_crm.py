"""The first thing a new user tries, as FLOW CRM would use it: agents with several screens, webhooks, a bad network."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from sessiond.cli.admin_client import open_admin
from tests.cli.conftest import Ctl
from tests.redis_server import RedisServers
from tests.scenarios.client import StubbornClient
from tests.scenarios.hooks import send_until_accepted
from tests.scenarios.server_process import ServerProcess

#: Long enough that a slow machine resumes within it, short enough to wait for.
WINDOW_SECONDS = 3.0


@pytest.fixture(params=["sqlite", "redis"])
def store(
    request: pytest.FixtureRequest, redis_servers: RedisServers, short_tmp_path: Path
) -> Iterator[str]:
    """A store that survives the server: a file, and a redis-server of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{short_tmp_path}/crm.db"
    else:
        yield redis_servers.start(appendonly="yes", appendfsync="always").url


class Crm:
    """The server, and an operator who looks."""

    def __init__(self, store: str, folder: Path) -> None:
        self.server = ServerProcess(
            store, folder, module="tests.scenarios.crm_server", arguments=[str(WINDOW_SECONDS)]
        )
        self._socket = folder / "node-1.sock"
        self._ctl = Ctl(self._socket)

    async def rows(self) -> dict[str, dict[str, Any]]:
        """``sessionctl --json ls``: rows by user; one user is one row."""
        done = await trio.to_thread.run_sync(lambda: self._ctl("--json", "ls"))
        assert done.code == 0, done.err
        rows = {row["user"]: row for row in done.json["rows"]}
        assert len(rows) == len(done.json["rows"])
        return rows

    async def until(self, user: str, phase: str | None) -> None:
        """Wait until the operator sees *user* in *phase*; ``None``: not among the live sessions any more."""
        with trio.fail_after(20):
            async with open_admin(self._socket) as admin:
                while True:
                    rows = (await admin.call("sessions.list", user_prefix=user))["rows"]
                    if phase == (rows[0]["phase"] if rows else None):
                        break
                    await trio.sleep(0.02)


@pytest.fixture
def crm(store: str, short_tmp_path: Path) -> Iterator[Crm]:
    """A server that is not yet started."""
    crm = Crm(store, short_tmp_path)
    yield crm
    if crm.server.is_running:
        crm.server.kill()


async def pushed(client: StubbornClient, event: str, number: int) -> None:
    """Read until the client was pushed *event* with *number*."""
    with trio.fail_after(10):
        while (event, number) not in [(e, n) for _, _, e, n in client.received]:
            await client.take_one()


async def test_a_day_at_the_crm(crm: Crm) -> None:
    """Two screens of one agent and one of another; a webhook reaches both screens; dropped sockets come back in time
    and too late; the server is killed in the middle: every acknowledged change is there, once.
    """
    server = crm.server
    await server.start()
    async with trio.open_nursery() as nursery:

        def screen(user: str, device: str) -> StubbornClient:
            return StubbornClient(user, server.port, nursery, random.Random(1), device=device)

        desk, phone, kofi = screen("ada", "desk"), screen("ada", "phone"), screen("kofi", "desk")
        await desk.push("deal:open", {"n": 1, "_id": "ada-deal-number-1"})
        await phone.push("show", {})
        await kofi.push("deal:open", {"n": 10, "_id": "kofi-deal-number-10"})
        live = await crm.rows()

        await send_until_accepted(server.port, "ada", 1)
        await pushed(desk, "message:new", 1)
        await pushed(phone, "message:new", 1)

        # In a tunnel, and back within the window: what was missed comes, once.
        await desk.close()
        await phone.close()
        await crm.until("ada", "detached")
        await send_until_accepted(server.port, "ada", 2)
        await desk.push("show", {})
        await phone.push("show", {})
        await pushed(desk, "message:new", 2)
        await pushed(phone, "message:new", 2)
        in_time = [desk.joins[-1], phone.joins[-1]]

        # Away for longer than the window: the session was told, the state is there.
        await desk.close()
        await phone.close()
        await crm.until("ada", None)
        late = await desk.push("show", {})

        # Killed in the middle of traffic.
        async with trio.open_nursery() as traffic:
            traffic.start_soon(send_until_accepted, server.port, "ada", 3)
            traffic.start_soon(desk.push_until_acknowledged, "deal:open", range(2, 12))
            traffic.start_soon(kofi.push_until_acknowledged, "deal:open", range(11, 21))
            await pushed_first(desk)
            server.kill()
            await server.start()
        await pushed(desk, "message:new", 3)
        ada, others = await desk.push("show", {}), await kofi.push("show", {})
        after = await crm.rows()
        for client in (desk, phone, kofi):
            await client.close()
        nursery.cancel_scope.cancel()

    assert {user: row["connections"] for user, row in live.items()} == {"ada": 2, "kofi": 1}
    assert {row["phase"] for row in live.values()} == {"attached"}
    assert [joined["recovered"] for joined in in_time] == [True, True]
    assert late == {"deals": [1], "messages": [1, 2], "absences": 1}
    assert ada["deals"] == list(range(1, 12))
    assert ada["messages"] == [1, 2, 3]
    assert others["deals"] == list(range(10, 21))
    assert after["ada"]["connections"] == 1
    for client in (desk, kofi):
        offsets = [(epoch, offset) for epoch, offset, _, _ in client.received]
        assert len(offsets) == len(set(offsets)), "nothing was pushed twice"
    deals = [n for _, _, event, n in desk.received if event == "deal:opened"]
    assert deals == list(range(1, 12))


async def pushed_first(client: StubbornClient) -> None:
    """Wait until some of the traffic has come back."""
    with trio.fail_after(10):
        while not any(event == "deal:opened" and n > 2 for _, _, event, n in client.received):  # noqa: ASYNC110
            await trio.sleep(0.005)


async def test_who_is_no_agent_is_turned_away(crm: Crm) -> None:
    """A user the CRM does not know is refused with its own code, and no session is left of the attempt."""
    await crm.server.start()
    async with trio.open_nursery() as nursery:
        client = StubbornClient("mallory", crm.server.port, nursery, random.Random(1))
        with pytest.raises(trio.BrokenResourceError, match="unknown_user"):
            await client.push("show", {})
        rows = await crm.rows()
        nursery.cancel_scope.cancel()

    assert rows == {}
