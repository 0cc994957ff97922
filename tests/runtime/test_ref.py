"""Telling and asking: what goes into a mailbox, and the four ways an ask can end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import (
    ActorGone,
    AskTimeout,
    MailboxFull,
    Refused,
    SessiondError,
    TurnFailed,
)
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.records import Timer
from sessiond.core.session.inputs import Fired, HookCall, Leave, Send, Stop
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.directory import LocalDirectory
from sessiond.runtime.mailbox import Envelope
from sessiond.runtime.ref import ActorRef
from sessiond.runtime.registry import Registry
from tests.runtime.answers import Answer

ANN = UserId("ann")
CALL = HookCall("h", {})


class Host:
    """A directory whose actors are played by the test."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.woken = 0
        self.deadlines = Deadlines(SystemClock())
        self.directory = LocalDirectory(self.registry, self, SystemClock(), self.deadlines)

    def activate(self, user: UserId) -> Cell:
        cell = self.registry.get(user)
        if cell is None:
            self.woken += 1
            cell = Cell(user)
            self.registry.add(cell)
        return cell

    @property
    def cell(self) -> Cell:
        return self.activate(ANN)

    @property
    def ref(self) -> ActorRef:
        return self.directory.locate(ANN)


async def test_telling_wakes_the_user_and_fills_his_mailbox() -> None:
    """A ref is an address: the actor is found or started at each tell."""
    host = Host()
    answer = Answer()
    host.ref.tell(CALL, answer, expires_at=7.0)
    host.ref.tell(Send("n", 1))
    first, second = host.cell.mailbox.snapshot()

    assert host.woken == 1
    assert (CALL, answer, 7.0) == (first.item, first.reply_to, first.expires_at)
    assert second.item == Send("n", 1)


async def test_a_full_mailbox_holds_senders_back_but_not_what_must_arrive() -> None:
    """A push or a hook is refused, a lost connection, a stop and a timer are not."""
    host = Host()
    host.cell.mailbox.capacity = 1
    host.ref.tell(CALL)
    with pytest.raises(MailboxFull):
        host.ref.tell(CALL)
    for item in (Leave(ConnectionId(1)), Stop("over"), Fired(Timer("t", 1, 0.0))):
        host.ref.tell(item)

    assert len(host.cell.mailbox) == 4


async def test_backpressure_ends_when_there_is_room() -> None:
    """A socket waits for room; for a user who is not in memory there is always room."""
    host = Host()
    await host.ref.wait_capacity()
    host.cell.mailbox.capacity = 1
    host.ref.tell(CALL)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(host.ref.wait_capacity)
        await wait_all_tasks_blocked()
        host.cell.mailbox.get_nowait()


async def test_a_lost_connection_wakes_nobody() -> None:
    """There is nothing to detach from when the user is not in memory."""
    host = Host()
    host.ref.tell(Leave(ConnectionId(1)))

    assert host.woken == 0


async def test_a_quarantined_user_is_refused() -> None:
    """Joins, hooks and stops are told why; connections may still be lost."""
    host = Host()
    host.cell.standing = Standing.QUARANTINED
    for item in (CALL, Stop("over"), Fired(Timer("t", 1, 0.0))):
        with pytest.raises(Refused) as refused:
            host.ref.tell(item)
        assert refused.value.code == ErrorCode.QUARANTINED
    host.ref.tell(Leave(ConnectionId(1)))

    assert not host.cell.mailbox


async def ask(host: Host, play: Callable[[Envelope], None]) -> bytes | SessiondError:
    """Ask for five seconds, with *play* as the actor; return the answer or what was raised."""

    async def act() -> None:
        await host.cell.mailbox.wait()
        envelope = host.cell.mailbox.get_nowait()
        assert envelope is not None
        play(envelope)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(host.deadlines.run)
        nursery.start_soon(act)
        answer: bytes | SessiondError
        try:
            answer = await host.ref.ask(CALL, timeout=5)
        except SessiondError as error:
            answer = error
        nursery.cancel_scope.cancel()
    return answer


def fail(code: str) -> Callable[[Envelope], None]:
    def play(envelope: Envelope) -> None:
        assert envelope.reply_to is not None
        envelope.reply_to.error(code, "because", 3.0)

    return play


async def test_an_ask_returns_the_answer() -> None:
    """The JSON that the turn replied; what comes after it is dropped."""

    def play(envelope: Envelope) -> None:
        assert envelope.reply_to is not None
        envelope.reply_to.ok(b"1")
        envelope.reply_to.ok(b"2")
        envelope.reply_to.error(ErrorCode.GONE, "too late")

    assert await ask(Host(), play) == b"1"


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (ErrorCode.HANDLER_FAILED, TurnFailed),
        (ErrorCode.TIMEOUT, TurnFailed),
        (ErrorCode.TOO_LARGE, TurnFailed),
        (ErrorCode.INTERNAL_ERROR, TurnFailed),
        (ErrorCode.GONE, ActorGone),
        (ErrorCode.OVERLOADED, MailboxFull),
        (ErrorCode.UNKNOWN_USER, Refused),
        (ErrorCode.QUARANTINED, Refused),
        ("sold_out", Refused),
    ],
)
async def test_an_error_reply_says_what_may_be_done(code: str, raised: type[Exception]) -> None:
    """Rolled back, gone, full or refused: each is its own exception."""
    assert type(await ask(Host(), fail(code))) is raised


async def test_a_refusal_carries_its_code_and_delay() -> None:
    """The caller can tell his client when to come back."""
    error = await ask(Host(), fail("sold_out"))

    assert isinstance(error, Refused)
    assert ("sold_out", 3.0) == (error.code, error.retry_after)


async def test_an_ask_that_was_never_taken_was_not_applied(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Its turn had not begun at the deadline and never will: the envelope is expired."""
    host = Host()
    nursery.start_soon(host.deadlines.run)
    with pytest.raises(AskTimeout) as timeout:
        await host.ref.ask(CALL, timeout=5)
    (envelope,) = host.cell.mailbox.snapshot()

    assert timeout.value.applied is False
    assert envelope.is_expired(trio.current_time())
    assert trio.current_time() == 5


async def test_an_ask_whose_turn_began_may_be_applied(autojump_clock: MockClock) -> None:
    """Nobody knows yet; an answer that comes later is dropped."""
    host = Host()
    taken: list[Envelope] = []
    error = await ask(host, taken.append)
    assert taken[0].reply_to is not None
    taken[0].reply_to.ok(b"late")

    assert isinstance(error, AskTimeout)
    assert error.applied is None


async def test_an_input_dropped_at_its_deadline_was_not_applied(mock_clock: MockClock) -> None:
    """The actor's own TIMEOUT at the deadline means: never begun."""
    host = Host()

    def play(envelope: Envelope) -> None:
        mock_clock.jump(5)
        fail(ErrorCode.TIMEOUT)(envelope)

    error = await ask(host, play)

    assert isinstance(error, AskTimeout)
    assert error.applied is False


async def test_a_cancelled_ask_drops_the_answer(autojump_clock: MockClock) -> None:
    """The caller has gone; answering him later is harmless."""
    host = Host()
    with trio.move_on_after(1) as scope:
        await host.ref.ask(CALL, timeout=60)
    envelope = host.cell.mailbox.get_nowait()
    assert envelope is not None
    assert envelope.reply_to is not None
    envelope.reply_to.ok(b"1")

    assert scope.cancelled_caught


def test_a_ref_does_not_show_its_user() -> None:
    """User ids are personal: a ref in a log names nobody."""
    assert "ann" not in repr(ActorRef(ANN, Host().directory))
