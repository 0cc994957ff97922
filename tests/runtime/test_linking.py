"""Linking: a phone, a chat and a user of a token become one, and part again; nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Conversation, LinkUpdate, Session
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.errors import Refused, TurnFailed
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Arrived, Heard, StatusUpdate
from sessiond.core.gateways.inbox_bodies import decode_arrived, encode_arrived
from sessiond.core.gateways.lines import Line, encode_line
from sessiond.core.gateways.messages import ProviderCall
from sessiond.core.gateways.outgoing import Outgoing, encode_outgoing
from sessiond.core.ids import UserId, input_digest, partition_of
from sessiond.core.linking import CODE_USER, LinkNote, encode_note
from sessiond.core.records import Arrival
from sessiond.core.session.inputs import HookCall, Said
from sessiond.core.session.snapshot import Snapshot, decode_snapshot
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, WorldError, open_world

PHONE = "tel:" + "a" * 32
CHAT = "telegram:" + "b" * 32
WEB = "ann"


def linking_app() -> App:
    """An app whose handlers do what links need; what ``on_link`` heard is in the data."""
    app = App()

    @app.on_webhook("do", wait=True)
    async def do(session: Session, payload: dict[str, Any]) -> object:
        match payload:
            case {"offer": _}:
                return session.offer_link()
            case {"redeem": str(code)}:
                session.redeem_link(code)
            case {"guess": str(code)}:
                for _ in range(6):
                    session.redeem_link(code)
            case {"link": str(user)}:
                session.link(user)
            case {"unlink": str(user)}:
                session.unlink(user)
            case {"end": _}:
                session.link(PHONE)
                session.end()
            case {"fail": str(user)}:
                session.link(user)
                raise RuntimeError
            case {"data": data}:
                session.data.update(data)
            case _:
                pass
        return {"user": session.user_id, "aliases": list(session.aliases)}

    @app.on_webhook("note")
    async def note(session: Session, payload: dict[str, Any]) -> None:
        session.data.setdefault("notes", []).append(payload["text"])

    @app.on_timer("mine")
    async def mine(session: Session) -> None:
        session.data["fired"] = True

    @app.on_link
    async def linked(session: Session, update: LinkUpdate) -> None:
        told = [update.state.value, update.alias, update.reason, dict(update.data)]
        session.data.setdefault("links", []).append(told)

    @app.flow("order", starts_on=["order"])
    async def order(c: Conversation) -> None:
        what = await c.ask("what", "What?")
        await c.say(f"{what} it is.")

    return app


async def call(world: World, user: str, **payload: object) -> Any:
    return await world.call_webhook(user, payload, name="do")


async def until_quiet(world: World) -> None:
    """Let errands (timers that are due) and what follows from them run."""
    for _ in range(4):
        await trio.sleep(1.5)
        await world.settle()


async def link(world: World, user: str = WEB, alias: str = PHONE) -> None:
    await call(world, user, link=alias)
    await until_quiet(world)


async def snapshot(world: World, user: str) -> Snapshot | None:
    loaded = await world.store.load(UserId(user), partition_of(UserId(user)))
    return None if loaded is None else decode_snapshot(loaded.snapshot)


async def links(world: World, user: str) -> list[list[object]]:
    data = await world.data(user)
    return [] if data is None else data.get("links", [])


async def tries(world: World) -> list[int]:
    """How many codes are counted, of each who typed some."""
    users = [one.user for one in await world.store.users() if one.user.startswith(CODE_USER)]
    found = [await snapshot(world, user) for user in users]
    return [len(one.link_tries) for one in found if one is not None and one.link_tries]


async def test_a_phone_becomes_a_web_user(autojump_clock: MockClock) -> None:
    """His record names the other one, who knows him and was told what he had."""
    async with open_world(linking_app()) as world:
        await call(world, PHONE, data={"cart": 3})
        await link(world)

        alias, canonical = await snapshot(world, PHONE), await snapshot(world, WEB)
        assert alias is not None
        assert canonical is not None
        assert (alias.linked_to, alias.data) == (WEB, b"{}")
        assert canonical.aliases == (PHONE,)
        assert await links(world, WEB) == [["linked", PHONE, "", {"cart": 3}]]
        assert (await world.data(WEB)).get("cart") is None


async def test_what_arrives_for_an_alias_goes_to_who_he_is(autojump_clock: MockClock) -> None:
    """Accepted webhooks once each, calls of waiting doors with the other one's answer."""
    async with open_world(linking_app()) as world:
        await link(world)
        await world.webhook(PHONE, {"text": "a"}, name="note", input_id="1")
        await world.webhook(PHONE, {"text": "a"}, name="note", input_id="1")
        await world.webhook(WEB, {"text": "b"}, name="note", input_id="1")
        await until_quiet(world)

        assert (await world.data(WEB))["notes"] == ["a", "b"]
        assert (await call(world, PHONE))["user"] == WEB
        assert await world.data(PHONE) == {}


