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


def test_an_answer_in_a_session_that_nobody_knows_is_none() -> None:
    """Where the provider says that it began before: what was shown there is gone."""
    lost = msgspec.structs.replace(heard("5"), goes_on=True)

    assert [(True, "")] == texts(inputs_of((lost,), None))
    assert (lost,) == inputs_of((lost,), LastRequest(session="s"))


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
    assert LastRequest(session="s", opened="1", is_first=True) == last_request(heard("1"))


NOW = 1_700_000_000.0


def after(first: Heard, *others: Heard) -> LastRequest:
    """What is kept when *first* and *others* were answered, one second after the other."""
    last = last_request(first, now=NOW)
    for one in others:
        last = last_request(one, last, begins=False, now=NOW)
    return last


def dialled(code: str = "*714#", **more: str) -> Heard:
    return msgspec.structs.replace(heard(begins=True, **more), dialled=code)


@pytest.mark.parametrize("first", [dialled(), dialled(""), heard(), heard("*714#")])
def test_the_first_request_of_a_session_again_is_a_repeat(first: Heard) -> None:
    """With the answers that were dialled along; also when more was typed meanwhile, unless it has no text at all."""
    others = dial_and_answers(first, ("1",))[1:]

    assert () == inputs_of((first, *others), after(first), NOW + 60)
    if first.begins or first.answer.text:
        assert () == inputs_of((first, *others), after(first, heard("1")), NOW + 60)
    else:
        assert (first,) == inputs_of((first,), after(first, heard("1")), NOW + 60)


def test_another_dial_is_no_repeat() -> None:
    """Of another code, later than anybody repeats a request, or of a phone whose sessions have no ids of their own."""
    unnamed = dialled(session="+233241112223")

    assert (dialled("*715#"),) == inputs_of((dialled("*715#"),), after(dialled()), NOW + 1)
    assert (dialled(),) == inputs_of((dialled(),), after(dialled()), NOW + 600)
    assert (unnamed,) == inputs_of((unnamed,), after(unnamed), NOW + 1)


def test_what_comes_in_a_session_that_the_phone_has_left_is_overtaken() -> None:
    """For as long as anybody repeats a request; then its id is that of a new one."""
    left = after(heard())
    last = last_request(heard(session="t"), left, begins=True, now=NOW)
    last = last_request(heard("1", session="t"), last, begins=False, now=NOW)

    for late in (heard(), heard("1"), heard(so_far="1"), dialled()):
        assert () == inputs_of((late,), last, NOW + 1)
        assert inputs_of((late,), last, NOW + 600)[0].begins


def test_a_gateway_without_ids_of_sessions_leaves_none() -> None:
    """Whatever comes from it is said."""
    last = last_request(
        heard("1", session=""), LastRequest(session="", at=NOW), begins=False, now=NOW
    )

    assert [(False, "2")] == texts(inputs_of((heard("2", session=""),), last, NOW + 1))


def test_an_answer_that_was_dialled_may_be_given_again() -> None:
    """``5`` to the first question, and ``5`` to the second: nobody knows it to be a repeat."""
    assert [(False, "5")] == texts(inputs_of((heard("5"),), after(heard("5")), NOW + 1))


@pytest.mark.parametrize(
    "typed", [heard("1"), heard("2"), heard(so_far="1*2"), heard(so_far="1*2*3")]
)
def test_what_comes_in_a_session_that_we_ended_is_a_repeat(typed: Heard) -> None:
    """Of what was answered last, or an answer to nothing. Later it is of another session with the same id."""
    last = last_request(typed, after(heard()), begins=False, now=NOW)

    assert () == inputs_of((typed,), last, NOW + 1, ended=True)
    assert inputs_of((typed,), last, NOW + 600, ended=True)[0].begins


def test_a_dial_in_a_session_that_we_ended_is_a_new_one() -> None:
    """Where the id is that of the phone, which dials again at once."""
    last = after(heard(), heard("1"))

    assert [(True, "")] == texts(inputs_of((heard(),), last, NOW + 1, ended=True))
    assert [(True, "")] == texts(inputs_of((heard("*714#"),), last, NOW + 1, ended=True))
    again = after(dialled(), heard("1"))
    assert (dialled(),) == inputs_of((dialled(),), again, NOW + 1, ended=True)
    assert () == inputs_of((dialled(),), after(dialled()), NOW + 1, ended=True)


@pytest.mark.parametrize("so_far", [None, "1"])
def test_an_id_that_comes_again_the_next_day_is_of_a_new_session(so_far: str | None) -> None:
    """Whatever was typed in the other one."""
    asked = heard("", so_far=so_far)
    inputs = inputs_of((asked,), after(asked, heard("1", so_far=so_far)), NOW + 86_400)

    assert inputs[0].begins
