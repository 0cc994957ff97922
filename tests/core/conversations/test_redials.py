"""What a new dial does with what an earlier one began (sessiond/core/conversations/redials.py)."""

from typing import Any

import pytest

from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.journal import Channel
from sessiond.core.conversations.redials import Missed, Resuming, picked, resume_menu, taken_back
from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.conversations.session_keys import ChannelFacts, KeyMode, SessionKeySettings
from sessiond.core.conversations.stored import decode_conversation
from sessiond.core.errors import SnapshotError
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Flow
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.prompts import Message
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import Translations
from tests.core.conversations.talking import ONE, USER, Person

HOUR = 3600.0
SECRET = "s" * 16
#: As a server has it: each dial has keys of its own.
DIALS = SessionKeySettings(secret=SECRET)
WHOLE = SessionKeySettings(boundaries=(), identifier="request_id", secret=SECRET)
LEGACY = SessionKeySettings(mode=KeyMode.FLOWCHAT_32.value)
#: The conversation goes on at the next dial.
DURABLE = SessionKeySettings(secret=SECRET, identifier="user_id")

MENU = "You were not finished the last time.\n\n1. Continue\n2. Start again"
WRONG = "Invalid selection:\n\n" + MENU


def by_hand() -> str:
    raise AssertionError("a test settles runs by hand")


async def order(c: Conversation) -> None:
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    count = await c.ask("count", "How many?", parse=int)
    await c.say(f"{count} of {size}.")


async def pay(c: Conversation) -> None:
    await c.say("Paying.")
    paid = await c.run("pay", by_hand)
    await c.say(f"Paid {paid}.")
    if paid == "half":
        await c.say(f"Thanks, {await c.ask('name', 'Your name?')}.")


async def survey(c: Conversation) -> None:
    await c.say(f"{await c.ask('stars', 'How many stars?')} stars.")


class Caller(Person):
    """A person with a phone: each dial is another request."""

    def __init__(self, *flows: Any, window: float = HOUR, **options: Any) -> None:
        options = {"keys": DIALS, "platform": "ussd", "waits": 5.0, **options}
        self.window = window
        self.dials = 0
        super().__init__(*(flows or (order, pay, survey)), **options)

    def dial(self, **options: Any) -> str:
        """Dial; returns what is read."""
        self.dials += 1
        return self.types("", opens=True, **options)

    def types(self, text: str, **options: Any) -> str:
        """Answer within the dial; returns what is read."""
        request = options.pop("request_id", f"r{self.dials}")
        self.say(text, request_id=request, resume_seconds=self.window, **options)
        return self.reads

    @property
    def live(self) -> list[str]:
        """The flows that run."""
        records = [decode_conversation(raw).flow_record for raw in self.stored.values()]
        return [record.flow for record in records if record is not None]


def interrupted(*flows: Any, **options: Any) -> Caller:
    """Somebody who was asked how many, and hung up."""
    caller = Caller(*flows, **options)
    caller.dial()
    assert "How many?" == caller.types("1")
    return caller


def promised(result: object = "all", **options: Any) -> Caller:
    """Somebody who was told to dial again, and whose result is there."""
    caller = Caller(pay, order, survey, **options)
    caller.dial()
    caller.settle(result, waits=0.0)
    return caller


# What was promised


@pytest.mark.parametrize("keys", [DIALS, WHOLE, LEGACY, DURABLE])
@pytest.mark.parametrize("window", [0.0, HOUR])
def test_a_dial_shows_the_result_that_was_promised(keys: SessionKeySettings, window: float) -> None:
    """However keys are made; the flow has ended with it, and the next dial begins anew."""
    caller = promised(keys=keys, window=window)
    caller.restart()
    assert "Paying.\n\nPaid all." == caller.dial()
    assert {} == caller.stored
    assert caller.taken.output is not None
    assert caller.taken.output.prompt is None

    caller.dial()
    assert caller.taken.run is not None


def test_a_dial_shows_the_question_that_came_of_a_result() -> None:
    """It is answered in that dial, under that dial's key; nothing is left of the other."""
    caller = promised("half")
    (before,) = caller.stored
    assert "Paying.\n\nPaid half.\n\nYour name?" == caller.dial()
    (after,) = caller.stored
    assert after == caller.taken.key != before
    assert "flow.execution.start" not in caller.told()
    assert {"from": before} == dict(caller.told_with("dial.resumed")[-1].facts)
    assert "Thanks, Ama." == caller.types("Ama")
    assert {} == caller.stored


