"""What a flow may ask of its conversation, and what it is told when it asks wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import pytest

from sessiond.core.flows.faults import FlowEvicted, FlowFailed, FlowLoops, RepeatedKey
from sessiond.core.flows.prompts import Media
from tests.core.flows.playing import begin, body, messages, play, rebuild, said

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation


def test_times_numbers_and_ids_are_the_same_after_a_restart() -> None:
    """They are recorded like answers; the clock moves on meanwhile."""

    async def flow(c: Conversation) -> None:
        seen = [c.now(), c.random(), c.id()]
        await c.ask("first", str(seen))
        seen += [c.now(), c.id()]
        await c.ask("second", str(seen))

    live, output = play(flow, "x")
    again, nothing = rebuild(live, flow)

    assert nothing is None
    assert body(output) == body(again.remind())
    assert 5 == len(set(eval(body(output))))


def test_facts_are_those_of_the_beginning() -> None:
    """A flow that branches on its platform takes the same branch after a restart, wherever the user is then."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", f"{c.user_id} {c.platform} {c.gateway} {c.started_by} {dict(c.profile)}")

    live, output = begin(flow, "menu")

    assert "u1 ussd nalo menu {}" == body(output)
    assert "u1 ussd nalo menu {}" == body(rebuild(live, flow)[0].remind())


def test_what_started_the_flow_answers_nothing() -> None:
    """The opener only opens."""

    async def flow(c: Conversation) -> None:
        await c.ask("name", "Your name?")

    assert "Your name?" == body(begin(flow, "Ama")[1])


def test_what_started_the_flow_is_cleaned_and_bounded() -> None:
    """It is recorded, so a megabyte of it is cut."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", c.started_by)

    assert "hi" == body(begin(flow, "\x00 hi ")[1])
    assert 4096 == len(body(begin(flow, "x" * 1_000_000)[1]))


def test_the_profile_is_what_the_gateway_says_now() -> None:
    """Not recorded: it may change from turn to turn."""

    async def flow(c: Conversation) -> None:
        await c.ask("one", "One?")
        await c.ask("two", c.profile["name"])

    live, _ = begin(flow)

    assert "Ama" == body(live.answer(said("x"), profile={"name": "Ama"}))


def test_saying_adds_to_the_turn_and_goes_on() -> None:
    """Several texts come before the prompt, in order."""

    async def flow(c: Conversation) -> None:
        await c.say("One")
        await c.say("Two", media=Media(id="m1"))
        await c.ask("it", "Three?")

    output = begin(flow)[1]

    assert ["One", "Two"] == messages(output)
    assert "m1" == output.messages[1].media.id  # type: ignore[union-attr]
    assert "Three?" == body(output)


def test_a_key_used_twice_is_an_error_on_the_second_line() -> None:
    """Two questions of one key could not be told apart after a restart."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "One?")
        await c.confirm("it", "Two?")

    with pytest.raises(RepeatedKey, match=r"test_conversation.py:\d+: the key 'it' is used twice"):
        play(flow, "x")


@pytest.mark.parametrize("key", ["", "k" * 129, None, 7])
def test_a_key_is_a_short_text(key: Any) -> None:
    """Records hold keys; they are bounded."""

    async def flow(c: Conversation) -> None:
        await c.ask(key, "What?")

    with pytest.raises(FlowFailed, match="raised InvalidInput"):
        begin(flow)


@pytest.mark.parametrize("text", [None, 7, b"x"])
def test_a_text_is_a_text(text: Any) -> None:
    """A number is not shown by accident."""

    async def flow(c: Conversation) -> None:
        await c.say(text)

    with pytest.raises(FlowFailed, match="raised InvalidInput"):
        begin(flow)


def test_what_runs_is_a_function() -> None:
    """Not its result: that is the mistake people make."""

    async def flow(c: Conversation) -> None:
        await c.run("it", print())  # type: ignore[call-overload]

    with pytest.raises(FlowFailed, match="raised InvalidInput"):
        begin(flow)


