"""The examples of the documentation: their conversations are those in the files beside them, restarted or not.

``SESSIOND_UPDATE_TRANSCRIPTS=1`` writes the files anew.
"""

import functools
import importlib.util
import subprocess
import sys
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from sessiond import RunFailed
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.testing.conversations import Phone, assert_transcript, play
from tests.docs.pages import DOCS

EXAMPLES = DOCS / "examples"

#: One conversation for each user, also over USSD, whose own would end with each dial.
BY_USER = SessionKeySettings(identifier="user_id")

REPLAYED = pytest.mark.parametrize("restarts", [False, True], ids=["steady", "restarted"])


@functools.cache
def example(name: str) -> ModuleType:
    """Import an example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its classes look for their own module
    spec.loader.exec_module(module)
    return module


# ChatterKeep


def chat(phone: Phone) -> str:
    """The name of the state that the conversation is in."""
    question = None if phone.prompt is None else phone.prompt.key
    ended = phone.record is None and bool(phone.line.stored)
    return str(example("chatterkeep_states").state_of(question, has_ended=ended))


@REPLAYED
def test_chatterkeep(restarts: bool) -> None:
    """Each of its states and each of its replies, word for word (reference 1.3), and no way back from the end."""
    states = []
    with play(example("chatterkeep").app, platform="http", restarts=restarts) as phone:
        for text in ("hi", "  HELLO ", "Alice", "Imagine", "hello"):
            states.append(chat(phone))
            phone.say(text)
        states.append(chat(phone))
        assert_transcript(phone, EXAMPLES / "chatterkeep.txt")

    assert ["start", "start", "ask_name", "ask_song", "done", "done"] == states


@pytest.mark.parametrize(
    ("code", "documented"),
    [
        ("start", "INITIAL"),
        ("ask_name", "AWAITING_NAME"),
        ("ask_song", "AWAITING_SONG"),
        ("done", "COMPLETE"),
    ],
)
def test_both_vocabularies_of_chatterkeep(code: str, documented: str) -> None:
    """A state is found by either of its names; no other name is one."""
    states = example("chatterkeep_states")

    assert code == states.state_named(documented) == states.state_named(f" {code.upper()} ")
    assert documented == states.state_named(documented.lower()).documented
    with pytest.raises(ValueError, match="finished"):
        states.state_named("finished")


# Registration


@REPLAYED
def test_registration(restarts: bool) -> None:
    """Wrong answers, a change of one answer, the end, and that it is remembered."""
    with play(example("registration").app, restarts=restarts) as phone:
        phone.say("hello")
        phone.say("ama")
        phone.say("")
        phone.say("mensah")
        for birthday in ("soon", "31/02/1990", "24/12/2090", "24/12/1990"):
            phone.say(birthday)
        phone.say("ama at home")
        phone.say("Ama@Example.com")
        phone.tap("E-mail")
        phone.say("-")
        phone.tap("Yes")
        phone.say("register")
        assert_transcript(phone, EXAMPLES / "registration.txt")

    (called,) = phone.runs
    assert {"first": "Ama", "last": "Mensah", "born": "1990-12-24", "mail": ""} == called.args[1]


def test_registration_that_was_left() -> None:
    """It ends with its words, and begins anew."""
    with play(example("registration").app) as phone:
        phone.say("register")
        phone.say("Ama")
        assert phone.advance(days=8).startswith("We have not heard from you.")
        assert "What is your first name?" == phone.say("register")


def test_a_birthday_in_either_order() -> None:
    """As people write it, and as computers do; anything else is turned down."""
    birthday = example("registration").birthday

    assert birthday("24.12.1990") == birthday("1990-12-24")
    for text in ("1990", "32/1/1990", "1/13/1990", "x"):
        with pytest.raises(ValueError, match=r"day|month"):
            birthday(text)


# Order


@REPLAYED
def test_order(restarts: bool) -> None:
    """Delivered to a place, after a second thought about everything."""
    with play(example("order").app, platform="whatsapp", keys=BY_USER, restarts=restarts) as phone:
        phone.say("Hungry!")
        phone.tap("Waakye")
        phone.say("0")
        phone.say("2")
        phone.tap("Bring it")
        phone.send_location(5.6037, -0.187)
        phone.tap("No")
        phone.say("kelewele")
        phone.say("3")
        phone.say("2")
        phone.say("yes")
        assert_transcript(phone, EXAMPLES / "order.txt")

    assert {"dish": "kelewele", "count": 3, "total": "37.50"} == phone.result
    assert [Decimal("37.50")] == [run.args[1] for run in phone.runs if run.key == "pay"]


@REPLAYED
def test_order_of_more_than_there_is(restarts: bool) -> None:
    """A function's failure is part of the conversation; a payment that fails three times is, too."""
    with play(
        example("order").app,
        platform="ussd",
        keys=BY_USER,
        restarts=restarts,
        results={"pay": OSError("provider away")},
    ) as phone:
        phone.say("order")
        phone.say("1")
        phone.say("25")
        phone.say("1")
        phone.say("20")
        phone.say("2")
        phone.say("1")
        assert_transcript(phone, EXAMPLES / "order_ussd.txt")

    assert [1, 1, 3] == [run.attempts for run in phone.runs]
    assert phone.runs[0].run_id != phone.runs[1].run_id


