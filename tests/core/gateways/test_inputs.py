"""What gateways give to actors: nothing of it can be read in a log."""

from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.inputs import DeliverySettled, Incoming
from sessiond.core.gateways.port import GivenUp, Sent

NUMBER = "+233244123456"


def heard(text: str) -> Heard:
    facts = ChannelFacts(
        platform="ussd",
        gateway="nalo",
        host="h",
        path="/",
        request_id="1",
        msisdn=NUMBER,
        user_id="",
    )
    return Heard(facts=facts, answer=Answer(text=text), dialled="*920*44#")


def test_a_dial_waits_for_nothing_unless_told() -> None:
    """It has one answer, and no id of the provider's to be known again by."""
    incoming = Incoming("line", heard("1"))

    assert (0.0, None, ()) == (incoming.waits_seconds, incoming.digest, incoming.others)


def test_what_a_person_sent_is_in_no_repr() -> None:
    """Neither words nor number, in what came first or behind it."""
    shown = repr(Incoming("line", heard("my secret"), others=(heard("another"),)))

    assert "line" in shown
    for private in ("secret", "another", "244123456", "920"):
        assert private not in shown


def test_what_was_sent_is_in_no_repr() -> None:
    """The body of a delivery holds the call: a number, a text, the names of credentials."""
    settled = DeliverySettled("000000000001.ann", b'{"to":"233244123456"}', Sent("wamid.1"))

    assert "244123456" not in repr(settled)
    assert 1 == settled.attempts


def test_results_are_told_apart_by_all_they_say() -> None:
    """Equal when everything is: a result that was told twice is the same input."""
    one = DeliverySettled("d", b"{}", GivenUp("400"), 2)

    assert one == DeliverySettled("d", b"{}", GivenUp("400"), 2)
    assert one != DeliverySettled("d", b"{}", GivenUp("401"), 2)
    assert one != DeliverySettled("d", b"{}", GivenUp("400"), 3)
