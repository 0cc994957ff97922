"""Commits that the store refuses for their size: the function's, the flow's, the gateway's; each ends, and is told."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Mapping, Sequence

import pytest
import trio
from trio.testing import MockClock
from typing_extensions import override

from sessiond import App
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.conversations.journal_query import JournalQuery
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import RunFailed
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.core.ids import Partition, UserId
from sessiond.core.records import Fence, UserCommit, Verdict, VerdictStatus
from sessiond.core.store_rules import commit_bytes
from sessiond.runtime.journals import journal_page
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import ANN as TEL
from tests.runtime.gateway_worlds import (
    FALLBACK,
    accept,
    deliveries,
    greeter,
    heard,
    line,
    whatsapp,
)
from tests.runtime.hearing import hearing
from tests.scenarios.talks import Person, texts_of

ANN = UserId("ann")
LIMIT = 6000
SORRY = ["Sorry, something went wrong. Please try again.", "[failed]"]


def fetching(calls: list[int], *, catches: bool, says: int = 0, ends: bool = False) -> App:
    """A flow that calls a function whose result is as long as the person says, and then says *says* letters."""
    app = App()

    def fetch(size: int) -> str:
        calls.append(size)
        return "x" * size

    @app.flow("fetch", starts_on=["fetch"])
    async def flow(c: Conversation) -> None:
        size = await c.ask("size", "How much?", parse=int)
        try:
            await c.run("fetch", fetch, size)
        except RunFailed as error:
            if not catches:
                raise
            await c.say(error.kind)
        if says:
            await c.say("y" * says)
        if ends:
            return
        await c.ask("more", "Enough?")

    return app


async def fetched(world: World, size: int) -> Person:
    """Somebody who asked for so much, two minutes later."""
    person = Person(world)
    await person.say("fetch")
    await person.say(str(size))
    await person.wait(120)
    return person


class Shrinking(FaultyStore):
    """A store whose bound for a commit can be changed."""

    largest = 1 << 20

    @override
    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        if any(commit_bytes(one) > self.largest for one in batch):
            assert len(batch) == 1
            return (Verdict(VerdictStatus.TOO_LARGE, batch[0].expected_version),)
        return await super().commit(batch, fences)


def line_of(text: str, number: int = 1) -> str:
    """File and line of *fetching* on which *text* is for the *number*-th time."""
    lines, first = inspect.getsourcelines(fetching)
    found = [first + index for index, line in enumerate(lines) if text in line]
    return f"{__file__}:{found[number - 1]}"


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged for the app's author."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "sessiond.app" and record.levelno == logging.ERROR
    ]


async def errors_of(world: World) -> list[str]:
    """What the journal has of flows that failed."""
    page = await journal_page(world.store, ANN, JournalQuery())
    return [entry.error for entry in page.entries if entry.event == JournalEvent.FLOW_ERROR]


async def test_a_result_too_large_to_commit_is_a_failed_run(autojump_clock: MockClock) -> None:
    """The function is called once, whatever time passes; its flow is told instead of the result, and goes on."""
    calls: list[int] = []
    app = fetching(calls, catches=True)
    async with open_world(app, store=MemoryStore(max_commit_bytes=LIMIT)) as world:
        person = await fetched(world, 5900)
        await world.restart()
        await person.wait(120)

    assert [5900] == calls
    assert ["ResultTooLarge", "Enough?"] == person.saw[-2:]


async def test_its_author_reads_on_which_line_and_the_person_that_it_failed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A flow that does not catch it fails like any other: journal and log name the line, and a word begins anew."""
    calls: list[int] = []
    app = fetching(calls, catches=False)
    async with open_world(app, store=MemoryStore(max_commit_bytes=LIMIT)) as world:
        person = await fetched(world, 5900)
        (error,) = await errors_of(world)
        await person.say("cancel")
        again = await person.say("fetch")

    assert [5900] == calls
    assert SORRY == person.saw[2:4]
    assert error == f"{line_of('await c.run')}: the flow raised RunFailed"
    assert f"flow failed: {error}" in messages(caplog)
    assert ["How much?"] == texts_of(again)


