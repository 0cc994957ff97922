"""What is read of stored conversations that are not opened (sessiond/core/conversations/glances.py)."""

from math import inf

import msgspec
import pytest

from sessiond.core.conversations.glances import expiry, liveliness, touched, waiting_screen
from sessiond.core.conversations.stored import StoredConversation, encode_conversation
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.prompts import Message
from sessiond.core.flows.record import Record
from tests.core.conversations.talking import EPOCH, Person

HOUR = 3600.0


async def order(c: Conversation) -> None:
    item = await c.ask("item", "Which item?")
    await c.run("reserve", str, item)
    await c.ask("more", "More?")


def raw_of(person: Person) -> bytes:
    (raw,) = person.stored.values()
    return raw


def test_the_screen_that_waits_is_that_of_the_question() -> None:
    """As it was shown; also when the record is at hand, and when the question was asked again."""
    person = Person(order)
    person.say("order")
    record: Record = person.record

    assert person.screen == waiting_screen(raw_of(person), EPOCH)
    assert person.screen == waiting_screen(raw_of(person), EPOCH, record)
    person.remind()
    assert person.screen == waiting_screen(raw_of(person), EPOCH)


def test_no_question_waits_while_a_function_runs() -> None:
    """The person is told so whatever he says."""
    person = Person(order)
    person.say("order")
    person.say("Tea")
    assert waiting_screen(raw_of(person), EPOCH) == ""
    person.settle("done")
    assert person.screen == waiting_screen(raw_of(person), EPOCH)


def test_whether_to_go_on_is_a_screen_of_its_own() -> None:
    """The question behind it does not wait yet."""
    person = Person(order, platform="ussd")
    person.say("order", request_id="r1")
    asked = person.screen
    person.say("", opens=True, resume_seconds=HOUR)

    assert asked != person.screen
    assert person.screen == waiting_screen(raw_of(person), EPOCH)


def test_nothing_waits_in_what_is_over() -> None:
    """Unless something of it was not seen."""
    ended = StoredConversation(touched_at=EPOCH, expires_at=EPOCH + HOUR)
    unseen = msgspec.structs.replace(ended, unseen=(Message("Paid."),))

    assert waiting_screen(encode_conversation(ended), EPOCH) is None
    assert waiting_screen(encode_conversation(unseen), EPOCH) == ""
    assert waiting_screen(encode_conversation(unseen), EPOCH + HOUR) is None


@pytest.mark.parametrize(("raw", "at"), [(b"{", 0.0), (b'{"version":99}', inf)])
def test_what_cannot_be_read_is_left_to_its_turn(raw: bytes, at: float) -> None:
    """It expires never, may be live, and is given up first, but for what a newer server wrote."""
    assert waiting_screen(raw, EPOCH) == ""
    assert expiry(raw) is None
    assert liveliness(raw) == (1, 0.0)
    assert touched(raw) == at


def test_what_runs_is_livelier_than_what_only_remembers() -> None:
    """And the one that was touched last before others."""
    person = Person(order)
    person.say("order")
    over = encode_conversation(StoredConversation(touched_at=EPOCH + 1, expires_at=EPOCH + HOUR))

    assert liveliness(raw_of(person)) == (2, EPOCH)
    assert liveliness(over) == (0, EPOCH + 1)
    assert (EPOCH + 1, EPOCH + HOUR) == (touched(over), expiry(over))
