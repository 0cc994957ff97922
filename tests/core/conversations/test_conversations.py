"""The conversations of one user (sessiond/core/conversations/conversations.py)."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from sessiond.core.conversations.conversations import (
    MAX_CONVERSATIONS,
    Conversations,
    next_expiry,
)
from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.conversations.stored import decode_conversation, encode_conversation
from sessiond.core.errors import InvalidInput, SnapshotCorrupt, SnapshotTooNew
from sessiond.core.flows.answers import Answer, Contact, Location
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Flow
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.texts import FlowTexts
from tests.core.conversations.talking import EACH, EPOCH, Person

FAILED = FlowTexts().failed
UNAVAILABLE = FlowTexts().unavailable
HOUR = 3600.0


async def main(c: Conversation) -> None:
    name = await c.ask("name", "Your name?")
    await c.say(f"Hello, {name}.")


async def other(c: Conversation) -> None:
    await c.select("what", "What now?", {"menu": "Menu", "stop": "Stop"})
    await c.say("As you like.")


def fetch() -> str:
    raise AssertionError("a test settles runs by hand")


async def fetching(c: Conversation) -> None:
    found = await c.run("fetch", fetch)
    await c.say(f"Got {found}.")


# What starts, goes on and ends


@pytest.mark.parametrize("text", ["main", "Main!", "anything", "hello", ""])
def test_the_flow_that_takes_everything(text: str) -> None:
    """Its word starts it, a greeting, and whatever else nobody claims."""
    person = Person(main, other)
    person.say(text)

    assert "Your name?" == person.reads


def test_a_greeting_that_begins_something() -> None:
    """It is told as one; a greeting that is an answer is not."""
    person = Person(main)
    person.say("Hello!")
    assert ["message.received", "greeting", "flow.execution.start", "message.sent"] == (
        person.told()
    )
    person.say("Hello")

    assert ("Hello, Hello.", 1) == (person.reads, len(person.told_with("greeting")))


def test_a_word_and_a_pattern_start_their_flow() -> None:
    """The text that started it is known to the flow, and answers nothing."""

    async def pay(c: Conversation) -> None:
        await c.ask("ok", f"{c.started_by}?")

    person = Person(pay, routes=[Route(flow="pay", words=("pay",), patterns=(r"send \d+",))])
    person.say("send 12")
    assert "send 12?" == person.reads
    person.say("nonsense")
    person.say("pay")

    assert "pay?" == person.reads


def test_a_flow_by_its_name() -> None:
    """Whatever runs; a name that is none is the caller's mistake."""
    person = Person(main, other)
    person.say("main")
    person.say("Ama", flow="other")
    assert person.reads.startswith("What now?")

    with pytest.raises(InvalidInput, match="there is no flow 'nothing'"):
        person.say("hi", flow="nothing")


def test_words_of_the_question_are_answers() -> None:
    """``menu`` is a reset word, unless the question that is shown takes it; also after a restart."""
    for restarts in (False, True):
        person = Person(main, other)
        person.say("other")
        if restarts:
            person.restart()
        person.say("menu")

        assert "As you like." == person.reads


def test_a_reset_word_without_a_flow_to_start() -> None:
    """What runs ends, and that is said."""
    person = Person(main, routes=[Route(flow="main", words=("main",))])
    person.say("main")
    person.say("cancel")

    assert ("Cancelled.", {}) == (person.reads, person.stored)


def test_what_nobody_claims() -> None:
    """It is said, or ignored; neither makes a conversation."""
    quiet = Person(main, routes=[Route(flow="main", words=("main",))])
    quiet.say("what?")
    assert (None, {}) == (quiet.taken.output, quiet.stored)
    polite = Person(
        main,
        routes=[Route(flow="main", words=("main",))],
        routing=RoutingSettings(unclaimed_text="Say main."),
    )
    polite.say("what?")

    assert ("Say main.", {}) == (polite.reads, polite.stored)


