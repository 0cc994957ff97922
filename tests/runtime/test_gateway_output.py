"""What a turn shows on an account, as pages and as deliveries."""

import pytest
from msgspec.structs import replace

from sessiond.core.errors import AppFailed
from sessiond.core.flows.prompts import AttachmentKind, Media, Message, Output, Prompt, PromptKind
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.lines import Answered, Line, encode_answered
from sessiond.core.gateways.outgoing import decode_outgoing
from sessiond.core.gateways.port import Template
from sessiond.core.ids import input_digest
from sessiond.core.records import Delivery
from sessiond.core.session.effects import Reply
from sessiond.core.session.state import fresh_state
from sessiond.gateways.http import HttpGateway, HttpGatewaySettings
from sessiond.runtime.computed import Computed
from sessiond.runtime.gateway_output import (
    MAX_HELD,
    deliver,
    deliver_held,
    deliver_receipt,
    deliver_template,
    hold,
    keep_answer,
    line_of,
    named,
    page_of,
    put_line,
    send_again,
    show_page,
    wait_page,
)
from tests.runtime.gateway_worlds import ANN, NUMBER, TOKEN, USSD, heard, told, whatsapp

SHOP = whatsapp()
PROGRAM = Account(
    "program", AccountSettings(gateway="http"), HttpGateway(HttpGatewaySettings(tokens=(TOKEN,)))
)
QUESTION = Output(prompt=Prompt(kind=PromptKind.TEXT, key="name", screen="s1", text="Name?"))


def turn() -> Computed:
    state = fresh_state(ANN, session_id="s", now=1.0)
    return Computed(state, state)


def test_a_question_keeps_the_providers_session_open_and_anything_else_ends_it() -> None:
    """Nobody would be asked anything any more."""
    asked, said = page_of(USSD, QUESTION), page_of(USSD, Output(messages=(Message("Bye."),)))

    assert ("Name?", False) == (asked.text, asked.ends)
    assert ("Bye.", True) == (said.text, said.ends)
    assert b'"ends":true' in wait_page(USSD)


@pytest.mark.parametrize(
    ("account", "size", "is_kept"),
    [(PROGRAM, 4000, False), (PROGRAM, 4100, True), (PROGRAM, 66_000, False), (USSD, 4100, False)],
)
def test_a_long_answer_of_a_program_is_kept_with_the_person(
    account: Account, size: int, is_kept: bool
) -> None:
    """By the name of its request; a short one is kept elsewhere, and on USSD what is shown is kept as a page."""
    made, answered = turn(), Answered(text="x" * size, screen="s1")
    made.effects = (Reply(b"{}"), Reply(encode_answered(answered)))
    keep_answer(made, account, input_digest("program", "m-1"))
    line = line_of(made, account.name)

    assert is_kept == (line.answered == answered)
    assert is_kept == (line.last is not None and line.last == named(input_digest("program", "m-1")))
    assert named(None) is None


def test_pages_are_kept_until_something_else_is_shown() -> None:
    """So are the page for repeats, and the question that it asks; a page of nothing replaces no answer."""
    made = turn()
    show_page(made, USSD, page_of(USSD, Output(messages=(Message("word " * 80),))), "")
    kept = line_of(made, USSD.name).paging
    show_page(made, USSD, page_of(USSD, QUESTION), "s1")
    show_page(made, USSD, page_of(USSD, Output()), "")

    assert kept is not None
    assert line_of(made, USSD.name).paging is None
    assert line_of(made, USSD.name).answered == Answered(text="Name?", screen="s1")


def test_each_phone_has_its_own_line() -> None:
    """One that an earlier version wrote for all of them is that of the phone that was used last."""
    made = turn()
    before = Line(alias="tel:0f", answered=Answered(text="Name?"))
    put_line(made, USSD.name, before)
    shown = []
    for phone in ("tel:0f", "tel:1f"):
        made.phone = phone
        shown.append(line_of(made, USSD.name))
        put_line(made, USSD.name, Line(alias=phone))

    assert [before, Line()] == shown
    assert [*made.state.snapshot.lines] == ["line", "line/tel:0f", "line/tel:1f"]


def test_deliveries_are_numbered_over_all_turns() -> None:
    """Two turns' messages have different names, and the order of what was shown."""
    made = turn()
    put_line(made, "shop", Line(to=NUMBER))
    deliver(made, SHOP, Output(messages=(Message("a"), Message("b"))), now=1.0)
    deliver(made, SHOP, QUESTION, now=1.0)
    names = [one.id for one in made.deliveries]

    assert sorted(names) == names
    assert 3 == len(set(names)) == made.state.snapshot.sent


def test_what_cannot_be_shown_fails_with_the_reason() -> None:
    """Media without an address is the app's mistake; so is nobody to send it to."""
    made = turn()
    put_line(made, "shop", Line(to=NUMBER))
    nothing = Output(messages=(Message("", Media(kind=AttachmentKind.IMAGE)),))

    with pytest.raises(AppFailed, match="cannot be shown on shop"):
        deliver(made, SHOP, nothing, now=1.0)
    with pytest.raises(AppFailed, match="cannot be shown on shop"):
        deliver(turn(), SHOP, QUESTION, now=1.0)
    with pytest.raises(AppFailed, match="pass to="):
        deliver_template(turn(), SHOP, Template(name="news", language="en"), now=1.0)


def test_what_waits_for_a_person_is_bounded() -> None:
    """The oldest give way; they leave in order when he writes, in a window that is open from then on."""
    made = turn()
    put_line(made, "shop", Line(to=NUMBER))
    for number in range(MAX_HELD + 1):
        deliver(made, SHOP, Output(messages=(Message(str(number)),)), now=1.0)
    gone = [hold(made, "shop", one.body) for one in made.deliveries]
    made.deliveries = ()
    put_line(made, "shop", replace(line_of(made, "shop"), heard_at=49.0))
    deliver_held(made, SHOP, 50.0)
    line = line_of(made, "shop")
    written: tuple[Delivery, ...] = made.deliveries
    sent = [decode_outgoing(one.body) for one in written]

    assert [0] * MAX_HELD + [1] == [len(bodies) for bodies in gone]
    assert () == line.held
    assert [str(n) for n in range(1, MAX_HELD + 1)] == [told(one)["text"]["body"] for one in sent]
    assert {49.0 + 86400} == {one.closes_at for one in sent}


def test_only_who_waits_for_a_receipt_gets_one() -> None:
    """WhatsApp is told nothing when an input was taken."""
    made = turn()
    deliver_receipt(made, SHOP, heard("hi", SHOP), 1.0)

    assert () == made.deliveries


def test_a_message_that_is_sent_again_begins_its_time_anew() -> None:
    """Or it would be given up at once for its age; and it may be sent as long as the person's window is open now."""
    made = turn()
    put_line(made, "shop", Line(to=NUMBER, heard_at=1.0))
    deliver(made, SHOP, QUESTION, now=1.0)
    put_line(made, "shop", Line(to=NUMBER, heard_at=400.0))
    send_again(made, SHOP, decode_outgoing(made.deliveries[0].body), at=500.0)
    first, again = [decode_outgoing(one.body) for one in made.deliveries]

    assert (1.0, 1.0 + 86400) == (first.at, first.closes_at)
    assert (500.0, 400.0 + 86400) == (again.at, again.closes_at)
