"""Routing (sessiond/core/conversations/routing.py)."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.routing import (
    Continue,
    Decision,
    Ignore,
    Route,
    RoutedInput,
    RouteTable,
    RoutingSettings,
    Say,
    Start,
)
from sessiond.core.errors import InvalidInput
from sessiond.core.structuring import InvalidShape, structure

ORDER = Route(flow="order", words=("Order", "buy"), patterns=(r"order (?P<count>\d+)",))
HELP = Route(flow="help", words=("help",), interrupts=True)
MAIN = Route(flow="main", takes_everything=True)
TABLE = RouteTable([ORDER, HELP, MAIN])


def seen(text: str, *, accepted: Sequence[str] = (), **facts: Any) -> RoutedInput:
    way = {"platform": "whatsapp", "gateway": "whatsapp_cloud_api"}
    return RoutedInput(**{"text": text, "accepted": lambda: accepted, **way, **facts})


@pytest.mark.parametrize(
    ("text", "facts", "decision"),
    [
        # No flow runs.
        ("ORDER!", {}, Start("order")),
        ("order 12", {}, Start("order", groups={"count": "12"})),
        ("  order \n 12 ", {}, Start("order", groups={"count": "12"})),
        ("order many", {}, Start("main")),
        ("help", {}, Start("help")),
        ("hi", {}, Start("main")),
        ("Sawubona", {}, Start("main")),
        ("menu", {}, Start("main")),
        ("what?", {}, Start("main")),
        ("", {}, Start("main")),
        ("x" * 1_000_000, {}, Start("main")),
        # A flow runs.
        ("what?", {"running": "order"}, Continue()),
        ("buy", {"running": "order"}, Continue()),
        ("order 12", {"running": "main"}, Continue()),
        ("hi", {"running": "order"}, Continue()),
        ("yes", {"running": "order"}, Continue()),
        ("no", {"running": "order"}, Continue()),
        ("help", {"running": "order"}, Start("help", resets=True)),
        ("Cancel.", {"running": "order"}, Start("main", resets=True)),
        ("x" * 1_000_000, {"running": "order"}, Continue()),
        # The question that is shown takes these words.
        ("home", {"running": "order", "accepted": ["Home", "Work"]}, Continue()),
        ("help", {"running": "order", "accepted": ["Help me", "HELP"]}, Continue()),
        ("cancel", {"running": "order", "accepted": ["Home"]}, Start("main", resets=True)),
        # What comes with it, and where.
        ("", {"has_attachment": True}, Start("main", answers=True)),
        ("order", {"has_attachment": True}, Start("order", answers=True)),
        ("1", {"platform": "ussd", "gateway": "nalo"}, Start("main", answers=True)),
        ("hi", {"platform": "ussd", "gateway": "nalo"}, Start("main")),
        ("order", {"platform": "ussd", "gateway": "nalo"}, Start("order")),
        # A flow has ended.
        ("thanks", {"ended": "order"}, Start("main")),
    ],
)
def test_each_input_has_one_decision(text: str, facts: dict[str, Any], decision: Decision) -> None:
    """The table of the module, line by line."""
    assert decision == TABLE.decide(seen(text, **facts))


@pytest.mark.parametrize(
    ("settings", "text", "facts", "decision"),
    [
        ({}, "what?", {}, Ignore()),
        ({}, "hi", {}, Ignore()),
        ({"unclaimed_text": "Say order."}, "what?", {}, Say("Say order.")),
        ({"unclaimed_text": "Say order."}, "hi", {}, Say("Say order.")),
        ({}, "cancel", {"running": "order"}, Say("Cancelled.", resets=True)),
        (
            {"reset_words": {"en": ["order"]}},
            "order",
            {"running": "x"},
            Start("order", resets=True),
        ),
        ({"reset_words": {}}, "cancel", {"running": "order"}, Continue()),
        ({"greetings_reset": True}, "hi", {"running": "order"}, Say("Cancelled.", resets=True)),
        ({"greetings_reset": True, "greetings": {}}, "hi", {"running": "order"}, Continue()),
        ({"after_end": "restart"}, "again", {"ended": "order"}, Start("order")),
        ({"after_end": "restart"}, "help", {"ended": "order"}, Start("help")),
        (
            {"after_end": "restart"},
            "again",
            {"ended": "order", "has_attachment": True},
            Start("order", answers=True),
        ),
        ({"after_end": "text", "ended_text": "Bye."}, "again", {"ended": "order"}, Say("Bye.")),
        ({"after_end": "text", "ended_text": "Bye."}, "order", {"ended": "order"}, Start("order")),
        ({"after_end": "text", "ended_text": "Bye."}, "hi", {"ended": "order"}, Ignore()),
        ({"after_end": "text", "ended_text": "Bye."}, "again", {}, Ignore()),
        ({"after_end": "closed", "ended_text": "Bye."}, "order", {"ended": "order"}, Say("Bye.")),
        ({"after_end": "closed", "ended_text": "Bye."}, "hi", {"ended": "order"}, Say("Bye.")),
        ({"after_end": "closed", "ended_text": "Bye."}, "order", {}, Start("order")),
        ({"unclaimed_texts": {"ussd": "Dial again."}}, "what?", {}, Ignore()),
        ({"unclaimed_texts": {"whatsapp": "Say order."}}, "what?", {}, Say("Say order.")),
        (
            {"unclaimed_texts": {"whatsapp_cloud_api": ""}, "unclaimed_text": "Say order."},
            "what?",
            {},
            Ignore(),
        ),
    ],
)
def test_settings_decide_about_the_rest(
    settings: dict[str, Any], text: str, facts: dict[str, Any], decision: Decision
) -> None:
    """Own words, fixed texts, what follows the end of a flow; here without a flow that takes everything."""
    table = RouteTable([ORDER, HELP], structure(settings, RoutingSettings))

    assert decision == table.decide(seen(text, **facts))


def test_the_narrowest_route_wins() -> None:
    """Gateway before platform before everywhere, in whatever order they were registered."""
    routes = [
        Route(flow="all", words=("menu",), takes_everything=True),
        Route(flow="dial", words=("menu",), takes_everything=True, platforms=("ussd",)),
        Route(flow="nalo", words=("menu",), takes_everything=True, gateways=("nalo",)),
    ]
    for table in (RouteTable(routes), RouteTable(reversed(routes))):
        for text in ("menu", "anything"):
            started = [
                table.decide(seen(text, platform=platform, gateway=gateway))
                for platform, gateway in [
                    ("whatsapp", "cloud"),
                    ("ussd", "nsano"),
                    ("ussd", "nalo"),
                ]
            ]
            assert ["all", "dial", "nalo"] == [s.flow for s in started if isinstance(s, Start)]


def test_a_route_of_another_gateway_does_not_start() -> None:
    """Not by its words, nor its patterns, nor everything."""
    table = RouteTable(
        [
            Route(
                flow="a",
                words=("go",),
                patterns=(r"go \d",),
                takes_everything=True,
                gateways=("nalo",),
            )
        ]
    )

    assert [Ignore()] * 3 == [table.decide(seen(text)) for text in ("go", "go 1", "else")]


def test_words_come_before_patterns() -> None:
    """And of patterns the one that was registered first, as nobody can say that two never meet."""
    table = RouteTable(
        [
            Route(flow="any", patterns=(".+",)),
            Route(flow="digits", patterns=(r"\d+",)),
            Route(flow="word", words=("12",)),
        ]
    )

    assert Start("word") == table.decide(seen("12"))
    assert Start("any") == table.decide(seen("13"))


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        (
            {"words": ["menu"]},
            {"words": ["x", " MENU! "]},
            'the word "menu" starts both "a" and "b"',
        ),
        ({"patterns": [r"\d"]}, {"patterns": [r"\d"]}, 'the pattern .* starts both "a" and "b"'),
        (
            {"takes_everything": True},
            {"takes_everything": True},
            'every input starts both "a" and "b"',
        ),
        (
            {"words": ["menu"], "platforms": ["ussd"]},
            {"words": ["menu"], "platforms": ["whatsapp", "ussd"]},
            'the word "menu"',
        ),
    ],
)
def test_two_flows_may_not_claim_the_same(
    one: dict[str, Any], two: dict[str, Any], message: str
) -> None:
    """Said when they are registered, naming both."""
    with pytest.raises(InvalidInput, match=message):
        RouteTable([Route(flow="a", **one), Route(flow="b", **two)])


def test_all_ambiguities_are_named_at_once() -> None:
    """One look at the message is enough."""
    with pytest.raises(InvalidInput, match=r'"go".*"stay".*every input'):
        RouteTable(
            [Route(flow=flow, words=("go", "stay"), takes_everything=True) for flow in ("a", "b")]
        )


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"platforms": ["ussd"]}, {"platforms": ["whatsapp"]}),
        ({"platforms": ["ussd"]}, {}),
        ({"gateways": ["nalo"]}, {"platforms": ["ussd"]}),
        ({"platforms": ["ussd"], "gateways": ["nalo"]}, {"gateways": ["nalo"]}),
    ],
)
def test_routes_that_never_meet_may_share_words(one: dict[str, Any], two: dict[str, Any]) -> None:
    """Other platforms, or a narrower way."""
    RouteTable([Route(flow="a", words=("go",), **one), Route(flow="b", words=("go",), **two)])


def test_one_flow_may_say_a_word_twice() -> None:
    """It starts the same flow."""
    table = RouteTable([Route(flow="a", words=("go", "GO!")), Route(flow="a", words=("go",))])

    assert Start("a") == table.decide(seen("go"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, 'nothing starts the flow "a"'),
        ({"words": [""]}, "empty or too long"),
        ({"words": ["x" * 300]}, "empty or too long"),
        ({"words": "hi"}, "lists, not one text"),
    ],
)
def test_a_route_that_cannot_work_is_refused(fields: dict[str, Any], message: str) -> None:
    """A text in place of a list would claim each of its letters."""
    with pytest.raises(InvalidInput, match=message):
        Route(flow="a", **fields)
    with pytest.raises(InvalidInput, match="too many ways"):
        RouteTable([Route(flow="a", patterns=("(a+)+",))])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"after_end": "restrat"}, 'after_end: unknown policy .*did you mean "restart"'),
        ({"after_end": "text"}, "needs an ended_text"),
        ({"after_end": "closed"}, "needs an ended_text"),
        ({"greetings": {"en": "hi"}}, "greetings.en: must be a list"),
        ({"greeting": {}}, 'did you mean "greetings"'),
    ],
)
def test_settings_are_strict(settings: dict[str, Any], message: str) -> None:
    """With the place and the nearest known name."""
    with pytest.raises(InvalidShape, match=message):
        structure(settings, RoutingSettings)


@given(
    st.text(max_size=300) | st.sampled_from(["order 1", "help", "menu", "hi"]),
    st.none() | st.just("order"),
    st.booleans(),
)
def test_a_running_flow_only_ends_by_a_command(
    text: str, running: str | None, attached: bool
) -> None:
    """Never raises; without a running flow nothing is continued or reset."""
    decision = TABLE.decide(seen(text, running=running, has_attachment=attached))

    if running is None:
        assert isinstance(decision, Start)
        assert not decision.resets
    else:
        assert decision == Continue() or getattr(decision, "resets", False)


def test_texts_are_not_printed() -> None:
    """What a person wrote is in no repr."""
    assert "secret" not in repr(seen("secret")) + repr(Start("a", groups={"x": "secret"}))


@pytest.mark.parametrize(
    ("text", "greets"), [("Hi!", True), ("¡Hola!", True), ("menu", False), ("", False)]
)
def test_greetings(text: str, greets: bool) -> None:
    """Those of the settings, in any language, however they are written."""
    assert greets is TABLE.greets(text)
    assert not RouteTable([MAIN], RoutingSettings(greetings={})).greets(text)
