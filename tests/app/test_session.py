"""``Session``: everything a handler asks for is collected, and what cannot be is an error at once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from trio.testing import MockClock

from sessiond import App, Conversation, InvalidInput, Reject, Session
from sessiond.app.data import DataCodec
from sessiond.app.session import MAX_PUSHES
from sessiond.core.codes import CloseCode
from sessiond.core.errors import AppFailed
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.session.outcome import EndRequest, KickRequest, PushRequest, TimerRequest
from sessiond.core.session.program import Context
from sessiond.core.session.state import fresh_state
from sessiond.testing.world import open_world

ONE = ConnectionId(1)


def session(connection: ConnectionId | None = None) -> Session:
    state = fresh_state(UserId("ann"), session_id="s1", now=50.0)
    return Session(Context(state, 100.0, "the account"), DataCodec(), connection)


def test_a_handler_knows_its_user() -> None:
    """Id, account, time, connection."""
    one = session(ONE)

    assert (one.user_id, one.session_id, one.account, one.now) == ("ann", "s1", "the account", 100)
    assert (one.connection_id, one.connections, one.unread) == (ONE, (), 0)


def test_nothing_asked_is_nothing_done() -> None:
    """Data that were not looked at are not even encoded."""
    outcome = session().outcome(None, relaxed=True)

    assert (outcome.data, outcome.reply, outcome.pushes, outcome.relaxed) == (None, None, (), True)


def test_every_wish_is_in_the_outcome() -> None:
    """In the order of asking."""
    one = session()
    one.data["a"] = 1
    one.unread = 2
    one.push("x", {"n": 1})
    one.push("y", {}, durable=False, to=ONE)
    one.set_timer("t", after=5, payload=[1])
    one.set_timer("u", at=500)
    one.cancel_timer("t")
    one.kick(ONE)
    one.end("over", erase=True)
    outcome = one.outcome({"ok": True}, relaxed=False)

    assert outcome.data == b'{"a":1}'
    assert outcome.unread == one.unread == 2
    assert outcome.pushes == (
        PushRequest(b'"x"', b'{"n":1}'),
        PushRequest(b'"y"', b"{}", durable=False, connection=ONE),
    )
    assert outcome.timers == (
        TimerRequest("t", 105.0, b"[1]"),
        TimerRequest("u", 500, b"null"),
        TimerRequest("t", None),
    )
    assert outcome.kicks == (KickRequest(ONE, CloseCode.KICKED),)
    assert outcome.end == EndRequest("over", erase=True)
    assert outcome.reply == b'{"ok":true}'


@pytest.mark.parametrize("event", ["", "phx_reply", "ack", "presence_state", "x" * 129, 7])
def test_reserved_events_are_not_pushed(event: str) -> None:
    """Nor set as timers."""
    with pytest.raises(InvalidInput):
        session().push(event, {})
    with pytest.raises(InvalidInput):
        session().set_timer(event, after=1)
    with pytest.raises(InvalidInput):
        session().cancel_timer(event)


def test_a_push_is_an_object_for_everybody() -> None:
    """Not a list; not durable to one connection; nothing that JSON has no form for."""
    with pytest.raises(InvalidInput, match="dict"):
        session().push("x", [1])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="durable"):
        session().push("x", {}, to=ONE)
    with pytest.raises(AppFailed):
        session().push("x", {"y": object()})


def test_a_flood_is_stopped() -> None:
    """A turn may ask for so many pushes and no more."""
    one = session()
    for _ in range(MAX_PUSHES):
        one.push("x", {})
    with pytest.raises(AppFailed, match=str(MAX_PUSHES)):
        one.push("x", {})


@pytest.mark.parametrize(
    "when",
    [{}, {"after": 1, "at": 2}, {"after": math.inf}, {"after": math.nan}, {"at": -math.inf}],
)
def test_a_timer_has_one_finite_time(when: dict[str, float]) -> None:
    """Either after or at."""
    with pytest.raises(InvalidInput):
        session().set_timer("t", **when)


def test_unread_is_a_count() -> None:
    """Never below zero."""
    with pytest.raises(InvalidInput):
        session().unread = -1


def test_a_rejection_has_a_word_of_the_apps_own() -> None:
    """``rejected`` unless given."""
    plain, own = Reject("no"), Reject("later", code="too_early", retry_after=3)

    assert (plain.code, plain.retry_after) == ("rejected", None)
    assert (own.code, own.message, own.retry_after) == ("too_early", "later", 3)


async def test_handlers_read_the_journal_of_their_user(autojump_clock: MockClock) -> None:
    """What was committed is there, newest first and by flow; another user's is not."""
    app = App()

    @app.flow("greet", starts_on=["hi"])
    async def greet(c: Conversation) -> None:
        await c.ask("name", "Who is there?")

    @app.on("history")
    async def history(told: Session, payload: dict[str, Any]) -> list[str]:
        return [entry.event for entry in (await told.journal(**payload)).entries]

    async with open_world(app) as world:
        ama, kofi = await world.join("ama"), await world.join("kofi")
        await ama.say("hi")
        assert await ama.push("history", {"flow": "greet"}) == [
            "message.sent",
            "flow.execution.start",
        ]
        assert await ama.push("history", {"limit": 1}) == ["message.sent"]
        assert await kofi.push("history") == []


async def test_a_journal_query_that_cannot_be_is_refused(autojump_clock: MockClock) -> None:
    """The handler hears what would be right."""
    with pytest.raises(InvalidInput, match="known: in_progress"):
        await session().journal(status="done")
