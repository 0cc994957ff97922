"""The queue of an account: one delivery per person at a time, in order, within the rates."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessiond.core.gateways.accounts import AccountSettings
from sessiond.core.gateways.outgoing import delivery_id
from sessiond.core.ids import UserId
from sessiond.core.records import Delivery
from sessiond.runtime.delivery_queue import DeliveryQueue, Waiting

ANN, BOB = UserId("ann"), UserId("bob")


def queue_of(**settings: Any) -> DeliveryQueue:
    return DeliveryQueue(AccountSettings(gateway="whatsapp", **settings), 0.0)


def one(number: int, user: UserId = ANN, body: bytes = b"") -> Delivery:
    return Delivery(delivery_id(user, number), 0.0, body)


def taken(queue: DeliveryQueue, now: float = 0.0) -> tuple[UserId, Waiting]:
    found = queue.take(now)
    assert not isinstance(found, float), found
    return found


def numbers(queue: DeliveryQueue, now: float = 0.0) -> list[str]:
    """Take and finish everything that can be taken now."""
    seen = []
    while not isinstance(found := queue.take(now), float):
        user, waiting = found
        seen.append(f"{user}{int(waiting.delivery.id.partition('.')[0], 16)}")
        queue.finish(user, waiting)
    return seen


def test_the_next_one_waits_for_the_one_before() -> None:
    """However they came in; another person's goes out meanwhile."""
    queue = queue_of()
    for number in (2, 1, 3):
        queue.put(ANN, one(number), 0.0)
    queue.put(BOB, one(7, BOB), 0.0)
    user, first = taken(queue)
    other, _ = taken(queue)

    assert (user, first.delivery) == (ANN, one(1))
    assert other == BOB
    assert queue.take(0.0) == math.inf
    queue.finish(ANN, first)
    assert taken(queue)[1].delivery == one(2)


def test_whether_it_is_the_next_of_all() -> None:
    """Only then is there something to take earlier than before."""
    queue = queue_of()
    is_next = [
        queue.put(ANN, one(2), 5.0),
        queue.put(ANN, one(3), 0.0),
        queue.put(BOB, one(1, BOB), 5.0),
        queue.put(BOB, one(0, BOB), 4.0),
        queue.put(ANN, one(1), 3.0),
        queue.put(ANN, one(1), 0.0, replaces=False),
    ]

    assert [True, False, False, True, True, False] == is_next
    taken(queue, 5.0)
    assert not queue.put(ANN, one(0), 0.0)


def test_one_that_was_put_back_goes_first() -> None:
    """Its person's others wait with it."""
    queue = queue_of()
    queue.put(ANN, one(1), 0.0)
    queue.put(ANN, one(2), 0.0)
    user, first = taken(queue)
    queue.put_back(user, first, 8.0)

    assert queue.take(0.0) == 8.0
    assert taken(queue, 8.0)[1] is first


def test_people_take_turns_in_the_order_in_which_they_became_ready() -> None:
    """One who was put off is not overtaken for ever by who comes anew."""
    queue = queue_of()
    queue.put(ANN, one(1), 0.0)
    user, first = taken(queue)
    queue.put_back(user, first, 5.0)
    queue.put(BOB, one(1, BOB), 6.0)

    assert numbers(queue, 7.0) == ["ann1", "bob1"]


def test_one_of_the_same_id_is_replaced_or_kept() -> None:
    """A commit puts one off; a page that is read again brings nothing new; what is under way stays."""
    queue = queue_of()
    queue.put(ANN, one(1, body=b"old"), 0.0)
    queue.put(ANN, one(1, body=b"read again"), 0.0, replaces=False)
    assert len(queue) == 1
    queue.put(ANN, one(1, body=b"new"), 3.0)
    assert queue.take(0.0) == 3.0
    user, waiting = taken(queue, 3.0)
    queue.put(ANN, one(1, body=b"late"), 3.0)

    assert waiting.delivery.body == b"new"
    assert len(queue) == 1
    queue.finish(user, waiting)
    assert len(queue) == 0


def test_what_a_commit_has_settled_is_not_sent() -> None:
    """First, last or alone in its line; what is not here is no error."""
    queue = queue_of()
    for number in range(4):
        queue.put(ANN, one(number), 0.0)
    for number in (0, 3, 9):
        queue.discard(ANN, delivery_id(ANN, number))
    queue.discard(BOB, "unknown")

    assert numbers(queue) == ["ann1", "ann2"]
    assert len(queue) == 0


def test_one_that_is_settled_under_way_is_not_tried_again() -> None:
    """Nor told: nobody wants it any more. The next one follows when the call is over."""
    queue = queue_of()
    queue.put(ANN, one(1), 0.0)
    queue.put(ANN, one(2), 0.0)
    user, first = taken(queue)
    assert queue.has(user, first)
    queue.discard(ANN, first.delivery.id)

    assert not queue.has(user, first)
    assert queue.take(0.0) == math.inf
    queue.put_back(user, first, 5.0)
    assert numbers(queue) == ["ann2"]