@pytest.mark.parametrize("keys", [DIALS, DURABLE])
def test_a_function_that_still_runs(keys: SessionKeySettings) -> None:
    """He is told so at each dial; then its result finds the conversation where it is now."""
    caller = Caller(pay, keys=keys)
    caller.dial()
    run, key = caller.taken.run, caller.taken.key
    for _ in range(2):
        assert "Paying.\n\nOne moment, please." == caller.dial() or caller.dials > 2
        assert caller.taken.busy
        assert caller.taken.run is not None
        assert run is not None
        assert run.run_id == caller.taken.run.run_id
    assert "One moment, please." == caller.reads
    caller.taken = type(caller.taken)(stored=caller.stored, key=key)
    caller.settle("half", run=run)  # whoever waited in the first dial sees it no more
    assert "" == caller.reads
    assert "Paid half.\n\nYour name?" == caller.dial()
    assert caller.settle("half", run=run) is None


def test_who_waits_in_a_later_part_of_the_flow() -> None:
    """A dial while another function ran is long ago: this one's result is shown at once."""

    async def twice(c: Conversation) -> None:
        await c.run("one", by_hand)
        await c.ask("x", "X?")
        await c.say(f"Two {await c.run('two', by_hand)}.")

    caller = Caller(twice, keys=DURABLE)
    caller.dial()
    caller.dial()
    caller.settle()
    assert "" == caller.reads
    assert "X?" == caller.dial()
    caller.types("x")
    caller.settle("done")
    assert "Two done." == caller.reads


def test_the_coroutine_goes_along() -> None:
    """Nothing is rebuilt for a dial; where its commit fails everything is as it was."""
    caller = promised("half")
    caller.dial()
    assert "state_recovery" not in caller.told()
    caller.lose_commit()
    caller.dial()
    assert "Paying.\n\nPaid half.\n\nYour name?" == caller.reads
    assert "Thanks, Ama." == caller.types("Ama")


def test_what_a_flow_remembers_goes_along() -> None:
    """The session is the conversation's."""

    async def remembers(c: Conversation) -> None:
        c.session.set("name", "Ama")
        await c.run("r", by_hand)
        await c.ask("x", f"{c.session.get('name')}?")
        await c.say(f"Bye, {c.session.get('name')}.")

    caller = Caller(remembers)
    caller.dial()
    caller.settle(waits=0.0)
    caller.restart()
    assert "Ama?" == caller.dial()
    assert "Bye, Ama." == caller.types("x")


@pytest.mark.parametrize(
    "way",
    [{"platform": "http"}, {"gateway": "other"}],
)
def test_another_way_is_another_conversation(way: dict[str, str]) -> None:
    """Nothing but the dial may separate them."""
    caller = promised()
    facts = {"platform": "ussd", "gateway": "gate"} | way
    said = Said(
        ChannelFacts(request_id="r9", msisdn="+233244123456", **facts), Answer(), opens=True
    )
    assert not caller.conversations.goes_on(said, caller.stored, caller.now)


def test_keys_that_are_of_no_dial_are_left_alone() -> None:
    """A websocket's conversation is no interrupted dial, also where boundaries do not tell platforms apart."""
    keys = SessionKeySettings(boundaries=("flow",), secret=SECRET)
    caller = Caller(keys=keys)
    caller.say("order", platform="websocket", waits=0.0)
    assert "What size?\n\n1. Small\n2. Large" == caller.dial()
    assert 2 == len(caller.stored)


def test_a_flow_that_the_app_began_is_shown_first() -> None:
    """A dial that was interrupted ends for it; one that was promised something is shown before."""
    caller = interrupted()
    caller.said(Answer(), flow="survey", unprompted=True, request_id="x")
    assert ["order", "survey"] == caller.live
    assert "How many stars?" == caller.dial()
    assert ["survey"] == caller.live
    assert {"reset", "flow.execution.end", "dial.resumed"} <= set(caller.told())

    caller = promised("half")
    caller.now += 1
    caller.said(Answer(), flow="survey", unprompted=True, request_id="x")
    assert "Paying.\n\nPaid half.\n\nYour name?" == caller.dial()
    assert "How many stars?" == caller.dial()
    assert ["survey"] == caller.live