@pytest.mark.parametrize("fault", ["accept", "commit"])
@pytest.mark.parametrize("when", ["fail", "lose_answer"])
async def test_an_entry_is_handed_on_once_whatever_fails(
    autojump_clock: MockClock, fault: str, when: str
) -> None:
    """Writing it to the other inbox, or consuming it: before it is done, or done and not told."""
    store = FaultyStore(MemoryStore())
    async with open_world(linking_app(), store=store) as world:
        await link(world)
        store.hold("commit")
        await world.webhook(PHONE, {"text": "a"}, name="note")
        getattr(store, when)(fault)
        store.let_go("commit")
        await until_quiet(world)

        assert (await world.data(WEB))["notes"] == ["a"]
        assert await world.dead_letters() == ()


async def crash_after(world: World, store: FaultyStore, method: str, calls: int) -> None:
    """Let so many calls of *method* happen, kill the node before the next one, and start it again."""
    for _ in range(calls):
        store.hold(method)
        with trio.move_on_after(3):
            await store.wait_held(method)
        store.let_go(method)
        await trio.lowlevel.checkpoint()
    store.hold(method)
    await trio.sleep(2)
    world.crash()
    store.let_go(method)
    await world.restart()
    await until_quiet(world)


@pytest.mark.parametrize("calls", range(6))
@pytest.mark.parametrize("method", ["accept", "commit"])
async def test_a_crash_between_two_steps_loses_no_half_of_a_link(
    autojump_clock: MockClock, method: str, calls: int
) -> None:
    """Before a step is written to the other inbox, or before what wrote it is consumed: the link is made, once."""
    store = FaultyStore(MemoryStore())
    async with open_world(linking_app(), store=store) as world:
        await call(world, PHONE, data={"cart": 3})
        await call(world, WEB, link=PHONE)
        await crash_after(world, store, method, calls)

        alias, canonical = await snapshot(world, PHONE), await snapshot(world, WEB)
        assert alias is not None
        assert canonical is not None
        assert (alias.linked_to, canonical.aliases) == (WEB, (PHONE,))
        assert await links(world, WEB) == [["linked", PHONE, "", {"cart": 3}]]
        assert await world.dead_letters() == ()


@pytest.mark.parametrize("calls", range(6))
@pytest.mark.parametrize("method", ["accept", "commit"])
async def test_a_crash_between_two_steps_parts_them_all_the_same(
    autojump_clock: MockClock, method: str, calls: int
) -> None:
    """There is no alias whom nobody knows, and none who is known and has left."""
    store = FaultyStore(MemoryStore())
    async with open_world(linking_app(), store=store) as world:
        await link(world)
        await call(world, WEB, unlink=PHONE)
        await crash_after(world, store, method, calls)

        canonical = await snapshot(world, WEB)
        assert canonical is not None
        assert canonical.aliases == ()
        assert await snapshot(world, PHONE) is None
        assert [told[0] for told in await links(world, WEB)] == ["linked", "unlinked"]


@pytest.mark.parametrize("calls", range(9))
@pytest.mark.parametrize("method", ["accept", "commit"])
async def test_a_crash_while_a_code_is_redeemed_loses_nothing(
    autojump_clock: MockClock, method: str, calls: int
) -> None:
    """The code is used, and both are one."""
    store = FaultyStore(MemoryStore())
    async with open_world(linking_app(), store=store) as world:
        code = await call(world, WEB, offer=1)
        await until_quiet(world)
        await call(world, PHONE, redeem=code)
        await crash_after(world, store, method, calls)

        assert await links(world, WEB) == [["linked", PHONE, "", {}]]
        assert (await call(world, PHONE))["user"] == WEB
        assert await tries(world) == [1]
        assert len(await world.store.users()) == 3  # the code is gone


