"""What platforms cut (sessiond/core/flow_check/platforms.py), seen from flows."""

from __future__ import annotations

import pytest

from sessiond.core.conversations.routing import Route
from sessiond.core.flow_check.platforms import Page
from sessiond.core.flows.translations import Translations
from sessiond.core.rendering.gsm import PageLimits
from tests.core.flow_check.checking import check, codes


def flow(line: str, before: str = "") -> str:
    """Make a flow of one line."""
    return f"{before}\nasync def flow(c):\n    {line}\n"


WHATSAPP = {
    "three buttons of 20": ('c.select("a", "?", {"x": "12345678901234567890"})', []),
    "a button of 21": ('c.select("a", "?", ["123456789012345678901", "b"])', ["cut-label"]),
    "a row of 24": ('c.select("a", "?", ["123456789012345678901234", "b", "c", "d"])', []),
    "a row of 25": ('c.select("a", "?", ["1234567890123456789012345", "b", "c", "d"])', ["cut-label"]),
    "a list of few": ('c.select("a", "?", ["123456789012345678901"], layout=Layout.LIST)', []),
    "ten rows": ('c.select("a", "?", ["1","2","3","4","5","6","7","8","9","10"])', []),
    "eleven rows": (
        'c.select("a", "?", ["1","2","3","4","5","6","7","8","9","10","11"])',
        ["too-many-choices"],
    ),
    "four as buttons": (
        'c.select("a", "?", ["1", "2", "3", "4"], layout=Layout.BUTTONS)',
        ["too-many-choices"],
    ),
    "a long description": (
        f'c.select("a", "?", {{"x": Option("X", "{"d" * 73}")}})',
        ["cut-label"],
    ),
    "a description that fits": (f'c.select("a", "?", {{"x": Option("X", "{"d" * 72}")}})', []),
    "a long yes": ('c.confirm("a", "?", yes="Yes, that is what I want", no="No")', ["cut-label"]),
    "the usual yes": ('c.confirm("a", "?")', []),
    "choices of a text": ('c.ask("a", "?", choices=["123456789012345678901"])', ["cut-label"]),
    "choices that nobody knows": ('c.select("a", "?", await c.run("b", print))', []),
    "a label that is filled in": ('c.select("a", "?", {"x": f"{c.platform} is not a short name."})',
                                  ["cut-label"]),
    "a short one that is filled in": ('c.select("a", "?", {"x": f"{c.platform} is it"})', []),
}  # fmt: skip


@pytest.mark.parametrize("name", WHATSAPP)
def test_what_whatsapp_cuts_is_found(name: str) -> None:
    """The numbers are Meta's."""
    line, expected = WHATSAPP[name]

    assert expected == codes(flow(f"await {line}"), platforms=["whatsapp"])
    assert [] == codes(flow(f"await {line}"), platforms=["ussd"])


def test_what_becomes_of_too_many_choices_is_said() -> None:
    """Nothing is lost: an author may want it so."""
    many = ", ".join(f'"{n}"' for n in range(11))
    eleven = check(flow(f'await c.select("a", "?", [{many}])'), platforms=["whatsapp"])
    four = check(
        flow('await c.select("a", "?", ["1", "2", "3", "4"], layout=Layout.BUTTONS)'),
        platforms=["whatsapp"],
    )

    assert ["4 choices; WhatsApp shows at most 3 buttons, and more as a list"] == [
        one.message for one in four
    ]
    assert ["11 choices; WhatsApp shows at most 10 rows, and more as a numbered text"] == [
        one.message for one in eleven
    ]


def test_labels_are_looked_up_where_they_are() -> None:
    """In the module and in closures, not only in the line of the question."""
    before = """
SIZES = {"s": Option("A size that is not too big"), "l": "Large"}
"""
    (found,) = check(flow('await c.select("a", "?", SIZES)', before), platforms=["whatsapp"])

    assert "'A size that is not too big' has 26 characters; a button of WhatsApp shows 20" in (
        found.message
    )


def test_labels_of_functions_are_known_where_they_are_called() -> None:
    """What a parameter is depends on the call."""
    source = """
        async def pick(c, key, label):
            await c.select(key, "?", [label, "other"])

        async def flow(c):
            await pick(c, "a", "short")
            await pick(c, "b", "much too long for a button")
        """

    assert ["cut-label"] == codes(source, platforms=["whatsapp"])


