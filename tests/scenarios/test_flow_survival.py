"""Conversations go on: over crashes, failed commits, other owners and quiet times, at the same question, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from sessiond.core.codes import CloseCode
from sessiond.core.conversations.journal import decode_entry
from sessiond.core.conversations.journal_events import JournalEvent
from sessiond.core.ids import NodeId, Partition, UserId, partition_of
from sessiond.core.ports import Store
from sessiond.core.records import UserCommit, VerdictStatus
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.snapshot import Snapshot, decode_snapshot
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.scenarios.talks import Person, Stock, play, shop, texts_of

ANN = UserId("ann")
HOME = Partition(partition_of(ANN))
SAID = ("menu", "Large", "none", "2", "yes")
TRANSCRIPT = [
    "Welcome.",
    "What size?",
    "How many?",
    "! Invalid input",
    "How many?",
    "[pending]",
    "Order 2 l?",
    "Thank you! Your reference is R-1.",
    "[returned]",
]
SOON_GONE = SessionLimits(window_seconds=1.0, linger_seconds=1.0)

Trouble = Callable[[World, Person], Awaitable[None]]


async def nothing(world: World, person: Person) -> None:
    """No trouble."""


async def crash(world: World, person: Person) -> None:
    """``kill -9`` and a new start."""
    await world.restart()


async def redeploy(world: World, person: Person) -> None:
    """SIGTERM and a new start."""
    await world.drain()
    await world.restart()


async def lose_the_connection(world: World, person: Person) -> None:
    """A tunnel."""
    person.leave()


async def stay_away(world: World, person: Person) -> None:
    """So long that the session leaves memory."""
    person.leave()
    await trio.sleep(3600)
    assert not world.is_resident(person.name)


@pytest.mark.parametrize("trouble", [nothing, crash, redeploy, lose_the_connection, stay_away])
@pytest.mark.parametrize("step", range(len(SAID)))
async def test_the_transcript_is_the_same(
    trouble: Trouble, step: int, autojump_clock: MockClock
) -> None:
    """Whatever happens after whichever answer: each question is asked once, the function is called once."""
    stock = Stock()
    async with open_world(shop(stock), limits=SOON_GONE) as world:
        person = Person(world)
        for number, text in enumerate(SAID):
            await person.say(text)
            await person.wait(20)
            if number == step:
                await trouble(world, person)

    assert TRANSCRIPT == person.saw
    assert 1 == len(stock.calls)


@pytest.mark.parametrize("trouble", [crash, redeploy, stay_away])
async def test_trouble_after_every_answer(trouble: Trouble, autojump_clock: MockClock) -> None:
    """The whole record is replayed again and again, and nobody notices."""
    stock = Stock()
    async with open_world(shop(stock), limits=SOON_GONE) as world:
        person = Person(world)
        await play(person, SAID, lambda: trouble(world, person))

    assert TRANSCRIPT == person.saw
    assert 1 == len(stock.calls)


async def test_what_was_asked_is_shown_again_on_demand(autojump_clock: MockClock) -> None:
    """A client that comes back after a crash asks for the waiting question: it is the same screen."""
    async with open_world(shop(Stock())) as world:
        person = Person(world)
        await person.say("menu")
        asked = await person.say("1")
        await world.restart()
        again = await person.push("flow:remind", {})
        await world.restart()
        shown = await person.say(choice="l", screen="another")

    assert asked == again
    assert shown["rejected"]
    assert asked["prompt"]["screen"] == shown["prompt"]["screen"]


async def snapshot_of(store: Store) -> Snapshot:
    loaded = await store.load(ANN, HOME)
    assert loaded is not None
    return decode_snapshot(loaded.snapshot)


async def journal_of(store: Store) -> list[tuple[str, str]]:
    """Event and step of every entry, oldest first."""
    entries = [decode_entry(raw) for raw in await store.journal(ANN, HOME, limit=1000)]
    return [(entry.event, entry.step) for entry in entries]


# The store


@pytest.mark.parametrize("step", range(len(SAID)))
@pytest.mark.parametrize("fault", ["fail", "lose_answer"])
async def test_a_commit_that_has_to_be_sent_again(
    fault: str, step: int, autojump_clock: MockClock
) -> None:
    """Before it was applied or after: nothing is shown before it is durable, nothing twice, and the flow goes on."""
    stock, store = Stock(), FaultyStore(MemoryStore())
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        await person.come()
        for number, text in enumerate(SAID):
            if number == step:
                getattr(store, fault)("commit", times=3)
            await person.say(text)
            await person.wait(20)

    assert TRANSCRIPT == person.saw
    assert 1 == len(stock.calls)


async def test_nothing_is_shown_and_nothing_called_before_it_is_durable(
    autojump_clock: MockClock,
) -> None:
    """While the store does not answer, the question that comes next and the function both wait."""
    stock, store = Stock(), FaultyStore(MemoryStore())
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        await play(person, SAID[:2])
        phone = await person.come()
        store.hold("commit")
        answer = phone.send("flow:say", {"text": "2"})
        await store.wait_held("commit")
        await person.wait(5)
        held = (answer.is_answered, list(stock.calls))
        store.let_go("commit")
        shown = await answer.get()
        await person.wait(5)

    assert (False, []) == held
    assert ["[pending]"] == texts_of(shown)
    assert 1 == len(stock.calls)


async def write_behind_its_back(world: World, store: Store) -> None:
    """Write the same state again, as a second writer with the right fence would."""
    loaded = await store.load(ANN, HOME)
    assert loaded is not None
    commit = UserCommit(
        user=ANN,
        partition=HOME,
        commit_id=b"foreign commit..",
        expected_version=loaded.version,
        snapshot=loaded.snapshot,
    )
    (verdict,) = await store.commit([commit], world.node.ownership.fences)
    assert verdict.status is VerdictStatus.APPLIED


@pytest.mark.parametrize("step", range(1, len(SAID)))
async def test_a_commit_that_is_refused_is_computed_again(
    step: int, autojump_clock: MockClock
) -> None:
    """The coroutine has seen what never happened: it is thrown away, and the answer taken once more."""
    stock, store = Stock(), FaultyStore(MemoryStore())
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        for number, text in enumerate(SAID):
            if number == step:
                await person.come()
                await write_behind_its_back(world, store.inner)
            await person.say(text)
            await (
                person.come()
            )  # connections have to come back, and are told that pushes may be missing
            await person.wait(20)

    assert TRANSCRIPT == person.saw
    assert 1 == len(stock.calls)


async def test_a_result_whose_commit_is_refused_is_applied_once(autojump_clock: MockClock) -> None:
    """It is told again by nobody: the input itself goes back to the mailbox."""
    stock, store = Stock(), FaultyStore(MemoryStore())
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        await person.say("menu")
        await person.say("1")
        await person.say("2")
        await write_behind_its_back(world, store.inner)
        await person.wait(5)
        await person.push("flow:remind", {})
        await person.say("yes")

    assert 1 == len(stock.calls)
    assert "Thank you! Your reference is R-1." in person.saw


async def test_the_journal_holds_what_was_committed(autojump_clock: MockClock) -> None:
    """Entries of turns that were computed again, or never durable, are not in it."""
    journals: list[list[tuple[str, str]]] = []
    for troubled in (False, True):
        store = FaultyStore(MemoryStore())
        async with open_world(shop(Stock()), store=store) as world:
            person = Person(world)
            for text in SAID[:-1]:
                await person.come()
                if troubled:
                    await write_behind_its_back(world, store.inner)
                    store.fail("commit")
                    store.lose_answer("commit")
                await person.say(text)
                await person.wait(20)
            phone = await person.come()
            store.go_away("commit")
            phone.send("flow:say", {"text": "yes"})
            await person.wait(1)
            world.crash()
            store.come_back()
            journals.append(await journal_of(store))

    plain, troubled_one = journals
    assert plain == [entry for entry in troubled_one if entry[0] != JournalEvent.RECOVERY]
    kinds = [event for event, _ in plain]
    assert 4 == kinds.count(JournalEvent.MESSAGE_RECEIVED)
    assert 1 == kinds.count(JournalEvent.VALIDATION_ERROR)
    assert 1 == kinds.count(JournalEvent.RUN_START)
    assert 1 == kinds.count(JournalEvent.RUN_END)
    assert 0 == kinds.count(JournalEvent.FLOW_END)


# Owners


async def test_a_node_that_lost_the_user_shows_nothing_more(autojump_clock: MockClock) -> None:
    """Its turn is void, the connection is sent away, and where the user comes next the question is the same."""
    stock, store = Stock(), MemoryStore()
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        await play(person, SAID[:2])
        before = await snapshot_of(store)
        phone = await person.come()
        await store.acquire(
            NodeId("world"),
            "another process",
            [HOME],
            now=0.0,
            window_seconds=30.0,
            lease_seconds=9.0,
        )
        refusal = await phone.send("flow:say", {"text": "2"}).refusal()
        await person.wait(1)
        after = await snapshot_of(store)
        closed = phone.closed
        await world.restart()
        await play(person, SAID[3:])

    assert "gone" == refusal
    assert CloseCode.MOVED is closed
    assert before.conversations == after.conversations
    assert [line for line in TRANSCRIPT if "Invalid" not in line][:3] == person.saw[:3]
    assert "Thank you! Your reference is R-1." == person.saw[-2]
    assert 1 == len(stock.calls)


async def test_a_result_of_a_node_that_lost_the_user_changes_nothing(
    autojump_clock: MockClock,
) -> None:
    """The function is called again by the owner of now, with the same id; what it reserved is reserved once."""
    stock, store = Stock(), MemoryStore()
    async with open_world(shop(stock), store=store) as world:
        person = Person(world)
        for text in ("menu", "1", "2"):
            await person.say(text)
        await store.acquire(
            NodeId("world"),
            "another process",
            [HOME],
            now=0.0,
            window_seconds=30.0,
            lease_seconds=9.0,
        )
        await person.wait(5)
        assert 1 == len(stock.calls)
        await world.restart()
        await person.come()
        await person.wait(5)
        await person.say("yes")

    assert "Thank you! Your reference is R-1." in person.saw
    assert 2 == len(stock.calls)
    assert 1 == len(set(stock.calls)) == len(stock.reserved)


# Roll-back


async def test_an_operator_puts_the_conversation_back(autojump_clock: MockClock) -> None:
    """The answer before last is the last again: the same question is asked anew, on the same screen."""
    async with open_world(shop(Stock())) as world:
        person = Person(world)
        await person.say("menu")
        asked = await person.say("1")
        await person.say("none")
        await world.restart()
        await person.come()
        await person.say("0")
        await world.operations.roll_back(ANN)
        await person.wait(1)
        again = await person.push("flow:remind", {})

    assert asked["prompt"] == again["prompt"]


async def test_a_roll_back_to_a_pending_function_calls_it_again(autojump_clock: MockClock) -> None:
    """What it returned was taken back; it is called with the same id, and the flow goes on by itself."""
    stock = Stock()
    async with open_world(shop(stock), limits=SOON_GONE) as world:
        person = Person(world)
        for text in ("menu", "1", "2"):
            await person.say(text)
        await person.wait(5)
        await world.operations.roll_back(ANN)
        await person.wait(1)
        await person.come()
        await person.wait(5)
        await person.say("yes")

    assert 2 == len(stock.calls)
    assert 1 == len(set(stock.calls))
    assert 2 == person.saw.count("Order 2 s?"), "the first one was taken back after it was shown"
    assert "Thank you! Your reference is R-1." in person.saw
