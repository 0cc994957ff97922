"""The demo app does what ``sessiond dev`` says of it."""

import pytest
import trio
import trio.testing

from sessiond.demo import HOURS, app
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


async def test_pizza_is_ordered(autojump_clock: trio.testing.MockClock) -> None:
    """Wrong answers are asked again; the reservation is made once, and the reference told at the end."""
    async with open_world(app) as world:
        phone = await world.join("demo")
        asked = await phone.say("Pizza!")
        errors = [(await phone.say(text))["prompt"]["error"] for text in ("3", "large?")]
        await phone.say(choice="l", screen=asked["prompt"]["screen"])
        errors += [(await phone.say(text))["prompt"]["error"] for text in ("many", "0")]
        pending = await phone.say("2")
        await world.settle()
        thanks = await phone.say("yes")

    assert ["Invalid selection:"] * 2 + ["A number, please.", "Between 1 and 20, please."] == errors
    assert pending["pending"]
    assert "2 × L is set aside. Order?" == phone.pushes[-1][1]["prompt"]["text"]
    assert f"Your reference is {thanks['result']['reference']}." in thanks["messages"][0]["text"]


async def test_an_order_goes_on_after_a_crash(autojump_clock: trio.testing.MockClock) -> None:
    """The node is killed in the middle: the same question waits, with the answers before it."""
    async with open_world(app) as world:
        phone = await world.join("demo")
        for text in ("hi", "small", "1"):
            await phone.say(text)
        await world.settle()
        world.crash()
        await world.restart()
        again = await world.join("demo")
        waiting = await again.push("flow:remind")
        refused = await again.say("2")

    assert "1 × S is set aside. Order?" == waiting["prompt"]["text"]
    assert [{"text": "Maybe another time."}] == refused["messages"]
    assert "returned" == refused["end"]


async def test_who_dials_is_met_by_a_menu(autojump_clock: trio.testing.MockClock) -> None:
    """Elsewhere the words that start nothing are ignored; the opening hours are more than a page of USSD."""
    async with open_world(app) as world:
        phone = await world.join("demo")
        ignored = await phone.say("*920*44#")

    assert "prompt" not in ignored
    assert len(HOURS) > 182
