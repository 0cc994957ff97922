"""Turns around ``c.run`` (sessiond/core/conversations/turn.py)."""

import re

import pytest

from sessiond.core.conversations.turn import MAX_QUEUED
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.flow import Busy, Flow, OnMismatch
from sessiond.core.flows.texts import FlowTexts
from tests.core.conversations.talking import Person

FAILED = FlowTexts().failed
BUSY = FlowTexts().busy


def reserve(*_args: object) -> str:
    raise AssertionError("a test settles runs by hand")


async def stock(c: Conversation) -> None:
    await c.ask("what", "What?")
    await c.say("I will look.")
    found = await c.run("look", reserve)
    await c.say(f"Found {found}.")
    name = await c.ask("name", "Your name?")
    await c.say(f"Bye, {name}.")


async def two_runs(c: Conversation) -> None:
    await c.say("One.")
    await c.run("one", reserve)
    await c.say("Two.")
    await c.run("two", reserve)
    await c.say("Three.")


def test_a_run_that_nobody_waits_for_is_told_by_a_push() -> None:
    """On a platform where we can speak first."""
    person = Person(stock)
    person.say("stock")
    taken = person.say("shoes")

    assert "I will look." == person.reads
    assert taken.run is not None
    assert ("look", False) == (taken.run.key, taken.is_push)
    settled = person.settle("two pairs")
    assert settled is not None
    assert settled.is_push
    assert "Found two pairs.\n\nYour name?" == person.reads


@pytest.mark.parametrize("platform", ["http", "ussd", "whatsapp"])
def test_a_run_that_a_door_waits_for(platform: str) -> None:
    """Everything comes at once, when the function has returned."""
    person = Person(stock, platform=platform, waits=5.0)
    person.say("" if platform == "ussd" else "stock")
    person.say("shoes")
    assert person.taken.run is not None
    assert "" == person.reads
    person.settle("two pairs")

    assert "I will look.\n\nFound two pairs.\n\nYour name?" == person.reads
    assert not person.taken.is_push


@pytest.mark.parametrize("platform", ["http", "ussd"])
def test_what_nobody_waited_for_is_shown_at_the_next_input(platform: str) -> None:
    """Where we cannot speak first it is kept; the input that wakes it answers nothing."""
    person = Person(stock, platform=platform, waits=5.0)
    person.say("" if platform == "ussd" else "stock")
    person.say("shoes")
    person.settle("two pairs", waits=0.0)
    assert ("", False) == (person.reads, person.taken.is_push)
    person.say("hello?")
    assert "I will look.\n\nFound two pairs.\n\nYour name?" == person.reads
    person.say("Ama")

    assert "Bye, Ama." == person.reads


def test_a_message_is_told_when_it_is_shown() -> None:
    """Once, with all of its text, and not when it was kept."""
    person = Person(stock, platform="http", waits=5.0)
    person.say("stock")
    person.say("shoes")
    person.settle("two pairs", waits=0.0)
    assert "message.sent" not in person.told()
    person.say("hello?")

    assert 1 == person.told().count("message.sent")
    assert (len("What?"), len("I will look.\n\nFound two pairs.\n\nYour name?")) == tuple(
        entry.size for entry in person.told_with("message.sent")
    )


def test_the_end_that_nobody_saw() -> None:
    """It is kept as well, shown at the next input, and then forgotten."""
    person = Person(two_runs, platform="http", waits=5.0)
    person.say("two_runs")
    person.settle(1, waits=0.0)
    person.settle(2, waits=0.0)
    assert not person.kept.has_record
    person.say("and?")

    assert "One.\n\nTwo.\n\nThree." == person.reads
    assert {} == person.stored


def test_runs_one_after_the_other() -> None:
    """A door that waits gets all of it at the end; a push what there is at the time."""
    waiting = Person(two_runs, platform="http", waits=5.0)
    waiting.say("two_runs")
    waiting.settle(1)
    assert "" == waiting.reads
    waiting.settle(2)
    assert "One.\n\nTwo.\n\nThree." == waiting.reads

    pushed = Person(two_runs)
    pushed.say("two_runs")
    reads = [pushed.reads]
    for result in (1, 2):
        pushed.settle(result)
        reads.append(pushed.reads)
    assert ["One.", "Two.", "Three."] == reads


