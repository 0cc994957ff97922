"""Turns of answering accounts: pages for whoever waits, and what is kept of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Conversation
from sessiond.core.errors import AskTimeout, Refused
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.inputs import Incoming, Unseen
from sessiond.core.gateways.lines import decode_answered
from sessiond.core.ids import input_digest
from sessiond.gateways.http import HttpGateway, HttpGatewaySettings
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.runtime.gateway_worlds import (
    ANN,
    TALKING,
    TOKEN,
    USSD,
    ask,
    greeter,
    heard,
    line,
    reader,
)


async def dial(world: World, *dialled: str, session: str = "dial-1") -> Any:
    """What a dial is answered whose provider says what was dialled along."""
    others = tuple(heard(text, session=session) for text in dialled)
    item = Incoming(USSD.name, heard(session=session, begins=True), 5.0, others=others)
    return decode_answered(await world.ref(ANN).ask(item, timeout=30))


async def test_a_dial_is_answered_with_a_page(autojump_clock: MockClock) -> None:
    """Welcome and question on one screen; the provider's session goes on until nothing is asked any more."""
    async with open_world(greeter(), accounts=(USSD,)) as world:
        first = await ask(world, begins=True)
        second = await ask(world, "Ann")
        last = await ask(world, "1")

    assert ("Welcome.\n\nWhat is your name?", False) == (first.text, first.ends)
    assert ("Is it Ann?\n\n1. Yes\n2. No", False) == (second.text, second.ends)
    assert ("Thank you, Ann: Yes.", True) == (last.text, last.ends)


async def test_pages_are_turned_without_the_flow(autojump_clock: MockClock) -> None:
    """``#`` and ``0`` turn them, also on another node; anything else is the answer, and drops the pages."""
    async with open_world(reader(), accounts=(USSD,)) as world:
        first = await ask(world, begins=True)
        pages = [first.text]
        await world.restart()
        pages.append((await ask(world, "#")).text)
        back = await ask(world, "0")
        answered = await ask(world, "fine")
        kept = await line(world, USSD.name)

    assert pages[0].endswith("\n\n# More")
    assert pages[1].startswith("word")
    assert pages[1].endswith("# More\n0 Back")
    assert pages[0] == back.text
    assert ("Got fine.", True) == (answered.text, answered.ends)
    assert kept.paging is None


async def test_an_unknown_account_is_refused(autojump_clock: MockClock) -> None:
    """The settings changed while a request was on its way."""
    async with open_world(greeter(), accounts=(USSD,)) as world:
        with pytest.raises(Refused, match="no account 'other'"):
            await world.ref(ANN).ask(Incoming("other", heard("hi")), timeout=5)


async def test_a_repeat_by_id_is_answered_as_before(autojump_clock: MockClock) -> None:
    """It is not said again, and the first one's page is shown."""
    digest = input_digest("gateway:line", "m-1")
    async with open_world(greeter(), accounts=(USSD,)) as world:
        await ask(world, begins=True)
        item = Incoming(USSD.name, heard("Ann"), 5.0, digest)
        first = await world.ref(ANN).ask(item, timeout=5)
        again = await world.ref(ANN).ask(item, timeout=5)
        last = await ask(world, "2")

    assert first == again
    assert "Thank you, Ann: No." == last.text


async def test_a_repeat_of_everything_typed_so_far_is_answered_as_before(
    autojump_clock: MockClock,
) -> None:
    """Africa's Talking repeats what was typed: the same text again is the same request."""
    async with open_world(greeter(), accounts=(TALKING,)) as world:
        await ask(world, account=TALKING, so_far="")
        first = await ask(world, account=TALKING, so_far="Ann")
        again = await ask(world, account=TALKING, so_far="Ann")
        last = await ask(world, account=TALKING, so_far="Ann*1")

    assert "Is it Ann?\n\n1. Yes\n2. No" == first.text
    assert (first.text, first.ends) == (again.text, again.ends)
    assert ("Thank you, Ann: Yes.", True) == (last.text, last.ends)


