"""One conversation while a turn is made of it (sessiond/core/conversations/open_conversation.py)."""

import pytest

from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.live_flows import LiveFlows
from sessiond.core.conversations.open_conversation import (
    PUSHED_PLATFORMS,
    OpenConversation,
    joined,
)
from sessiond.core.conversations.running import RunningFlow
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.engine import Opening
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.prompts import End, Message, Output, Prompt, PromptKind
from sessiond.core.ids import UserId
from tests.core.conversations.talking import CountingWorld, Person

PROMPT = Prompt(kind=PromptKind.TEXT, key="x", screen="c1:0:0", text="X?")


def said(*texts: str) -> tuple[Message, ...]:
    return tuple(Message(text) for text in texts)


async def asks(c: Conversation) -> None:
    await c.ask("x", "X?")


class Making:
    """An open conversation and the flow in it."""

    def __init__(
        self,
        platform: str = "websocket",
        *,
        heard: bool = True,
        stored: dict[str, bytes] | None = None,
    ) -> None:
        self.flow = Flow(name="asks", function=asks)
        world = CountingWorld()
        book = Person(self.flow).book
        self.running = RunningFlow(book, Host(world, world), LiveFlows(), UserId("ama"), 5.0)
        said = Said(ChannelFacts(platform=platform, gateway="gate"), Answer()) if heard else None
        self.open = OpenConversation(book, self.running, stored or {}, 5.0, said)

    def begin(self) -> None:
        """Start the flow."""
        self.open.begin("k")
        assert self.open.conversation is not None
        session = self.open.conversation.session
        output = self.running.start(self.flow, Opening(id="c1", user="ama"), "k", session)
        self.open.keep(output)


def stored(platform: str) -> dict[str, bytes]:
    """What is stored of a conversation on *platform*."""
    made = Making(platform)
    made.begin()
    return dict(made.open.taken(waits=False).stored)


@pytest.mark.parametrize("platform", ["websocket", "ussd"])
def test_where_nobody_waits(platform: str) -> None:
    """What is said is pushed where we can speak first, and kept elsewhere, on the way of the last input."""
    made = Making(heard=False, stored=stored(platform))
    made.open.open("k")
    made.open.keep(Output(messages=said("News."), prompt=PROMPT))
    taken = made.open.taken(waits=False)

    can_push = platform in PUSHED_PLATFORMS
    assert (can_push, can_push) == (taken.is_push, taken.output is not None)
    later = Making(platform, stored=dict(taken.stored))
    later.open.open("k")
    assert later.open.conversation is not None
    assert (() if can_push else said("News.")) == later.open.conversation.unseen


def test_nothing_to_push() -> None:
    """A turn that shows nothing pushes nothing, and changes nothing."""
    before = stored("websocket")
    made = Making(heard=False, stored=before)
    made.open.open("k")
    taken = made.open.taken(waits=False)

    assert (False, None, before) == (taken.is_push, taken.output, taken.stored)
    assert () == taken.happenings


def test_several_outputs_of_one_turn() -> None:
    """Are shown as one: all that was said, and the last question."""
    first = Output(messages=said("a"), prompt=PROMPT, restarted=True)
    then = Output(messages=said("b"), end=End.ENDED)

    assert Output(messages=said("a", "b"), end=End.ENDED, restarted=True) == joined(first, then)


def test_a_failure_keeps_what_was_said_before_it() -> None:
    """The person reads both; the question is not shown, and no function is called."""
    made = Making()
    made.begin()
    made.open.fail(LookupError("the secret"))
    taken = made.open.taken(waits=False)

    assert taken.output is not None
    assert "Sorry, something went wrong. Please try again." == taken.output.messages[-1].text
    assert (None, None) == (taken.output.prompt, taken.run)


def test_what_has_not_begun() -> None:
    """Leaves nothing behind."""
    made = Making()
    made.begin()
    made.open.take_back()

    assert {} == made.open.taken(waits=False).stored
