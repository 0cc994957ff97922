"""Whole dialogues over USSD: requests of a provider, through gateway, pages and flow, to its answers.

Without a server; ``Phone`` does in order what a door does with a request.
"""

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.flows.conversation import Conversation
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.dials import LastRequest, inputs_of, last_request
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest
from sessiond.core.gateways.ussd import UssdGateway
from sessiond.core.rendering.gsm import fits
from sessiond.core.rendering.paging import Page, Paging, first_page, turn_page
from sessiond.core.rendering.screens import screen_of
from sessiond.gateways.africastalking import AfricasTalking, AfricasTalkingSettings
from sessiond.gateways.nalo import Nalo, NaloSettings
from sessiond.gateways.nsano import Nsano, NsanoSettings
from tests.core.conversations.talking import Function, Person
from tests.gateways.recorded import request_of

TOKEN = "0123456789abcdef"
PER_DIAL = SessionKeySettings(identifier="request_id", secret="s" * 16)
FORM = "application/x-www-form-urlencoded"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov")
BILLS = [f"Bill of {month} 2025" for month in MONTHS]


async def pay(c: Conversation) -> None:
    bill = await c.select("bill", "Which bill do you pay?", BILLS)
    amount = await c.ask("amount", "How much?", parse=int)
    await c.say(f"{bill}: {amount} paid.")


async def terms(c: Conversation) -> None:
    await c.say("Terms and conditions. " * 12)


async def twins(c: Conversation) -> None:
    picked = await c.select("who", "Whom?", {"a": "Ama", "b": "Ama"})
    await c.say(f"Picked {picked}.")


class Phone:
    """One person at one gateway."""

    def __init__(self, gateway: UssdGateway, *flows: Function) -> None:
        self.gateway = gateway
        self.person = Person(*flows, platform="ussd", keys=PER_DIAL)
        self.last: LastRequest | None = None
        self.paging: Paging | None = None
        self.answered: ProviderAnswer | None = None

    def request(self, request: ProviderRequest) -> ProviderAnswer:
        read = [one for one in self.gateway.read(request) if isinstance(one, Heard)]
        inputs = inputs_of(read, self.last)
        if not inputs:
            assert self.answered is not None
            return self.answered
        self.last = last_request(read[0])
        page = [self.show(heard) for heard in inputs][-1]
        self.answered = self.gateway.answer(inputs[-1], page.text, is_last=page.ends)
        return self.answered

    def show(self, heard: Heard) -> Page:
        page = self.page(heard)
        self.paging = page.paging
        return page

    def page(self, heard: Heard) -> Page:
        if self.paging is not None and not heard.begins:
            turned = turn_page(self.paging, heard.answer.text)
            if turned is not None:
                return turned
        taken = self.person.said(heard.answer, request_id=heard.facts.request_id)
        assert taken.output is not None
        limits = self.gateway.limits
        assert limits.pages is not None
        screen, is_terminal = screen_of(taken.output), taken.output.is_terminal
        page = first_page(screen, limits.pages, limits.navigation, is_terminal=is_terminal)
        assert fits(page.text, limits.pages)
        return page


class NaloPhone(Phone):
    def __init__(self, *flows: Function) -> None:
        super().__init__(Nalo(NaloSettings(tokens=(TOKEN,), service_code="*920*44#")), *flows)
        self.session = 0

    def dial(self, dialled: str = "*920*44#") -> str:
        self.session += 1
        return self._send(dialled, begins=True)

    def type(self, text: str) -> str:
        return self._send(text, begins=False)

    def _send(self, text: str, *, begins: bool) -> str:
        request = {"USERID": "N", "MSISDN": "233241112223", "USERDATA": text, "MSGTYPE": begins}
        answer = json.loads(self.request(request_of(request | {"SESSIONID": self.session})).body)
        return f"{'' if answer['MSGTYPE'] else 'END '}{answer['MSG']}"


class NsanoPhone(Phone):
    def __init__(self, *flows: Function) -> None:
        super().__init__(Nsano(NsanoSettings(tokens=(TOKEN,), characters=120)), *flows)
        self.session = 0

    def dial(self) -> str:
        self.session += 1
        return self.type("")

    def type(self, text: str) -> str:
        request = {"msisdn": "233241112223", "msg": text, "UserSessionID": self.session}
        answer = json.loads(self.request(request_of(request)).body)["USSDResp"]
        return f"{'END ' if answer['action'] == 'prompt' else ''}{answer['title']}"