async def test_answers_dialled_with_the_code_are_given_in_order(autojump_clock: MockClock) -> None:
    """``*384*1*Ann*1#`` is a dial and two answers: the last screen is what is shown."""
    async with open_world(greeter(), accounts=(TALKING,)) as world:
        shown = await ask(world, account=TALKING, so_far="Ann*1")

    assert ("Thank you, Ann: Yes.", True) == (shown.text, shown.ends)


@pytest.mark.parametrize("account", [TALKING, USSD])
async def test_what_is_dialled_behind_an_end_begins_nothing(
    autojump_clock: MockClock, account: Account
) -> None:
    """The end is shown, whether the provider or we take apart what was dialled."""
    async with open_world(greeter(), accounts=(account,)) as world:
        if account is TALKING:
            shown = await ask(world, account=TALKING, so_far="Ann*1*7*8")
        else:
            shown = await dial(world, "Ann", "1", "7", "8")

    assert ("Thank you, Ann: Yes.", True) == (shown.text, shown.ends)


async def test_what_is_dialled_along_waits_for_a_function(autojump_clock: MockClock) -> None:
    """The question behind it was not meant: it is shown, and answers dialled for it are nobody's."""
    app = App()

    async def look() -> str:
        await trio.sleep(1)
        return "7"

    @app.flow("look", takes_everything=True)
    async def flow(c: Conversation) -> None:
        name = await c.ask("name", "Name?")
        found = await c.run("look", look)
        await c.ask("more", f"{name}: {found}. More?")

    async with open_world(app, accounts=(USSD,)) as world:
        shown = await dial(world, "Ann", "2")

    assert ("Ann: 7. More?", False) == (shown.text, shown.ends)


async def test_a_repeat_while_a_function_runs_is_answered_as_before(
    autojump_clock: MockClock,
) -> None:
    """That it takes longer; once the result was shown, with the result."""
    app, seconds = App(), 20.0

    async def look() -> str:
        await trio.sleep(seconds)
        return "7"

    @app.flow("look", takes_everything=True)
    async def flow(c: Conversation) -> None:
        await c.ask("name", "Name?")
        await c.ask("more", f"Found {await c.run('look', look)}. More?")

    async with open_world(app, accounts=(TALKING,)) as world:
        shown = []
        for session in ("dial-1", "dial-2"):
            await ask(world, account=TALKING, session=session, so_far="")
            shown += [
                await ask(world, account=TALKING, session=session, so_far="Ann") for _ in range(2)
            ]
            await trio.sleep(60)
            await ask(world, account=TALKING, session=f"{session}-again", so_far="")
            seconds = 1.0

    assert [(TALKING.settings.wait_text, True)] * 2 == [(one.text, one.ends) for one in shown[:2]]
    assert [("Found 7. More?", False)] * 2 == [(one.text, one.ends) for one in shown[2:]]


async def test_what_takes_too_long_is_shown_at_the_next_dial(autojump_clock: MockClock) -> None:
    """The account's words end the dial; who dials again and can be known by his number sees the result."""
    app = App()

    async def slow() -> str:
        await trio.sleep(20)
        return "7"

    @app.flow("look", takes_everything=True)
    async def look(c: Conversation) -> None:
        found = await c.run("look", slow)
        await c.say(f"Found {found}.")

    async with open_world(app, accounts=(USSD,)) as world:
        world.session_keys = world.session_keys.durable()
        await world.restart()
        first = await ask(world, begins=True)
        await trio.sleep(60)
        second = await ask(world, begins=True, session="dial-2")

    assert (USSD.settings.wait_text, True) == (first.text, first.ends)
    assert ("Found 7.", True) == (second.text, second.ends)


@asynccontextmanager
async def open_slow_world(
    account: Account, *, is_durable: bool
) -> AsyncIterator[tuple[World, FaultyStore]]:
    """The greeter on *account*, with a store that can be held; *is_durable*: each dial has the same session key."""
    store = FaultyStore(MemoryStore())
    async with open_world(greeter(), accounts=(account,), store=store) as world:
        if is_durable:
            world.session_keys = world.session_keys.durable()
            await world.restart()
        yield world, store