def test_every_translation_of_a_label_is_measured() -> None:
    """Two languages are rarely of the same length; the language is named."""
    words = Translations({"de": {"Insurance": "Kraftfahrzeugversicherung", "Yes": "J" * 21}})
    (one,) = check(
        flow('await c.select("a", "?", {"x": c.t("Insurance")})'),
        translations=words,
        platforms=["whatsapp"],
    )[1:]
    confirm = check(flow('await c.confirm("a", "?")'), translations=words, platforms=["whatsapp"])

    assert "25 characters in de" in one.message
    assert ["missing-translation", "cut-label"] == [found.code for found in confirm]


LONG = "x" * 130

USSD = {
    "140 characters": (f'c.ask("a", "{"x" * 140}")', False),
    "141 characters": (f'c.ask("a", "{"x" * 141}")', True),
    "with its choices": (f'c.select("a", "{LONG}", ["1234567"])', True),
    "with its choices, but just": (f'c.select("a", "{LONG}", ["12345"])', False),
    "with yes and no": (f'c.confirm("a", "{LONG}")', True),
    "something said": (f'c.say("{LONG} and {LONG}")', True),
    "what is known of it": (f'c.say(f"{LONG}{{c.platform}} is more than that")', True),
    "nothing known": ('c.ask("a", await c.run("b", print))', False),
    "an attachment": (f'c.attachment("a", "{LONG}{LONG}", ["image"])', True),
}


@pytest.mark.parametrize("name", USSD)
def test_what_is_longer_than_a_ussd_page_is_found(name: str) -> None:
    """As FlowChat renders it: the text, a blank line, and a line for each choice."""
    line, expected = USSD[name]

    assert expected is (["ussd-page"] == codes(flow(f"await {line}"), platforms=["ussd"]))
    assert [] == codes(flow(f"await {line}"), platforms=["whatsapp"])


def test_the_longest_translation_decides_about_the_page() -> None:
    """And it is named."""
    words = Translations({"fr": {"Hello {name}": "x" * 150 + "{name}"}})
    found = check(
        flow('await c.say(c.t("Hello {name}", name=c.user_id))'),
        translations=words,
        platforms=["ussd"],
    )

    assert "at least 150 characters with its choices in fr; a USSD page has 140 (line)" in [
        one.message for one in found
    ]


def test_a_page_is_as_long_as_its_gateway_says() -> None:
    """Of the account, or the kind of gateway, that shows least."""
    source = flow(f'await c.ask("a", "{"x" * 140}")')
    short = Page("nalo", PageLimits(120))
    (found,) = check(source, platforms=["ussd"], page=short)

    assert [] == check(source, platforms=["ussd"])
    assert "at least 140 characters with its choices; a USSD page has 120 (nalo)" == found.message


def test_other_alphabets_have_shorter_pages() -> None:
    """A character that is not of the GSM alphabet halves the page, and one of its extension counts twice."""
    twi = flow(f'await c.ask("a", "{"ɛ" * 62}")')
    (found,) = check(twi, platforms=["ussd"])

    assert "a USSD page has 61 (line) with letters outside of the GSM alphabet" in found.message
    assert "at least 62 characters" in found.message
    assert [] == codes(flow(f'await c.ask("a", "{"ɛ" * 61}")'), platforms=["ussd"])
    assert ["ussd-page"] == codes(flow(f'await c.ask("a", "{"€" * 71}")'), platforms=["ussd"])
    assert [] == codes(flow(f'await c.ask("a", "{"€" * 70}")'), platforms=["ussd"])


def test_a_flow_of_one_platform_is_measured_there() -> None:
    """Where its routes say so."""
    source = flow(f'await c.select("a", "{LONG}{LONG}", ["123456789012345678901"])')

    ussd = Route(flow="flow", words=("hi",), platforms=("ussd",))
    whatsapp = Route(flow="flow", words=("hi",), platforms=("whatsapp",))
    for route, expected in ((ussd, "ussd-page"), (whatsapp, "cut-label")):
        assert [expected] == codes(source, platforms=["ussd", "whatsapp"], routes=[route])
    everywhere = [ussd, Route(flow="flow", words=("ho",))]
    assert 2 == len(codes(source, platforms=["ussd", "whatsapp"], routes=everywhere))