@pytest.mark.parametrize(
    ("policy", "text", "reads"),
    [
        ("route", "what?", "Your name?"),
        ("restart", "what?", "What now?\n\n1. Menu\n2. Stop"),
        ("text", "what?", "Bye."),
        ("text", "other", "What now?\n\n1. Menu\n2. Stop"),
        ("text", "hi", "Your name?"),
        ("closed", "hi", "Bye."),
    ],
)
@pytest.mark.parametrize("restarts", [False, True])
def test_after_the_end(policy: str, text: str, reads: str, restarts: bool) -> None:
    """The next input does what the policy says, also when the server was restarted in between."""
    routing = RoutingSettings(after_end=policy, ended_text="Bye.")
    person = Person(main, other, routing=routing)
    person.say("other")
    person.say("stop")
    if restarts:
        person.restart()
    person.say(text)

    assert reads == person.reads


def test_the_end_is_remembered_for_a_time() -> None:
    """As long as a conversation lives; then it is as if none had been."""
    person = Person(main, routing=RoutingSettings(after_end="closed", ended_text="Bye."))
    person.say("main")
    person.say("Ama")
    assert ["cleanup"] == [e for _ in person.pass_time(24 * HOUR) for e in person.told()]
    assert {} == person.stored
    person.say("hi")

    assert "Your name?" == person.reads


def test_restarting_a_flow_that_is_gone() -> None:
    """The end of a removed flow cannot be gone on from: the person is told, and a word helps."""
    person = Person(other, main, routing=RoutingSettings(after_end="restart"))
    person.say("other")
    person.say("stop")
    person.code(main)
    person.say("what?")
    assert UNAVAILABLE == person.reads
    person.say("main")

    assert "Your name?" == person.reads


@pytest.mark.parametrize(
    "answer",
    [
        Answer(location=Location(latitude=5.6, longitude=-0.2)),
        Answer(contact=Contact(name="Kofi", phones=("+233244123456",))),
    ],
)
def test_an_opener_that_is_more_than_a_text(answer: Answer) -> None:
    """A place and a visiting card answer the first question, as a picture does."""

    async def where(c: Conversation) -> None:
        if answer.location:
            await c.location("place", "Where?")
        else:
            await c.contact("who", "Who?")
        await c.say("Thanks.")

    person = Person(where)
    person.said(answer)

    assert "Thanks." == person.reads


@pytest.mark.parametrize("dialled", ["", "5", "main"])
def test_a_dial_that_goes_on(dialled: str) -> None:
    """Where a flow runs its question is shown again, as no answer was given; otherwise the dial starts one."""
    person = Person(main, platform="ussd")
    person.say("", opens=True)
    assert "Your name?" == person.reads
    person.say(dialled, opens=True)
    assert "Your name?" == person.reads
    person.say("Ama")

    assert "Hello, Ama." == person.reads


# Restarts and commits that failed


def test_a_restart_goes_on_where_it_was() -> None:
    """Nothing but the stored bytes is needed."""
    person = Person(other, main)
    person.say("main")
    person.restart()
    person.say("Ama")

    assert "Hello, Ama." == person.reads


def test_a_flow_in_memory_is_gone_on_with() -> None:
    """Its code runs once from the beginning, not once per input; after a lost commit it runs again."""
    runs = 0

    async def counted(c: Conversation) -> None:
        nonlocal runs
        runs += 1
        for number in range(4):
            await c.ask(f"q{number}", f"Question {number}?")

    person = Person(counted)
    person.say("counted")
    person.say("a")
    person.say("b")
    assert 1 == runs
    person.lose_commit()
    person.say("c")

    assert ("Question 2?", 2) == (person.reads, runs)


def test_a_start_that_was_not_stored() -> None:
    """Its coroutine is put away, and the next input starts anew."""
    closed: list[str] = []

    async def careful(c: Conversation) -> None:
        try:
            await c.ask("x", "X?")
        finally:
            closed.append("closed")

    person = Person(careful)
    person.say("careful")
    person.lose_commit()
    person.say("careful")

    assert ("X?", ["closed"]) == (person.reads, closed)


def test_what_flows_raise_while_they_are_put_away() -> None:
    """It harms nobody, and is handed out when everything is put away."""

    async def unclean(c: Conversation) -> None:
        try:
            await c.ask("x", "X?")
        finally:
            raise LookupError

    person = Person(unclean)
    person.say("unclean")
    person.say("cancel")
    person.restart()

    assert 2 == len(person.failures)
    assert all("test_conversations.py" in str(failure) for failure in person.failures)


