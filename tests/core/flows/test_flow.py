"""Flows as values, and finding the one that a record names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.faults import FlowGone
from sessiond.core.flows.flow import Busy, Flow, find_flow
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import Translations
from tests.core.flows.playing import body, make, play, rebuild

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation


async def ask(c: Conversation) -> None:
    await c.ask("one", "One?")
    await c.ask("two", "Two?")


def test_a_flow_is_found_by_its_name() -> None:
    """Also by a name it had, unless another flow has that name now."""
    order = Flow(name="order", function=ask, formerly=("buy", "greet"))
    greet = Flow(name="greet", function=ask)

    assert order is find_flow([order, greet], "order")
    assert order is find_flow([order, greet], "buy")
    assert greet is find_flow([order, greet], "greet")


def test_a_flow_that_was_removed_or_renamed_is_a_clear_error() -> None:
    """While users are in it: the message says how to keep their conversations."""
    with pytest.raises(FlowGone, match=r"formerly=\('order',\)"):
        find_flow([Flow(name="buy", function=ask)], "order")


def test_a_renamed_flow_goes_on_with_its_old_records() -> None:
    """The record keeps the name it was made under."""
    live, _ = play(make(ask), "x")
    renamed = Flow(name="new", formerly=("test",), function=ask)
    live, nothing = rebuild(live, find_flow([renamed], live.record.flow))

    assert nothing is None
    assert "Two?" == body(live.remind())


@pytest.mark.parametrize(("name", "function"), [("", ask), ("x", None), ("x", "ask")])
def test_what_cannot_be_a_flow_is_refused_when_it_is_made(name: str, function: Any) -> None:
    """Not when the first user meets it."""
    with pytest.raises(InvalidInput):
        Flow(name=name, function=function)


def test_the_sentences_of_a_flow_are_its_own() -> None:
    """Every word that the engine says can be said in another language."""
    texts = FlowTexts(empty="Bitte etwas schreiben.", yes="Ja", no="Nein")

    async def german(c: Conversation) -> None:
        await c.confirm("sure", "Sicher?")
        await c.ask("why", "Warum?")

    live, output = play(make(german, texts=texts), "ja", "")

    assert "Bitte etwas schreiben.\n\nWarum?" == body(output)
    assert live.is_alive


def test_policies_are_known_when_the_flow_is_made() -> None:
    """Not when the first input meets them; without a word about it, people are told to wait."""
    assert Busy.SAY is Flow(name="x", function=ask).busy
    for options in ({"busy": "later"}, {"on_mismatch": "ignore"}):
        with pytest.raises(InvalidInput, match=r"flow 'x': '\w+' is none of \w+, \w+, \w+"):
            Flow(name="x", function=ask, **options)  # type: ignore[arg-type]


def test_sentences_are_translated_once_for_each_catalogue() -> None:
    """Not for each tag that a device may say."""
    words = Translations({"fr": {"Yes": "Oui"}})
    flow = make(ask, translations=words, texts=FlowTexts(no="Nope"))

    assert flow.rules_in("fr-CA") is flow.rules_in("fr-BE")
    assert ("Oui", "Nope") == (flow.texts_in("fr").yes, flow.texts_in("fr").no)
    assert flow.rules_in("") is flow.rules_in("de")
    assert FlowTexts(no="Nope") == flow.texts_in("")