def test_what_a_run_tells() -> None:
    """That it began and how it ended, with its key."""
    person = Person(stock)
    person.say("stock")
    person.say("shoes")
    person.settle(RunFailed("OSError", "away"))

    assert [("in_progress", "look")] == [(e.status, e.step) for e in person.told_with("run.start")]
    assert [("failure", "look")] == [(e.status, e.step) for e in person.told_with("run.end")]


def test_a_result_that_nobody_waits_for_any_more() -> None:
    """It changes nothing: it came twice, the flow went elsewhere, or the conversation is gone."""
    person = Person(stock)
    person.say("stock")
    person.say("shoes")
    run = person.taken.run
    person.settle("two pairs")
    before = dict(person.stored)

    assert person.settle("three", run=run) is None
    assert before == person.stored
    person.say("menu")
    person.say("Ama")
    assert person.settle("three", run=run) is None


# While a function runs


def running(busy: Busy, *, platform: str = "websocket", waits: float = 0.0) -> Person:
    flow = Flow(name="stock", function=stock, busy=busy)
    person = Person(flow, platform=platform, waits=waits)
    person.say("stock")
    person.say("shoes")
    return person


@pytest.mark.parametrize(("busy", "reads"), [(Busy.SAY, BUSY), (Busy.IGNORE, "")])
def test_what_is_said_meanwhile_is_not_taken(busy: Busy, reads: str) -> None:
    """The person is told so, or not; the function is asked for again, under the same id."""
    person = running(busy)
    run = person.taken.run
    taken = person.say("hello?")

    assert (reads, True, False) == (person.reads, taken.busy, taken.queued)
    assert taken.run is not None
    assert run is not None
    assert run.run_id == taken.run.run_id
    person.settle("two pairs")
    assert "Found two pairs.\n\nYour name?" == person.reads


def test_what_is_said_meanwhile_waits_for_its_question() -> None:
    """With the queue it answers what comes next."""
    person = running(Busy.QUEUE)
    taken = person.say("Ama")

    assert (False, True) == (taken.busy, taken.queued)
    person.settle("two pairs")
    assert "Found two pairs.\n\nBye, Ama." == person.reads
    assert (False, ()) == (person.kept.has_record, person.kept.queued)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("busy", list(Busy))
def test_what_is_said_meanwhile_and_cannot_be_kept_fails(busy: Busy, restarts: bool) -> None:
    """The person is told, the author reads the line of the function, which still runs."""
    person = running(busy)
    run, before = person.taken.run, person.stored
    if restarts:
        person.restart()
    taken = person.say("Ama", refusals=("9 bytes; the bound is 8",))

    assert FlowTexts().failed == person.reads
    assert re.search(r"test_turn_runs.py:\d+: .*9 bytes; the bound is 8", str(taken.error))
    assert before == person.stored
    person.settle("two pairs", run=run)
    assert "Found two pairs.\n\nYour name?" == person.reads


def test_the_journal_has_every_step_also_where_a_function_is_between() -> None:
    """From the question to the function, and from there to the next question, or function; not to the end."""
    person = Person(stock, two_runs)
    person.say("stock")
    person.say("shoes")
    person.settle("two pairs")
    person.say("Ama")
    person.say("two_runs")
    person.settle()
    person.settle()
    steps = [(told.step, told.to_step) for told in person.told_with("transition")]

    assert [("what", "look"), ("look", "name"), ("one", "two")] == steps


def test_the_queue_is_bounded() -> None:
    """What is too much is not taken, and said so."""
    person = running(Busy.QUEUE)
    for number in range(MAX_QUEUED):
        assert person.say(str(number)).queued
    taken = person.say("one more")

    assert (True, False, BUSY) == (taken.busy, taken.queued, person.reads)
    assert MAX_QUEUED == len(person.kept.queued)
    person.settle("x")
    assert (False, ()) == (person.kept.has_record, person.kept.queued)