# Whether to go on


@pytest.mark.parametrize("keys", [DIALS, WHOLE, LEGACY, DURABLE])
@pytest.mark.parametrize("word", ["1", "continue", "Continue", "1.", " CONTINUE "])
def test_who_was_interrupted_goes_on(keys: SessionKeySettings, word: str) -> None:
    """Numbered, by its title, or by its key."""
    caller = interrupted(keys=keys)
    caller.restart()
    assert MENU == caller.dial()
    assert 1 == len(caller.stored)
    caller.restart()
    assert "How many?" == caller.types(word)
    assert "5 of s." == caller.types("5")
    assert {} == caller.stored


@pytest.mark.parametrize("keys", [DIALS, WHOLE, LEGACY, DURABLE])
@pytest.mark.parametrize("word", ["2", "Start again", "restart"])
def test_who_was_interrupted_starts_again(keys: SessionKeySettings, word: str) -> None:
    """The flow ends, and the dial is routed as a first one: the choice is no answer to anything."""
    caller = interrupted(keys=keys)
    caller.dial()
    assert "What size?\n\n1. Small\n2. Large" == caller.types(word)
    assert {"reset", "flow.execution.end", "flow.execution.start"} <= set(caller.told())
    assert ["order"] == caller.live
    assert "How many?" == caller.types("2")


def test_anything_else_is_no_answer() -> None:
    """Nothing of it gets to the flow or to routing."""
    caller = interrupted()
    caller.dial()
    for word in ("3", "", "order", "menu", "hi", "0"):
        assert WRONG == caller.types(word)
        assert "validation_error" in caller.told()
        assert caller.taken.output is not None
        assert caller.taken.output.rejected
    caller.said(Answer(choice="1"), request_id="r2")
    assert caller.reads.startswith("That choice belongs to an earlier question.")
    caller.remind()
    assert "How many?" == caller.types("1")


def test_a_tap() -> None:
    """Of the screen that asked; those of others are not taken."""
    caller = interrupted()
    caller.dial()
    screen = caller.screen
    caller.said(Answer(choice="restart", screen="other"), request_id="r2")
    assert MENU in caller.reads
    caller.said(Answer(choice="continue", screen=screen), request_id="r2")
    assert "How many?" == caller.reads


def test_a_reminder_asks_again() -> None:
    """The question that waits is whether to go on."""
    caller = interrupted()
    caller.dial()
    caller.said(Answer(), reminds=True, request_id="r2")
    assert MENU == caller.reads


def test_who_hangs_up_at_the_question_is_asked_again() -> None:
    """As long as it is not too late: asking is no answer, and the time goes on."""
    caller = interrupted(window=100.0)
    caller.now += 60
    assert MENU == caller.dial()
    caller.now += 40
    assert MENU == caller.dial()
    caller.now += 1
    assert "What size?\n\n1. Small\n2. Large" == caller.dial()
    assert ["order"] == caller.live


def test_the_time_to_go_on_begins_with_each_answer() -> None:
    """Also with the one that goes on."""
    caller = interrupted(window=100.0)
    for _ in range(3):
        caller.now += 100
        assert MENU == caller.dial()
        assert "How many?" == caller.types("1")


def test_a_conversation_lives_as_long_as_it_can_be_continued() -> None:
    """Though its platform's conversations are shorter; not longer than that."""
    brief = FlowSessionLimits(default_ttl_seconds=60.0, ttl_seconds={"ussd": 60.0})
    caller = interrupted(window=HOUR, sessions=brief)
    caller.pass_time(HOUR - 1)
    assert MENU == caller.dial()
    assert "How many?" == caller.types("1")
    caller.pass_time(HOUR)
    assert {} == caller.stored


def test_a_result_does_not_shorten_it() -> None:
    """Functions return when nobody says how long a dial can be continued."""
    brief = FlowSessionLimits(default_ttl_seconds=60.0, ttl_seconds={"ussd": 60.0})
    caller = Caller(pay, window=HOUR, sessions=brief)
    caller.dial()
    caller.pass_time(10)
    caller.settle("half", waits=0.0)
    caller.pass_time(HOUR - 20)
    assert "Paying.\n\nPaid half.\n\nYour name?" == caller.dial()


