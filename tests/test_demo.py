"""The demo app does what ``sessiond dev`` says of it."""

import pytest
import trio
import trio.testing

from sessiond.demo import app
from sessiond.testing.world import WorldError, open_world


async def test_to_dos_are_kept_and_pushed(autojump_clock: trio.testing.MockClock) -> None:
    """An added to-do is answered with the count, pushed to every connection, and listed."""
    async with open_world(app) as world:
        phone, laptop = await world.join("demo"), await world.join("demo")
        assert {"count": 1} == await phone.push("todo:add", {"text": "milk"})
        await world.settle()

        assert [("todo:added", {"_offset": 1, "text": "milk", "count": 1})] == laptop.pushes
        assert {"todos": ["milk"]} == await laptop.push("todo:list", {})


@pytest.mark.parametrize("payload", [{}, {"text": ""}, {"text": 7}])
async def test_a_to_do_needs_a_text(
    autojump_clock: trio.testing.MockClock, payload: dict[str, object]
) -> None:
    """Without a sentence it is turned down, and nothing is kept."""
    async with open_world(app) as world:
        phone = await world.join("demo")
        with pytest.raises(WorldError, match="sentence"):
            await phone.push("todo:add", payload)

        assert {"todos": []} == await phone.push("todo:list", {})


async def test_a_reminder_survives_a_crash(autojump_clock: trio.testing.MockClock) -> None:
    """A reminder comes though the server was killed in between."""
    async with open_world(app) as world:
        phone = await world.join("demo")
        await phone.push("remind", {"seconds": 60})
        world.crash()
        await world.restart()
        again = await world.join("demo")
        await trio.sleep(65)

        assert [("reminder", {"_offset": 1, "seconds": 60})] == again.pushes