def test_order_that_was_left() -> None:
    """What is said when nobody answers knows what was answered before."""
    with play(example("order").app) as phone:
        phone.say("order")
        phone.tap("Jollof rice")
        assert phone.advance(days=8).startswith("Your Jollof rice went back")


# Credex


@REPLAYED
def test_credex_offer(restarts: bool) -> None:
    """Amount, handle and the button; what is turned down says what is taken."""
    with play(example("credex_offer").app, platform="whatsapp", restarts=restarts) as phone:
        phone.say("offer")
        phone.say("a hundred")
        phone.say("0")
        phone.say("100 (cad)")
        phone.say("john doe")
        phone.say("John_Doe")
        phone.say("why?")
        phone.tap("Confirm offer")
        assert_transcript(phone, EXAMPLES / "credex_offer.txt")

    assert [("john_doe", {"amount": "100", "denom": "CAD"})] == [run.args[1:] for run in phone.runs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", ("100", "USD")),
        ("USD 100", ("100", "USD")),
        ("100 USD", ("100", "USD")),
        ("100 (USD)", ("100", "USD")),
        ("100(ZWG)", ("100", "ZWG")),
        ("xau 0.5", ("0.5", "XAU")),
        (" 12.25   CAD ", ("12.25", "CAD")),
    ],
)
def test_amounts_of_credex(text: str, expected: tuple[str, str]) -> None:
    """The four forms, the four currencies, dollars when none is named."""
    number, code = expected

    assert (Decimal(number), code) == example("credex_offer").read_amount(text)


@pytest.mark.parametrize(
    "text",
    ["", "x", "USD", "-1", "0", "0.00", "1e3", "100 EUR", "USD 100 CAD", "1,000", "NaN", "1" * 13],
)
def test_what_is_no_amount(text: str) -> None:
    """It is said what is one."""
    with pytest.raises(ValueError, match=r"amount"):
        example("credex_offer").read_amount(text)


def test_an_offer_that_the_ledger_does_not_take() -> None:
    """The conversation ends without a number."""
    failing: dict[str, Any] = {"offer": RunFailed("Refused", "no funds")}
    with play(example("credex_offer").app, results=failing) as phone:
        for text in ("offer", "100", "ama", "1"):
            phone.say(text)

    assert "The ledger did not take your offer. Please try again later." == phone.screen


# All of them


@pytest.mark.parametrize("name", ["chatterkeep", "registration", "order", "credex_offer"])
def test_the_static_check_finds_nothing_wrong(name: str) -> None:
    """``sessiond flow check``, as a reader would call it."""
    done = subprocess.run(
        [sys.executable, "-m", "sessiond", "flow", "check", name],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": str(DOCS.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert 0 == done.returncode, done.stdout + done.stderr