async def test_after_parting_the_alias_begins_anew(autojump_clock: MockClock) -> None:
    """A session of his own, without what he had before he was linked."""
    async with open_world(linking_app()) as world:
        await call(world, PHONE, data={"cart": 3})
        await link(world)
        await call(world, WEB, unlink=PHONE)
        await until_quiet(world)

        assert await call(world, PHONE) == {"user": PHONE, "aliases": []}
        assert await world.data(PHONE) == {}


async def test_only_aliases_can_be_unlinked(autojump_clock: MockClock) -> None:
    """The handler is told so at once."""
    async with open_world(linking_app()) as world:
        with pytest.raises(TurnFailed):
            await call(world, WEB, unlink=PHONE)


# Consent


@pytest.mark.parametrize(
    ("offers", "redeems", "canonical", "alias"),
    [(WEB, PHONE, WEB, PHONE), (PHONE, WEB, WEB, PHONE), (CHAT, PHONE, CHAT, PHONE)],
)
async def test_a_code_links_who_types_it(
    autojump_clock: MockClock, offers: str, redeems: str, canonical: str, alias: str
) -> None:
    """The user of a token goes on, else the one who offered."""
    async with open_world(linking_app()) as world:
        code = await call(world, offers, offer=1)
        await until_quiet(world)
        await call(world, redeems, redeem=f"{code[:4]} {code[4:]}")
        await until_quiet(world)

        assert (await call(world, alias))["user"] == canonical
        assert await links(world, canonical) == [["linked", alias, "", {}]]


async def test_a_code_is_good_once_and_for_ten_minutes(autojump_clock: MockClock) -> None:
    """A used, an old and a wrong one are all the same: unknown; and no record of them is left."""
    async with open_world(linking_app()) as world:
        code = await call(world, WEB, offer=1)
        await until_quiet(world)
        await call(world, PHONE, redeem=code)
        await until_quiet(world)
        old = await call(world, WEB, offer=1)
        await trio.sleep(601)
        for number in (code, old):
            await call(world, CHAT, redeem=number)
            await until_quiet(world)

        assert await links(world, CHAT) == [["refused", "", "unknown_code", {}]] * 2
        await trio.sleep(3600)  # so long tries are counted
        await world.settle()
        users = [one.user for one in await world.store.users()]
        assert sorted(users) == [WEB, PHONE, CHAT]


async def test_guessing_is_bounded(autojump_clock: MockClock) -> None:
    """Five tries an hour, also over a restart; each that is refused for that costs nothing more."""
    async with open_world(linking_app()) as world:
        for _ in range(5):
            await call(world, PHONE, redeem="00000000")
        await until_quiet(world)
        await world.restart()
        for _ in range(2):
            await call(world, PHONE, redeem="00000000")
            await until_quiet(world)
        await trio.sleep(3601)
        await call(world, PHONE, redeem="00000000")
        await until_quiet(world)

        reasons = [told[2] for told in await links(world, PHONE)]
        assert reasons == ["unknown_code"] * 5 + ["too_many_tries"] * 2 + ["unknown_code"]


async def test_one_turn_does_not_guess_without_end(autojump_clock: MockClock) -> None:
    """Five codes in one turn are the most that a handler can ask for."""
    async with open_world(linking_app()) as world:
        with pytest.raises(Refused) as caught:
            await call(world, PHONE, guess="00000000")

        assert caught.value.code == "too_many_tries"


async def test_nobody_is_linked_to_himself_by_a_code(autojump_clock: MockClock) -> None:
    """Nor are two users of tokens: each has a topic of his own."""
    async with open_world(linking_app()) as world:
        for other, reason in ((WEB, "same_user"), ("bob", "web_user")):
            code = await call(world, WEB, offer=1)
            await until_quiet(world)
            await call(world, other, redeem=code)
            await until_quiet(world)
            assert (await links(world, other))[-1] == ["refused", "", reason, {}]


# One hop


async def test_who_has_aliases_follows_nobody(autojump_clock: MockClock) -> None:
    """So every link is one hop."""
    async with open_world(linking_app()) as world:
        await link(world, CHAT, PHONE)
        await link(world, WEB, CHAT)

        assert await links(world, WEB) == [["refused", CHAT, "linked", {}]]
        assert (await call(world, WEB))["aliases"] == []
        assert (await call(world, PHONE))["user"] == CHAT


