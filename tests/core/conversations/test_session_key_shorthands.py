"""Shorthands: FlowChat's usual wishes by one word, as settings say them."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import attrs
import pytest

from sessiond import App, Conversation
from sessiond.core.conversations.session_keys import (
    ChannelFacts,
    SessionKeys,
    SessionKeySettings,
    Shorthand,
)
from sessiond.core.errors import InvalidInput

KEYED = SessionKeySettings(secret="nobody else has it")
DIAL = ChannelFacts(
    flow="order",
    platform="ussd",
    gateway="nalo",
    host="shop.example.com",
    path="/ussd",
    request_id="dial 1",
    msisdn="+233244123456",
)
CHAT = attrs.evolve(KEYED, shorthands=("cross_platform",))


def key(facts: ChannelFacts, *shorthands: str, **settings: Any) -> str:
    chosen = attrs.evolve(KEYED, shorthands=shorthands, **settings)
    return SessionKeys(chosen).key(facts)


def facts(**changes: str) -> ChannelFacts:
    told = {name: getattr(DIAL, name) for name in DIAL.__struct_fields__}
    return ChannelFacts(**told | changes)


@pytest.mark.parametrize(
    ("shorthand", "change"),
    [
        ("durable", {"request_id": "dial 2"}),
        ("cross_gateway", {"gateway": "nsano"}),
        ("cross_platform", {"platform": "whatsapp", "gateway": "cloud", "request_id": ""}),
    ],
)
def test_what_is_one_conversation_with_it(shorthand: str, change: dict[str, str]) -> None:
    """And another one without it."""
    other = facts(**change)

    assert key(DIAL, shorthand) == key(other, shorthand)
    assert key(DIAL) != key(other)


def test_addresses_are_apart_with_it() -> None:
    """Two tenants behind one server, whatever else is wished and in whatever order."""
    other = facts(host="bank.example.com")
    for shorthands in permutations(("isolated_by_url", "cross_platform", "durable")):
        assert key(DIAL, *shorthands) != key(other, *shorthands)
        assert key(DIAL, *shorthands) == key(DIAL, "isolated_by_url", "cross_platform", "durable")
    assert key(DIAL) == key(other)


def test_an_identifier_that_is_set_stays() -> None:
    """The wish only says that it is no dial."""
    user = facts(user_id="ama")

    assert key(user, "cross_platform", identifier="user_id") != key(user, "cross_platform")


def test_what_cannot_be_wished() -> None:
    """Unknown names are refused with the nearest; one wish may not undo another."""
    with pytest.raises(InvalidInput, match="durable"):
        attrs.evolve(KEYED, shorthands=("durabel",))
    with pytest.raises(InvalidInput, match="leave cross_gateway out"):
        attrs.evolve(KEYED, shorthands=("cross_gateway", "cross_platform"))


def test_every_one_is_known() -> None:
    """What the how-to lists is what there is."""
    assert {"durable", "cross_gateway", "cross_platform", "isolated_by_url"} == set(Shorthand)


def test_the_book_finds_a_conversation_by_them() -> None:
    """A conversation that was begun by USSD is found by the chat of the same number."""
    app = App()

    @app.flow("order", takes_everything=True)
    async def order(c: Conversation) -> None:
        await c.ask("what", "What?")

    book = app.book(CHAT)
    assert book is not None
    begun = book.key(DIAL, "order")
    chat = facts(platform="whatsapp", gateway="cloud", request_id="")

    assert [begun] == list(book.matching(book.way(chat), {begun: b""}))
