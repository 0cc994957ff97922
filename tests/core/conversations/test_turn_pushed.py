"""What was pushed to a person who may be away (sessiond/core/conversations/turn.py, open_conversation.py)."""

import pytest

from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.conversations.stored import MAX_KEPT_MESSAGES
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Flow
from sessiond.core.flows.prompts import End
from tests.core.conversations.talking import DAILY, ONE, Person

HOUR = 3600.0
DAY = 24 * HOUR


def found_by_hand() -> str:
    raise AssertionError("a test settles runs by hand")


async def look(c: Conversation) -> str:
    found = await c.run("look", found_by_hand)
    await c.say(f"Found {found}.")
    await c.run("pack", found_by_hand)
    await c.say("Packed.")
    if found == "shoes":
        await c.say(await c.ask("name", "Your name?"))
    return "done"


async def asks(c: Conversation) -> None:
    await c.ask("x", "X?")


async def talks(c: Conversation) -> None:
    for number in range(MAX_KEPT_MESSAGES + 5):
        await c.say(f"{number}.")
        await c.run(f"r{number}", print)


def ended(**options: object) -> Person:
    """A person to whom the end of a flow was pushed."""
    person = Person(look, asks, **options)  # type: ignore[arg-type]
    person.say("look")
    person.settle("a hat")
    person.settle()
    return person


def test_a_reminder_shows_what_was_pushed_and_the_question() -> None:
    """As often as it is asked for, also when everything else is forgotten."""
    person = Person(look)
    person.say("look")
    person.settle("shoes")
    person.remind()
    assert "Found shoes.\n\nOne moment, please." == person.reads
    person.settle(run=person.taken.run)
    for _ in range(2):
        person.restart()
        person.remind()
        assert "Found shoes.\n\nPacked.\n\nYour name?" == person.reads
    person.say("Ama")
    assert "Ama" == person.reads
    assert {} == person.stored


def test_a_reminder_shows_how_a_flow_has_ended() -> None:
    """With the flow's name and what it returned; no flow runs, and it is over in its time."""
    person = ended()
    assert (End.RETURNED, True) == (
        person.taken.output and person.taken.output.end,
        person.taken.is_push,
    )
    for _ in range(2):
        person.restart()
        taken = person.remind()
        assert taken.output is not None
        assert "Found a hat.\n\nPacked." == person.reads
        assert (End.RETURNED, b'"done"', "look") == (
            taken.output.end,
            taken.output.result,
            taken.flow,
        )
        assert "flow.end" not in person.told()
    assert not person.kept.has_record
    person.pass_time(DAY + 1)
    assert {} == person.stored


@pytest.mark.parametrize("after_end", ["route", "text"])
def test_the_next_words_drop_it(after_end: str) -> None:
    """Whatever they mean; they are routed as if the conversation were gone."""
    person = ended(routing=RoutingSettings(after_end=after_end, ended_text="It is over."))
    person.say("well")
    person.remind()
    assert "Found" not in person.reads
    again = ended()
    again.say("asks")
    assert "X?" == again.reads
    again.remind()
    assert "X?" == again.reads


def test_words_that_mean_nothing_leave_nothing() -> None:
    """The conversation was kept for its last screen alone."""
    person = ended(routes=[Route(flow="look", words=("look",))])
    assert person.stored
    person.say("thanks")

    assert {} == person.stored


def test_the_words_of_an_expiry() -> None:
    """They are pushed to nobody, perhaps: they are kept as long again, with what was pushed before."""
    person = Person(Flow(name="look", function=look, on_expire="Too late."), sessions=DAILY)
    person.say("look")
    person.settle("shoes")
    person.settle()
    (taken,) = person.pass_time(DAY)
    assert taken.is_push
    assert "Too late." == person.reads
    person.pass_time(DAY - 1)
    taken = person.remind()
    assert "Found shoes.\n\nPacked.\n\nToo late." == person.reads
    assert taken.output is not None
    assert (None, End.EXPIRED) == (taken.output.prompt, taken.output.end)
    person.pass_time(1)
    assert {} == person.stored


def test_only_the_last_of_it_is_kept() -> None:
    """Pushed or not: a flow that talks to nobody for long does not grow."""
    for platform in ("websocket", "http"):
        person = Person(talks, platform=platform)
        person.say("talks")
        for _ in range(MAX_KEPT_MESSAGES + 5):
            person.settle(waits=0.0)
        person.remind()

        texts = person.reads.split("\n\n")
        assert (MAX_KEPT_MESSAGES, f"{MAX_KEPT_MESSAGES + 4}.") == (len(texts), texts[-1])


def test_a_door_that_waits_loses_nothing() -> None:
    """What one turn says is bounded by the turn."""

    async def tells(c: Conversation) -> None:
        for number in range(MAX_KEPT_MESSAGES + 5):
            await c.say(f"{number}.")
        await c.run("r", print)

    person = Person(tells, platform="http", waits=5.0)
    person.say("tells")
    person.settle()
    assert MAX_KEPT_MESSAGES + 5 == len(person.reads.split("\n\n"))


def test_what_was_not_seen_elsewhere_is_not_lost_by_a_reminder() -> None:
    """A client that reminds may lose the reply; it may ask again."""
    person = Person(look, keys=ONE, platform="http")
    person.say("look")
    person.settle("a hat")
    person.settle()
    person.platform = "websocket"
    for _ in range(2):
        person.remind()
        assert "Found a hat.\n\nPacked." == person.reads