def test_a_flow_that_fails_is_asked_for_again() -> None:
    """Whether to go on is asked until it does; and starting again is always possible."""

    async def broken(c: Conversation) -> None:
        raise LookupError

    caller = interrupted()
    caller.code(Flow(name="order", function=broken))
    assert MENU == caller.dial()
    assert "Sorry, something went wrong. Please try again." == caller.types("1")
    caller.code(order, pay)
    assert WRONG == caller.types("x")
    assert "How many?" == caller.types("1")


def test_a_flow_that_is_gone() -> None:
    """It says that it cannot go on; starting again begins another."""
    caller = interrupted()
    caller.code(survey)
    assert MENU == caller.dial()
    assert "We cannot go on with this" in caller.types("1")
    assert "How many stars?" == caller.types("2")


def test_another_flow_that_is_started() -> None:
    """What the app's door starts is no answer to the question."""
    caller = interrupted()
    caller.dial()
    assert "How many stars?" == caller.types("", flow="survey")
    assert ["survey"] == caller.live


def test_its_words_are_the_flows() -> None:
    """In the language that the conversation speaks."""
    texts = FlowTexts(resume="Go on?", resume_continue="Sure", resume_restart="Anew")
    speaks = Translations({"fr": {"Go on?": "Continuer ?", "Sure": "Oui", "Anew": "Non"}})
    flow = Flow(name="order", function=order, texts=texts, translations=speaks)
    caller = Caller(flow)
    caller.dial(language="fr")
    caller.types("1")
    assert "Continuer ?\n\n1. Oui\n2. Non" == caller.dial()
    assert "How many?" == caller.types("oui")


# Beginning anew


@pytest.mark.parametrize("keys", [DIALS, WHOLE, LEGACY])
def test_without_a_time_a_dial_begins_anew(keys: SessionKeySettings) -> None:
    """The interrupted flow ends, and the journal tells it under its own key."""
    caller = interrupted(window=0.0, keys=keys)
    (before,) = caller.stored
    assert "What size?\n\n1. Small\n2. Large" == caller.dial()
    assert 1 == len(caller.stored)
    assert before not in caller.stored
    (reset,) = caller.told_with("reset")
    (end,) = caller.told_with("flow.execution.end")
    assert (before, before, "interrupted") == (reset.conversation, end.conversation, end.status)


def test_without_a_time_the_same_conversation_goes_on() -> None:
    """Where keys are durable, as it always did; also when the time was taken away meanwhile."""
    caller = interrupted(window=0.0, keys=DURABLE)
    assert "How many?" == caller.dial()
    caller.window = HOUR
    assert MENU == caller.dial()
    caller.window = 0.0
    assert "How many?" == caller.dial()
    assert "5 of s." == caller.types("5")


@pytest.mark.parametrize("keys", [DIALS, DURABLE])
def test_what_is_too_old_begins_anew(keys: SessionKeySettings) -> None:
    """And ends."""
    caller = interrupted(keys=keys, window=600.0)
    caller.now += 601
    assert "What size?\n\n1. Small\n2. Large" == caller.dial()
    assert ["order"] == caller.live
    assert 1 == len(caller.told_with("reset"))


def test_what_has_expired_is_not_continued() -> None:
    """Its time is over, though nobody has noticed yet."""
    brief = FlowSessionLimits(default_ttl_seconds=60.0, ttl_seconds={"ussd": 60.0})
    for keys in (DIALS, DURABLE):
        caller = interrupted(window=0.0, keys=keys, sessions=brief)
        caller.now += 61
        assert "What size?\n\n1. Small\n2. Large" == caller.dial()
        caller.pass_time(0)
        assert 1 == len(caller.stored)


def test_what_cannot_be_read_is_left_alone() -> None:
    """A dial begins beside it."""
    caller = interrupted()
    (key,) = caller.stored
    newer = caller.stored[key].replace(b'"touched_at"', b'"version":2,"touched_at"')
    caller.stored = {key: newer}
    assert "What size?\n\n1. Small\n2. Large" == caller.dial()
    assert newer == caller.stored[key]


def test_a_dial_that_starts_nothing() -> None:
    """The interrupted flow has ended all the same: the person chose so, or was too late."""
    routes = [Route(flow="order", words=("order",))]
    caller = Caller(order, routes=routes, routing=RoutingSettings(unclaimed_text="What?"))
    caller.dial()
    caller.types("order")
    assert MENU == caller.dial()
    assert "What?" == caller.types("2")
    assert {} == caller.stored


