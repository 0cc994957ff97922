"""The phone of the test kit (sessiond/testing/conversations/phone.py)."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from sessiond import App
from sessiond.core.conversations.routing import RoutingSettings
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import FlowFailed, ForeignAwait, RunFailed
from sessiond.core.flows.flow import Busy, Flow
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.core.flows.texts import FlowTexts
from sessiond.testing.conversations import Phone, ReplayDiffers, play

SIZES = "What size?\n\n1. Small\n2. Large"


async def reserve(size: str) -> str:
    await trio.lowlevel.checkpoint()
    return f"R-{size}"


async def order(c: Conversation) -> dict[str, object]:
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    count = await c.ask("count", "How many?", parse=int)
    await c.say("One moment.")
    ref = await c.run("reserve", reserve, size)
    await c.say(f"Your reference is {ref}.")
    return {"size": size, "count": count}


async def sends(c: Conversation) -> None:
    photo = await c.attachment("photo", "A photo?")
    place = await c.location("place", "Where?")
    card = await c.contact("card", "Who?")
    await c.say(f"{photo.url} {place.latitude} {card.name} {card.phones}")


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("platform", ["websocket", "http", "ussd", "whatsapp", "carrier pigeon"])
def test_a_conversation_on_any_platform(platform: str, restarts: bool) -> None:
    """Typed or tapped, with a function that is really called; the same when everything is rebuilt after each act."""
    with play(order, platform=platform, restarts=restarts, keys=BY_USER) as phone:
        assert SIZES == phone.say("")
        assert ["Small", "Large"] == phone.choices
        assert "How many?" == phone.tap("Large")
        assert "How many?" in phone.say("two")
        assert "One moment.\n\nYour reference is R-l." == phone.say("2")

        assert ({"size": "l", "count": 2}, True) == (phone.result, phone.has_ended)
        assert [("reserve", ("l",), "R-l")] == [(r.key, r.args, r.result) for r in phone.runs]
        assert phone.record is None


BY_USER = SessionKeySettings(boundaries=("flow",), identifier="user_id")


def test_an_app_with_several_flows() -> None:
    """Its routes and its words decide."""
    app = App(routing=RoutingSettings(unclaimed_text="Say order or send."))
    app.flow("order", starts_on=["order"])(order)
    app.flow("sends", starts_on=["send"])(sends)
    with play(app) as phone:
        assert "Say order or send." == phone.say("what?")
        assert SIZES == phone.say("Order!")
        assert "Cancelled." == phone.say("cancel")
        assert "A photo?" == phone.start("sends")
        assert "A photo?" == phone.remind()


def test_an_app_without_flows() -> None:
    """There is nothing to play."""
    with pytest.raises(InvalidInput, match="no flows"), play(App()):
        raise AssertionError


def test_an_app_with_its_own_identifier() -> None:
    """It is asked who is talking."""
    asked: list[ChannelFacts] = []

    def own(facts: ChannelFacts) -> str:
        asked.append(facts)
        return facts.msisdn

    app = App(own_identifier=own)
    app.flow("order", takes_everything=True)(order)
    with play(app, phone="+233200000000") as phone:
        assert SIZES == phone.say("hi")

    assert {"+233200000000"} == {facts.msisdn for facts in asked}


def test_everything_that_can_be_sent() -> None:
    """Pictures, places and visiting cards; by what they are in the transcript."""
    with play(sends) as phone:
        phone.say("sends")
        assert "Please send: image.\n\nA photo?" == phone.attach("audio")
        phone.attach(AttachmentKind.IMAGE, url="https://x/1.jpg")
        phone.send_location(5.5, -0.25, name="Accra")
        assert "https://x/1.jpg 5.5 Kofi ('1', '2')" == phone.send_contact("Kofi", "1", "2")

    assert '> (location: 5.5 -0.25 "Accra")\n' in phone.transcript


def test_a_tap_of_an_older_screen() -> None:
    """It is made on the screen it was kept from, and is not taken for an answer to the present one."""

    async def twice(c: Conversation) -> None:
        await c.confirm("one", "One?")
        await c.confirm("two", "Two?")

    with play(twice) as phone:
        phone.say("twice")
        old = phone.prompt
        assert "Two?" in phone.tap("Yes")
        assert phone.tap("1", screen=old).startswith("That choice belongs to an earlier question.")
        with pytest.raises(InvalidInput, match="no choice 'Maybe': there is 'Yes', 'No'"):
            phone.tap("Maybe")
        phone.tap("no")
        with pytest.raises(InvalidInput, match="there is nothing"):
            phone.tap("no")


def test_time_passes_at_once() -> None:
    """A conversation expires when it is due, and not before; what it says is on the screen."""
    flow = Flow(name="order", function=order, on_expire="Your order is gone.")
    with play(flow) as phone:
        began = phone.now
        phone.say("order")
        assert "" == phone.advance(days=6, hours=23, minutes=59)
        assert "Your order is gone." == phone.advance(days=1)
        assert 8 * 86400 - 60 == phone.now - began
        assert phone.has_ended
        assert SIZES == phone.say("order")


def test_how_long_conversations_live() -> None:
    """As the settings of a server would say."""
    with play(order, sessions=FlowSessionLimits(default_ttl_seconds=60.0)) as phone:
        phone.say("order")
        phone.advance(seconds=61)

        assert SIZES == phone.say("1")


def test_a_dial_is_another_conversation() -> None:
    """On USSD by default, and with a durable identifier the same one."""
    with play(order, platform="ussd") as phone:
        phone.say("")
        assert "How many?" == phone.say("1")
        assert SIZES == phone.dial()
    with play(order, platform="ussd", keys=SessionKeySettings().durable()) as phone:
        phone.say("")
        assert "How many?" == phone.say("1")
        assert "How many?" == phone.dial("*123*7#")


def test_moving_to_another_platform() -> None:
    """Another conversation by default; the same one where keys say so."""
    with play(order, platform="whatsapp") as phone:
        phone.say("order")
        phone.move_to("telegram", "bot")
        assert SIZES == phone.say("1")
    with play(order, platform="ussd", keys=SessionKeySettings().cross_platform()) as phone:
        phone.say("")
        phone.move_to("whatsapp")
        assert "How many?" == phone.say("1")

    assert "  -- on whatsapp\n" in phone.transcript


def test_a_restart_in_the_middle() -> None:
    """The conversation goes on where it was, and the transcript says so."""
    with play(order) as phone:
        phone.say("order")
        assert "" == phone.restart()
        assert "How many?" == phone.say("s")

    assert ["> order", "  What size?", "", "  1. Small", "  2. Large", "  -- restart", "> s"] == (
        phone.transcript.splitlines()[:7]
    )


def numbers() -> Iterator[int]:
    yield from itertools.count()


def test_a_flow_that_depends_on_what_is_not_recorded() -> None:
    """It is found as soon as it is rebuilt."""
    count = numbers()

    async def shifty(c: Conversation) -> None:
        await c.ask(f"question {next(count)}", "What?")

    with play(shifty) as phone:
        phone.say("shifty")
    with (
        play(shifty, restarts=True) as phone,
        pytest.raises(ReplayDiffers, match="'shifty' waits at 'question 1'"),
    ):
        phone.say("shifty")


def test_a_flow_that_fails_only_when_it_is_rebuilt() -> None:
    """That is found, too."""
    runs = numbers()

    async def once(c: Conversation) -> None:
        if next(runs):
            raise LookupError
        await c.ask("x", "X?")

    with play(once, restarts=True) as phone, pytest.raises(FlowFailed, match="LookupError"):
        phone.say("once")


def test_a_flow_that_fails() -> None:
    """It raises out of the act, with its line; or the screen shows what the person reads."""

    async def broken(c: Conversation) -> None:
        await c.ask("x", "X?")
        raise LookupError

    with play(broken) as phone:
        phone.say("broken")
        with pytest.raises(FlowFailed, match=r"test_phone\.py:\d+: the flow raised LookupError"):
            phone.say("1")
        assert FlowTexts().failed == phone.screen
        assert isinstance(phone.error, FlowFailed)
    with play(broken, raises=False, restarts=True) as phone:
        phone.say("broken")
        assert FlowTexts().failed == phone.say("1")
        assert isinstance(phone.error, FlowFailed)
        assert "X?" == phone.remind()
        assert phone.error is None


async def test_a_flow_that_awaits_something_else_inside_a_trio_test() -> None:
    """It is told what it did, and the test's own task is unharmed; async functions are called all the same."""

    async def sleeps(c: Conversation) -> None:
        await c.ask("x", "X?")
        await trio.sleep(1)

    with play(sleeps) as phone:
        phone.say("sleeps")
        with pytest.raises(ForeignAwait):
            phone.say("1")
    with play(order) as phone:
        phone.say("order")
        phone.say("1")
        assert "R-s" in phone.say("3")
    await trio.lowlevel.checkpoint()