async def missed(
    world: World, store: FaultyStore, text: str = "", account: Account = USSD, **more: Any
) -> None:
    """Say something whose commit takes longer than the door waits, which then says so."""
    store.hold("commit")
    item = Incoming(account.name, heard(text, account, **more), 5.0)
    with pytest.raises(AskTimeout) as caught:
        await world.ref(ANN).ask(item, timeout=8)
    assert caught.value.applied is None
    world.ref(ANN).tell(Unseen(account.name, item.heard))
    store.let_go("commit")
    await world.settle()


@pytest.mark.parametrize("is_durable", [False, True])
async def test_what_a_slow_commit_kept_from_the_phone_is_shown_at_the_next_dial(
    autojump_clock: MockClock, *, is_durable: bool
) -> None:
    """The question that nobody saw is asked again, what was said before it too; the answer before it is kept."""
    async with open_slow_world(USSD, is_durable=is_durable) as (world, store):
        await missed(world, store, begins=True)
        first = await ask(world, begins=True, session="dial-2")
        await missed(world, store, "Ann", session="dial-2")
        second = await ask(world, begins=True, session="dial-3")
        last = await ask(world, "1", session="dial-3")

    assert "Welcome.\n\nWhat is your name?" == first.text
    assert ("Is it Ann?\n\n1. Yes\n2. No", False) == (second.text, second.ends)
    assert ("Thank you, Ann: Yes.", True) == (last.text, last.ends)


@pytest.mark.parametrize("is_durable", [False, True])
async def test_an_end_that_a_slow_commit_kept_from_the_phone_is_shown_once(
    autojump_clock: MockClock, *, is_durable: bool
) -> None:
    """The confirmation of what was bought reaches the phone with the next dial; the one after that begins anew."""
    async with open_slow_world(USSD, is_durable=is_durable) as (world, store):
        await ask(world, begins=True)
        await ask(world, "Ann")
        await missed(world, store, "1")
        end = await ask(world, begins=True, session="dial-2")
        anew = await ask(world, begins=True, session="dial-3")

    assert ("Thank you, Ann: Yes.", True) == (end.text, end.ends)
    assert "Welcome.\n\nWhat is your name?" == anew.text


async def test_a_repeat_shows_what_came_too_late_and_the_next_dial_does_not(
    autojump_clock: MockClock,
) -> None:
    """The very screen that the first request missed, once: of a question, of an end, of a menu whether to go on."""
    settings = AccountSettings(gateway="africastalking", resume_seconds=300)
    talking = Account("talking", settings, TALKING.gateway)
    async with open_slow_world(talking, is_durable=True) as (world, store):
        shown = []
        for session, typed in (
            ("dial-1", ""),
            ("dial-2", ""),
            ("dial-2", "2"),
            ("dial-2", "2*Ann"),
        ):
            await missed(world, store, account=talking, so_far=typed, session=session)
            both = [await ask(world, account=talking, so_far=typed, session=session) for _ in "ab"]
            assert (both[0].text, both[0].ends) == (both[1].text, both[1].ends)
            shown.append(both[0].text)
        end = "2*Ann*1"
        await missed(world, store, account=talking, so_far=end, session="dial-2")
        last = await ask(world, account=talking, so_far=end, session="dial-2")
        anew = await ask(world, account=talking, so_far="", session="dial-3")

    assert "Welcome.\n\nWhat is your name?" == shown[0] == shown[2] == anew.text
    assert "1. Continue\n2. Start again" in shown[1]
    assert "Is it Ann?\n\n1. Yes\n2. No" == shown[3]
    assert ("Thank you, Ann: Yes.", True) == (last.text, last.ends)


