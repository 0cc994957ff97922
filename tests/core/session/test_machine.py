"""The session machine (sessiond/core/session/machine.py), case by case; any life of it: tests/core/test_session.py."""

from collections.abc import Callable

import msgspec
import pytest
from attrs import evolve
from msgspec.structs import replace

from sessiond.core.codes import CloseCode
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.position import StreamPosition
from sessiond.core.records import WINDOW_TIMER, Timer
from sessiond.core.session import machine
from sessiond.core.session.effects import CloseConnection, PushMessage, Reply
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.outcome import Outcome, PushRequest
from sessiond.core.session.phases import Phase
from sessiond.core.session.snapshot import Device
from sessiond.core.session.state import RETENTION_TIMER, SessionState, fresh_state
from sessiond.core.session.step import Step
from sessiond.core.session.transitions import TRANSITIONS, IllegalTransition, Trigger

NOW = 1000.0
LIMITS = SessionLimits(devices=2)
A, B, C = ConnectionId(1), ConnectionId(2), ConnectionId(3)
NEW = fresh_state(UserId("ann"), session_id="s", now=NOW)

TRIGGERS: dict[Trigger, Callable[[SessionState], object]] = {
    Trigger.JOINED: lambda state: joined(state, C),
    Trigger.RECEIVED: machine.receive,
    Trigger.WINDOW_EXPIRED: machine.window_expired,
    Trigger.LINGER_EXPIRED: machine.linger_expired,
    Trigger.ENDED: lambda state: machine.end(state, "done", CloseCode.ENDED, NOW, LIMITS),
}


def joined(
    state: SessionState,
    connection: ConnectionId,
    device: str = "",
    resume: StreamPosition | None = None,
    now: float = NOW,
) -> Step:
    request = machine.JoinRequest(
        connection=connection, epoch="epoch", device=device, resume=resume
    )
    return machine.join(state, request, now, LIMITS)


def pushed(state: SessionState, count: int) -> SessionState:
    push = PushRequest(b'"e"', b"{}")
    return machine.apply(state, Outcome(pushes=(push,) * count), NOW, "epoch", LIMITS).state


def welcome(step: Step) -> dict[str, object]:
    (reply,) = [effect for effect in step.effects if isinstance(effect, Reply)]
    answer: dict[str, object] = msgspec.json.decode(reply.payload)
    return answer


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_machine_does_what_the_table_says(phase: Phase, trigger: Trigger) -> None:
    """A legal event leads to the table's phase; an illegal one raises and changes nothing."""
    state = replace(NEW, phase=phase)
    if (phase, trigger) in TRANSITIONS:
        after = TRIGGERS[trigger](state)
        after = after.state if isinstance(after, Step) else after
        assert isinstance(after, SessionState)
        assert TRANSITIONS[phase, trigger] is after.phase
    else:
        with pytest.raises(IllegalTransition):
            TRIGGERS[trigger](state)
        assert replace(NEW, phase=phase) == state


def test_a_welcome_says_where_the_client_is() -> None:
    """The join reply has every field of the protocol."""
    step = joined(pushed(NEW, 2), A)

    assert welcome(step) == {
        "user_id": "ann",
        "session_id": "s",
        "epoch": "epoch",
        "offset": 2,
        "recovered": False,
        "window_seconds": 30.0,
        "heartbeat_seconds": 30.0,
        "unread": 0,
        "conversations": [],
    }


def test_what_was_missed_comes_after_the_reply() -> None:
    """Reply first, then the frames in order, to the one who asked."""
    state = pushed(joined(NEW, A).state, 2)
    step = joined(state, B, resume=StreamPosition("epoch", 0))

    assert (True, 2) == (welcome(step)["recovered"], welcome(step)["offset"])
    assert isinstance(step.effects[0], Reply)
    frames = [PushMessage((B,), frame.message) for frame in state.outbox]
    assert frames == list(step.effects[1:])


def test_a_recovery_is_whole_or_refused() -> None:
    """Frames that should be in memory and are not, for whatever reason, are a gap and never a part."""
    state = replace(pushed(joined(NEW, A).state, 3))
    state = replace(state, outbox=(state.outbox[0], state.outbox[2]))
    step = joined(state, B, resume=StreamPosition("epoch", 0))

    assert (False, "gap") == (welcome(step)["recovered"], welcome(step)["reason"])
    assert 1 == len(step.effects)


def test_the_newer_connection_of_a_device_is_kept() -> None:
    """The older one is closed with ``replaced``; its leaving later changes nothing."""
    state = joined(NEW, A, "phone").state
    step = joined(state, B, "phone")

    assert [B] == [a.connection for a in step.state.attachments]
    assert CloseConnection((A,), CloseCode.REPLACED) == step.effects[-1]
    assert step.state is machine.leave(step.state, A, NOW, LIMITS).state


def test_a_second_join_replaces_the_first() -> None:
    """The same connection joins again: one attachment, nobody closed, and a device it no longer is has left."""
    step = joined(joined(NEW, A, "phone").state, A, "tablet")

    assert [("tablet", A)] == [(a.device, a.connection) for a in step.state.attachments]
    assert [Reply] == [type(effect) for effect in step.effects]
    assert {"phone": Device(0, NOW), "tablet": Device(0)} == step.state.devices