async def test_two_who_adopt_each_other_at_once_stay_apart(autojump_clock: MockClock) -> None:
    """There is no cycle; both are told."""
    async with open_world(linking_app()) as world:
        for user in (CHAT, PHONE):
            await call(world, user)
        digest = input_digest("test", "1")
        await world.node.intake.accept_all(
            [
                Arrival(UserId(one), partition_of(UserId(one)), digest, "link:adopt", body, 0.0)
                for one, other in ((CHAT, PHONE), (PHONE, CHAT))
                for body in [encode_note(LinkNote(user=UserId(other)))]
            ]
        )
        await until_quiet(world)

        assert await links(world, CHAT) == [["refused", PHONE, "linked", {}]]
        assert await links(world, PHONE) == [["refused", CHAT, "linked", {}]]
        assert (await call(world, CHAT)) == {"user": CHAT, "aliases": []}
        assert (await call(world, PHONE)) == {"user": PHONE, "aliases": []}


async def test_who_follows_cannot_be_followed(autojump_clock: MockClock) -> None:
    """An alias who would adopt the one he follows asks that one to adopt himself."""
    async with open_world(linking_app()) as world:
        await call(world, CHAT, link=PHONE)
        await call(world, PHONE, link=CHAT)
        await until_quiet(world)

        told = ["linked", PHONE, "", {}], ["refused", CHAT, "same_user", {}]
        assert await links(world, CHAT) == list(told)


async def test_linking_to_an_alias_links_to_who_he_is(autojump_clock: MockClock) -> None:
    """The step is handed on like everything for him."""
    async with open_world(linking_app()) as world:
        await link(world, WEB, PHONE)
        note = encode_note(LinkNote(user=UserId(CHAT)))
        digest = input_digest("test", "1")
        await world.node.intake.accept(UserId(PHONE), "link:adopt", note, digest)
        await until_quiet(world)

        assert (await call(world, CHAT))["user"] == WEB
        assert (await call(world, WEB))["aliases"] == [PHONE, CHAT]


async def test_a_user_of_a_token_is_never_an_alias(autojump_clock: MockClock) -> None:
    """His clients join his own topic."""
    async with open_world(linking_app()) as world:
        await link(world, PHONE, "bob")

        assert await links(world, PHONE) == [["refused", "bob", "web_user", {}]]


async def test_an_alias_has_no_connections(autojump_clock: MockClock) -> None:
    """Those he has are closed, and he is not joined."""
    async with open_world(linking_app()) as world:
        client = await world.join(PHONE)
        await link(world)
        assert client.closed is not None
        with pytest.raises(WorldError, match="linked to another one"):
            await world.join(PHONE)


# What a link takes with it


async def test_nothing_of_a_turn_that_failed_is_linked(autojump_clock: MockClock) -> None:
    """Nor of one that ends the session."""
    async with open_world(linking_app()) as world:
        for payload in ({"fail": PHONE}, {"end": 1}):
            with pytest.raises(TurnFailed):
                await call(world, WEB, **payload)
        await until_quiet(world)

        assert await snapshot(world, PHONE) is None
        assert await links(world, WEB) == []


async def test_conversations_of_the_alias_end(autojump_clock: MockClock) -> None:
    """The journal tells it, and what he says then is said in the other one's session."""
    async with open_world(linking_app()) as world:
        world.session_keys = SessionKeySettings(
            secret="nobody else has it", shorthands=("cross_platform",), identifier="user_id"
        )
        await world.restart()
        await say(world, PHONE, "order")
        before = await snapshot(world, PHONE)
        assert before is not None
        assert before.conversations
        await link(world)
        after = await snapshot(world, PHONE)
        assert after is not None
        assert not after.conversations
        entries = await world.store.journal(UserId(PHONE), partition_of(UserId(PHONE)))
        told = [msgspec.json.decode(entry) for entry in entries]
        assert any("interrupted" in str(entry) for entry in told)


async def say(world: World, user: str, text: str, platform: str = "http") -> str:
    facts = ChannelFacts(platform=platform, gateway="chat", user_id=user, request_id="r")
    shown = await world.ref(user).ask(Said(facts, Answer(text=text), waits_seconds=5.0), timeout=10)
    return shown.decode()


async def test_a_conversation_goes_on_across_platforms(autojump_clock: MockClock) -> None:
    """What the phone began is answered on the websocket: the key is made of who the user is."""
    async with open_world(linking_app()) as world:
        world.session_keys = SessionKeySettings(
            secret="nobody else has it", shorthands=("cross_platform",), identifier="user_id"
        )
        await world.restart()
        await link(world)
        assert "What?" in await say(world, PHONE, "order")

        assert "Tea it is." in await say(world, WEB, "Tea", platform="websocket")