def test_a_flow_that_raises_while_it_is_put_away() -> None:
    """That is a failure of the test."""

    async def unclean(c: Conversation) -> None:
        try:
            await c.ask("x", "X?")
        finally:
            raise LookupError

    with pytest.raises(FlowFailed, match="put away"), play(unclean) as phone:
        phone.say("unclean")


@pytest.mark.parametrize("busy", list(Busy))
def test_what_is_said_while_a_function_runs(busy: Busy) -> None:
    """Functions that are held are called when the test says so."""

    async def slow(c: Conversation) -> None:
        await c.run("slow", reserve, "x")
        name = await c.ask("name", "Your name?")
        await c.say(f"Bye, {name}.")

    with play(Flow(name="slow", function=slow, busy=busy), holds_runs=True) as phone:
        assert "" == phone.say("slow")
        busily = "One moment, please." if busy is Busy.SAY else ""
        assert busily == phone.say("Ama")
        assert [] == phone.runs
        asked = "Bye, Ama." if busy is Busy.QUEUE else "Your name?"
        assert asked == phone.settle()
        assert 1 == len(phone.runs)


def test_a_door_that_has_waited_long_enough() -> None:
    """It says so; what comes later is shown at the next input."""
    with play(order, platform="http", holds_runs=True, keys=BY_USER) as phone:
        phone.say("order")
        phone.say("1")
        assert "One moment, please." == phone.say("2")
        phone.restart()
        assert "" == phone.settle()
        assert "One moment.\n\nYour reference is R-s." == phone.say("and?")


