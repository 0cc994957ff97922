"""Whom conversations speak to first: accounts that can be called, and flows that the app begins by itself.

(sessiond/core/conversations/conversations.py, open_conversation.py.)
"""

from typing import Any

import pytest

from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Flow
from tests.core.conversations.talking import DAILY, EACH, ONE, Person

DAY = 86_400.0
CALLING = frozenset({"shop"})


def found_by_hand() -> str:
    raise AssertionError("a test settles runs by hand")


async def look(c: Conversation) -> str:
    await c.say("Looking.")
    found = await c.run("look", found_by_hand)
    await c.say(f"Found {found}.")
    return await c.ask("name", "Your name?")


async def survey(c: Conversation) -> None:
    await c.say("A question.")
    await c.say(f"Thanks for {await c.ask('stars', 'How many stars?')}.")


async def fails(c: Conversation) -> None:
    raise LookupError(c.started_by)


def person(platform: str = "whatsapp", *, calls: bool = True, **options: Any) -> Person:
    """Somebody whose provider can be called, unless it is said that it cannot."""
    calling = CALLING if calls else frozenset()
    return Person(look, survey, fails, platform=platform, calling=calling, **options)


def begin(somebody: Person, flow: str = "survey") -> None:
    """The app begins a flow."""
    somebody.said(Answer(), flow=flow, account="shop", unprompted=True)


# Accounts that can be called


def test_what_nobody_waits_for_is_delivered() -> None:
    """It is the caller's to deliver, on the account that was last heard; nothing is kept for a reminder."""
    somebody = person()
    somebody.say("look", account="shop")
    assert "shop" == somebody.taken.account
    somebody.restart()
    somebody.settle("shoes")

    assert "Found shoes.\n\nYour name?" == somebody.reads
    assert ("shop", False) == (somebody.taken.account, somebody.taken.is_push)
    assert (None, ()) == (somebody.kept.pushed, somebody.kept.unseen)
    somebody.say("Ama", account="shop")
    assert {} == somebody.stored


def test_an_account_that_is_gone() -> None:
    """What is said then is shown at the next input, as where nobody can be called."""
    somebody = person(calls=False)
    somebody.say("look", account="shop")
    somebody.settle("shoes")
    assert (None, "shop") == (somebody.taken.output, somebody.taken.account)
    somebody.say("hello?", account="other")

    assert "Found shoes.\n\nYour name?" == somebody.reads
    assert "other" == somebody.kept.account


def test_the_words_of_an_expiry_are_delivered() -> None:
    """And nothing is left."""
    flow = Flow(name="survey", function=survey, on_expire="Too late.")
    somebody = Person(flow, platform="sms", calling=CALLING, sessions=DAILY)
    somebody.say("survey", account="shop")
    (taken,) = somebody.pass_time(DAY)

    assert ("Too late.", "shop", False) == (somebody.reads, taken.account, taken.is_push)
    assert {} == somebody.stored


def test_what_is_remembered_of_an_ended_flow_keeps_the_account() -> None:
    """The rest of a conversation is still somebody's on some account."""

    async def remembers(c: Conversation) -> None:
        c.session.set("name", await c.ask("name", "Your name?"))

    somebody = Person(remembers, platform="whatsapp", calling=CALLING)
    somebody.say("remembers", account="shop")
    somebody.say("Ama", account="shop")

    assert "shop" == somebody.kept.account


def test_a_websocket_has_no_account() -> None:
    """What nobody waits for is pushed there, as ever, also when the person was on an account before."""
    somebody = person()
    somebody.say("look", account="shop")
    somebody.say("menu", platform="websocket")
    somebody.say("look", platform="websocket")
    somebody.settle("shoes")

    assert ("", True) == (somebody.taken.account, somebody.taken.is_push)


# Flows that the app begins


