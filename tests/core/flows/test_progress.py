"""Where a run of a flow is (sessiond/core/flows/progress.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.flow_session import FlowSession
from sessiond.core.flows.progress import Progress, Turn
from sessiond.core.flows.record import Record
from tests.core.flows.playing import begin, host, make, play, rebuild

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation


async def asks(c: Conversation) -> None:
    await c.ask("a", "A?")


def progress(record: Record) -> Progress:
    return Progress(make(asks), record, host(), "u1", {})


def test_the_place_where_a_flow_has_never_been() -> None:
    """The end of a record that waits on nothing; not the way to what a record waits on."""
    fresh = Record(flow="test", id="c1")
    settled = fresh.told("run", "r", b"1")
    waiting = play(asks)[0].record

    for record, at_once in ((fresh, True), (settled, False), (waiting, False)):
        run = progress(record)
        run.turn = Turn()
        assert at_once is run.is_new
        run.tape.position = len(record.entries)
        assert run.is_new is (record.waiting is None)


def test_while_an_answer_is_handled_everything_is_new() -> None:
    """And nothing is recorded: it is never replayed."""
    run = progress(play(asks)[0].record)
    run.turn = Turn()
    run.turn.handling = True

    assert run.is_new
    assert run.fact("now") > 0
    assert () == run.record.entries


def test_the_session_of_the_turn_comes_before_the_one_in_memory() -> None:
    """The latter is made when it is needed, and kept."""
    run = progress(Record(flow="test", id="c1"))
    run.turn = Turn()
    own = run.session
    handed = FlowSession(None, now=1.0, platform="ussd")

    assert own is run.session
    run.turn = Turn(handed)
    assert handed is run.session
    run.turn = Turn()
    assert own is run.session


def test_facts_outside_a_turn_are_refused() -> None:
    """A function of ``c.run``, or a thread, has kept the conversation."""
    kept: list[Conversation] = []

    async def flow(c: Conversation) -> None:
        kept.append(c)
        await c.ask("a", "A?")

    live, _ = begin(flow)
    for call in (kept[0].now, kept[0].session.exists):
        with pytest.raises(InvalidInput, match="in its flow only"):
            call()

    assert () == rebuild(live, flow)[0].record.entries


def test_what_is_asked_while_an_answer_is_handled_does_not_disturb_the_record() -> None:
    """``check`` may look at the clock; the flow is rebuilt as ever."""

    async def flow(c: Conversation) -> None:
        await c.ask("a", "A?", check=lambda _: None if c.now() and c.id() else "no")
        await c.ask("b", "B?")

    live, _ = play(flow, "x")
    assert ["a"] == [entry.key for entry in live.record.entries]
    assert rebuild(live, flow)[1] is None
