"""Whatever a flow does with its session: rebuilding it changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sessiond.core.flows.flow_session import decode_record
from tests.core.flows.playing import make, messages
from tests.core.flows.remembering import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessiond.core.flows.conversation import Conversation
    from sessiond.core.flows.prompts import Output

NAMES = st.sampled_from("ab")
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.none()),
    st.tuples(st.just("run"), st.none()),
    st.tuples(st.sampled_from(["count", "read", "delete"]), NAMES),
    st.tuples(st.sampled_from(["clear", "destroy", "names", "now"]), st.none()),
    st.tuples(st.just("speak"), st.sampled_from(["fr", "de"])),
)
PROGRAMS = st.lists(STEPS, min_size=1, max_size=12)
INPUTS = st.lists(st.sampled_from(["x", "y", "back", "first", "again"]), max_size=8)


def flow_of(program: list[tuple[str, Any]]) -> Callable[..., Any]:
    """Make a flow that does what *program* says, and tells what it has seen."""

    async def flow(c: Conversation) -> None:
        for place, (what, name) in enumerate(program):
            match what:
                case "ask":
                    text = await c.ask(f"q{place}", f"{c.language}?")
                    if text == "back":
                        await c.go_back()
                    if text == "first":
                        await c.go_back("q0")
                    if text == "again":
                        await c.restart()
                case "run":
                    await c.run(f"r{place}", print)
                case "count":
                    c.session.set(name, f"{place} after {c.session.get(name)}"[:40])
                case "speak":
                    c.use_language(name)
                case _:
                    await c.say(f"{what} {seen(c, what, name)}")

    return flow


def seen(c: Conversation, what: str, name: Any) -> object:
    """Do the other steps."""
    match what:
        case "read":
            return c.session.get(name, "nothing")
        case "delete":
            return c.session.delete(name)
        case "names":
            return c.session.names() if c.session.exists() else ()
        case "now":
            return c.now()
        case _:
            return getattr(c.session, what)()


def shown(output: Output) -> tuple[list[str], str | None]:
    """Tell what a person sees."""
    return messages(output), None if output.prompt is None else output.prompt.text


def memory(server: Server) -> tuple[dict[str, Any], str]:
    """Tell what is stored of the session."""
    return server.values, "" if server.stored is None else decode_record(server.stored).language


@settings(max_examples=200, deadline=None)
@given(PROGRAMS, INPUTS, st.booleans())
def test_a_flow_that_is_rebuilt_for_every_input_is_like_one_in_memory(
    program: list[tuple[str, Any]], inputs: list[str], meddles: bool
) -> None:
    """What is shown, what is recorded and what is stored are the same, and so they are after one more rebuild.

    Also when somebody else writes to the session between the turns: what was there before is not written again.
    """
    flow = make(flow_of(program))
    servers = Server(flow), Server(flow, forgetful=True)
    outputs = [server.start() for server in servers]
    left = list(inputs)
    while True:
        assert shown(outputs[0]) == shown(outputs[1])
        assert memory(servers[0]) == memory(servers[1])
        assert servers[0].conversation == servers[1].conversation
        now = servers[0].now
        for server in servers:
            server.now = now
            if meddles:
                server.meddle("a", f"at {now}")
        if outputs[0].run is not None:
            outputs = [server.settle() for server in servers]
        elif outputs[0].prompt is not None and left:
            text = left.pop(0)
            outputs = [server.say(text) for server in servers]
        else:
            break
    if outputs[0].prompt is not None:
        before = servers[1].stored
        assert servers[1].restart() is None
        assert before == servers[1].stored
