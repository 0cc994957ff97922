"""Flows of an app: registered under a name, with what starts each, and checked when they are."""

import pytest

from sessiond import App
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow import Busy, Flow, FlowLimits, OnMismatch
from sessiond.core.flows.texts import FlowTexts

KEYS = SessionKeySettings(secret="nobody else has it")


async def talk(c: Conversation) -> None:
    await c.say("Hello")


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    """It can be called by other flows, and tested."""
    app = App()

    assert talk is app.flow("talk")(talk)
    assert talk is app.flows["talk"].function


def test_everything_that_is_said_of_a_flow_is_kept() -> None:
    """Once, under its name."""
    app = App()
    texts, limits = FlowTexts(failed="Oh!"), FlowLimits(steps_per_turn=7)
    app.flow(
        "talk",
        formerly=["chat"],
        on_mismatch=OnMismatch.CONTINUE,
        on_expire="Bye.",
        busy=Busy.QUEUE,
        question_after_error=False,
        texts=texts,
        limits=limits,
    )(talk)

    flow = app.flows["talk"]
    assert ("talk", ("chat",), "Bye.") == (flow.name, flow.formerly, flow.on_expire)
    assert (OnMismatch.CONTINUE, Busy.QUEUE) == (flow.on_mismatch, flow.busy)
    assert (False, texts, limits) == (flow.question_after_error, flow.texts, flow.limits)


def test_a_flow_speaks_with_the_apps_sentences() -> None:
    """Unless it has its own."""
    app = App(texts=FlowTexts(busy="Wait!"))
    app.flow("talk")(talk)

    assert "Wait!" == app.flows["talk"].texts.busy


def test_what_starts_a_flow_is_a_route() -> None:
    """Words, patterns, or everything; on some ways only. Without any there is none: it is started by name."""
    app = App()
    app.flow("quiet")(talk)
    app.flow("talk", starts_on=["hello", "hi"], platforms=["ussd"], interrupts=True)(talk)
    app.flow("rest", patterns=["[0-9]+"], takes_everything=True, gateways=["nalo"])(talk)

    first, second = app.routes
    assert ("talk", ("hello", "hi"), ("ussd",), True) == (
        first.flow,
        first.words,
        first.platforms,
        first.interrupts,
    )
    assert ("rest", ("[0-9]+",), True, ("nalo",)) == (
        second.flow,
        second.patterns,
        second.takes_everything,
        second.gateways,
    )


@pytest.mark.parametrize("taken", ["talk", "chat"])
def test_a_name_is_used_once(taken: str) -> None:
    """A former name too: nobody could say whose record it is."""
    app = App()
    app.flow("talk", formerly=["chat"])(talk)

    with pytest.raises(InvalidInput, match=f"there is a flow '{taken}' already"):
        app.flow(taken)(talk)
    with pytest.raises(InvalidInput, match=f"there is a flow '{taken}' already"):
        app.flow("other", formerly=[taken])(talk)
    assert ["talk"] == list(app.flows)


@pytest.mark.parametrize("words", ["starts_on", "patterns", "platforms", "gateways"])
def test_one_text_is_no_list(words: str) -> None:
    """It would start the flow on each of its letters; nothing is registered."""
    app = App()
    with pytest.raises(InvalidInput, match="a list is needed, not the text 'menu'"):
        app.flow("talk", **({"takes_everything": True} | {words: "menu"}))(talk)  # type: ignore[arg-type]

    assert {} == app.flows
    assert [] == app.routes


@pytest.mark.parametrize("route", [{"starts_on": [" "]}, {"patterns": ["("]}])
def test_what_cannot_start_anything_is_refused(route: dict[str, list[str]]) -> None:
    """At the latest when the server puts the flows together."""
    app = App()

    with pytest.raises(InvalidInput):
        app.flow("talk", **route)(talk)  # type: ignore[arg-type]
        app.book(KEYS)


def test_former_names_are_a_list() -> None:
    """As everything that is a list."""
    with pytest.raises(InvalidInput, match="a list is needed"):
        App().flow("talk", formerly="chat")(talk)


def test_a_flow_that_was_made_already() -> None:
    """A list of steps is registered in the same way."""
    app = App()
    flow = app.add_flow(Flow(name="steps", function=talk), starts_on=["go"])

    assert talk is flow.function
    assert {"steps": flow} == app.flows
    assert ("go",) == app.routes[0].words


def test_a_book_needs_flows() -> None:
    """An app without flows has no conversations, and needs no keys for them."""
    assert App().book(SessionKeySettings()) is None


def test_a_book_knows_whom_we_can_speak_to_first() -> None:
    """The accounts whose gateways are told by calls; none by default."""
    app = App()
    app.flow("one")(talk)
    for calling in (frozenset(), frozenset({"shop"})):
        book = app.book(KEYS, calling=calling)
        assert book is not None
        assert calling == book.calling


def test_two_flows_that_claim_the_same_are_refused_together() -> None:
    """When all are known, with both names."""
    app = App()
    app.flow("one", starts_on=["menu"])(talk)
    app.flow("two", starts_on=["Menu "])(talk)

    with pytest.raises(InvalidInput, match='the word "menu" starts both "one" and "two"'):
        app.book(KEYS)


def test_keys_without_a_secret_are_refused() -> None:
    """Nothing of a person may be read from a key."""
    app = App()
    app.flow("one")(talk)

    with pytest.raises(InvalidInput):
        app.book(SessionKeySettings())
