"""A mailbox: bounded, ordered, one consumer, and nothing lost by cancelling."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.errors import MailboxFull
from sessiond.core.session.inputs import Send
from sessiond.runtime.mailbox import Control, Envelope, Mailbox


def letter(number: int) -> Envelope:
    return Envelope(Send("n", number))


def numbers(mailbox: Mailbox) -> list[object]:
    return [one.item.payload for one in mailbox.snapshot() if isinstance(one.item, Send)]


def test_envelopes_come_out_in_order() -> None:
    """First in, first out; an empty mailbox gives None."""
    mailbox = Mailbox()
    first, second = letter(1), letter(2)
    mailbox.put(first)
    mailbox.put(second)

    assert [first, second, None] == [mailbox.get_nowait() for _ in range(3)]


def test_taking_marks_the_envelope() -> None:
    """Whoever asks can tell a message that waits from one whose turn may have begun."""
    mailbox = Mailbox()
    one = letter(1)
    mailbox.put(one)
    assert not one.taken
    mailbox.get_nowait()

    assert one.taken


def test_a_full_mailbox_refuses_and_stays_as_it_was() -> None:
    """The bound is a refusal, not a loss."""
    mailbox = Mailbox(capacity=2)
    mailbox.put(letter(1))
    mailbox.put(letter(2))
    with pytest.raises(MailboxFull, match="2 messages"):
        mailbox.put(letter(3))

    assert [1, 2] == numbers(mailbox)


def test_what_must_not_be_refused_is_not() -> None:
    """Leave, Stop, timers and control messages get in however full it is."""
    mailbox = Mailbox(capacity=1)
    mailbox.put(letter(1))
    mailbox.put_always(letter(2))

    assert [1, 2] == numbers(mailbox)


def test_what_goes_back_goes_first_and_in_order() -> None:
    """Inputs of a failed commit are taken again before everything that came meanwhile."""
    mailbox = Mailbox()
    mailbox.put(letter(3))
    mailbox.put_front([letter(1), letter(2)])

    assert [1, 2, 3] == numbers(mailbox)


def test_removing_keeps_the_others_in_order() -> None:
    """Only the named envelopes go; unknown ones are ignored."""
    mailbox = Mailbox()
    envelopes = [letter(number) for number in range(4)]
    for one in envelopes:
        mailbox.put(one)
    mailbox.remove([envelopes[1], letter(9)])

    assert [0, 2, 3] == numbers(mailbox)


def test_an_envelope_expires_at_its_deadline() -> None:
    """At the deadline itself it is too late; without one it never is."""
    assert not Envelope(Control.WAKE).is_expired(1e9)
    assert not Envelope(Control.WAKE, expires_at=5.0).is_expired(4.9)
    assert Envelope(Control.WAKE, expires_at=5.0).is_expired(5.0)


async def test_a_put_wakes_the_parked_consumer() -> None:
    """The consumer sleeps until something comes."""
    mailbox = Mailbox()
    got: list[Envelope | None] = []

    async def consume() -> None:
        await mailbox.wait()
        got.append(mailbox.get_nowait())

    one = letter(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        await wait_all_tasks_blocked()
        assert mailbox.statistics().is_parked
        mailbox.put(one)

    assert [one] == got


async def test_a_wake_before_the_wait_is_not_lost() -> None:
    """Waking makes the next wait return once, also when nobody waited yet."""
    mailbox = Mailbox()
    mailbox.wake()
    await mailbox.wait()
    with trio.move_on_after(0) as second:
        await mailbox.wait()

    assert second.cancelled_caught


async def test_cancelling_a_wait_loses_no_message(autojump_clock: MockClock) -> None:
    """A message that comes as the wait is cancelled is there for the next one."""
    mailbox = Mailbox()
    with trio.move_on_after(1) as scope:
        await mailbox.wait()
    assert scope.cancelled_caught
    assert not mailbox.statistics().is_parked
    one = letter(1)
    mailbox.put(one)
    await mailbox.wait()

    assert one is mailbox.get_nowait()


async def test_a_message_and_a_cancellation_in_one_instant_lose_nothing() -> None:
    """Put and cancel in the same scheduler step: the message is still in the mailbox."""
    mailbox = Mailbox()
    one = letter(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.wait)
        await wait_all_tasks_blocked()
        mailbox.put(one)
        nursery.cancel_scope.cancel()

    assert one is mailbox.get_nowait()


async def test_two_consumers_are_a_mistake() -> None:
    """A second waiter is told so instead of stealing messages."""
    mailbox = Mailbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.wait)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await mailbox.wait()
        nursery.cancel_scope.cancel()


async def test_waiting_for_capacity_ends_when_there_is_room() -> None:
    """Backpressure: senders sleep while it is full, and all look again when there is room."""
    mailbox = Mailbox(capacity=1)
    await mailbox.wait_capacity()
    mailbox.put(letter(1))
    done: list[int] = []

    async def send(number: int) -> None:
        await mailbox.wait_capacity()
        done.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, 1)
        nursery.start_soon(send, 2)
        await wait_all_tasks_blocked()
        assert mailbox.statistics().waiting_for_capacity == 2
        assert not done
        mailbox.get_nowait()

    assert {1, 2} == set(done)


async def test_clearing_makes_room() -> None:
    """Senders held back by a user who is quarantined or fenced are let go."""
    mailbox = Mailbox(capacity=1)
    mailbox.put(letter(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.wait_capacity)
        await wait_all_tasks_blocked()
        assert len(mailbox.clear()) == 1

    assert not mailbox


async def test_cancelled_senders_leave_no_trace() -> None:
    """A socket that closes while held back is forgotten."""
    mailbox = Mailbox(capacity=1)
    mailbox.put(letter(1))
    with trio.move_on_after(0):
        await mailbox.wait_capacity()

    assert mailbox.statistics().waiting_for_capacity == 0


def test_an_empty_mailbox_is_small() -> None:
    """There may be 100 000 of them: a fifth of a kilobyte each."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = [Mailbox() for _ in range(1000)]
        size = tracemalloc.get_traced_memory()[0] / len(kept)
    finally:
        tracemalloc.stop()

    assert size < 250
