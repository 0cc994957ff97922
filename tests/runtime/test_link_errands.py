"""What handlers and flows ask for of links: a conversation is enough to link a phone and a chat, and to part them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Conversation, LinkUpdate, Session
from sessiond.core.errors import TurnFailed
from sessiond.core.ids import UserId
from sessiond.core.session.inputs import Stop
from sessiond.testing.world import World, open_world
from tests.runtime.test_linking import (
    CHAT,
    PHONE,
    WEB,
    call,
    link,
    linking_app,
    links,
    say,
    snapshot,
    until_quiet,
)


def talking_app() -> App:
    """An app in which people link themselves in words; what ``on_link`` heard is in the data."""
    app = App()

    @app.on_link
    async def linked(session: Session, update: LinkUpdate) -> None:
        told = [update.state.value, update.alias, update.reason, dict(update.data)]
        session.data.setdefault("links", []).append(told)

    @app.on_webhook("do", wait=True)
    async def do(session: Session) -> object:
        return {"user": session.user_id, "aliases": list(session.aliases)}

    @app.flow("offer", starts_on=["offer"])
    async def offer(c: Conversation) -> None:
        code = c.offer_link()
        await c.confirm("seen", f"Your code is {code}. Have you seen it?")
        await c.say(f"It was {code}.")

    @app.flow("redeem", starts_on=["redeem"])
    async def redeem(c: Conversation) -> None:
        code = await c.ask("code", "Which code?")
        await c.say("One moment." if c.redeem_link(code) else "That is no code.")

    @app.flow("part", starts_on=["part"])
    async def part(c: Conversation) -> None:
        c.unlink()
        await c.say("Apart.")

    @app.flow("many", starts_on=["many"])
    async def many(c: Conversation) -> None:
        for _ in range(5):
            c.offer_link()
        await c.say("Never.")

    @app.flow("wrong", starts_on=["wrong"])
    async def wrong(c: Conversation) -> None:
        await c.ask("code", "Which code?", check=c.redeem_link)

    @app.flow("fails", starts_on=["fail"])
    async def fails(c: Conversation) -> None:
        await c.ask("what", f"{c.offer_link()}?")
        c.redeem_link("00000000")
        raise ValueError

    return app


async def offered(world: World, user: str) -> str:
    """Have a code offered in a conversation; read it from the screen."""
    shown = await say(world, user, "offer")
    await until_quiet(world)
    found = re.search(r"code is (\d{8})\.", shown)
    assert found is not None, shown
    return found[1]


async def redeem(world: World, user: str, code: str) -> str:
    await say(world, user, "redeem")
    shown = await say(world, user, code)
    await until_quiet(world)
    return shown


@pytest.mark.parametrize("parts", ["canonical", "alias"])
@pytest.mark.parametrize(
    ("offers", "redeems", "canonical", "alias"),
    [(WEB, PHONE, WEB, PHONE), (PHONE, WEB, WEB, PHONE), (CHAT, PHONE, CHAT, PHONE)],
)
async def test_people_link_themselves_in_a_conversation(
    autojump_clock: MockClock, offers: str, redeems: str, canonical: str, alias: str, parts: str
) -> None:
    """One is shown a code, the other types it; and either of them parts them with a word."""
    async with open_world(talking_app()) as world:
        code = await offered(world, offers)
        assert "One moment." in await redeem(world, redeems, f"{code[:4]}-{code[4:]}")
        linked = await call(world, alias)
        if canonical == offers:
            await say(world, canonical, "yes")
        assert "Apart." in await say(world, canonical if parts == "canonical" else alias, "part")
        await until_quiet(world)

        assert linked == {"user": canonical, "aliases": [alias]}
        assert await call(world, alias) == {"user": alias, "aliases": []}
        assert [told[0] for told in await links(world, canonical)] == ["linked", "unlinked"]


async def test_a_code_outlives_a_restart(autojump_clock: MockClock) -> None:
    """The flow that is rebuilt shows the one it showed, and offers no other."""
    async with open_world(talking_app()) as world:
        code = await offered(world, CHAT)
        world.crash()
        await world.restart()
        shown = await say(world, CHAT, "yes")
        await redeem(world, PHONE, code)

        assert f"It was {code}." in shown
        assert (await call(world, PHONE))["user"] == CHAT


async def test_what_is_no_code_goes_nowhere(autojump_clock: MockClock) -> None:
    """The flow hears at once that it has not eight digits, and no try is counted."""
    async with open_world(talking_app()) as world:
        for text in ("1234", "abcdefgh", "123456789"):
            assert "That is no code." in await redeem(world, PHONE, text)
        stored = await snapshot(world, PHONE)

        assert stored is not None
        assert stored.link_tries == ()
        assert await links(world, PHONE) == []


async def test_guessing_in_a_conversation_is_bounded(autojump_clock: MockClock) -> None:
    """Five codes within an hour; of more the app hears that they were too many, right or not."""
    async with open_world(talking_app()) as world:
        code = await offered(world, CHAT)
        for _ in range(5):
            await redeem(world, PHONE, "00000000")
        await redeem(world, PHONE, code)
        reasons = [told[2] for told in await links(world, PHONE)]
        await trio.sleep(3601)
        await say(world, CHAT, "yes")
        code = await offered(world, CHAT)
        await redeem(world, PHONE, code)

        assert reasons == ["unknown_code"] * 5 + ["too_many_tries"]
        assert (await call(world, PHONE))["user"] == CHAT


async def test_who_was_erased_has_tried_what_he_tried(autojump_clock: MockClock) -> None:
    """The count outlives the record: else whoever is forgotten on demand may guess without end."""
    async with open_world(talking_app()) as world:
        code = await offered(world, CHAT)
        for _ in range(5):
            await redeem(world, PHONE, "00000000")
            await world.ref(PHONE).ask(Stop("forget me", erase=True), timeout=1)
        await redeem(world, PHONE, code)

        assert await links(world, PHONE) == [["refused", "", "too_many_tries", {}]]
        assert (await call(world, PHONE))["user"] == PHONE


async def test_who_parts_has_tried_what_he_tried(autojump_clock: MockClock) -> None:
    """His record goes with the link: one right code of his own, now and then, buys no more guesses."""
    async with open_world(talking_app()) as world:
        code = await offered(world, WEB)
        for _ in range(4):
            await redeem(world, PHONE, "00000000")
        await redeem(world, PHONE, await offered(world, CHAT))
        linked = await call(world, PHONE)
        await say(world, CHAT, "yes")
        await say(world, PHONE, "part")
        await until_quiet(world)
        await redeem(world, PHONE, code)

        assert linked["user"] == CHAT
        assert (await call(world, PHONE))["user"] == PHONE


@pytest.mark.parametrize("words", [["fail", "x"], ["many"], ["wrong", "12345678"]])
async def test_nothing_is_asked_for_by_a_turn_that_failed(
    autojump_clock: MockClock, words: list[str]
) -> None:
    """Nor more than a person can want at once, nor by a check, which runs for every try."""
    async with open_world(talking_app()) as world:
        shown = [await say(world, PHONE, word) for word in words]
        await until_quiet(world)
        stored = await snapshot(world, PHONE)

        assert "went wrong" in shown[-1]
        assert stored is None or stored.link_tries == ()
        assert await links(world, PHONE) == []


async def test_who_is_not_linked_parts_from_nobody(autojump_clock: MockClock) -> None:
    """The word does no harm."""
    async with open_world(talking_app()) as world:
        assert "Apart." in await say(world, PHONE, "part")
        await until_quiet(world)

        assert await links(world, PHONE) == []


async def test_a_handler_that_fails_asks_for_nothing(autojump_clock: MockClock) -> None:
    """Its errands are part of its turn."""
    app = talking_app()

    @app.on_webhook("fail", wait=True)
    async def fail(session: Session, payload: dict[str, Any]) -> None:
        session.link(payload["link"])
        raise RuntimeError

    async with open_world(app) as world:
        with pytest.raises(TurnFailed):
            await world.call_webhook(WEB, {"link": PHONE}, name="fail")
        await until_quiet(world)

        assert await snapshot(world, PHONE) is None


async def test_what_was_asked_for_outlives_the_session(autojump_clock: MockClock) -> None:
    """Timers go with a session that ends; who was told "apart" is apart all the same."""
    async with open_world(linking_app()) as world:
        await link(world)
        await call(world, WEB, unlink=PHONE)
        await world.operations.stop_session(UserId(WEB), reason="test", erase=False)
        await until_quiet(world)

        assert await snapshot(world, PHONE) is None
        assert [["linked", PHONE, "", {}], ["unlinked", PHONE, "", {}]] == await links(world, WEB)


async def test_a_code_that_was_typed_outlives_the_session(autojump_clock: MockClock) -> None:
    """It is good once: nobody could type it again."""
    async with open_world(linking_app()) as world:
        code = await call(world, WEB, offer=True)
        await until_quiet(world)
        await call(world, PHONE, redeem=code)
        await world.operations.stop_session(UserId(PHONE), reason="test", erase=False)
        await until_quiet(world)

        assert [["linked", PHONE, "", {}]] == await links(world, WEB)