def test_the_queue_stops_at_the_next_run() -> None:
    """What is left of it goes on waiting."""

    async def asks_and_runs(c: Conversation) -> None:
        await c.run("one", reserve)
        first = await c.ask("first", "First?")
        await c.run("two", reserve)
        second = await c.ask("second", f"After {first}?")
        await c.say(f"{first}, {second}.")

    person = Person(Flow(name="f", function=asks_and_runs, busy=Busy.QUEUE))
    person.say("f")
    person.say("a")
    person.say("b")
    person.settle(1)
    assert 1 == len(person.kept.queued)
    person.settle(2)

    assert "a, b." == person.reads


def test_a_queued_answer_that_is_turned_down() -> None:
    """The next one is for the same question; what is left over answers nothing later."""

    async def number(c: Conversation) -> None:
        await c.run("one", reserve)
        count = await c.ask("count", "How many?", parse=int)
        await c.run("two", reserve)
        await c.ask("name", f"{count}. Your name?")

    person = Person(Flow(name="f", function=number, busy=Busy.QUEUE))
    person.say("f")
    for text in ("many", "3"):
        person.say(text)
    person.settle(1)
    assert () == person.kept.queued
    person.settle(2)

    assert "3. Your name?" == person.reads


def test_a_queued_answer_that_breaks_the_flow() -> None:
    """The answers before it are kept, the others are dropped, and the person is told."""

    async def breaks(c: Conversation) -> None:
        await c.run("one", reserve)
        first = await c.ask("first", "First?")
        await c.say(f"{first}!")
        second = await c.ask("second", "Second?")
        if second == "b":
            raise LookupError
        await c.say("fine")

    person = Person(Flow(name="f", function=breaks, busy=Busy.QUEUE))
    person.say("f")
    for text in ("a", "b", "c"):
        person.say(text)
    person.settle(1)
    assert f"a!\n\n{FAILED}" == person.reads
    person.say("d")

    assert "fine" == person.reads


def test_a_reset_word_during_a_run_ends_it() -> None:
    """Whoever does not want to wait need not."""
    person = running(Busy.SAY)
    run = person.taken.run
    person.say("cancel")
    assert "What?" == person.reads

    assert person.settle("late", run=run) is None


def test_what_was_kept_is_shown_to_who_speaks_during_a_run() -> None:
    """Together with the word that it still runs."""
    person = running(Busy.SAY, platform="http", waits=5.0)
    person.say("hello?")

    assert f"I will look.\n\n{BUSY}" == person.reads
    assert () == person.kept.unseen


def test_reminding_during_a_run() -> None:
    """It is busy, and says so, whatever it says to inputs."""
    for policy in Busy:
        person = running(policy)
        taken = person.remind()

        assert (True, BUSY) == (taken.busy, person.reads)
        assert taken.run is not None


@pytest.mark.parametrize("platform", ["http", "ussd", "whatsapp"])
def test_a_question_that_nobody_saw_is_not_answered(platform: str) -> None:
    """It was asked when nobody waited any more: the next input shows it, the one after answers it."""

    async def asks(c: Conversation) -> None:
        await c.run("look", reserve)
        name = await c.ask("name", "Your name?")
        await c.say(f"Bye, {name}.")

    person = Person(asks, platform=platform, waits=5.0)
    person.say("asks")
    person.settle("two pairs", waits=0.0)
    assert "" == person.reads
    person.restart()
    person.say("hello?")
    assert "Your name?" == person.reads
    person.say("Ama")

    assert "Bye, Ama." == person.reads


def test_a_run_whose_code_is_gone_during_it() -> None:
    """The flow goes where its code goes now, and says so; what was queued is forgotten."""
    person = running(Busy.QUEUE)
    person.say("Ama")

    async def shorter(c: Conversation) -> None:
        await c.ask("what", "What?")
        await c.ask("name", "Your name?")

    person.code(
        Flow(name="stock", function=shorter, busy=Busy.QUEUE, on_mismatch=OnMismatch.CONTINUE)
    )
    taken = person.say("still there?")

    assert (False, False) == (taken.busy, taken.queued)
    assert person.reads.endswith("Your name?")
    assert () == person.kept.queued
