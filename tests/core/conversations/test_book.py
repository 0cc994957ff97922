"""The book of an app's flows (sessiond/core/conversations/book.py)."""

import pytest

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import FlowGone
from sessiond.core.flows.flow import Flow
from tests.core.conversations.talking import EACH, ONE


async def nothing(c: Conversation) -> None:
    await c.say("")


A = Flow(name="a", function=nothing)
B = Flow(name="b", function=nothing, formerly=("bee",))
FACTS = ChannelFacts(platform="ussd", gateway="nalo", user_id="ama")


def book(keys: SessionKeySettings = ONE, **options: object) -> FlowBook:
    return FlowBook({"a": A, "b": B}, [Route(flow="a", words=("a",))], keys=keys, **options)  # type: ignore[arg-type]


def test_flows_by_their_names() -> None:
    """The present ones and former ones."""
    one = book()

    assert [A, B, B] == [one.find(name) for name in ("a", "b", "bee")]
    assert [True, True, False] == [one.knows(name) for name in ("a", "bee", "c")]
    with pytest.raises(FlowGone):
        one.find("c")


def test_what_cannot_be_a_book() -> None:
    """A route without a flow, two routes that claim the same, keys without a secret."""
    with pytest.raises(InvalidInput, match="no flow 'c'"):
        FlowBook({"a": A}, [Route(flow="c", words=("c",))], keys=ONE)
    with pytest.raises(InvalidInput, match="starts both"):
        FlowBook(
            {"a": A, "b": B},
            [Route(flow="a", words=("x",)), Route(flow="b", words=("x",))],
            keys=ONE,
        )
    with pytest.raises(InvalidInput, match="secret"):
        book(SessionKeySettings())


def test_the_conversation_of_an_input() -> None:
    """One key for all flows, or one for each: then those of all flows match."""
    one, each = book(), book(EACH)
    only = one.key(FACTS, "a")
    both = [each.key(FACTS, "a"), each.key(FACTS, "b")]
    other = each.key(ChannelFacts(platform="ussd", gateway="nalo", user_id="kofi"), "a")

    assert one.key(FACTS, "b") == only
    assert [only] == one.matching(one.way(FACTS), [only, "other"])
    assert both == each.matching(each.way(FACTS), [*both, other])
    assert [] == each.matching(each.way(FACTS), [other])


def test_the_apps_own_function_is_asked_each_time() -> None:
    """What it says of one person may change; nothing is remembered of it."""
    said = iter(("first", "second"))
    settings = SessionKeySettings(secret="s" * 16, identifier="own")
    one = book(settings, own_identifier=lambda _facts: next(said))

    assert one.key(FACTS, "a") != one.key(FACTS, "a")


@pytest.mark.parametrize(
    "settings",
    [
        SessionKeySettings(secret="s" * 16),
        SessionKeySettings(secret="s" * 16, boundaries=("gateway", "url")),
        SessionKeySettings(mode="flowchat_32"),
        SessionKeySettings(mode="flowchat_8", boundaries=("platform", "gateway", "url")),
    ],
)
def test_conversations_of_other_dials(settings: SessionKeySettings) -> None:
    """Nothing but the request separates them, whatever is in its id; one that goes on takes over the new key."""
    one = book(settings)

    def facts(request: str, gateway: str = "nalo", platform: str = "ussd") -> ChannelFacts:
        return ChannelFacts(
            platform=platform,
            gateway=gateway,
            host="example.com",
            path="/ussd",
            request_id=request,
            user_id="ama",
        )

    old, gateway, own = (
        one.key(facts("1:2"), "a"),
        one.key(facts("1:2", "nsano"), "a"),
        one.key(facts("3"), "b"),
    )
    assert [old] == one.beside(facts("3"), [old, gateway, own])
    assert one.key(facts("3"), "a") == one.moved(old, facts("3"))
    assert [] == one.beside(facts("3", platform="websocket"), [old, gateway, own])
    assert (True, False) == (one.begins_with_dial("ussd"), one.begins_with_dial("websocket"))


def test_numbers_are_no_dials() -> None:
    """The same conversation is met again, under its own key."""
    assert [] == book().beside(FACTS, ["other"])
    assert book().way(FACTS) == book().moved("other", FACTS)


def test_a_fact_that_is_missing() -> None:
    """It is named, and nothing of the input is repeated."""
    with pytest.raises(InvalidInput, match="user_id"):
        book().way(ChannelFacts(platform="ussd", gateway="nalo"))


def test_whether_the_end_of_a_flow_matters() -> None:
    """Only where the next input depends on it."""
    assert not book().shown_after_end
    assert book(routing=RoutingSettings(after_end="restart")).shown_after_end