def test_results_in_place_of_functions() -> None:
    """A value, another function, or what it raises."""

    async def asks(c: Conversation) -> None:
        try:
            await c.say(str(await c.run("look", reserve, "x")))
        except RunFailed as error:
            await c.say(str(error))

    reads = []
    for result in (7, lambda size: [size], OSError("away"), RunFailed("Sold", "out")):
        with play(asks, results={"look": result}) as phone:
            reads.append(phone.say("asks"))

    assert ["7", "['x']", "OSError: away", "Sold: out"] == reads


def test_what_the_door_says_of_a_person() -> None:
    """Language and profile, and who it is."""

    async def greet(c: Conversation) -> None:
        await c.ask("x", f"{c.profile['name']} {c.language} {c.user_id} {c.gateway} {c.platform}")

    with play(
        greet, platform="p", gateway="g", user="u1", language="fr", profile={"name": "Ama"}
    ) as phone:
        assert "Ama fr u1 g p" == phone.say("greet")


def test_the_journal_of_what_was_played() -> None:
    """It is the server's own."""
    with play(order) as phone:
        phone.say("order")

    assert ["message.received", "flow.execution.start", "message.sent"] == [
        entry.event for entry in phone.journal
    ]


def test_the_same_seed_gives_the_same_numbers() -> None:
    """So that transcripts can hold them."""

    async def lucky(c: Conversation) -> None:
        await c.say(f"{c.random()} {c.id()} {c.now()}")

    reads = []
    for seed in (1, 1, 2):
        with play(lucky, seed=seed) as phone:
            reads.append(phone.say("lucky"))

    assert reads[0] == reads[1] != reads[2]


def test_the_kit_needs_no_pytest() -> None:
    """It can be used with any test runner."""
    folder = Path(__file__).parents[3] / "sessiond" / "testing" / "conversations"
    assert "import pytest" not in "".join(file.read_text() for file in folder.glob("*.py"))
    assert Phone.__module__.startswith("sessiond.testing.conversations")


def test_a_dial_that_was_interrupted() -> None:
    """Within its time the person may go on, or start again; what is dialled along is for dials that begin anew."""
    with play(order, platform="ussd", resume_seconds=60.0, restarts=True) as phone:
        assert "How many?" == phone.dial("1")
        assert phone.dial("1*2").startswith("You were not finished the last time.")
        assert ["Continue", "Start again"] == phone.choices
        assert "How many?" == phone.tap("Continue")
        phone.dial()
        assert SIZES == phone.say("2")
        phone.advance(minutes=2)
        assert "How many?" == phone.dial("2")
