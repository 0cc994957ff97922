"""Performing effects: each goes where it belongs, in order, or nowhere."""

from __future__ import annotations

from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.flows.prompts import Retries, RunRequest
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.ports import ReplyTo
from sessiond.core.session.effects import (
    CloseConnection,
    HandOn,
    PushMessage,
    Reply,
    ReplyError,
    StartRun,
    StopAccount,
)
from sessiond.core.session.inputs import Stop
from sessiond.runtime.perform import perform
from tests.runtime.answers import Answer


class Line:
    unsent_bytes = 0

    def __init__(self, number: int, log: list[object]) -> None:
        self.id = ConnectionId(number)
        self.log = log

    def push(self, message: bytes) -> None:
        self.log.append((self.id, message))

    def close(self, code: CloseCode, message: str = "") -> None:
        self.log.append((self.id, code, message))


ONE, TWO, GONE = ConnectionId(1), ConnectionId(2), ConnectionId(3)


def nothing_runs(effect: StartRun, reply_to: ReplyTo | None) -> None:
    raise AssertionError(effect, reply_to)


def nobody_else(effect: HandOn, reply_to: ReplyTo | None) -> None:
    raise AssertionError(effect, reply_to)


def nothing_stops(effect: StopAccount) -> None:
    raise AssertionError(effect)


def test_effects_leave_in_order() -> None:
    """Pushes and closes reach the connections they name; those that are gone are passed over."""
    log: list[object] = []
    lines = {ONE: Line(1, log), TWO: Line(2, log)}
    answer = Answer()
    perform(
        (
            PushMessage((ONE, GONE, TWO), b"a"),
            Reply(b"{}"),
            CloseConnection((TWO,), CloseCode.ENDED, "bye"),
        ),
        lines,
        answer,
        nothing_runs,
        nobody_else,
        nothing_stops,
    )

    assert log == [(1, b"a"), (2, b"a"), (2, CloseCode.ENDED, "bye")]
    assert answer.said == [b"{}"]


def test_errors_are_told_and_nobody_need_listen() -> None:
    """Without a reply slot answers vanish."""
    answer = Answer()
    effects = (ReplyError(ErrorCode.TIMEOUT, "late", 1.0),)
    perform(effects, {}, answer, nothing_runs, nobody_else, nothing_stops)
    perform(effects, {}, None, nothing_runs, nobody_else, nothing_stops)

    assert answer.said == ["timeout"]


def test_whoever_waits_for_a_turn_waits_for_its_function() -> None:
    """The reply slot goes along only while somebody is to wait; else the turn has answered already."""
    answer = Answer()
    started: list[tuple[str, ReplyTo | None]] = []
    request = RunRequest("charge", "c:0:1", print, (), Retries())
    waits = StartRun("key", "order", request, waits_seconds=5.0, waiting_text="One moment.")
    perform(
        (waits, Reply(b"{}"), StartRun("other", "order", request)),
        {},
        answer,
        lambda effect, reply_to: started.append((effect.conversation, reply_to)),
        nobody_else,
        nothing_stops,
    )

    assert started == [("key", answer), ("other", None)]


def test_what_is_handed_on_is_answered_by_whom_it_goes_to() -> None:
    """The reply slot goes along, and nothing is answered here."""
    answer = Answer()
    handed: list[tuple[UserId, ReplyTo | None]] = []
    perform(
        (HandOn(UserId("ann"), Stop("test")),),
        {},
        answer,
        nothing_runs,
        lambda effect, reply_to: handed.append((effect.user, reply_to)),
        nothing_stops,
    )

    assert handed == [("ann", answer)]
    assert answer.said == []


def test_an_account_is_stopped() -> None:
    """With the reason, for operators."""
    stopped: list[StopAccount] = []
    effect = StopAccount("shop", "131042: a problem with the payment method")
    perform((effect,), {}, None, nothing_runs, nobody_else, stopped.append)

    assert stopped == [effect]