def test_functions_are_found_again_after_a_restart() -> None:
    """Under the same id, for each conversation that waits for one."""
    person = Person(fetching, main)
    person.say("fetching")
    run = person.taken.run
    assert person.conversations.waits_for_run(person.stored)
    person.restart()
    assert person.conversations.waits_for_run(person.stored)
    (taken,) = person.resume()

    assert run is not None
    assert taken.run is not None
    assert (run.run_id, "fetch", None) == (taken.run.run_id, taken.run.key, taken.output)
    person.settle("it")
    assert "Got it." == person.reads
    assert not person.conversations.waits_for_run(person.stored)


@pytest.mark.parametrize(("platform", "reads"), [("websocket", True), ("http", False)])
def test_resuming_a_flow_whose_code_has_changed(platform: str, reads: bool) -> None:
    """What it says now is pushed, or kept until somebody looks."""
    person = Person(fetching, platform=platform)
    person.say("fetching")

    async def asking(c: Conversation) -> None:
        await c.ask("x", "X?")

    person.code(Flow(name="fetching", function=asking))
    (taken,) = person.resume()

    assert (reads, reads) == (taken.is_push, "X?" in person.reads)
    person.say("hello?")
    assert ("X?" in person.reads) is not reads


# Time


def test_conversations_expire() -> None:
    """Each by its platform's time, counted from the last turn; the next due time is known."""
    limits = FlowSessionLimits(ttl_seconds={"ussd": HOUR}, default_ttl_seconds=24 * HOUR)
    person = Person(main, sessions=limits)
    assert next_expiry(person.stored) is None
    person.say("", platform="ussd")
    assert EPOCH + HOUR == next_expiry(person.stored)
    person.now += HOUR / 2
    person.remind()
    assert EPOCH + 24.5 * HOUR == next_expiry(person.stored)
    assert [] == person.pass_time(24 * HOUR - 1)
    assert 1 == len(person.pass_time(1))

    assert {} == person.stored


def test_an_input_after_the_expiry() -> None:
    """It begins anew, though nobody had noticed the expiry before; that is told."""
    person = Person(main)
    person.say("main")
    person.now += 25 * HOUR
    person.say("Ama")

    assert "Your name?" == person.reads
    assert [
        "flow.execution.end",
        "cleanup",
        "message.received",
        "flow.execution.start",
        "message.sent",
    ] == person.told()


@pytest.mark.parametrize("said", ["order", "menu", "what?"])
def test_an_input_that_comes_before_the_expiry_is_noticed(said: str) -> None:
    """The flow's words for it are shown first, whatever the input does then; once."""
    flow = Flow(name="order", function=main, on_expire="Gone.")
    routes = [Route(flow="order", words=("order", "menu"))]
    routing = RoutingSettings(unclaimed_text="Say order.")
    person = Person(flow, routes=routes, routing=routing)
    person.say("order")
    person.now += 25 * HOUR
    taken = person.say(said)

    assert "Gone.\n\n" + ("Say order." if said == "what?" else "Your name?") == person.reads
    assert taken.output is not None
    assert 1 == person.told().count("message.sent")
    assert [] == person.pass_time(0)


def test_words_of_an_expiry_that_fail() -> None:
    """They are no failure of what is said then; the author finds them in the journal."""

    def broken(_answers: object) -> str:
        raise LookupError

    person = Person(Flow(name="order", function=main, on_expire=broken))
    person.say("order")
    person.now += 25 * HOUR
    taken = person.say("order")

    assert ("Your name?", None) == (person.reads, taken.error)
    assert 1 == len(person.told_with("flow.execution.error"))


def test_what_is_remembered_longer_than_the_conversation_lives() -> None:
    """Is there when the next flow begins, though the input came before the expiry was noticed."""
    limits = FlowSessionLimits(ttl_seconds={"ussd": HOUR}, default_ttl_seconds=24 * HOUR)
    person = Person(remembering, sessions=limits)
    person.say("remembering", platform="websocket")
    person.say("x", platform="websocket")
    person.say("", platform="http")
    person.remind()
    person.say("", platform="ussd", opens=True)
    person.now += 2 * HOUR
    person.say("remembering", platform="ussd")

    assert "Seen 2." == person.reads


def test_a_result_after_the_expiry() -> None:
    """Nothing waits for it any more."""
    person = Person(fetching)
    person.say("fetching")
    run = person.taken.run
    person.pass_time(25 * HOUR)

    assert person.settle("it", run=run) is None


