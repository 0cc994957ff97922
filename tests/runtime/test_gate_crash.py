"""A bug while turns are taken or released is one user's crash, never the lane's."""

import trio
import trio.testing
from typing_extensions import override

from sessiond import App, Session
from sessiond.core.session.inputs import ClientMessage
from sessiond.testing.connections import Connection, Reply
from sessiond.testing.world import open_world


class RaisingReply(Reply):
    """Breaks the promise that answering never raises."""

    @override
    def ok(self, payload: bytes) -> None:
        raise RuntimeError("a bug of ours")


def counting_app() -> App:
    """An app whose one event changes something."""
    app = App()

    @app.on("count")
    async def count(session: Session) -> dict[str, int]:
        session.data["n"] = session.data.get("n", 0) + 1
        return {"n": session.data["n"]}

    return app


async def test_a_bug_while_a_turn_is_released_is_that_users_crash_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """An answer that raises crashes its user's actor, which starts again; other users' commits go on."""
    async with open_world(counting_app()) as world:
        ada = await world.join("ada")
        ben = await world.join("ben")
        message = ClientMessage(ada.id, "count", {})
        world.ref("ada").tell(message, RaisingReply())
        await trio.sleep(5)
        again = await world.join("ada")

        assert {"n": 1} == await ben.push("count", {})
        assert {"n": 2} == await again.push("count", {})
        assert isinstance(ada, Connection)
        assert not ada.is_open, "the crashed actor's connection was not told to come back"