class AfricasTalkingPhone(Phone):
    def __init__(self, *flows: Function) -> None:
        super().__init__(
            AfricasTalking(AfricasTalkingSettings(tokens=(TOKEN,), characters=120)), *flows
        )
        self.session = 0
        self.typed: list[str] = []

    def dial(self, *answers: str) -> str:
        self.session += 1
        self.typed = [*answers]
        return self.again()

    def type(self, text: str) -> str:
        self.typed.append(text)
        return self.again()

    def again(self) -> str:
        request = {"sessionId": self.session, "phoneNumber": "+254711000001"}
        body = urlencode(request | {"text": "*".join(self.typed)})
        return self.request(request_of(body, media_type=FORM)).body.decode().removeprefix("CON ")


PHONES = [NaloPhone, NsanoPhone, AfricasTalkingPhone]


@pytest.mark.parametrize("phone_of", PHONES)
def test_eleven_choices_and_an_amount_of_0(
    phone_of: Callable[..., NaloPhone | NsanoPhone | AfricasTalkingPhone],
) -> None:
    """``0`` and ``#`` turn pages where they are shown, and are answers elsewhere; numbers are the whole list's."""
    phone = phone_of(pay)
    first = phone.dial()
    second = phone.type("#")

    assert first.startswith("Which bill do you pay?\n\n1. Bill of Jan 2025\n")
    assert first.endswith("\n4. Bill of Apr 2025\n\n# More")
    assert second.startswith("5. Bill of May 2025\n")
    assert second.endswith("\n\n# More\n0 Back")
    assert first == phone.type("0")
    assert second == phone.type("#")
    assert phone.type("#").startswith("10. Bill of Oct 2025\n11. Bill of Nov 2025\n\n0 Back")
    assert "How much?" == phone.type("2")
    assert "END Bill of Feb 2025: 0 paid." == phone.type("0")


@pytest.mark.parametrize("phone_of", PHONES)
def test_a_long_end_is_read_to_its_end_and_forgotten(
    phone_of: Callable[..., NaloPhone | NsanoPhone | AfricasTalkingPhone],
) -> None:
    """Fault 8: the session ends with the last page, and the next dial shows the first one again."""
    phone = phone_of(terms)
    first = phone.dial()

    assert first.startswith("Terms and conditions. ")
    assert first == phone.type("what?")
    assert not phone.type("#").startswith("END ")
    last = phone.type("#")
    assert last.startswith("END ")
    assert phone.paging is None
    assert first == phone.dial()


@pytest.mark.parametrize("phone_of", PHONES)
def test_a_dial_leaves_the_pages_of_the_last_one(
    phone_of: Callable[..., NaloPhone | NsanoPhone | AfricasTalkingPhone],
) -> None:
    """Whoever hung up on the second page begins on the first."""
    phone = phone_of(pay)
    first = phone.dial()
    phone.type("#")

    assert first == phone.dial()
    assert "How much?" == phone.type("11")


def test_answers_dialled_at_once() -> None:
    """``*920*44*2*50#`` pays the second bill; so it does where the provider joins what was typed."""
    assert "END Bill of Feb 2025: 50 paid." == NaloPhone(pay).dial("*920*44*2*50#")
    assert "END Bill of Feb 2025: 50 paid." == AfricasTalkingPhone(pay).dial("2", "50")
    assert "How much?" == AfricasTalkingPhone(pay).dial("#", "#", "9")


def test_a_repeated_request_is_answered_as_before() -> None:
    """Nothing is said twice."""
    phone = AfricasTalkingPhone(pay)
    phone.dial()
    asked = phone.type("3")

    assert asked == phone.again()
    assert "END Bill of Mar 2025: 5 paid." == phone.type("5")


def test_fault_11_a_number_of_the_next_screen_is_not_a_choice_of_the_last() -> None:
    """The amount 3 stays 3 after a list with a third choice."""
    phone = NaloPhone(pay)
    phone.dial()
    phone.type("1")

    assert "END Bill of Jan 2025: 3 paid." == phone.type("3")


def test_two_equal_titles_are_told_apart_by_number() -> None:
    """The title itself picks neither."""
    phone = NaloPhone(twins)
    asked = phone.dial()

    assert asked.endswith("1. Ama\n2. Ama")
    assert asked in phone.type("Ama")
    assert "END Picked b." == phone.type("2")
