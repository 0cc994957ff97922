"""What a handler asked for (sessiond/core/session/wishes.py)."""

import pytest
from msgspec.structs import replace

from sessiond.core.codes import CloseCode
from sessiond.core.errors import SnapshotTooLarge
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.records import Timer
from sessiond.core.session.effects import CloseConnection, PushMessage, Reply
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.outcome import NOTHING, KickRequest, Outcome, PushRequest, TimerRequest
from sessiond.core.session.phases import Phase
from sessiond.core.session.snapshot import decode_snapshot, encode_snapshot
from sessiond.core.session.state import Attachment, SessionState, fresh_state
from sessiond.core.session.step import Step
from sessiond.core.session.wishes import apply

A, B = ConnectionId(1), ConnectionId(2)
LIMITS = SessionLimits()
NEW = fresh_state(UserId("ann"), session_id="s", now=0.0)
BOTH = replace(
    NEW, phase=Phase.ATTACHED, attachments=(Attachment(A, "", 0.0, 0), Attachment(B, "", 0.0, 0))
)


def wished(outcome: Outcome, state: SessionState = BOTH) -> Step:
    return apply(state, outcome, 1.0, "epoch", LIMITS)


def test_nothing_asked_nothing_changed() -> None:
    """The state is the same object: there is nothing to write."""
    assert BOTH is wished(NOTHING).state
    assert BOTH is wished(Outcome(data=b"{}", unread=0)).state


def test_effects_leave_in_the_order_of_the_handler() -> None:
    """Pushes as they were asked for, then the reply, then the closes."""
    outcome = Outcome(
        pushes=(
            PushRequest(b'"one"', b"{}", durable=False),
            PushRequest(b'"two"', b"{}"),
            PushRequest(b'"three"', b"{}", durable=False, connection=B),
        ),
        reply=b"[]",
        kicks=(KickRequest(A, CloseCode.KICKED), KickRequest(None, CloseCode.ENDED)),
    )
    step = wished(outcome)

    assert step.effects == (
        PushMessage((A, B), b'"one",{}'),
        PushMessage((A, B), b'"two",{"_offset":1}'),
        PushMessage((B,), b'"three",{}'),
        Reply(b"[]"),
        CloseConnection((A,), CloseCode.KICKED),
        CloseConnection((A, B), CloseCode.ENDED),
    )
    assert step.state.outbox == step.frames
    assert "epoch" == step.state.stream.epoch


def test_a_durable_push_is_everybodys() -> None:
    """An offset that one connection alone saw would be a hole for the others."""
    step = wished(Outcome(pushes=(PushRequest(b'"e"', b"{}", connection=A),)))

    assert (PushMessage((A, B), b'"e",{"_offset":1}'),) == step.effects


def test_for_nobody_the_store_keeps_it() -> None:
    """Without a connection a durable push is a frame and nothing else, an ephemeral one is gone."""
    pushes = (PushRequest(b'"e"', b"{}"), PushRequest(b'"e"', b"{}", durable=False))
    step = wished(Outcome(pushes=pushes), NEW)

    assert ((), (), 1) == (step.effects, step.state.outbox, len(step.frames))


def test_timers_are_set_and_cancelled() -> None:
    """A timer set again is another one; cancelling one that is not set is nothing."""
    first = wished(Outcome(timers=(TimerRequest("t", 5.0), TimerRequest("u", None)))).state
    again = wished(Outcome(timers=(TimerRequest("t", 5.0),)), first).state
    none = wished(Outcome(timers=(TimerRequest("t", None),)), again).state

    assert {"t": Timer("t", 1_000_000, 5.0, b"null")} == first.timers
    assert 1_000_001 == again.timers["t"].generation
    assert {} == none.timers


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b'"' + b"x" * LIMITS.snapshot_bytes + b'"', "bytes"),
        (b"[" * 257 + b"]" * 257, "nested deeper than 256 levels"),
    ],
    ids=["large", "deep"],
)
def test_data_that_could_not_be_kept_fails_the_turn(data: bytes, match: str) -> None:
    """The message says what is wrong, not what the data is."""
    with pytest.raises(SnapshotTooLarge, match=match) as caught:
        wished(Outcome(data=data))

    assert "xx" not in str(caught.value)


@pytest.mark.parametrize("data", [b"[" * 256 + b"]" * 256, b'["[[["' + b",[]" * 500 + b"]"])
def test_what_is_taken_can_be_read_again(data: bytes) -> None:
    """Wide is not deep; what passes is a snapshot that can be loaded."""
    state = wished(Outcome(data=data, unread=2)).state

    assert state.snapshot == decode_snapshot(encode_snapshot(state.snapshot))
    assert (data, 2) == (state.snapshot.data, state.snapshot.unread)
