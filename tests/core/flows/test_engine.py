"""Turns: a person, a function, a reminder, an expiry; each is a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.engine import encode_result, expired, restore, settled
from sessiond.core.flows.faults import (
    FlowBusy,
    FlowEnded,
    FlowFailed,
    FlowLoops,
    NotStorable,
    RunFailed,
)
from sessiond.core.flows.flow import FlowLimits
from sessiond.core.flows.prompts import End, Output, Retries
from sessiond.core.flows.record import Waiting, decode_record, encode_record
from tests.core.flows.playing import begin, body, host, make, messages, play, rebuild, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sessiond.core.flows.conversation import Conversation


def reserve(size: str, count: int) -> str:
    return f"{count}{size}"


async def order(c: Conversation) -> None:
    """The example of the design."""
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    count = await c.ask(
        "count", "How many?", parse=int, check=lambda n: None if n > 0 else "At least one, please."
    )
    ref = await c.run("reserve", reserve, size, count)
    if await c.confirm("ok", f"Order {count} × {size}?"):
        await c.say(f"Thank you! Your reference is {ref}.")


def run_of(output: Output) -> Any:
    assert output.run is not None
    return output.run


def test_the_example_of_the_design_plays_to_its_end() -> None:
    """Question, question, function, question, last word."""
    live, output = begin(order)
    assert "What size?" == body(output)
    assert "At least one, please.\n\nHow many?" == body(play(order, "2", "0")[1])

    live, output = play(order, "large", "2")
    request = run_of(output)
    assert (reserve, ("l", 2), Retries()) == (request.function, request.args, request.retries)
    assert live.settle(request.run_id, encode_result(request, "R1"))
    assert "Order 2 × l?" == body(live.proceed())
    output = live.answer(said("yes"))

    assert ["Thank you! Your reference is R1."] == messages(output)
    assert (End.RETURNED, True) == (output.end, output.is_terminal)
    assert not live.is_alive


def test_a_flow_that_never_asks_says_its_words_and_ends() -> None:
    """A flow may be a single sentence."""

    async def flow(c: Conversation) -> None:
        await c.say("Closed today.")

    output = begin(flow)[1]

    assert (["Closed today."], End.RETURNED) == (messages(output), output.end)


def test_a_flow_that_ends_silently_is_an_unexpected_end() -> None:
    """Whoever waits for a reply gets one: at the first turn, and after an answer."""

    async def flow(c: Conversation) -> None:
        """Do nothing."""

    async def asks(c: Conversation) -> None:
        await c.say("Hello")
        await c.ask("it", "What?")

    assert ["Unexpected end of flow."] == messages(begin(flow)[1])
    assert ["Unexpected end of flow."] == messages(play(asks, "x")[1])


def test_words_before_a_function_count_for_its_end() -> None:
    """A waiting door shows both turns together: there is nothing unexpected about them; also after a restart."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "What?")
        await c.say("One moment.")
        await c.run("go", print)

    for again in (False, True):
        live, output = play(flow, "x")
        assert ["One moment."] == messages(output)
        if again:
            live, _ = rebuild(live, flow)
        assert live.settle(run_of(output).run_id, b"null")
        assert [] == messages(live.proceed())


def test_a_result_of_the_flow_is_handed_out() -> None:
    """What a flow returns is JSON; what has none is an error that names the flow."""

    async def good(c: Conversation) -> object:
        return {"total": 3}

    async def bad(c: Conversation) -> object:
        return object()

    assert b'{"total":3}' == begin(good)[1].result
    with pytest.raises(NotStorable, match="what flow 'test' returned is of type object"):
        begin(bad)


# Inputs that do not fit


def test_input_after_the_end_is_refused() -> None:
    """An ended flow takes nothing; a new one has to be started."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "What?")

    live, _ = play(flow, "x")

    late: Callable[[], Output]
    for late in (lambda: live.answer(said("y")), live.remind, live.proceed):
        with pytest.raises(FlowEnded):
            late()


def test_input_during_a_run_is_refused_and_changes_nothing() -> None:
    """The runtime's busy policy decides what becomes of it."""
    live, output = play(order, "1", "1")
    before = live.record

    early: Callable[[], Output]
    for early in (lambda: live.answer(said("hello?")), live.remind, live.proceed):
        with pytest.raises(FlowBusy):
            early()
    assert before is live.record
    assert live.settle(run_of(output).run_id, b'"R1"')
    assert "Order 1 × s?" == body(live.proceed())