def test_a_key_in_a_loop_is_numbered_by_the_author() -> None:
    """A loop is an ordinary loop; its keys differ."""

    async def flow(c: Conversation) -> None:
        total = 0
        for number in range(3):
            total += await c.ask(f"amount-{number}", f"Amount {number}?", parse=int)
        await c.say(str(total))

    assert ["6"] == messages(play(flow, "1", "2", "3")[1])


def test_every_call_of_a_dead_conversation_is_an_eviction() -> None:
    """Nothing can be asked of a conversation whose flow has ended; not even what needs no await."""
    kept: list[Conversation] = []

    async def flow(c: Conversation) -> None:
        kept.append(c)

    begin(flow)
    (dead,) = kept

    calls: list[Any] = [
        lambda: dead.ask("x", "?"),
        lambda: dead.select("x", "?", ["a"]),
        lambda: dead.confirm("x", "?"),
        lambda: dead.attachment("x", "?"),
        lambda: dead.location("x", "?"),
        lambda: dead.contact("x", "?"),
        lambda: dead.say("x"),
        lambda: dead.run("x", print),
        dead.go_back,
        dead.restart,
        dead.end,
        dead.now,
        dead.random,
        dead.id,
        lambda: dead.run_id,
        lambda: dead.user_id,
        lambda: dead.started_by,
        lambda: dead.matched,
        lambda: dead.platform,
        lambda: dead.gateway,
        lambda: dead.profile,
    ]
    for call in calls:
        with pytest.raises(FlowEvicted):
            call()


def test_what_is_awaited_has_the_authors_types() -> None:
    """A type checker knows what a flow gets; mypy reads this test."""

    async def price(size: str, count: int) -> float:
        return 1.5 * count

    def reference(size: str) -> str:
        return size

    async def flow(c: Conversation) -> None:
        assert_type(await c.ask("a", "A?"), str)
        assert_type(await c.ask("b", "B?", parse=int), int)
        assert_type(await c.ask("c", "C?", parse=int, transform=str), str)
        size = assert_type(await c.select("d", "D?", {"s": "Small"}), str)
        count = assert_type(await c.select("e", "E?", [1, 2]), int)
        assert_type(await c.select("f", "F?", [1, 2], transform=float), float)
        assert_type(await c.confirm("g", "G?"), bool)
        assert_type(await c.run("h", price, size, count), float)
        assert_type(await c.run("i", reference, size), str)

    live, output = play(flow, "a", "1", "2", "s", "1", "2", "yes")
    assert output.run is not None
    assert live.settle(output.run.run_id, b"1.5")

    assert live.proceed().run is not None


def test_another_flows_conversation_is_none_of_ours() -> None:
    """Talking to somebody else's live conversation is a foreign await; that conversation is unharmed."""
    kept: list[Conversation] = []

    async def other(c: Conversation) -> None:
        kept.append(c)
        await c.ask("it", "Mine?")

    async def flow(c: Conversation) -> None:
        await kept[0].ask("stolen", "Yours?")

    live, _ = begin(other)
    with pytest.raises(FlowFailed):
        begin(flow)

    assert "Mine?" == body(live.remind())


def test_a_flow_that_swallows_its_own_errors_for_ever_is_stopped() -> None:
    """Nothing else in the process could run meanwhile: after a hundred errors its next await ends the turn."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "It?")
        while True:
            try:
                await c.ask("it", "It again?")
            except Exception:  # noqa: BLE001 -- this is what it does
                continue

    live, _ = begin(flow)
    with pytest.raises(FlowLoops, match="went on after 100 errors"):
        live.answer(said("x"))


def test_a_flow_that_will_not_be_put_away_is_left_to_itself() -> None:
    """It is told that its conversation is over, and goes on asking whatever it is told."""
    is_over: list[bool] = []

    async def flow(c: Conversation) -> None:
        number = 0
        while True:
            number += 1
            try:
                await c.confirm(f"it{number}", "Really?")
            except BaseException:
                if is_over:  # else Python would complain when it frees the coroutine
                    raise

    live, _ = begin(flow)
    failure = live.put_away()
    is_over.append(True)

    assert failure is not None
    assert "awaits in a finally or except" in str(failure)
    assert not live.is_alive
