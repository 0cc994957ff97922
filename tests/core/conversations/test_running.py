"""The flow of one conversation in one turn (sessiond/core/conversations/running.py)."""

from collections.abc import Callable

import pytest

from sessiond.core.conversations.happenings import Teller
from sessiond.core.conversations.journal import NO_CHANNEL, JournalSettings
from sessiond.core.conversations.live_flows import LiveFlows
from sessiond.core.conversations.running import RunningFlow, waits_for_run
from sessiond.core.conversations.stored import NO_RAW, StoredConversation, raw_record
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.engine import Opening
from sessiond.core.flows.faults import FlowFailed, FlowGone
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.ids import UserId
from tests.core.conversations.talking import Person
from tests.core.flows.playing import CountingWorld


def fetch() -> str:
    raise AssertionError


async def pick(c: Conversation) -> None:
    await c.select("what", "What?", {"m": "Menu", "s": "Stop"})
    c.session.set("picked", True)
    await c.run("fetch", fetch)
    await c.ask("x", "X?")


def opened(flow: Flow, live: LiveFlows | None = None) -> Callable[[], RunningFlow]:
    person = Person(flow)
    world = CountingWorld()
    kept = live or LiveFlows()

    def make() -> RunningFlow:
        running = RunningFlow(person.book, Host(world, world), kept, UserId("ama"), 1.0)
        running.teller = Teller(1.0, NO_CHANNEL, JournalSettings())
        return running

    return make


PICK = Flow(name="pick", function=pick, texts=FlowTexts(failed="Oh."))


def started(make: Callable[[], RunningFlow]) -> RunningFlow:
    running = make()
    running.start(PICK, Opening(id="c1", user="ama"), "k", NO_RAW)
    return running


def stored(running: RunningFlow) -> StoredConversation:
    assert running.record is not None
    return StoredConversation(touched_at=0, expires_at=0, record=raw_record(running.record))


@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_too_large_fails_where_the_flow_waits(restarts: bool) -> None:
    """Whether it is in memory or not; what fits does not."""
    make = opened(PICK)
    running = started(make)
    running.check_size()
    if restarts:
        raw = stored(running)
        running = make()
        running.open("k", b"raw", raw)
    running.too_large = "9 bytes; the bound is 8"

    with pytest.raises(FlowFailed, match=r"test_running.py:\d+: .* \(9 bytes; the bound is 8\)"):
        running.check_size()


def test_nothing_runs_before_it_is_opened() -> None:
    """It has no name, waits for nothing, takes no words and speaks the engine's sentences."""
    running = opened(PICK)()

    assert ("", False, ()) == (running.name, running.waits_for_run, running.accepted_words())
    assert FlowTexts() == running.texts_of("")
    assert "Oh." == running.texts_of("pick").failed
    with pytest.raises(FlowGone):
        _ = running.flow


def test_words_of_its_question() -> None:
    """Labels and keys, from memory or rebuilt; none while a function runs or when its code fails."""
    make = opened(PICK)
    running = started(make)
    assert ["Menu", "m", "Stop", "s"] == running.accepted_words()
    again = make()
    again.open("k", b"1", stored(running))
    assert ["Menu", "m", "Stop", "s"] == again.accepted_words()
    again.answer(Answer(text="m"))
    assert (True, ()) == (again.waits_for_run, again.accepted_words())
    assert again.record is not None
    assert waits_for_run(again.record)

    async def broken(_c: Conversation) -> None:
        raise LookupError

    gone = opened(Flow(name="pick", function=broken))()
    gone.open("k", b"1", stored(running))
    assert () == gone.accepted_words()


def test_what_was_kept_goes_on() -> None:
    """The coroutine that was kept for these bytes is gone on with; another turn of other bytes rebuilds it."""
    live = LiveFlows()
    make = opened(PICK, live)
    running = started(make)
    running.keep(b"raw")
    kept = live.find("k", b"raw")
    again = make()
    again.open("k", b"raw", stored(running))
    assert again.rebuilt() is None
    again.answer(Answer(text="s"))
    again.keep(b"new")

    assert live.find("k", b"new") is kept


def test_its_session() -> None:
    """What was written is handed out once, encoded; what was only read stays the object that was stored."""
    make = opened(PICK)
    running = started(make)
    raw, session = running.use_session()
    assert raw is NO_RAW
    assert session is not None
    assert not session.created
    running.answer(Answer(text="m"))
    raw, session = running.use_session()
    assert session is not None
    assert session.created
    assert b'"picked":true' in bytes(raw)
    assert (raw, None) == running.use_session()


def test_after_it_was_dropped_its_record_stays() -> None:
    """And after its end there is none."""
    live = LiveFlows()
    running = started(opened(PICK, live))
    running.keep(b"raw")
    running.drop()
    assert ("pick", None) == (running.name, live.find("k", b"raw"))
    running.end()

    assert running.record is None


def test_a_flow_that_fails_when_it_is_rebuilt() -> None:
    """It raises whenever somebody wants something of it."""

    async def broken(_c: Conversation) -> None:
        raise LookupError

    running = started(opened(PICK))
    gone = opened(Flow(name="pick", function=broken))()
    gone.open("k", b"1", stored(running))
    for _ in range(2):
        with pytest.raises(FlowFailed):
            gone.remind()
