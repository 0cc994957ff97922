"""A store that may have lost acknowledged writes cannot prove that a stream goes on: it begins anew."""

import trio.testing
from typing_extensions import override

from sessiond import App, Session
from sessiond.core.position import StreamPosition
from sessiond.stores.memory import MemoryStore
from sessiond.testing.world import open_world


class Failover(MemoryStore):
    """A memory store whose history may break, as Redis' does when another primary answers."""

    history = "a1"

    @property
    @override
    def continuity(self) -> str:
        return self.history


def pushing_app() -> App:
    """An app that pushes durably."""
    app = App()

    @app.on("note")
    async def note(session: Session) -> None:
        session.push("noted", {})

    return app


async def test_a_stream_of_another_history_is_not_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """After a failover a client's position means nothing: ``recovered: false``, reason ``epoch``, a new epoch."""
    store = Failover()
    async with open_world(pushing_app(), store=store) as world:
        phone = world.connect("ada")
        position = StreamPosition((await phone.join())["epoch"], 1)
        await phone.push("note", {})
        laptop = await world.join("ada")
        store.history = "b2"
        phone.drop()
        again = world.connect("ada")
        welcome = await again.join(resume=position)

        assert not welcome["recovered"]
        assert "epoch" == welcome["reason"]
        assert position.epoch != welcome["epoch"]
        assert not laptop.is_open, "a client of the old epoch was not made to come back"


async def test_a_stream_of_the_same_history_is_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """As long as the store's history is the same, the position holds."""
    store = Failover()
    async with open_world(pushing_app(), store=store) as world:
        phone = world.connect("ada")
        position = StreamPosition((await phone.join())["epoch"], 0)
        await phone.push("note", {})
        phone.drop()
        again = world.connect("ada")
        welcome = await again.join(resume=position)

        assert welcome["recovered"]
        assert [("noted", {"_offset": 1})] == again.pushes