async def test_what_came_too_late_for_a_program_is_shown_with_its_next_input(
    autojump_clock: MockClock,
) -> None:
    """It has no screen of ours, and may not name its requests."""
    gateway = HttpGateway(HttpGatewaySettings(tokens=(TOKEN,)))
    program = Account("program", AccountSettings(gateway="http"), gateway)
    async with open_slow_world(program, is_durable=True) as (world, store):
        await missed(world, store, "hi", account=program)
        first = await ask(world, "what?", account=program)
        second = await ask(world, "Ann", account=program)

    assert "Welcome.\n\nWhat is your name?" == first.text
    assert "Is it Ann?\n\n1. Yes\n2. No" == second.text


async def test_what_came_too_late_for_one_dial_is_not_what_another_one_saw(
    autojump_clock: MockClock,
) -> None:
    """He has dialled again before the first dial was told to wait, and reads what that one is answered: once."""
    async with open_slow_world(USSD, is_durable=True) as (world, store):
        await ask(world, begins=True)
        await ask(world, "Ann")
        store.hold("commit")
        first = Incoming(USSD.name, heard("1"), 5.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_to_answer, world, first)
            await trio.sleep(5)
            nursery.start_soon(let_go_later, store)
            seen = await ask(world, begins=True, session="dial-2")
            world.ref(ANN).tell(Unseen(USSD.name, first.heard))
        await world.settle()
        anew = await ask(world, "Eve", session="dial-2")

    assert "Welcome.\n\nWhat is your name?" == seen.text
    assert "Is it Eve?\n\n1. Yes\n2. No" == anew.text


async def fail_to_answer(world: World, item: Incoming) -> None:
    with pytest.raises(AskTimeout):
        await world.ref(ANN).ask(item, timeout=8)


async def let_go_later(store: FaultyStore) -> None:
    await trio.sleep(4)
    store.let_go("commit")


async def test_what_was_seen_is_not_shown_again(autojump_clock: MockClock) -> None:
    """An account that nobody was answered on, a menu whether to go on, a user without a session: nothing changes."""
    settings = AccountSettings(gateway="nalo", resume_seconds=300)
    patient = Account("line", settings, USSD.gateway)
    async with open_slow_world(patient, is_durable=True) as (world, store):
        world.ref(ANN).tell(Unseen(USSD.name, heard(begins=True)))
        await ask(world, begins=True)
        world.ref(ANN).tell(Unseen("another", heard(begins=True)))
        world.ref(ANN).tell(Unseen(USSD.name, heard(begins=True, session="dial-0")))
        await ask(world, "Ann")
        await missed(world, store, begins=True, session="dial-2")
        menu = await ask(world, begins=True, session="dial-3")
        back = await ask(world, "1", session="dial-3")

    assert "1. Continue\n2. Start again" in menu.text
    assert "Is it Ann?\n\n1. Yes\n2. No" == back.text


async def test_an_interrupted_dial_can_be_continued_within_its_window(
    autojump_clock: MockClock,
) -> None:
    """A menu asks; what was dialled along is dropped; after the window a dial begins anew."""
    settings = AccountSettings(gateway="africastalking", resume_seconds=300)
    talking = Account("talking", settings, TALKING.gateway)
    async with open_world(greeter(), accounts=(talking,)) as world:
        await ask(world, account=talking, so_far="Ann")
        menu = await ask(world, account=talking, so_far="1", session="dial-2")
        back = await ask(world, account=talking, so_far="1*1", session="dial-2")
        await trio.sleep(400)
        anew = await ask(world, account=talking, so_far="", session="dial-3")

    assert "1. Continue\n2. Start again" in menu.text
    assert "Is it Ann?\n\n1. Yes\n2. No" == back.text
    assert "Welcome.\n\nWhat is your name?" == anew.text


async def test_what_the_provider_says_was_dialled_along_is_no_answer_to_the_menu(
    autojump_clock: MockClock,
) -> None:
    """Nobody has seen the menu: the "1" of ``*920*44*1#`` does not mean its first choice."""
    settings = AccountSettings(gateway="nalo", resume_seconds=300)
    line = Account("line", settings, USSD.gateway)
    async with open_world(greeter(), accounts=(line,)) as world:
        await dial(world, "Ann")
        menu = await dial(world, "1", session="dial-2")

    assert "1. Continue\n2. Start again" in menu.text