def test_of_two_inputs_at_once_the_second_is_not_taken_for_the_next_question() -> None:
    """Both were made on the first screen; the second tap says so and is turned down."""

    async def flow(c: Conversation) -> None:
        await c.confirm("one", "One?")
        await c.confirm("two", "Two?")

    live, first = begin(flow)
    assert first.prompt is not None
    tap = Answer(choice="yes", screen=first.prompt.screen)
    assert "Two?" == body(live.answer(tap))

    output = live.answer(tap)

    assert output.rejected
    assert "That choice belongs to an earlier question.\n\nTwo?" == body(output)
    assert 1 == len(live.record.entries)


def test_a_choice_number_from_the_screen_before_means_nothing() -> None:
    """``3`` after a screen with three choices is text for a text question, and no choice where there are two."""

    async def flow(c: Conversation) -> None:
        await c.select("one", "One?", ["a", "b", "c"])
        await c.select("two", "Two?", ["d", "e"])
        await c.ask("three", "Three?")
        await c.say("ok")

    live, output = play(flow, "3", "3")
    assert "Invalid selection:\n\nTwo?" == body(output)
    live.answer(said("1"))
    live.answer(said("3"))

    assert '"3"' == bytes(live.record.entries[2].value).decode()


def test_an_answer_inside_a_turn_is_refused() -> None:
    """A check that answers its own flow does not drive it twice."""
    found: list[Exception] = []

    async def flow(c: Conversation) -> None:
        def meddle(_: str) -> None:
            try:
                live.answer(said("again"))
            except FlowBusy as error:
                found.append(error)

        await c.ask("it", "What?", check=meddle)

    live, _ = begin(flow)
    live.answer(said("x"))

    assert 1 == len(found)


# Functions


def test_a_failed_run_is_raised_in_the_flow_and_again_after_a_restart() -> None:
    """The flow may catch it; the record knows that it failed."""

    async def flow(c: Conversation) -> None:
        try:
            await c.run("pay", print)
        except RunFailed as error:
            await c.ask("then", f"{error.kind}: {error.message}. Again?")

    live, output = begin(flow)
    assert live.settle(run_of(output).run_id, RunFailed("Declined", "no funds"))
    assert "Declined: no funds. Again?" == body(live.proceed())

    assert "Declined: no funds. Again?" == body(rebuild(live, flow)[0].remind())


def test_a_failed_run_that_nobody_catches_fails_the_flow() -> None:
    """It is the flow's own exception then."""
    live, output = play(order, "1", "1")
    assert live.settle(run_of(output).run_id, RunFailed("Timeout", ""))

    with pytest.raises(FlowFailed, match=r"test_engine.py:\d+: the flow raised RunFailed"):
        live.proceed()


def test_a_result_is_durable_before_the_flow_goes_on() -> None:
    """The record with the result can be stored alone; restoring it goes on by itself."""
    live, output = play(order, "1", "1")
    run = run_of(output)
    stored = settled(live.record, run.run_id, b'"R1"')
    assert stored is not None
    live.put_away()

    live, gone_on = restore(make(order), decode_record(encode_record(stored)), host(), user="u1")

    assert gone_on is not None
    assert not gone_on.restarted
    assert "Order 1 × s?" == body(gone_on)


def test_a_late_or_repeated_result_changes_nothing() -> None:
    """Functions run at least once; only one result counts."""
    live, output = play(order, "1", "1")
    run = run_of(output)
    assert not live.settle("c1:0:99", b'"R0"')
    assert live.settle(run.run_id, b'"R1"')
    live.proceed()

    assert not live.settle(run.run_id, b'"R2"')
    assert settled(live.record, run.run_id, b'"R2"') is None