async def test_lines_move_with_what_waits_on_them(autojump_clock: MockClock) -> None:
    """The one that was used last stays; held messages of both wait on."""
    async with open_world(linking_app()) as world:
        lines = {"shop": msgspec.Raw(encode_line(Line(to="+233201234567", heard_at=2.0)))}
        note = LinkNote(user=UserId(PHONE), lines=lines)
        await call(world, WEB)
        for number in (1, 2):
            digest = input_digest("test", str(number))
            await world.node.intake.accept(UserId(WEB), "link:joined", encode_note(note), digest)
        await until_quiet(world)

        canonical = await snapshot(world, WEB)
        assert canonical is not None
        assert msgspec.json.decode(canonical.lines["shop"])["to"] == "+233201234567"


def waiting(at: float) -> msgspec.Raw:
    """A message that is held."""
    call = ProviderCall(url="https://example.com", body=b"")
    return msgspec.Raw(encode_outgoing(Outgoing(account="shop", call=call, at=at)))


async def test_what_waits_beyond_the_bound_is_told_of(autojump_clock: MockClock) -> None:
    """Of 20 messages that wait for one person 16 wait on; no other one goes without a word."""
    async with open_world(linking_app()) as world:
        await call(world, WEB)
        for number in (1, 2):
            held = tuple(waiting(10 * number + n) for n in range(10))
            lines = {"shop": msgspec.Raw(encode_line(Line(to="+233201234567", held=held)))}
            note = encode_note(LinkNote(user=UserId(PHONE), lines=lines))
            digest = input_digest("test", str(number))
            await world.node.intake.accept(UserId(WEB), "link:joined", note, digest)
        await until_quiet(world)

        canonical = await snapshot(world, WEB)
        assert canonical is not None
        held = msgspec.json.decode(canonical.lines["shop"])["held"]
        kept = [one["at"] for one in held]
        entries = await world.store.journal(UserId(WEB), partition_of(UserId(WEB)))
        given_up = [one for one in entries if b"too many wait for the person" in one]

    assert list(range(14, 30)) == kept
    assert 4 == len(given_up)


async def test_what_a_gateway_heard_names_who_he_is(autojump_clock: MockClock) -> None:
    """Session keys that are made of the user agree; statuses stay as they are."""
    async with open_world(linking_app()) as world:
        await link(world)
        heard = Heard(
            facts=ChannelFacts(platform="whatsapp", gateway="w", user_id=PHONE),
            answer=Answer(text="hi"),
        )
        status = StatusUpdate(id="m", state="read", recipient="+233201234567")
        both: tuple[Arrived, ...] = (heard, status)
        for number, arrived in enumerate(both):
            digest = input_digest("test", str(number))
            body = encode_arrived(arrived)
            await world.node.intake.accept(UserId(PHONE), "gateway:shop", body, digest)
        await until_quiet(world)

        letters = await world.dead_letters(
            WEB
        )  # nothing is configured here: the account is unknown
        first, second = (decode_arrived(letter.body) for letter in letters)
        assert isinstance(first, Heard)
        assert first.facts.user_id == WEB
        assert second == status


async def test_an_unknown_step_is_a_dead_letter(autojump_clock: MockClock) -> None:
    """Nobody waits for it, and it is not tried again and again."""
    async with open_world(linking_app()) as world:
        digest = input_digest("test", "1")
        await world.node.intake.accept(UserId(WEB), "link:dance", b"{}", digest)
        await until_quiet(world)

        assert [letter.kind for letter in await world.dead_letters()] == ["link:dance"]


async def test_codes_need_no_account_of_the_app(autojump_clock: MockClock) -> None:
    """An app with users of its own is not asked for the users that codes are."""
    app = linking_app()
    asked = []

    @app.load_user
    async def users(user: str) -> object:
        asked.append(user)
        return {"name": user}

    async with open_world(app) as world:
        code = await call(world, WEB, offer=1)
        await until_quiet(world)
        await call(world, PHONE, redeem=code)
        await until_quiet(world)

        assert set(asked) == {WEB, PHONE}
        assert (await call(world, PHONE))["user"] == WEB


async def test_a_handed_on_call_is_turned_down_as_the_other_one_would(
    autojump_clock: MockClock,
) -> None:
    """The code and the message are his."""
    async with open_world(linking_app()) as world:
        await link(world)
        with pytest.raises(Refused) as caught:
            await world.ref(PHONE).ask(HookCall("nothing", {}), timeout=5)
        assert caught.value.code == "unknown_event"
