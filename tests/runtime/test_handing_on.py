"""What arrives for an alias, and what comes back to him; how it is handed on is in test_linking.py, too."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from trio.testing import MockClock

from sessiond import Conversation
from sessiond.core.errors import AskTimeout
from sessiond.core.gateways.inbox_bodies import encode_arrived
from sessiond.core.gateways.inputs import Incoming, Unseen
from sessiond.core.gateways.lines import decode_answered, decode_line
from sessiond.core.ids import UserId, input_digest
from sessiond.core.linking import LinkNote, encode_note
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import NUMBER, USSD, greeter, heard, whatsapp
from tests.runtime.test_link_steps import users, write
from tests.runtime.test_linking import PHONE, WEB, link, linking_app, snapshot, until_quiet


async def hear_of_alias(world: World) -> None:
    """Give somebody who is gone what his alias said before he knew."""
    said = heard("hi", whatsapp())
    handed = replace(said, facts=replace(said.facts, user_id=WEB), id="1", alias=PHONE)
    body, digest = encode_arrived(handed), input_digest("gateway:shop", "1")
    await world.node.intake.accept(UserId(WEB), "gateway:shop", body, digest)
    await until_quiet(world)


async def test_what_an_alias_said_while_the_other_was_erased_comes_back_to_him(
    autojump_clock: MockClock,
) -> None:
    """It was on its way: it is his own, and nothing is left of who is gone."""
    async with open_world(greeter(), accounts=[whatsapp()]) as world:
        await hear_of_alias(world)
        mine = await snapshot(world, PHONE)

        assert await users(world) == [PHONE]
        assert mine is not None
        assert decode_line(mine.lines["shop"]).to == NUMBER
        assert decode_line(mine.lines["shop"]).alias == ""
        assert len(mine.conversations) == 1
        assert await world.dead_letters() == ()


async def test_a_dial_that_met_nobody_is_answered_by_who_dialled(autojump_clock: MockClock) -> None:
    """Also where he still follows somebody whose record was lost: he is let go first."""
    async with open_world(greeter(), accounts=[USSD]) as world:
        note = encode_note(LinkNote(user=UserId(WEB)))
        digest = input_digest("test", "1")
        await world.node.intake.accept(UserId(PHONE), "link:follow", note, digest)
        await until_quiet(world)
        facts = replace(heard().facts, user_id=PHONE)
        item = Incoming("line", replace(heard("hi", begins=True), facts=facts), 5.0)
        shown = decode_answered(await world.ref(PHONE).ask(item, timeout=30))
        await until_quiet(world)

        assert "What is your name?" in shown.text
        assert await users(world) == [PHONE]


async def test_what_came_too_late_for_an_alias_is_shown_at_his_next_dial(
    autojump_clock: MockClock,
) -> None:
    """Each of the user's phones has a line of its own; what is said of it is handed on like its requests."""
    app, store = linking_app(), FaultyStore(MemoryStore())

    @app.flow("ask", takes_everything=True)
    async def ask(c: Conversation) -> None:
        await c.ask("name", "What is your name?")

    async with open_world(app, accounts=[USSD], store=store) as world:
        await link(world)

        def dialled(session: str) -> Incoming:
            said = heard(begins=True, session=session)
            return Incoming("line", replace(said, facts=replace(said.facts, user_id=PHONE)), 5.0)

        late = dialled("dial-1")
        store.hold("commit")
        with pytest.raises(AskTimeout):
            await world.ref(PHONE).ask(late, timeout=8)
        world.ref(PHONE).tell(Unseen("line", late.heard))
        store.let_go("commit")
        await until_quiet(world)
        kept = await snapshot(world, WEB)
        shown = decode_answered(await world.ref(PHONE).ask(dialled("dial-2"), timeout=30))

    assert kept is not None
    assert [f"line/{PHONE}"] == [*kept.lines]
    assert b'"is_unasked":true' in b"".join(kept.conversations.values())
    assert "What is your name?" == shown.text


async def test_it_is_known_who_said_it(autojump_clock: MockClock) -> None:
    """The canonical user's line names the alias who is reached there, until he writes there himself."""
    async with open_world(linking_app(), accounts=[whatsapp()]) as world:
        await write(world, WEB, "1")
        await link(world)
        lines = []
        for user, name in ((PHONE, "2"), (WEB, "3")):
            await write(world, user, name)
            stored = await snapshot(world, WEB)
            assert stored is not None
            lines.append(decode_line(stored.lines["shop"]).alias)

        assert lines == [PHONE, ""]
