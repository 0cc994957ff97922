"""Steps of links told to other users; above all: when a record goes, nobody points at it any more."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.errors import Refused, SessiondError, TurnFailed
from sessiond.core.gateways.inbox_bodies import encode_arrived
from sessiond.core.gateways.lines import Line, decode_line, encode_line
from sessiond.core.gateways.messages import ProviderCall
from sessiond.core.gateways.outgoing import Outgoing, decode_outgoing, encode_outgoing
from sessiond.core.ids import UserId, input_digest, partition_of
from sessiond.core.linking import LinkNote, encode_note
from sessiond.core.operations import UnknownTarget
from sessiond.core.records import UserCommit
from sessiond.core.session.limits import SessionLimits
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import NUMBER, heard, whatsapp
from tests.runtime.test_linking import (
    CHAT,
    PHONE,
    WEB,
    call,
    crash_after,
    link,
    linking_app,
    links,
    snapshot,
    until_quiet,
)


async def erase(world: World, user: str) -> None:
    await world.operations.stop_session(UserId(user), reason="erased", erase=True)
    await until_quiet(world)


async def users(world: World) -> list[str]:
    return sorted(one.user for one in await world.store.users())


async def test_erasing_somebody_lets_his_aliases_go(autojump_clock: MockClock) -> None:
    """Nothing in the store names him, and the next message of each is that of a user of his own."""
    async with open_world(linking_app()) as world:
        await link(world, WEB, PHONE)
        await link(world, WEB, CHAT)
        await erase(world, WEB)

        assert await users(world) == []
        assert await world.dead_letters() == ()
        assert await call(world, PHONE) == {"user": PHONE, "aliases": []}
        assert await call(world, CHAT) == {"user": CHAT, "aliases": []}
        assert await users(world) == [PHONE, CHAT]


async def test_an_alias_that_is_erased_is_forgotten_by_who_he_was(
    autojump_clock: MockClock,
) -> None:
    """The canonical user goes on without him, and is told."""
    async with open_world(linking_app()) as world:
        await link(world)
        await erase(world, PHONE)

        assert await snapshot(world, PHONE) is None
        assert [told[:2] for told in await links(world, WEB)] == [
            ["linked", PHONE],
            ["unlinked", PHONE],
        ]
        assert await call(world, PHONE) == {"user": PHONE, "aliases": []}


@pytest.mark.parametrize("calls", range(5))
@pytest.mark.parametrize("method", ["accept", "commit"])
async def test_a_crash_while_somebody_is_erased_leaves_nobody_who_points_at_nothing(
    autojump_clock: MockClock, method: str, calls: int
) -> None:
    """Asked again, as operators are told to, it is done; whatever the first try has reached."""
    store = FaultyStore(MemoryStore())
    async with open_world(linking_app(), store=store) as world, trio.open_nursery() as nursery:
        await link(world)
        nursery.start_soon(try_to_erase, world)
        await crash_after(world, store, method, calls)
        if WEB in await users(world):
            await erase(world, WEB)

        assert await users(world) == []
        assert await world.dead_letters() == ()
        assert (await call(world, PHONE))["user"] == PHONE


async def try_to_erase(world: World) -> None:
    """Ask for it at a node that dies."""
    with trio.move_on_after(5), suppress(SessiondError):
        await world.operations.stop_session(UserId(WEB), reason="erased", erase=True)


async def test_somebody_in_quarantine_is_erased_with_his_links(autojump_clock: MockClock) -> None:
    """There is no actor to do it, and the snapshot before the damaged one is all that knows his aliases."""
    async with open_world(linking_app()) as world:
        await link(world)
        fences = dict(world.node.ownership.fences)
        world.crash()
        loaded = await world.store.load(UserId(WEB), partition_of(UserId(WEB)))
        assert loaded is not None
        damage = UserCommit(
            user=UserId(WEB),
            partition=partition_of(UserId(WEB)),
            commit_id=b"damage" + b"." * 10,
            expected_version=loaded.version,
            snapshot=b"nonsense",
        )
        await world.store.commit([damage], fences)
        await world.restart()
        with pytest.raises(Refused):
            await call(world, WEB)
        await trio.sleep(60)
        await erase(world, WEB)

        assert await users(world) == []
        assert (await call(world, PHONE))["user"] == PHONE


@pytest.mark.parametrize("retention", [0.0, 60.0])
async def test_a_record_that_ends_by_itself_lets_aliases_go_too(
    autojump_clock: MockClock, retention: float
) -> None:
    """When its time of retention is over: until then who comes back finds his links."""
    app = linking_app()

    @app.on_webhook("bye")
    async def bye(session: Session) -> None:
        session.end()

    async with open_world(app, limits=SessionLimits(retention_seconds=retention)) as world:
        await link(world)
        await world.webhook(WEB, {}, name="bye")
        await until_quiet(world)
        alias = await snapshot(world, PHONE)
        assert (alias is not None) is (retention > 0)
        await trio.sleep(retention + 10)
        await until_quiet(world)

        assert await users(world) == []
        assert (await call(world, PHONE))["user"] == PHONE


async def test_an_alias_is_not_stopped(autojump_clock: MockClock) -> None:
    """He has no session of his own: the operator is told who has."""
    async with open_world(linking_app()) as world:
        await link(world)
        with pytest.raises(Exception, match="linked to another one"):
            await world.operations.stop_session(UserId(PHONE), reason="no", erase=False)

        assert (await call(world, PHONE))["user"] == WEB


async def test_links_are_not_rolled_back(autojump_clock: MockClock) -> None:
    """They are those of two users: one of them alone is not put back."""
    async with open_world(linking_app()) as world:
        await link(world)
        await call(world, WEB, unlink=PHONE)
        await until_quiet(world)
        await world.operations.roll_back(UserId(WEB))
        parted = await snapshot(world, WEB)
        await link(world)
        await world.operations.roll_back(UserId(WEB))
        linked = await snapshot(world, WEB)

        assert parted is not None
        assert linked is not None
        assert (parted.aliases, linked.aliases) == ((), (PHONE,))


@pytest.mark.parametrize("step", ["joined", "left", "refused", "adopt"])
async def test_what_comes_for_somebody_who_is_gone_begins_no_session(
    autojump_clock: MockClock, step: str
) -> None:
    """A step that was on its way when he was erased leaves nothing of him."""
    async with open_world(linking_app()) as world:
        note = encode_note(LinkNote(user=UserId(PHONE)))
        await world.node.intake.accept(UserId(WEB), f"link:{step}", note, input_digest("test", "1"))
        await until_quiet(world)

        assert await users(world) == []
        assert await world.store.pending(partition_of(UserId(WEB)), user=UserId(WEB)) == ()
        assert await world.dead_letters() == ()


async def test_a_code_of_somebody_who_is_gone_links_nobody(autojump_clock: MockClock) -> None:
    """Who types it is told that it is unknown."""
    async with open_world(linking_app()) as world:
        code = await call(world, WEB, offer=1)
        await until_quiet(world)
        await erase(world, WEB)
        await call(world, PHONE, redeem=code)
        await until_quiet(world)

        assert await links(world, PHONE) == [["refused", "", "unknown_code", {}]]
        await trio.sleep(3600)  # so long the try is counted
        await world.settle()
        assert await users(world) == [PHONE]


async def test_an_app_without_links_ends_sessions_as_ever(autojump_clock: MockClock) -> None:
    """Nobody else is told anything."""
    async with open_world(App()) as world:
        await world.join("bob")
        await world.operations.stop_session(UserId("bob"), reason="erased", erase=True)
        await world.settle()

        assert await users(world) == []


async def test_nobody_is_erased_whose_aliases_cannot_be_told(autojump_clock: MockClock) -> None:
    """The operator is told to come back; nothing was done."""
    async with open_world(linking_app()) as world:
        await link(world)
        world.node.intake.stop_accepting()
        with pytest.raises(Refused, match="inbox takes nothing") as caught:
            await erase(world, WEB)
        canonical = await snapshot(world, WEB)

        assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1.0)
        assert canonical is not None
        assert canonical.aliases == (PHONE,)


async def test_what_cannot_be_told_now_is_told_later(autojump_clock: MockClock) -> None:
    """A timer or an accepted input that has to reach another user waits for him; it is no dead letter."""
    app = linking_app()

    @app.on_webhook("bye", wait=True)
    async def bye(session: Session) -> None:
        session.end()

    async with open_world(app, limits=SessionLimits(retention_seconds=60)) as world:
        await link(world)
        await world.call_webhook(WEB, {}, name="bye")
        world.node.intake.stop_accepting()
        await trio.sleep(100)
        assert await users(world) == [WEB, PHONE]
        world.crash()
        await world.restart()
        await until_quiet(world)

        assert await users(world) == []
        assert await world.dead_letters() == ()


@pytest.mark.parametrize("pair", [(WEB, PHONE), (PHONE, WEB)])
async def test_an_operator_parts_them(autojump_clock: MockClock, pair: tuple[str, str]) -> None:
    """He sees who is linked with whom on both sides, and names them in any order; the app hears of it."""
    async with open_world(linking_app()) as world:
        await link(world)
        canonical = await world.operations.session(UserId(WEB))
        alias = await world.operations.session(UserId(PHONE))
        await world.operations.unlink(UserId(pair[0]), UserId(pair[1]))
        await until_quiet(world)

        assert (canonical.aliases, canonical.linked_to) == ((PHONE,), "")
        assert (alias.aliases, alias.linked_to) == ((), WEB)
        assert [told[0] for told in await links(world, WEB)] == ["linked", "unlinked"]
        assert await call(world, PHONE) == {"user": PHONE, "aliases": []}


@pytest.mark.parametrize("pair", [(WEB, PHONE), (PHONE, WEB), (WEB, CHAT), (CHAT, "nobody")])
async def test_who_is_not_linked_cannot_be_parted(
    autojump_clock: MockClock, pair: tuple[str, str]
) -> None:
    """Nothing is told to anybody."""
    async with open_world(linking_app()) as world:
        await call(world, WEB)
        await call(world, PHONE)
        with pytest.raises(UnknownTarget, match="not linked"):
            await world.operations.unlink(UserId(pair[0]), UserId(pair[1]))
        await until_quiet(world)

        assert await users(world) == [WEB, PHONE]


async def test_a_half_made_link_can_be_parted_too(autojump_clock: MockClock) -> None:
    """Either side knows of the other one."""
    async with open_world(linking_app()) as world:
        await link(world)
        await erase(world, WEB)
        note = encode_note(LinkNote(user=UserId(WEB)))
        digest = input_digest("test", "1")
        await world.node.intake.accept(UserId(PHONE), "link:follow", note, digest)
        await until_quiet(world)
        await world.operations.unlink(UserId(WEB), UserId(PHONE))
        await until_quiet(world)

        assert await users(world) == []


async def test_links_are_handed_out_with_everything_else(autojump_clock: MockClock) -> None:
    """An export of either of them names the other one, and says where he is reached."""
    async with open_world(linking_app()) as world:
        lines = {"shop": msgspec.Raw(encode_line(Line(to="+233201234567", heard_at=2.0)))}
        note = encode_note(LinkNote(user=UserId(PHONE), lines=lines))
        await call(world, WEB)
        digest = input_digest("test", "1")
        await world.node.intake.accept(UserId(WEB), "link:joined", note, digest)
        await link(world)
        canonical = (await world.operations.export(UserId(WEB))).record
        alias = (await world.operations.export(UserId(PHONE))).record

        assert canonical is not None
        assert alias is not None
        assert (canonical["aliases"], canonical["linked_to"]) == ([PHONE], "")
        assert canonical["lines"] == {
            "shop": {"to": "+233201234567", "alias": PHONE, "heard_at": 2.0}
        }
        assert (alias["aliases"], alias["linked_to"]) == ([], WEB)


async def write(world: World, user: str, name: str) -> None:
    """Say something on WhatsApp, as the door tells it."""
    said = heard("hi", whatsapp())
    own = replace(said, facts=replace(said.facts, user_id=user), id=name)
    digest = input_digest("gateway:shop", name)
    body = encode_arrived(own)
    await world.node.intake.accept(UserId(user), "gateway:shop", body, digest)
    await until_quiet(world)


def sending_app() -> App:
    """Links, and messages on WhatsApp."""
    app = linking_app()

    @app.on_webhook("send", wait=True)
    async def send(session: Session) -> None:
        session.send("Hello.", via="shop")

    return app


@pytest.mark.parametrize("writes", ["before", "after"])
@pytest.mark.parametrize("parts", ["unlink", "erase"])
async def test_an_alias_that_left_is_not_written_to(
    autojump_clock: MockClock, writes: str, parts: str
) -> None:
    """Where he is reached came with him, or with what he said since, and goes with him: nothing of his number stays."""
    async with open_world(sending_app(), accounts=[whatsapp()]) as world:
        await call(world, WEB)
        if writes == "before":
            await write(world, PHONE, "1")
        await link(world)
        if writes == "after":
            await write(world, PHONE, "1")
        await world.call_webhook(WEB, {}, name="send")
        linked = await snapshot(world, WEB)
        if parts == "unlink":
            await world.operations.unlink(UserId(WEB), UserId(PHONE))
            await until_quiet(world)
        else:
            await erase(world, PHONE)
        parted = await snapshot(world, WEB)

        assert linked is not None
        assert parted is not None
        assert decode_line(linked.lines["shop"]).to == NUMBER
        assert NUMBER not in str(dict(parted.lines))
        with pytest.raises(TurnFailed):
            await world.call_webhook(WEB, {}, name="send")


async def test_who_wrote_himself_meanwhile_is_still_reached(autojump_clock: MockClock) -> None:
    """The line is that of who wrote last."""
    async with open_world(sending_app(), accounts=[whatsapp()]) as world:
        await link(world, CHAT, PHONE)
        await write(world, PHONE, "1")
        await write(world, CHAT, "2")
        await world.operations.unlink(UserId(CHAT), UserId(PHONE))
        await until_quiet(world)
        parted = await snapshot(world, CHAT)

        assert parted is not None
        assert decode_line(parted.lines["shop"]).to == NUMBER


async def test_what_waited_for_an_alias_to_write_is_given_up(autojump_clock: MockClock) -> None:
    """It was for him; the journal says so."""
    async with open_world(sending_app(), accounts=[whatsapp()]) as world:
        held = msgspec.Raw(b'{"account":"shop","call":{"method":"POST","url":"","body":""},"at":1}')
        line = Line(to=NUMBER, heard_at=2.0, held=(held, held))
        note = LinkNote(user=UserId(PHONE), lines={"shop": msgspec.Raw(encode_line(line))})
        await link(world)
        digest = input_digest("test", "1")
        await world.node.intake.accept(UserId(WEB), "link:joined", encode_note(note), digest)
        await until_quiet(world)
        await world.operations.unlink(UserId(WEB), UserId(PHONE))
        await until_quiet(world)
        journal = await world.node.store.journal(UserId(WEB), partition_of(UserId(WEB)), limit=99)

        assert 2 == sum(b"delivery_failed" in entry for entry in journal)


OTHER = "+233201234567"


def held_for(number: str, at: float = 1.0, **more: Any) -> msgspec.Raw:
    """A message to *number* that waits for him to write."""
    call = ProviderCall(url="https://example.com", body=msgspec.json.encode({"to": number}))
    return msgspec.Raw(encode_outgoing(Outgoing(account="shop", call=call, at=at, **more)))


async def recipients(world: World, user: str) -> list[str]:
    """To whom what waits to be sent goes; receipts are left out."""
    pairs = await world.store.deliveries(partition_of(UserId(user)))
    found = [decode_outgoing(delivery.body) for _, delivery in pairs]
    return [msgspec.json.decode(one.call.body)["to"] for one in found if not one.is_receipt]


async def joins(world: World, user: str, line: Line) -> None:
    """Link PHONE, who has *line* on WhatsApp, to *user*."""
    await link(world, user, PHONE)
    note = LinkNote(user=UserId(PHONE), lines={"shop": msgspec.Raw(encode_line(line))})
    digest = input_digest("test", "joined")
    await world.node.intake.accept(UserId(user), "link:joined", encode_note(note), digest)
    await until_quiet(world)


@pytest.mark.parametrize("parts", ["unlink", "erase"])
async def test_what_waited_for_an_alias_goes_with_him_though_somebody_else_wrote_last(
    autojump_clock: MockClock, parts: str
) -> None:
    """Nothing is sent to him for who he was, and nothing of his number stays."""
    async with open_world(sending_app(), accounts=[whatsapp()]) as world:
        await write(world, CHAT, "1")
        await joins(world, CHAT, Line(to=OTHER, heard_at=2.0, held=(held_for(OTHER),)))
        if parts == "unlink":
            await world.operations.unlink(UserId(CHAT), UserId(PHONE))
            await until_quiet(world)
        else:
            await erase(world, PHONE)
        parted = await snapshot(world, CHAT)
        await write(world, CHAT, "2")

        assert parted is not None
        assert OTHER.encode() not in parted.lines["shop"]
        assert OTHER not in await recipients(world, CHAT)


async def test_what_waits_for_one_phone_does_not_leave_when_another_one_writes(
    autojump_clock: MockClock,
) -> None:
    """The provider's window is that of a number."""
    async with open_world(sending_app(), accounts=[whatsapp()]) as world:
        await joins(world, CHAT, Line(to=OTHER, heard_at=2.0, held=(held_for(OTHER),)))
        await write(world, CHAT, "1")
        first = await recipients(world, CHAT)
        linked = await snapshot(world, CHAT)
        await write(world, PHONE, "2")
        second = await recipients(world, CHAT)

        assert linked is not None
        assert [] == first
        assert 1 == len(decode_line(linked.lines["shop"]).held)
        assert [OTHER] == second