# Several conversations


def test_each_way_has_its_own_conversation() -> None:
    """By the boundaries; what is said on one way moves nothing on the other."""
    keys = SessionKeySettings(boundaries=("platform",), identifier="user_id", secret="s" * 16)
    person = Person(main, other, keys=keys)
    person.say("main", platform="websocket")
    person.say("other", platform="whatsapp")
    person.say("Ama", platform="websocket")

    assert ("Hello, Ama.", 1) == (person.reads, len(person.stored))


def test_one_conversation_over_two_platforms() -> None:
    """It goes on on the other one, and is pushed there."""
    person = Person(fetching, main)
    person.say("fetching", platform="whatsapp")
    person.settle("it", waits=0.0)
    assert "" == person.reads
    person.say("main", platform="websocket")
    assert "Got it." == person.reads


def test_where_each_flow_has_its_own_conversation() -> None:
    """An answer still finds the flow that runs, and a start ends the other."""
    person = Person(main, other, keys=EACH)
    person.say("main")
    person.say("x", flow="other")
    assert ["other"] == [key.split(":")[0] for key in person.stored]
    person.say("stop")

    assert ("As you like.", {}) == (person.reads, person.stored)


def test_too_many_conversations() -> None:
    """The one that was touched least lately is given up; those that stay are not disturbed."""
    keys = SessionKeySettings(boundaries=(), identifier="request_id", secret="s" * 16)
    person = Person(main, keys=keys)
    for number in range(MAX_CONVERSATIONS):
        person.now += 1
        person.say("main", request_id=f"r{number}", platform="ussd" if number else "whatsapp")
    person.now += 1
    person.say("Kofi", request_id="r0")
    person.say("main", request_id="r0")
    assert MAX_CONVERSATIONS == len(person.stored)
    person.say("main", request_id="one more")

    assert MAX_CONVERSATIONS == len(person.stored)
    assert ["flow.execution.end", "cleanup"] == person.told()[-2:]
    person.say("Ama", request_id="r1")
    assert "Your name?" == person.reads
    person.say("Ama", request_id="r0")
    assert "Hello, Ama." == person.reads


def test_what_is_given_up_is_forgotten_with_all_that_it_remembers() -> None:
    """And that is told."""
    keys = SessionKeySettings(boundaries=(), identifier="request_id", secret="s" * 16)
    person = Person(remembering, keys=keys)
    for number in range(MAX_CONVERSATIONS + 1):
        person.now += 1
        person.say("remembering", request_id=f"r{number}")

    assert MAX_CONVERSATIONS == len(person.stored)
    assert ["flow.execution.end", "cleanup", "session.destroyed"] == person.told()[-3:]
    person.say("x", request_id="r0")
    assert "Seen 0." == person.reads


def test_a_full_user_loses_nothing_without_need() -> None:
    """An input that starts nothing, and a flow in place of another, give up no conversation."""
    keys = SessionKeySettings(boundaries=("flow",), identifier="request_id", secret="s" * 16)
    routes = [Route(flow="main", words=("main",)), Route(flow="other", words=("other",))]
    person = Person(main, other, keys=keys, routes=routes)
    for number in range(MAX_CONVERSATIONS):
        person.say("main", request_id=f"r{number}")
    person.say("what?", request_id="new")
    assert MAX_CONVERSATIONS == len(person.stored)
    person.say("x", flow="other", request_id="r3")

    assert MAX_CONVERSATIONS == len(person.stored)


# Stored conversations that cannot be read


def damaged(person: Person, **fields: Any) -> None:
    """Change fields of the record of the only conversation."""
    ((key, raw),) = person.stored.items()
    body = msgspec.json.decode(raw)
    body["record"] |= fields
    person.stored = {key: msgspec.json.encode(body)}


def test_a_conversation_of_a_newer_version() -> None:
    """Nothing overwrites it: neither an answer nor a reset word nor a start by name."""
    person = Person(main)
    person.say("main")
    damaged(person, version=99)
    before = person.stored
    for said in ({}, {"flow": "main"}):
        for text in ("Ama", "menu"):
            taken = person.say(text, **said)
            assert (FAILED, before) == (person.reads, person.stored)
            assert isinstance(taken.error, SnapshotTooNew)
    person.remind()

    assert (FAILED, before) == (person.reads, person.stored)
    assert [] == person.resume()


