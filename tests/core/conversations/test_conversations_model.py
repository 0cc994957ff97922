"""Restarts and lost commits change nothing that anybody can see (sessiond/core/conversations/conversations.py).

One person plays any mixture of inputs, results and times; the other plays the same, but everything is rebuilt from
the stored bytes at any moment, and any commit may be lost and its input come again. Both read the same.
"""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.conversations import MAX_CONVERSATIONS
from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.flow import Busy, Flow
from sessiond.core.flows.prompts import RunRequest
from tests.core.conversations.talking import EACH, ONE, Person


def reserve() -> str:
    raise AssertionError("results are given by hand")


async def order(c: Conversation) -> dict[str, object]:
    """A bit of everything: a session, choices, going back, two functions of which one may fail, a failure."""
    visits = c.session.get("visits", 0)
    c.session.set("visits", visits + 1)
    await c.say(f"Visit {visits}.")
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    await c.say("Looking.")
    try:
        stock = await c.run("stock", reserve)
    except RunFailed as error:
        stock = error.kind
    count = await c.ask("count", f"{stock}. How many {size}?", parse=int)
    if count == 0:
        await c.go_back()
    if count == 13:
        raise LookupError
    if await c.confirm("ok", f"{count} of {size}?"):
        await c.run("buy", reserve)
        await c.say("Bought.")
    return {"count": count}


async def remember(c: Conversation) -> None:
    name = await c.ask("name", f"You are {c.session.get('name', 'new')}. Your name?")
    c.session.set("name", name)
    await c.say(f"Noted at {c.now() > 0}.")


TEXTS = ("order", "remember", "menu", "hi", "s", "2", "0", "3", "13", "yes", "no", "Ama", "")
WAYS = ("websocket", "http", "ussd")

SAY = st.tuples(st.just("say"), st.sampled_from(TEXTS), st.sampled_from(WAYS))
TAP = st.tuples(st.just("tap"), st.sampled_from(("s", "l", "yes", "no")), st.sampled_from(WAYS))
REMIND = st.tuples(st.just("remind"), st.just(""), st.sampled_from(WAYS))
SETTLE = st.tuples(st.just("settle"), st.sampled_from(("plenty", "fails", "stale")), st.booleans())
PASS = st.tuples(st.just("pass"), st.sampled_from((60.0, 4000.0, 100_000.0)), st.just(""))
ACTS = st.one_of(SAY, SAY, SAY, TAP, SETTLE, SETTLE, REMIND, PASS)
#: What happens to the second person's server after an act.
MISHAPS = st.sampled_from(("", "", "restart", "lost", "lost and restarted"))

FLOWS = [
    Flow(name="order", function=order, busy=Busy.QUEUE, on_expire="Expired."),
    Flow(name="remember", function=remember),
]
ROUTES = [
    Route(flow="order", words=("order",), takes_everything=True),
    Route(flow="remember", words=("remember",)),
]


class Player:
    """Plays acts, and keeps what was to be read after each."""

    def __init__(self, waits: float, after_end: str, each: bool) -> None:
        routing = RoutingSettings(after_end=after_end, ended_text="Closed.")
        keys = EACH if each else ONE
        self.person = Person(*FLOWS, routes=ROUTES, routing=routing, keys=keys, waits=waits)
        self.run: RunRequest | None = None
        self.stale: RunRequest | None = None

    def play(self, act: tuple[str, Any, Any]) -> list[Any]:
        """Do one thing; tells what there is to see of it."""
        person, (verb, what, how) = self.person, act
        match verb:
            case "say":
                person.say(what, platform=how)
            case "tap":
                person.said(Answer(choice=what), platform=how)
            case "remind":
                person.said(Answer(), platform=how, reminds=True)
            case "pass":
                return [self._seen(taken) for taken in person.pass_time(what)]
            case _:
                return [self._settled(what, how)]
        self._noted()
        return [self._seen(person.taken)]

    def _settled(self, what: Literal["plenty", "fails", "stale"], waits: bool) -> Any:
        run = self.stale if what == "stale" else self.run
        if run is None:
            return "nothing runs"
        result = RunFailed("Away", "") if what == "fails" else what
        taken = self.person.settle(result, run=run, waits=5.0 if waits else 0.0)
        self._noted()
        return "stale" if taken is None else self._seen(taken)

    def _noted(self) -> None:
        run = self.person.taken.run
        if run is not None and (self.run is None or run.run_id != self.run.run_id):
            self.stale, self.run = self.run, run

    def _seen(self, taken: Any) -> Any:
        run = None if taken.run is None else (taken.run.key, taken.run.run_id)
        failed = None if taken.error is None else str(taken.error)
        return taken.shown, run, taken.is_push, failed


@given(
    st.lists(st.tuples(ACTS, MISHAPS), max_size=25),
    st.sampled_from((0.0, 5.0)),
    st.sampled_from(("route", "restart", "text")),
    st.booleans(),
)
def test_nothing_shows_that_the_server_was_restarted(
    acts: list[tuple[tuple[str, Any, Any], str]], waits: float, after_end: str, each: bool
) -> None:
    """Neither what is read nor what is asked for nor what is stored, whatever is rebuilt and whatever is lost."""
    steady, shaken = Player(waits, after_end, each), Player(waits, after_end, each)
    for act, mishap in acts:
        expected = steady.play(act)
        entropy = shaken.person.mark()
        run, stale = shaken.run, shaken.stale
        seen = shaken.play(act)
        if "lost" in mishap:
            shaken.person.lose_commits(entropy)
            shaken.run, shaken.stale = run, stale
        if "restart" in mishap:
            shaken.person.restart()
        if "lost" in mishap:
            seen = shaken.play(act)  # the same input comes again

        assert expected == seen
        assert steady.person.stored == shaken.person.stored
        assert len(steady.person.stored) <= MAX_CONVERSATIONS
    shaken.person.restart()
    assert [] == shaken.person.failures