@pytest.mark.parametrize(
    ("platform", "calls", "reads", "is_push"),
    [
        ("websocket", False, "A question.\n\nHow many stars?", True),
        ("whatsapp", True, "A question.\n\nHow many stars?", False),
        ("ussd", False, "", False),
    ],
)
def test_the_app_begins_a_flow(platform: str, calls: bool, reads: str, is_push: bool) -> None:
    """It is pushed, delivered, or waits for the person; he has said nothing, and then answers."""
    somebody = person(platform, calls=calls)
    begin(somebody)
    assert (reads, is_push, "shop") == (
        somebody.reads,
        somebody.taken.is_push,
        somebody.taken.account,
    )
    assert "message.received" not in somebody.told()
    assert ("message.sent" in somebody.told()) is bool(reads)
    if not reads:
        somebody.say("", opens=True)
        assert "A question.\n\nHow many stars?" == somebody.reads
    somebody.say("5")

    assert "Thanks for 5." == somebody.reads


def test_it_ends_what_runs() -> None:
    """There is one conversation on a way, also where each flow has its own; the one that ended is told."""
    for keys in (ONE, EACH):
        somebody = person(keys=keys)
        somebody.say("look", account="shop")
        begin(somebody)
        assert ["survey"] == [somebody.record.flow]
        assert {"reset", "flow.execution.end", "flow.execution.start"} <= set(somebody.told())


def test_it_drops_nothing_that_was_not_seen() -> None:
    """The result that waits is shown first; what was pushed is shown again with what is pushed now."""
    somebody = person("ussd", calls=False)
    somebody.say("look")
    somebody.settle("shoes")
    begin(somebody)
    somebody.say("1")
    assert "Found shoes.\n\nA question.\n\nHow many stars?" == somebody.reads

    somebody = person("websocket", calls=False)
    somebody.say("look")
    somebody.settle("shoes")
    begin(somebody)
    somebody.remind()
    assert "Found shoes.\n\nA question.\n\nHow many stars?" == somebody.reads


def test_what_fails_at_once_changes_nothing() -> None:
    """Nobody is told, but the journal; what ran goes on."""
    somebody = person()
    somebody.say("survey", account="shop")
    before = somebody.stored
    begin(somebody, "fails")

    assert ("", before, False) == (somebody.reads, somebody.stored, somebody.taken.is_push)
    assert ["flow.execution.error"] == somebody.told()
    (entry,) = somebody.told_with("flow.execution.error")
    assert "fails" == entry.flow
    assert somebody.taken.error is not None
    somebody.say("5", account="shop")
    assert "Thanks for 5." == somebody.reads


def test_it_names_a_flow() -> None:
    """One that there is."""
    somebody = person()
    with pytest.raises(InvalidInput, match="names the flow to begin"):
        begin(somebody, "")
    with pytest.raises(InvalidInput, match="there is no flow 'other'"):
        begin(somebody, "other")


def test_no_function_is_waited_for() -> None:
    """It is called once the turn is durable, and its result comes as any."""
    somebody = person()
    begin(somebody, "look")
    assert "Looking." == somebody.reads
    somebody.settle("shoes")
    assert "Found shoes.\n\nYour name?" == somebody.reads


# What was not seen when something else begins


@pytest.mark.parametrize("word", ["menu", "survey", "fails"])
def test_a_word_that_ends_a_flow_shows_what_was_not_seen(word: str) -> None:
    """Before what it begins, also where that fails, or is a text."""
    routing = RoutingSettings(reset_words={"en": ("menu",)}, reset_text="Over.")

    async def twice(c: Conversation) -> None:
        await c.run("one", found_by_hand)
        await c.say("One.")
        await c.run("two", found_by_hand)

    somebody = Person(
        twice,
        survey,
        fails,
        platform="ussd",
        routing=routing,
        routes=[
            Route(flow=name, words=(name,), interrupts=True)
            for name in ("twice", "survey", "fails")
        ],
    )
    somebody.say("twice")
    somebody.settle()
    somebody.say(word)

    shown = {"menu": "Over.", "survey": "A question."}.get(word, "Sorry, something went wrong.")
    assert somebody.reads.startswith(f"One.\n\n{shown}")
