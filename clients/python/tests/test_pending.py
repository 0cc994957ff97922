"""Pushes that wait for their reply."""

from sessiond_client.errors import PushFailed, Stopped
from sessiond_client.pending import PendingPush, PendingPushes


def test_a_reply_reaches_its_push() -> None:
    """By ref; a reply nobody waits for is told apart."""
    pending = PendingPushes()
    push = PendingPush("e", {"n": 1}, "id-1")
    pending.add(push)

    assert pending.answer(push.ref, {"status": "ok", "response": {"seen": True}})
    assert push.done.is_set()
    assert push.response == {"seen": True}
    assert not pending.answer(push.ref, {"status": "ok"})
    assert not pending.answer(None, {"status": "ok"})


def test_an_error_has_code_message_and_time() -> None:
    """What the server said, and the id to repeat the push with."""
    pending = PendingPushes()
    push = PendingPush("e", {}, "id-1")
    pending.add(push)
    details = {"code": "overloaded", "reason": "overloaded", "message": "full", "retry_after": 2}
    pending.answer(push.ref, {"status": "error", "response": details})

    error = push.error
    assert isinstance(error, PushFailed)
    assert (error.code, error.message, error.retry_after, error.push_id) == (
        "overloaded",
        "full",
        2.0,
        "id-1",
    )


def test_a_new_connection_repeats_in_order_under_the_same_ids() -> None:
    """Refs are new, ids are not; a forgotten push is not sent again."""
    pending = PendingPushes()
    pushes = [PendingPush("e", {"n": n}, f"id-{n}") for n in range(3)]
    for push in pushes:
        pending.add(push)
    old = {push.ref for push in pushes}
    pending.forget(pushes[1])

    again = list(pending.renumbered())
    assert [push.body for push in again] == [{"n": 0, "_id": "id-0"}, {"n": 2, "_id": "id-2"}]
    assert old.isdisjoint(push.ref for push in again)
    assert len(pending) == 2


def test_everybody_is_told_when_it_is_over() -> None:
    """Nobody waits for an answer that cannot come."""
    pending = PendingPushes()
    push = PendingPush("e", {}, "id-1")
    pending.add(push)
    pending.fail_all(over := Stopped(4000, "ended"))

    assert push.done.is_set()
    assert push.error is over
    assert len(pending) == 0