def test_the_run_id_is_the_same_on_every_attempt_and_new_on_every_run() -> None:
    """It is the idempotency key: a restart keeps it, going back makes another."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "What?")
        await c.ask("more", "More?")
        await c.run("pay", print, c.run_id)
        if await c.confirm("back", "Back?"):
            await c.go_back("more")

    live, output = play(flow, "x", "y")
    run = run_of(output)
    assert (run.run_id,) == run.args
    live, _ = rebuild(live, flow)
    assert live.settle(run.run_id, b"1")
    live.proceed()
    assert "More?" == body(live.answer(said("yes")))
    second = run_of(live.answer(said("z")))

    assert second.run_id != run.run_id
    assert (second.run_id,) == second.args


def test_a_pending_run_is_asked_for_again_after_a_restart() -> None:
    """The runtime finds what to call by restoring the flow: replay makes function and arguments anew."""
    live, output = play(order, "2", "3")
    again, nothing = rebuild(live, order)

    assert nothing is None
    assert Waiting("run", "reserve") == again.record.waiting
    request = again.pending_run()
    assert request == output.run
    assert request is not None
    assert "3l" == request.function(*request.args)


def test_a_result_that_cannot_be_recorded_names_the_run() -> None:
    """Before it reaches the flow."""
    _, output = play(order, "1", "1")

    with pytest.raises(NotStorable, match="the result of 'reserve' is of type bytes"):
        encode_result(run_of(output), b"R1")


def test_a_stored_result_of_another_type_than_the_code_expects_is_named() -> None:
    """Code and result come from different releases."""

    async def flow(c: Conversation) -> None:
        await c.run("count", print, as_type=int)

    live, output = begin(flow)
    assert live.settle(run_of(output).run_id, b'"many"')

    with pytest.raises(NotStorable, match=r"test_engine.py:\d+: the result of 'count' is not"):
        live.proceed()


def test_a_flow_of_functions_alone_is_stopped() -> None:
    """Turns without a person are counted in the record, also over restarts."""

    async def flow(c: Conversation) -> None:
        await c.ask("it", "What?")
        for number in range(100):
            await c.run(f"go-{number}", print)

    flow_ = make(flow, limits=FlowLimits(turns_without_person=5))
    live, output = play(flow_, "x")
    with pytest.raises(FlowLoops, match="5 turns without a person"):
        for _ in range(6):
            assert live.settle(run_of(output).run_id, b"null")
            live, gone_on = rebuild(live, flow_)
            assert gone_on is not None
            output = gone_on


# Transactions


def test_a_failed_turn_leaves_the_record_as_it_was() -> None:
    """The flow raises after an answer was taken: the answer is not recorded, and the next one finds the question."""
    calls: list[int] = []

    async def flow(c: Conversation) -> None:
        await c.ask("one", "One?")
        await c.ask("two", "Two?")
        c.now()
        if not calls:
            calls.append(1)
            raise KeyError("secret")
        await c.say("Done.")

    live, _ = play(flow, "x")
    before = encode_record(live.record)
    with pytest.raises(FlowFailed, match=r"test_engine.py:\d+: the flow raised KeyError") as caught:
        live.answer(said("y"))

    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)
    assert not live.is_alive
    assert before == encode_record(live.record)
    assert ["Done."] == messages(rebuild(live, flow)[0].answer(said("y")))


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, RecursionError, StopIteration])
def test_whatever_a_flow_raises_is_its_own_failure(error: type[BaseException]) -> None:
    """``sys.exit()`` in a flow ends one turn, not the server."""

    async def flow(c: Conversation) -> None:
        raise error

    with pytest.raises(FlowFailed):
        begin(flow)


def test_ctrl_c_is_not_a_flows_failure() -> None:
    """The operator's interrupt goes through."""

    async def flow(c: Conversation) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(flow)


# Reminding and expiring


def test_a_reminder_shows_the_question_and_changes_nothing() -> None:
    """The same screen: a tap on either is good."""
    live, output = play(order, "1")
    before = live.record

    assert output.prompt == live.remind().prompt
    assert before is live.record


@pytest.mark.parametrize(
    ("on_expire", "words"),
    [
        (None, []),
        ("See you.", ["See you."]),
        (lambda answers: f"Kept: {answers['size']}", ["Kept: s"]),
        (lambda _: None, []),
    ],
)
def test_expiry_ends_the_conversation_without_asking_the_flow(
    on_expire: str | Callable[[Mapping[str, object]], str | None] | None, words: list[str]
) -> None:
    """Its ``finally`` runs; nothing is thrown into it. A flow that is not in memory need not be rebuilt."""
    flow = make(order, on_expire=on_expire)
    live, _ = play(flow, "1")
    stored = live.record
    output = live.expire()

    assert (words, End.EXPIRED) == (messages(output), output.end)
    assert not live.is_alive
    assert output == expired(flow, stored)


@pytest.mark.parametrize(
    "on_expire", [lambda answers: answers["nothing"], lambda _: 7], ids=["raises", "no text"]
)
def test_a_broken_on_expire_is_the_flows_failure(on_expire: Any) -> None:
    """Named like every other."""
    live, _ = begin(order)

    with pytest.raises(FlowFailed, match="on_expire"):
        expired(make(order, on_expire=on_expire), live.record)