@pytest.mark.parametrize("outside", [False, True])
def test_a_conversation_that_cannot_be_read(outside: bool) -> None:
    """The person is told; a reset word or a start by name begins anew."""

    def broken() -> tuple[Person, Mapping[str, bytes]]:
        person = Person(main)
        person.say("main")
        damaged(person, entries="none")
        if outside:
            person.stored = dict.fromkeys(person.stored, b"{")
        return person, person.stored

    person, before = broken()
    taken = person.say("Ama")
    assert (FAILED, before) == (person.reads, person.stored)
    assert isinstance(taken.error, SnapshotCorrupt)
    assert ["message.received", "flow.execution.error", "message.sent"] == person.told()
    taken = person.say("menu")
    assert ("Your name?", None) == (person.reads, taken.error)
    person.say("Ama")
    assert "Hello, Ama." == person.reads
    person, _ = broken()
    person.say("", flow="main")
    assert "Your name?" == person.reads


def test_what_cannot_be_read_expires_with_its_time() -> None:
    """Then it is gone, of whatever version; what has no readable time is left alone."""
    person = Person(main)
    person.say("main")
    damaged(person, version=99)
    (taken,) = person.pass_time(25 * HOUR)
    assert isinstance(taken.error, SnapshotTooNew)
    assert {} == person.stored
    person.stored = {"k": b"{"}

    assert [] == person.pass_time(25 * HOUR)
    assert next_expiry(person.stored) is None
    assert not person.conversations.waits_for_run(person.stored)


# What flows remember


async def remembering(c: Conversation) -> None:
    seen = c.session.get("seen", 0)
    c.session.set("seen", seen + 1)
    await c.ask("x", f"Seen {seen}.")


def test_what_a_flow_remembers_is_there_the_next_time() -> None:
    """After its end, after a reset, after a restart, and not after its own time."""
    person = Person(remembering)
    person.say("remembering")
    assert "session.created" in person.told()
    person.say("end")
    assert 1 == len(person.stored)
    person.restart()
    person.say("remembering")
    assert ("Seen 1.", False) == (person.reads, "session.created" in person.told())
    person.say("menu")
    assert "Seen 2." == person.reads
    person.lose_commit()
    person.restart()
    person.say("menu")
    assert "Seen 2." == person.reads
    person.pass_time(25 * HOUR)
    person.say("remembering")

    assert "Seen 0." == person.reads


def test_what_is_remembered_beside_another_flow() -> None:
    """Where each flow has its own conversation, what one remembers does not get in the other's way."""
    person = Person(remembering, other, keys=EACH)
    person.say("remembering")
    person.say("other", flow="other")
    assert 2 == len(person.stored)
    person.say("stop")
    assert "As you like." == person.reads
    person.say("remembering")

    assert "Seen 1." == person.reads


def test_what_a_failed_turn_remembers_is_forgotten() -> None:
    """And what was destroyed is told."""

    async def writing(c: Conversation) -> None:
        c.session.set("a", 1)
        text = await c.ask("x", "X?")
        c.session.set("a", 2)
        if text == "raise":
            raise LookupError
        text = await c.ask("y", f"{c.session.get('a')}")
        c.session.destroy()

    person = Person(writing)
    person.say("writing")
    person.say("raise")
    (raw,) = person.stored.values()
    assert b'"values":{"a":1}' in raw
    person.say("fine")
    assert "2" == person.reads
    person.say("bye")

    assert ({}, True) == (person.stored, "session.destroyed" in person.told())


def test_a_session_that_cannot_be_read() -> None:
    """The turn fails, and nothing is overwritten."""
    person = Person(remembering)
    person.say("remembering")
    ((key, raw),) = person.stored.items()
    broken = msgspec.structs.replace(decode_conversation(raw), session=msgspec.Raw(b'"x"'))
    person.stored = before = {key: encode_conversation(broken)}
    person.restart()
    person.say("x")

    assert (FAILED, before) == (person.reads, person.stored)


def test_nothing_is_kept_by_conversations_that_only_talked() -> None:
    """The same stored object comes back when nothing changed."""
    person = Person(main, routes=[Route(flow="main", words=("main",))])
    before = person.stored
    taken = person.say("what?")

    assert taken.stored is before
    assert isinstance(person.conversations, Conversations)
