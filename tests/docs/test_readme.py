"""The README's code runs as it stands there."""

import trio.testing

from sessiond.testing.conversations import play
from sessiond.testing.world import open_world
from tests.docs.pages import fenced

README = "../README.md"


def app_with(name: str) -> object:
    """Run the one Python block that has *name* in it."""
    (code,) = (block for block in fenced(README, "python") if name in block)
    names: dict[str, object] = {}
    exec(code, names)
    return names["app"]


async def test_the_app(autojump_clock: trio.testing.MockClock) -> None:
    """A to-do is added, counted and pushed."""
    async with open_world(app_with("todo:add")) as world:  # type: ignore[arg-type]
        phone = await world.join("ada")
        assert {"count": 1} == await phone.push("todo:add", {"text": "milk"})
        assert [("todo:added", {"_offset": 1, "text": "milk"})] == phone.pushes


def test_the_conversation() -> None:
    """An order, over a restart after each answer."""
    with play(app_with("Conversation"), restarts=True) as phone:  # type: ignore[arg-type]
        assert "What size?\n\n1. Small\n2. Large" == phone.say("Hi!")
        assert "How many?" == phone.tap("Large")
        assert "Order 3 × L?" in phone.say("3")
        assert "Thank you!" == phone.say("yes")
        assert phone.has_ended