def test_who_counts_in_an_old_epoch_comes_back() -> None:
    """A client from beyond the head begins a new epoch: the others' offsets mean nothing any more."""
    state = pushed(joined(NEW, A).state, 1)
    step = machine.join(
        state,
        machine.JoinRequest(connection=B, epoch="next", resume=StreamPosition("epoch", 9)),
        NOW,
        LIMITS,
    )

    assert ("next", "ahead") == (welcome(step)["epoch"], welcome(step)["reason"])
    assert CloseConnection((A,), CloseCode.RESTARTED) == step.effects[-1]


def test_the_device_gone_longest_is_forgotten_first() -> None:
    """The number of cursors is bounded; a device that is here is never forgotten."""
    state = NEW
    for at, device in enumerate(("one", "two", "three")):
        state = joined(state, A, device, now=NOW + at).state
        state = machine.leave(state, A, NOW + at, LIMITS).state

    assert {"two", "three"} == state.devices.keys()


def test_a_device_may_come_back_to_what_it_missed() -> None:
    """Within its window nothing it has not acknowledged is forgotten, whatever others acknowledge."""
    state = pushed(joined(joined(NEW, A, "phone").state, B, "web").state, 2)
    state = machine.leave(state, A, NOW, LIMITS).state
    kept = machine.acknowledge(state, B, 2, NOW + 30, LIMITS)
    gone = machine.acknowledge(state, B, 2, NOW + 31, LIMITS)

    assert (0, 2) == (kept.stream.floor, gone.stream.floor)


def test_clients_without_a_name_are_waited_for_too() -> None:
    """They share one entry: of those in their window the one that has least counts."""
    state = pushed(joined(joined(joined(NEW, A).state, B).state, C).state, 2)
    state = machine.leave(state, A, NOW, LIMITS).state
    state = machine.acknowledge(state, B, 1, NOW, LIMITS)
    state = machine.leave(state, B, NOW + 20, LIMITS).state
    later = machine.leave(machine.leave(state, A, NOW, LIMITS).state, B, NOW, LIMITS).state

    assert {"": Device(0, NOW + 20)} == later.devices
    assert 0 == machine.acknowledge(state, C, 2, NOW + 20, LIMITS).stream.floor


def test_the_window_of_a_dead_owners_clients_is_open() -> None:
    """Acquiring dates the window; who takes over notes that everybody left, and keeps the due time."""
    state = joined(NEW, A, "phone").state
    dated = Timer(WINDOW_TIMER, 1, NOW + 30)
    orphan = replace(state, phase=Phase.DETACHED, attachments=(), timers={WINDOW_TIMER: dated})
    assert machine.has_orphaned_window(orphan)
    after = machine.open_window(orphan, NOW + 5, LIMITS)

    known = {"phone": Device(0, NOW + 5), "": Device(0, NOW + 5)}
    assert (NOW + 5, known) == (after.snapshot.left_at, after.devices)
    assert {WINDOW_TIMER: dated} == after.timers
    assert not machine.has_orphaned_window(after)


def test_nobody_without_a_name_is_forgotten_when_the_owner_dies() -> None:
    """Their cursors died with the owner: within the window all they may have missed is kept."""
    state = pushed(joined(joined(NEW, A).state, B).state, 2)
    orphan = replace(state, phase=Phase.DETACHED, attachments=())
    state = joined(machine.open_window(orphan, NOW, LIMITS), C, "web").state

    assert 0 == machine.acknowledge(pushed(state, 1), C, 3, NOW + 30, LIMITS).stream.floor
    assert 3 == machine.acknowledge(pushed(state, 1), C, 3, NOW + 31, LIMITS).stream.floor


def test_a_timer_that_fires_keeps_the_record() -> None:
    """An input for an ended user's record takes its removal back, a timer too."""
    timers = {name: Timer(name, 1, NOW) for name in ("t", RETENTION_TIMER)}
    after = machine.fire(replace(NEW, phase=Phase.PASSIVE, timers=timers), timers["t"])

    assert (Phase.AWAKE, {}) == (after.phase, after.timers)


def test_without_retention_an_ended_record_has_no_timer() -> None:
    """Who removes records at once sets no timer for it; there is nobody to close."""
    step = machine.end(NEW, "done", CloseCode.ENDED, NOW, evolve(LIMITS, retention_seconds=0.0))

    assert ({}, ()) == (step.state.timers, step.effects)


@pytest.mark.parametrize("offset", [-1, 3])
def test_what_was_never_sent_is_not_acknowledged(offset: int) -> None:
    """A client that acknowledges the future is told so."""
    state = pushed(joined(NEW, A).state, 2)

    with pytest.raises(ValueError, match="never sent"):
        machine.acknowledge(state, A, offset, NOW, LIMITS)


def test_an_ack_of_less_or_of_a_stranger_changes_nothing() -> None:
    """Acknowledging is cumulative."""
    state = machine.acknowledge(pushed(joined(NEW, A).state, 2), A, 1, NOW, LIMITS)

    assert state is machine.acknowledge(state, A, 1, NOW, LIMITS)
    assert state is machine.acknowledge(state, B, 2, NOW, LIMITS)
