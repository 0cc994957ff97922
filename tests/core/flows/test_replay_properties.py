"""Whatever a flow does and wherever it is interrupted, replay brings it back to the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sessiond.core.flows.engine import encode_result, restore
from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.flow import OnMismatch
from sessiond.core.flows.record import decode_record, encode_record
from tests.core.flows.playing import begin, host, make, rebuild, said

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation
    from sessiond.core.flows.engine import LiveFlow
    from sessiond.core.flows.prompts import Output

KINDS = ("ask", "number", "select", "confirm", "say", "run", "now", "id", "back", "branch")
SCRIPTS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=12)
TEXTS = st.sampled_from(["1", "2", "yes", "no", "0", "x", "", "zz top", "٢", "\x00"])


def scripted(script: list[str]) -> Any:
    """A flow that does what its script says; every prompt shows all it knows."""

    async def flow(c: Conversation) -> object:
        known: list[object] = []
        for place, kind in enumerate(script):
            key = f"{kind}-{place}"
            match kind:
                case "ask":
                    known.append(await c.ask(key, str(known), allow_empty=True))
                case "number":
                    known.append(await c.ask(key, str(known), parse=int))
                case "select":
                    known.append(await c.select(key, str(known), {0: "x", 1: "y"}))
                case "confirm":
                    known.append(await c.confirm(key, str(known)))
                case "say":
                    await c.say(str(known))
                case "run":
                    try:
                        known.append(await c.run(key, print, c.run_id))
                    except RunFailed as error:
                        known.append(str(error))
                case "now":
                    known.append(c.now())
                case "id":
                    known.append(c.id())
                case "back":
                    if await c.confirm(key, f"back? {known}"):
                        known.append(await c.go_back())
                case _:
                    if known and known[-1]:
                        known.append(await c.ask(key, f"truthy {known}"))
        return known

    return flow


def waiting_on(live: LiveFlow) -> object:
    """What a flow shows or wants to have run, as something to compare."""
    run = live.pending_run()
    return live.remind().prompt if run is None else run


@given(SCRIPTS, st.lists(TEXTS, max_size=15))
def test_replay_of_any_prefix_asks_what_the_live_run_asked(
    script: list[str], texts: list[str]
) -> None:
    """After every single input: rebuilt from bytes, the flow waits on the same screen with the same text."""
    flow = make(scripted(script), on_mismatch=OnMismatch.FAIL)
    live, output = begin(flow)
    for text in texts:
        if output.is_terminal:
            return
        raw = encode_record(live.record)
        again, nothing = restore(flow, decode_record(raw), host(), user="u1")
        assert nothing is None
        assert waiting_on(live) == waiting_on(again)
        assert raw == encode_record(again.record)
        again.put_away()
        if output.run is not None:
            assert live.settle(output.run.run_id, encode_result(output.run, text.strip("\x00")))
            output = live.proceed()
        else:
            output = live.answer(said(text))


@given(SCRIPTS, SCRIPTS, st.lists(TEXTS, max_size=10), st.sampled_from([*OnMismatch][:2]))
def test_any_change_of_code_ends_in_a_question_or_an_end(
    before: list[str], after: list[str], texts: list[str], policy: OnMismatch
) -> None:
    """Restarting and continuing never raise and never get stuck, whatever the code was and is now."""
    live, output = begin(scripted(before))
    for text in texts:
        if output.prompt is None:
            break
        output = live.answer(said(text))
    if output.is_terminal:
        return
    flow = make(scripted(after), on_mismatch=policy)
    changed, shown = rebuild(live, flow)
    if shown is not None and shown.is_terminal:
        return

    again, nothing = rebuild(changed, flow)

    assert nothing is None
    assert encode_record(changed.record) == encode_record(again.record)
    assert changed.record.waiting is not None


class LiveAndRebuilt(RuleBasedStateMachine):
    """One flow that stays in memory, and its twin that is put away and rebuilt whenever the machine likes."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = make(scripted(["ask"]))

    @initialize(script=SCRIPTS)
    def start(self, script: list[str]) -> None:
        self.flow = make(scripted(script), on_mismatch=OnMismatch.FAIL)
        self.live, self.output = begin(self.flow)
        self.twin, twin_output = begin(self.flow)
        assert self.output == twin_output

    @precondition(lambda self: self.output.is_terminal)
    @rule(script=SCRIPTS)
    def start_again(self, script: list[str]) -> None:
        self.start(script)

    @precondition(lambda self: self.output.prompt is not None)
    @rule(text=TEXTS)
    def answer(self, text: str) -> None:
        self.both(self.live.answer(said(text)), self.twin.answer(said(text)))

    @precondition(lambda self: self.output.run is not None)
    @rule(result=st.integers() | st.text("ab") | st.none())
    def succeed(self, result: object) -> None:
        raw = encode_result(self.output.run, result)  # type: ignore[arg-type]
        self.settle(raw)

    @precondition(lambda self: self.output.run is not None)
    @rule()
    def fail(self) -> None:
        self.settle(RunFailed("Timeout", ""))

    def settle(self, result: bytes | RunFailed) -> None:
        run = self.output.run
        assert run is not None
        assert self.live.settle(run.run_id, result)
        assert self.twin.settle(run.run_id, result)
        self.both(self.live.proceed(), self.twin.proceed())

    @precondition(lambda self: not self.output.is_terminal)
    @rule()
    def rebuild_the_twin(self) -> None:
        # With the twin's own world: what it makes from now on has to be new, as the live one's is.
        raw = encode_record(self.twin.record)
        world = self.twin._driver.host
        self.twin.put_away()
        self.twin, nothing = restore(self.flow, decode_record(raw), world, user="u1")
        assert nothing is None

    def both(self, output: Output, twin_output: Output) -> None:
        assert output == twin_output
        self.output = output

    @invariant()
    def records_are_equal(self) -> None:
        if hasattr(self, "live"):
            assert encode_record(self.live.record) == encode_record(self.twin.record)


TestLiveAndRebuilt = LiveAndRebuilt.TestCase
TestLiveAndRebuilt.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
