"""Whatever a person dials, types, or hangs up on (sessiond/core/conversations/redials.py).

What is to be seen is unique in each flow here, so that everything that was said can be looked for in all that was read.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.conversations.running import waits_for_run
from sessiond.core.conversations.session_keys import KeyMode, SessionKeySettings
from sessiond.core.conversations.stored import StoredConversation, decode_conversation
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.engine import settled
from sessiond.core.flows.flow import Busy, Flow
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.prompts import RunRequest
from tests.core.conversations.talking import Person

SECRET = "s" * 16
DIALS = SessionKeySettings(secret=SECRET)
WHOLE = SessionKeySettings(boundaries=(), identifier="request_id", secret=SECRET)
LEGACY = SessionKeySettings(mode=KeyMode.FLOWCHAT_32.value)
DURABLE = SessionKeySettings(boundaries=("flow",), secret=SECRET, identifier="user_id")

TTL = 1000.0
LIMITS = FlowSessionLimits(default_ttl_seconds=TTL, ttl_seconds={"ussd": TTL})


def by_hand() -> str:
    raise AssertionError("results are given by hand")


async def pay(c: Conversation) -> None:
    """Ask, run, tell, ask, run, tell: each result has a mark of its own."""
    for number in range(2):
        await c.ask(f"a{number}", f"Amount {number}?")
        await c.say("Paying.")
        mark = await c.run(f"pay{number}", by_hand)
        await c.say(f"<{mark}>")


async def survey(c: Conversation) -> None:
    await c.say(f"<{await c.run('mark', by_hand)}>")
    await c.ask("stars", "How many stars?")


FLOWS = [Flow(name="pay", function=pay, busy=Busy.QUEUE), Flow(name="survey", function=survey)]
ROUTES = [
    Route(flow="pay", words=("pay",), takes_everything=True),
    Route(flow="survey", words=("survey",), interrupts=True),
]

ACTS = st.one_of(
    st.tuples(st.just("dial"), st.booleans()),
    st.tuples(st.just("dial"), st.booleans()),
    st.tuples(st.just("type"), st.sampled_from(("1", "2", "3", "pay", "survey", "menu", ""))),
    st.tuples(st.just("type"), st.sampled_from(("1", "2"))),
    st.tuples(st.just("settle"), st.booleans()),
    st.tuples(st.just("settle"), st.booleans()),
    st.tuples(st.just("pass"), st.sampled_from((1.0, 60.0, 200.0))),
    st.tuples(st.just("begin"), st.just("survey")),
    st.tuples(st.just("begin"), st.just("survey")),
)
MISHAPS = st.sampled_from(("", "", "restart", "lost", "lost and restarted"))


def is_promised(conversation: StoredConversation) -> bool:
    """Whether the next dial has something to show of it, now or later."""
    record = conversation.flow_record
    waits = record is not None and waits_for_run(record)
    return waits or bool(conversation.unseen) or conversation.is_unasked


def _is_waiting_for(conversation: StoredConversation, run: RunRequest) -> bool:
    record = conversation.flow_record
    return record is not None and settled(record, run.run_id, b"1") is not None


class Caller:
    """Somebody on USSD, and what he has read."""

    def __init__(self, keys: SessionKeySettings, resume: float) -> None:
        self.person = Person(
            *FLOWS,
            routes=ROUTES,
            routing=RoutingSettings(),
            keys=keys,
            platform="ussd",
            waits=5.0,
            sessions=LIMITS,
        )
        self.resume = resume
        self.dials = 0
        self.runs: dict[str, tuple[str, RunRequest]] = {}
        self.marks = 0
        self.waiting: dict[str, int] = {}
        """In which dial the door waits for a function, by its run."""

    def play(self, act: tuple[str, Any]) -> Any:
        """Do one thing; tells what there is to see of it."""
        verb, what = act
        request = {"request_id": f"r{self.dials}", "resume_seconds": self.resume}
        match verb:
            case "dial":
                self.dials += 1
                request["request_id"] = f"r{self.dials}"
                self.person.say("", opens=True, **request)
            case "type":
                self.person.say(what, **request)
            case "begin":
                self.person.said(Answer(), flow=what, unprompted=True, request_id=f"x{self.marks}")
            case "pass":
                self.person.pass_time(what)
                return "time"
            case _:
                return self._settled(waits=what)
        return self._seen(waits=verb != "begin")

    def _settled(self, *, waits: bool) -> Any:
        if not self.runs:
            return "nothing runs"
        _, (key, run) = self.runs.popitem()
        self.marks += 1
        taken = self.person.taken
        self.person.taken = msgspec.structs.replace(taken, key=key)
        is_wanted = any(_is_waiting_for(one, run) for one in self.live)
        seconds = 5.0 if waits and run.run_id in self.waiting else 0.0
        is_taken = self.person.settle(f"m{self.marks}", run=run, waits=seconds) is not None
        assert is_wanted is is_taken
        if not is_taken:
            return "stale"
        # Nothing is shown where nobody is any more.
        assert not self.person.reads or self.waiting[run.run_id] == self.dials
        return self._seen(waits=seconds > 0)

    def _seen(self, *, waits: bool) -> Any:
        taken = self.person.taken
        if waits and taken.output is not None and taken.output.run is not None:
            self.waiting[taken.output.run.run_id] = self.dials
        if taken.run is not None:
            # A function that was called already returns to where it was called for.
            self.runs.setdefault(taken.run.run_id, (taken.key, taken.run))
        return taken.shown, None if taken.run is None else taken.run.run_id, str(taken.error)

    @property
    def live(self) -> list[Any]:
        stored = [decode_conversation(raw) for raw in self.person.stored.values()]
        return [one for one in stored if one.is_live]

    @property
    def waiting_to_be_seen(self) -> set[str]:
        return {
            mark
            for one in self.live
            for message in one.unseen
            for mark in re.findall("<m[0-9]+>", message.text)
        }


@given(
    st.lists(st.tuples(ACTS, MISHAPS), max_size=30),
    st.sampled_from((DIALS, WHOLE, LEGACY, DURABLE)),
    st.sampled_from((0.0, 100.0, 5000.0)),
)
def test_whatever_is_dialled(
    acts: list[tuple[tuple[str, Any], str]], keys: SessionKeySettings, resume: float
) -> None:
    """One conversation is left beside those that the app began; nothing is lost unseen; restarts change nothing."""
    steady, shaken = Caller(keys, resume), Caller(keys, resume)
    begun = 0
    for act, mishap in acts:
        unseen = steady.waiting_to_be_seen
        expected = steady.play(act)
        mark, dials, runs, marks = (
            shaken.person.mark(),
            shaken.dials,
            dict(shaken.runs),
            shaken.marks,
        )
        seen = shaken.play(act)
        if "lost" in mishap:
            shaken.person.lose_commits(mark)
            shaken.dials, shaken.runs, shaken.marks = dials, runs, marks
        if "restart" in mishap:
            shaken.person.restart()
        if "lost" in mishap:
            seen = shaken.play(act)  # the same input comes again

        assert expected == seen
        assert steady.person.stored == shaken.person.stored
        begun += act[0] == "begin"
        assert len(steady.live) <= 1 + begun
        if act[0] == "pass":
            continue
        gone = unseen - steady.waiting_to_be_seen
        assert all(one in steady.person.reads for one in gone)
        if act[0] == "dial":
            assert bool(gone) is bool(unseen)
            assert len([one for one in steady.live if not is_promised(one)]) <= 1