async def test_a_flow_that_shows_too_much_after_a_result_fails(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not the result that is too large: the flow fails on the line that it has come to, and begins no loop."""
    calls: list[int] = []
    app = fetching(calls, catches=True, says=LIMIT)
    async with open_world(app, store=MemoryStore(max_commit_bytes=LIMIT)) as world:
        person = await fetched(world, 7)
        (error,) = await errors_of(world)
        await world.restart()
        await person.wait(120)
        assert world.operations.stats().quarantined == 0

    assert [7] == calls
    assert SORRY == person.saw[-2:]
    assert re.fullmatch(
        rf"{line_of('await c.ask', 2)}: what the flow keeps and shows by here is too large"
        rf" \(\d+ bytes; the bound is {LIMIT}\)",
        error,
    )
    assert f"flow failed: {error}" in messages(caplog)


async def test_a_flow_that_ends_with_too_much_fails_where_it_begins(
    autojump_clock: MockClock,
) -> None:
    """It waits at no line any more; what it was told stays, and a word begins anew."""
    calls: list[int] = []
    app = fetching(calls, catches=True, says=LIMIT, ends=True)
    async with open_world(app, store=MemoryStore(max_commit_bytes=LIMIT)) as world:
        person = await fetched(world, 7)
        (error,) = await errors_of(world)
        await person.say("cancel")
        again = await person.say("fetch")

    assert [7] == calls
    assert SORRY == person.saw[2:4]
    assert error.startswith(f"{line_of('@app.flow')}: what the flow keeps and shows by here")
    assert ["How much?"] == texts_of(again)


async def test_where_nothing_fits_the_function_is_left_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even the failure: the function is called again when the person says something, and not before."""
    calls: list[int] = []
    app = fetching(calls, catches=True)
    store = Shrinking(MemoryStore())
    async with open_world(app, store=store) as world:
        person = Person(world)
        await person.say("fetch")
        await person.say("7")
        store.largest = 60
        await person.wait(120)
        store.largest = 1 << 20
        before = list(calls)
        await person.wait(120)
        await world.restart()
        await person.wait(120)
        after = list(calls)
        await person.say("Are you there?")
        await person.wait(10)

    assert [7] == before == after
    assert [7, 7] == calls
    assert "Enough?" == person.saw[-1]


async def test_what_became_of_a_message_is_no_endless_loop_either(
    autojump_clock: MockClock,
) -> None:
    """The person is quarantined; what became of it is recorded when there is room and somebody has looked."""
    store = Shrinking(MemoryStore())
    called: list[ProviderCall] = []

    async def closed(call: ProviderCall, seconds: float) -> ProviderResponse:
        called.append(call)
        if b"template" in call.body:
            return ProviderResponse(status=200, body=b'{"messages":[{"id":"wamid.1"}]}')
        store.largest = 40 if len(called) == 1 else store.largest
        return ProviderResponse(status=400, body=b'{"error":{"code":131047}}')

    shop = whatsapp(fallback_template=FALLBACK)
    async with open_world(greeter(), accounts=(shop,), call=closed, store=store) as world:
        with hearing("commit.too_large") as events:
            await accept(world, heard("hi", shop), "shop", "m-1")
            await trio.sleep(120)
        quarantined = world.operations.stats().quarantined
        waiting = len(await deliveries(world))
        store.largest = 1 << 20
        await world.operations.release(TEL)
        await trio.sleep(300)
        left = await deliveries(world)
        held = (await line(world, "shop")).held

    assert len(events) < 50
    assert (1, 2) == (quarantined, waiting)
    assert [] == left
    assert 2 == len(held)
    assert 3 == len(called)