# What is dialled along


def test_whether_a_dial_goes_on_is_known_beforehand() -> None:
    """What was dialled along is for dials that begin anew."""
    caller = Caller()

    def goes_on(**options: Any) -> bool:
        facts = ChannelFacts(platform="ussd", gateway="gate", request_id="r9", user_id=USER)
        said = Said(facts, Answer(), **({"opens": True, "resume_seconds": HOUR} | options))
        return caller.conversations.goes_on(said, caller.stored, caller.now)

    assert not goes_on()
    caller.dial()
    assert goes_on()
    assert not goes_on(resume_seconds=0.0)
    assert not goes_on(flow="order")
    assert not goes_on(opens=False)
    caller = promised()
    assert goes_on(resume_seconds=0.0)


def test_the_stored_conversation_says_that_it_was_asked() -> None:
    """So another process knows what the next input answers."""
    caller = interrupted(keys=ONE)
    asked = [caller.kept.is_resuming]
    caller.dial()
    asked.append(caller.kept.is_resuming)
    for word in ("3", "1"):
        caller.types(word)
        asked.append(caller.kept.is_resuming)
    assert [False, True, True, False] == asked


# The question


def test_the_menu() -> None:
    """Two choices, on a screen of the conversation."""
    menu = resume_menu(FlowTexts(), "c1")

    assert "c1:resume" == menu.screen
    assert Resuming.CONTINUE == picked(Answer(text="1"), menu)
    assert Resuming.RESTART == picked(Answer(choice="restart"), menu)
    assert picked(Answer(choice="restart", screen="c2:resume"), menu) is None
    assert picked(Answer(text="3"), menu) is None


def test_two_functions_run_at_a_dial() -> None:
    """One is told of; the result of the other is kept as well, though its door waits yet."""
    caller = Caller(pay, order, survey, keys=DIALS)
    caller.dial()
    first = caller.taken
    caller.now += 1
    caller.said(Answer(), flow="pay", unprompted=True, request_id="x")
    second = caller.taken
    caller.dial()
    for taken in (first, second):
        caller.taken = taken
        caller.now += 1
        caller.settle("half")
        assert "" == caller.reads
    assert "Paid half.\n\nYour name?" == caller.dial()
    assert "Paying.\n\nPaid half.\n\nYour name?" == caller.dial()


def missed(*texts: str) -> Missed:
    return Missed("k", "order", "line", Channel("ussd"), tuple(Message(text) for text in texts))


def test_a_question_that_nobody_saw_waits_for_the_next_dial() -> None:
    """What was said before it is shown first, behind what was unseen before; nothing else of it changes."""
    ann = Caller()
    ann.dial()
    ((key, raw),) = ann.stored.items()
    again = taken_back(raw, missed("Hello."), 5.0, HOUR)
    twice = decode_conversation(taken_back(again, missed("Hello!"), 5.0, HOUR))
    ann.stored = {key: again}

    assert ([Message("Hello."), Message("Hello!")], True) == ([*twice.unseen], twice.is_unasked)
    assert decode_conversation(raw).expires_at == twice.expires_at
    assert ann.dial() == "Hello.\n\nWhat size?\n\n1. Small\n2. Large"


def test_an_end_that_nobody_saw_waits_for_the_next_dial() -> None:
    """Nothing is stored of the conversation any more: what is kept lives as long as a conversation does."""
    kept = decode_conversation(taken_back(None, missed("Done."), 5.0, HOUR))

    assert ("order", (Message("Done."),), False) == (kept.ended, kept.unseen, kept.is_unasked)
    assert ("line", "ussd", 5.0 + HOUR) == (kept.account, kept.channel.platform, kept.expires_at)


def test_the_menu_whether_to_go_on_comes_by_itself() -> None:
    """The next dial asks it again, with the same time to continue."""
    ann = Caller()
    ann.dial()
    assert ann.dial() == MENU
    ((_, raw),) = ann.stored.items()

    assert taken_back(raw, missed(), 5.0, HOUR) == raw


def test_a_conversation_that_cannot_be_read_is_left_alone() -> None:
    """The caller keeps what is stored."""
    with pytest.raises(SnapshotError):
        taken_back(b"{", missed("Hello."), 5.0, HOUR)