def test_a_person_can_be_forgotten() -> None:
    """With what is under way; others are not touched."""
    queue = queue_of()
    for number in range(3):
        queue.put(ANN, one(number), 0.0)
        queue.put(BOB, one(number, BOB), 0.0)
    user, first = taken(queue)
    queue.forget(ANN)
    queue.forget(UserId("nobody"))
    assert not queue.has(user, first)
    queue.finish(user, first)

    assert len(queue) == 3
    assert numbers(queue) == ["bob0", "bob1", "bob2"]


def test_the_rate_of_the_account_holds() -> None:
    """A second's worth at once, then as fast as the settings say; the answer is how long to wait."""
    queue = queue_of(calls_per_second=2)
    for user in map(UserId, "abcd"):
        queue.put(user, one(1, user), 0.0)

    assert len(numbers(queue)) == 2
    assert queue.take(0.0) == pytest.approx(0.5)
    assert len(numbers(queue, 0.5)) == 1


def test_the_rate_of_a_person_holds_up_nobody_else() -> None:
    """His messages wait; the account's token is not lost by that."""
    queue = queue_of(recipient_calls_per_second=0.1, recipient_burst=2, calls_per_second=3)
    for number in range(3):
        queue.put(ANN, one(number), 0.0)
    queue.put(BOB, one(0, BOB), 1.0)

    assert numbers(queue) == ["ann0", "ann1"]
    assert queue.take(0.5) == pytest.approx(0.5)
    assert numbers(queue, 1.0) == ["bob0"]
    assert numbers(queue, 10.0) == ["ann2"]


def test_an_account_that_is_held_back_waits() -> None:
    """Until then nothing is taken, whoever is ready."""
    queue = queue_of()
    queue.put(ANN, one(1), 0.0)
    queue.held_until = 4.0
    assert queue.take(1.0) == 3.0
    assert numbers(queue, 4.0) == ["ann1"]


Step = tuple[str, int, int]
STEPS = st.tuples(
    st.sampled_from(["put", "take", "finish", "back", "discard", "forget"]),
    st.integers(0, 2),
    st.integers(0, 5),
)


@given(steps=st.lists(STEPS, max_size=60))
@example(steps=[("put", 1, 0), ("take", 0, 0), ("discard", 1, 0), ("put", 1, 0)])
def test_order_holds_whatever_happens(steps: list[Step]) -> None:
    """Of a person one is under way at a time, always his first; the count is right; nothing is stuck."""
    queue = queue_of(calls_per_second=10_000, recipient_burst=1000)
    inside: dict[UserId, set[int]] = {}
    busy: dict[UserId, tuple[Waiting, int]] = {}
    for what, who, number in steps:
        user = UserId(f"u{who}")
        mine = inside.setdefault(user, set())
        if what == "put" and all(number > other for other in mine):
            queue.put(user, one(number, user), 0.0)
            mine.add(number)
        elif what == "take" and not isinstance(found := queue.take(0.0), float):
            owner, waiting = found
            first = int(waiting.delivery.id.partition(".")[0], 16)
            assert owner not in busy
            assert first == min(inside[owner])
            busy[owner] = waiting, first
        elif what in {"finish", "back"} and user in busy:
            waiting, first = busy.pop(user)
            if what == "finish":
                if queue.has(user, waiting):  # else it was discarded, and may have come again since
                    mine.discard(first)
                queue.finish(user, waiting)
            else:
                queue.put_back(user, waiting, 0.0)
        elif what == "discard":
            queue.discard(user, delivery_id(user, number))
            mine.discard(number)
        elif what == "forget":
            queue.forget(user)
            mine.clear()
        assert len(queue) == sum(map(len, inside.values()))
    for user, (waiting, first) in busy.items():
        if queue.has(user, waiting):
            inside[user].discard(first)
        queue.finish(user, waiting)
    assert len(numbers(queue)) == sum(map(len, inside.values()))
    assert len(queue) == 0


def test_waits_can_be_ended() -> None:
    """Of the account and of all people; who is under way is not taken twice, and the rates still hold."""
    queue = queue_of(recipient_burst=1, recipient_calls_per_second=1)
    queue.put(ANN, one(1), 0.0)
    queue.put(ANN, one(2), 0.0)
    queue.put_back(*taken(queue), 300.0)
    queue.put(BOB, one(1, BOB), 500.0)
    queue.held_until = 900.0
    queue.end_waits(5.0)
    found = dict([taken(queue, 5.0), taken(queue, 5.0)])
    queue.end_waits(5.0)

    assert {user: waiting.delivery for user, waiting in found.items()} == {
        ANN: one(1),
        BOB: one(1, BOB),
    }
    assert isinstance(queue.take(5.0), float)
    queue.finish(ANN, found[ANN])
    queue.end_waits(5.0)
    assert queue.take(5.0) == pytest.approx(1.0)
