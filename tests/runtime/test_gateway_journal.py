"""What turns of accounts tell the journal and telemetry."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from sessiond import App, Conversation, telemetry
from sessiond.core.ids import partition_of
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import ANN, USSD, ask, greeter, reader

Told = list[tuple[Mapping[str, float], Mapping[str, object]]]


@pytest.fixture
def told() -> Iterator[Told]:
    """What telemetry tells of pages."""
    events: Told = []
    detach = telemetry.attach(
        lambda _, numbers, about: events.append((numbers, about)), ["pagination.triggered"]
    )
    yield events
    detach()


async def entries(world: World) -> list[dict[str, Any]]:
    """The entries of the journal about pages, oldest first."""
    raw = await world.store.journal(ANN, partition_of(ANN))
    plain = [msgspec.json.decode(entry) for entry in raw]
    return [entry for entry in plain if entry["event"] == "pagination.triggered"]


async def test_pages_are_told_under_flowchats_names(autojump_clock: MockClock, told: Told) -> None:
    """When a text is cut into pages, and when one is turned: which, of how many, how long, how it was got at."""
    async with open_world(reader(), accounts=(USSD,)) as world:
        await ask(world, begins=True)
        await ask(world, "#")
        await ask(world, "0")
        journal = await entries(world)

    facts = [entry["facts"] for entry in journal]
    assert [("initial", 1), ("next", 2), ("back", 1)] == [
        (one["navigation_action"], one["current_page"]) for one in facts
    ]
    assert {"total_pages", "content_length", "page_limit", "account"} < facts[0].keys()
    assert facts[0]["content_length"] > facts[0]["page_limit"] == 120
    assert ("read", "ussd", "nalo") == (
        journal[0]["flow"],
        journal[0]["channel"]["platform"],
        journal[0]["channel"]["gateway"],
    )
    assert [dict(numbers) for numbers, _ in told] == [
        {name: one[name] for name in telemetry.EVENTS["pagination.triggered"].measurements}
        for one in facts
    ]
    assert {"ussd"} == {about["platform"] for _, about in told}


async def test_what_fits_on_a_page_is_not_told(autojump_clock: MockClock, told: Told) -> None:
    """Nothing was cut."""
    async with open_world(greeter(), accounts=(USSD,)) as world:
        await ask(world, begins=True)

        assert [] == await entries(world)
    assert [] == told


async def test_the_last_page_of_what_ends_is_told_too(
    autojump_clock: MockClock, told: Told
) -> None:
    """Nothing is kept of its text any more; a page that is shown again is not told twice."""
    app = App()

    @app.flow("long", takes_everything=True)
    async def long(c: Conversation) -> None:
        await c.say(" ".join(f"word{number}" for number in range(30)))

    async with open_world(app, accounts=(USSD,)) as world:
        page = await ask(world, begins=True)
        await ask(world, "what?")
        while not page.ends:
            page = await ask(world, "#")
        facts = [entry["facts"] for entry in await entries(world)]

    assert facts[0]["total_pages"] == len(facts) == len(told)
    assert ["initial", "next"] == [one["navigation_action"] for one in facts][:2]
    assert {facts[0]["content_length"]} == {one["content_length"] for one in facts}
