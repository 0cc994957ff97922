"""Which inputs a request holds (sessiond/core/gateways/dials.py). Gateways' tests have more of it."""

import msgspec
import pytest

from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.dials import (
    LastRequest,
    answers_dialled,
    answers_of,
    dial_and_answers,
    inputs_of,
    last_request,
)


def heard(
    text: str = "", *, session: str = "s", so_far: str | None = None, begins: bool = False
) -> Heard:
    return Heard(
        facts=ChannelFacts(
            platform="ussd", gateway="g", request_id=session, msisdn="+233241112223"
        ),
        answer=Answer(text=text),
        so_far=so_far,
        begins=begins,
    )


def texts(inputs: tuple[Heard, ...]) -> list[tuple[bool, str]]:
    return [(one.begins, one.answer.text) for one in inputs]


def test_a_dial_that_says_so_is_taken_as_it_is() -> None:
    """With the answers that the gateway read from it, in the first session and in another one."""
    read = dial_and_answers(heard(begins=True), ("1", "2"))

    for last in (None, LastRequest(session="s"), LastRequest(session="other")):
        assert [(True, ""), (False, "1"), (False, "2")] == texts(inputs_of(read, last))


def test_a_session_not_seen_before_begins() -> None:
    """Its first text is an answer, unless it is what was dialled."""
    last = LastRequest(session="other")

    assert [(True, "")] == texts(inputs_of((heard(),), last))
    assert [(True, ""), (False, "5")] == texts(inputs_of((heard("5"),), last))
    for dialled in ("*714#", "*714*5#", "714#"):
        (dial,) = inputs_of((heard(dialled),), None)
        assert (True, "", dialled) == (dial.begins, dial.answer.text, dial.dialled)


def test_a_program_does_not_dial() -> None:
    """What it says first in a session is what the person said, and nothing comes before it."""
    said = heard("hi")
    said = msgspec.structs.replace(said, facts=msgspec.structs.replace(said.facts, platform="http"))

    assert (said,) == inputs_of((said,), None)


def test_the_same_session_goes_on() -> None:
    """Whatever is typed, also what looks like a dial."""
    for typed in ("", "1", "*714#"):
        assert [(False, typed)] == texts(inputs_of((heard(typed),), LastRequest(session="s")))


def test_a_new_session_forgets_what_was_typed_in_the_last_one() -> None:
    """Its text begins anew."""
    last = LastRequest(session="other", so_far="1*2")

    assert [(True, "")] == texts(inputs_of((heard(so_far=""),), last))
    assert [(True, ""), (False, "1")] == texts(inputs_of((heard(so_far="1"),), last))


def test_a_hang_up_is_no_dial() -> None:
    """Nobody is there, whatever session it is of."""
    gone = msgspec.structs.replace(heard(), hangs_up=True)

    assert (gone,) == inputs_of((gone,), None)


@pytest.mark.parametrize(
    ("dialled", "code", "answers"),
    [
        ("*920*44*1*2#", "*920*44#", ("1", "2")),
        ("*920*44#", "*920*44#", ()),
        ("*920*44", "*920*44#", ()),
        ("*920*441*2#", "*920*44#", ()),
        ("*920*44*1", "*920*44#", ("1",)),
        ("*920*44*1#", "", ()),
        ("", "*920*44#", ()),
        ("*920*44*1**2#", "*920*44#", ("1", "", "2")),
    ],
)
def test_answers_are_what_follows_the_service_code(
    dialled: str, code: str, answers: tuple[str, ...]
) -> None:
    """Another code that begins alike has none."""
    assert answers == answers_dialled(dialled, code)


def test_answers_of_what_was_typed() -> None:
    """None of an empty text."""
    assert () == answers_of("")
    assert ("1", "", "2") == answers_of("1**2")


def test_what_is_kept_is_json_without_secrets() -> None:
    """It goes back into the store, and nothing of it is shown in logs."""
    kept = last_request(heard(so_far="1*2345"))

    assert kept == msgspec.json.decode(msgspec.json.encode(kept), type=LastRequest)
    assert "2345" not in repr(kept)
    assert LastRequest(session="s") == last_request(heard("1"))
