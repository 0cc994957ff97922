"""``c.session`` (sessiond/core/flows/recorded_session.py)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.flows.faults import FlowEvicted, FlowFailed, FlowMismatch
from sessiond.core.flows.flow import OnMismatch
from sessiond.core.flows.flow_session import DataKey
from tests.core.flows.playing import begin, body, make, messages, play, rebuild, said
from tests.core.flows.remembering import Server, both

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation
    from sessiond.core.flows.recorded_session import RecordedSession


def count(c: Conversation, name: str) -> int:
    """Count one up."""
    counted: int = c.session.get(name, 0) + 1
    return c.session.set(name, counted)


async def counting(c: Conversation) -> None:
    """Count at every place of a flow."""
    count(c, "begun")
    name = await c.ask("name", "Name?")
    count(c, "named")
    c.session.set("name", name)
    await c.run("go", print)
    count(c, "gone")
    await c.ask("age", "Age?")
    count(c, "aged")


def test_writes_are_written_once_however_often_the_flow_is_rebuilt() -> None:
    """Between questions, before the waiting question, and after a run."""
    for forgetful in (False, True):
        server = Server(counting, forgetful=forgetful)
        server.start()
        assert {"begun": 1} == rebuilt(server)

        server.say("Ama")
        assert {"begun": 1, "named": 1, "name": "Ama"} == rebuilt(server)

        server.meddle("begun", "by somebody else")
        server.settle()
        server.meddle("gone", "by somebody else")
        assert "by somebody else" == rebuilt(server)["gone"]

        server.say("7")
        assert {
            "begun": "by somebody else",
            "named": 1,
            "name": "Ama",
            "gone": "by somebody else",
            "aged": 1,
        } == server.values


def rebuilt(server: Server) -> dict[str, Any]:
    """Rebuild the flow, which writes nothing, not even the same; returns the values."""
    before = server.stored
    server.restart()
    assert before == server.stored
    return server.values


def test_a_flow_that_is_rebuilt_reads_what_it_read_then() -> None:
    """Whatever was written since: by itself, or by somebody else."""
    seen: list[Any] = []

    async def flow(c: Conversation) -> None:
        s = c.session
        seen.append([s.get("n", 7), s.exists(), s.names(), "n" in s, s.delete("n")])
        s.set("n", None)
        seen.append([s.get("n", 7), s.exists(), s.names(), "n" in s])
        await c.ask("a", "A?")

    server = Server(flow)
    server.start()
    server.restart()

    assert [7, False, (), False, False] == seen[0] == seen[2]
    assert [None, True, ("n",), True] == seen[1] == seen[3]
    assert {"n": None} == server.values


def test_what_one_conversation_wrote_the_next_one_reads() -> None:
    """Until it is destroyed."""

    async def flow(c: Conversation) -> None:
        times = count(c, "times")
        await c.ask("a", f"Time {times}?")
        if times == 2:
            c.session.clear()
            assert not c.session.exists()

    server = Server(flow)
    shown = []
    for _ in range(3):
        shown.append(body(server.start()))
        server.say("x")

    assert ["Time 1?", "Time 2?", "Time 1?"] == shown


@pytest.mark.parametrize("forgetful", [False, True])
def test_going_back_does_not_take_back_what_was_written(forgetful: bool) -> None:
    """Up to the question nothing is written again; what comes after it is new."""

    async def flow(c: Conversation) -> None:
        count(c, "begun")
        c.session.set("last", None)
        first = await c.ask("first", "First?")
        count(c, "first")
        c.session.set("last", first)
        second = await c.ask("second", "Second?")
        c.session.set("last", second)
        count(c, "second")
        if second == "back":
            await c.go_back("first")
        if second == "one back":
            await c.go_back("second")
        await c.ask("third", "Third?")

    server = Server(flow, forgetful=forgetful)
    server.start()
    server.say("a")
    assert "Second?" == body(server.say("one back"))
    assert {"begun": 1, "first": 1, "last": "one back", "second": 1} == server.values

    assert "First?" == body(server.say("back"))
    assert {"begun": 1, "first": 1, "last": "back", "second": 2} == server.values

    server.say("b")
    assert "b" == server.values["last"]
    server.say("on")
    assert {"begun": 1, "first": 2, "last": "on", "second": 3} == server.values


def test_going_back_to_what_was_never_there_is_new() -> None:
    """A flow that does something else on its way back, because the world has changed, writes what it does."""
    world = {"is new": False}

    async def flow(c: Conversation) -> None:
        if world["is new"]:
            c.now()
            c.session.set("seen", c.session.get("begun"))
        c.session.set("begun", True)
        await c.ask("first", "First?")
        world["is new"] = True
        await c.go_back("first")

    server = Server(flow)
    server.start()
    server.say("x")

    assert {"begun": True, "seen": True} == server.values


@pytest.mark.parametrize("forgetful", [False, True])
def test_beginning_again_writes_again_on_top_of_what_is_there(forgetful: bool) -> None:
    """``restart`` forgets answers, not the session."""

    async def flow(c: Conversation) -> None:
        count(c, "begun")
        if await c.ask("a", "A?") == "again":
            await c.restart()
        await c.ask("b", "B?")

    server = Server(flow, forgetful=forgetful)
    server.start()
    server.say("again")
    server.say("on")

    assert {"begun": 2} == server.values


def test_a_failed_turn_has_written_nothing() -> None:
    """Its session is forgotten by the caller, and the same answer writes once."""
    broken = True

    async def flow(c: Conversation) -> None:
        await c.ask("a", "A?")
        count(c, "answered")
        if broken:
            raise RuntimeError
        await c.ask("b", "B?")

    server = Server(flow)
    server.start()
    for _ in range(2):
        with pytest.raises(FlowFailed):
            server.say("x")
    assert {} == server.values

    broken = False
    server.say("x")
    assert {"answered": 1} == server.values


async def old(c: Conversation) -> None:
    count(c, "begun")
    await c.ask("a", "A?")
    await c.ask("b", "B?")


async def new(c: Conversation) -> None:
    count(c, "begun")
    await c.ask("a", "A?")
    c.session.set("seen", c.session.get("seen", "new"))
    await c.ask("b", "B?")
    count(c, "b")
    await c.ask("c", "C?")


@pytest.mark.parametrize(
    ("policy", "asked", "values"),
    [
        (OnMismatch.RESTART, "A?", {"begun": 2}),
        (OnMismatch.CONTINUE, "B?", {"begun": 1}),
    ],
)
def test_changed_code_follows_the_policy(
    policy: OnMismatch, asked: str, values: dict[str, int]
) -> None:
    """Beginning anew writes anew; where a conversation goes on, a write before the waiting question is passed over."""
    server = Server(make(old, on_mismatch=policy))
    server.start()
    server.say("1")
    server.flow = make(new, on_mismatch=policy)
    server.restart()

    assert asked == body(server.live.remind())
    assert values == server.values

    for text in ("1", "2") if asked == "A?" else ("2",):
        server.say(text)
    assert "C?" == body(server.live.remind())
    assert 1 == server.values["b"]


def test_changed_code_can_fail_without_writing() -> None:
    """The record and the session wait for the old code."""
    server = Server(make(old))
    server.start()
    server.say("1")
    server.flow = make(new, on_mismatch=OnMismatch.FAIL)
    with pytest.raises(FlowMismatch):
        server.restart()

    assert {"begun": 1} == server.values


WHEN = DataKey("when", dt.date)


def test_typed_keys_read_their_type() -> None:
    """Now, and when the flow is rebuilt."""
    seen: list[Any] = []

    async def flow(c: Conversation) -> None:
        c.session.set(WHEN, dt.date(2026, 1, 2))
        seen.append((c.session.get(WHEN), c.session.get("when"), WHEN in c.session))
        await c.ask("a", "A?")
        seen.append(c.session.delete(WHEN))

    server = both(flow, "x")[1]

    first = (dt.date(2026, 1, 2), "2026-01-02", True)
    assert [first, True, first, first, True] == seen
    assert {} == server.values


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("a", object(), "'a'"), (WHEN, "soon", "'when'"), ("a", "x" * 40_000, "32768")],
)
def test_what_cannot_be_stored_fails_the_turn_on_its_line(name: Any, value: Any, says: str) -> None:
    """Also when the flow catches it: a rebuilt flow would not meet the error."""

    async def flow(c: Conversation) -> None:
        try:
            c.session.set(name, value)
        except Exception:  # noqa: BLE001
            await c.ask("a", "A?")

    with pytest.raises(FlowFailed, match=rf"test_recorded_session\.py:\d+.*{says}"):
        begin(flow)


def test_what_is_stored_must_fit_the_type_of_its_key() -> None:
    """The message names the key, not the value."""

    async def flow(c: Conversation) -> None:
        c.session.set("when", "soon")
        try:
            c.session.get(WHEN)
        except Exception:  # noqa: BLE001
            await c.ask("a", "A?")

    with pytest.raises(FlowFailed, match="'when' does not fit the type of its key") as caught:
        begin(flow)
    assert "soon" not in str(caught.value)


@pytest.mark.parametrize("name", ["", None, 3, "x" * 200])
def test_a_key_is_a_text(name: Any) -> None:
    """Wrong ones are wrong in a rebuilt flow as well."""

    async def flow(c: Conversation) -> None:
        c.session.set(name, 1)

    with pytest.raises(FlowFailed, match="InvalidInput"):
        begin(flow)


def test_answers_may_be_handled_with_the_session() -> None:
    """``check`` and its kin run once and are not replayed: what they read is not recorded, what they write is kept."""

    async def flow(c: Conversation) -> None:
        def check(text: str) -> str | None:
            tries = count(c, "tries")
            return None if tries > 1 and c.now() else f"{tries}, no"

        await c.ask("a", "A?", check=check)
        await c.ask("b", "B?")

    for server in both(flow, "x", "x"):
        assert {"tries": 2} == server.values
        assert ["a"] == [entry.key for entry in server.record.entries]
        server.restart()
        assert "B?" == body(server.live.remind())


def test_without_a_session_of_the_caller_there_is_one_in_memory() -> None:
    """As long as the flow is in memory."""

    async def flow(c: Conversation) -> None:
        count(c, "n")
        await c.ask("a", "A?")
        await c.say(f"{count(c, 'n')}")

    assert ["2"] == messages(play(flow, "x")[1])
    live = rebuild(begin(flow)[0], flow)[0]
    assert ["1"] == messages(live.answer(said("x")))


def test_the_session_of_a_flow_that_was_put_away_is_dead() -> None:
    """Also when the flow kept it in a variable."""
    kept: list[RecordedSession] = []

    async def flow(c: Conversation) -> None:
        kept.append(c.session)
        await c.ask("a", "A?")

    live, _ = begin(flow)
    live.put_away()

    for call in (kept[0].exists, kept[0].clear, kept[0].names, lambda: kept[0].set("a", 1)):
        with pytest.raises(FlowEvicted):
            call()


def test_a_function_of_a_run_has_no_session() -> None:
    """It is called outside the flow, when no turn is under way: a clear error, and nothing is written."""

    async def flow(c: Conversation) -> None:
        await c.run("go", lambda: count(c, "n"))

    live, output = begin(flow)
    assert output.run is not None
    with pytest.raises(Exception, match=r"c\.run .*as arguments"):
        output.run.function()
    assert live.is_alive


def test_destroying_takes_everything_once() -> None:
    """What is written afterwards stays when the flow is rebuilt."""

    async def flow(c: Conversation) -> None:
        c.session.set("a", 1)
        await c.ask("a", "A?")
        c.session.destroy()
        c.session.set("b", 2)
        await c.ask("b", "B?")

    for server in both(flow, "x"):
        server.restart()
        assert {"b": 2} == server.values
