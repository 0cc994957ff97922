"""A line: one person and the flows he talks to, with no server in between.

What a server does around the pure core (runtime/dialogue.py, runtime/runs.py) is done here at once: what a turn took
is stored, functions are called and their results come back as turns of their own, what has expired ends.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve, frozen
from msgspec.structs import replace

from sessiond.app import App
from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.conversations import Conversations, next_expiry
from sessiond.core.conversations.inputs import Said, Settled
from sessiond.core.conversations.open_conversation import PUSHED_PLATFORMS
from sessiond.core.conversations.routing import Route
from sessiond.core.conversations.session_keys import (
    ChannelFacts,
    Identifier,
    SessionKeySettings,
)
from sessiond.core.conversations.shown import text_of
from sessiond.core.conversations.taken import Taken
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.prompts import Message, Output, RunRequest
from sessiond.core.gateways.dials import answers_of
from sessiond.core.ids import UserId
from sessiond.core.ports import Entropy
from sessiond.runtime.driving import Driving
from sessiond.testing.conversations.calls import Called, Caller

__all__ = ["FlowFunction", "Line", "PlayClock", "Playable", "Shown", "book_of"]

FlowFunction = Callable[..., Any]
Playable = App | Flow | FlowFunction

_SECRET: Final = "the key of nobody's number"

#: A door that waits: longer than any function here takes, as they are called at once.
_WAITS: Final = 10.0


class PlayClock:
    """A wall clock that moves when it is told to; *base* in seconds since the Unix epoch."""

    def __init__(self, base: float) -> None:
        self._time = base

    def now(self) -> float:
        """The time."""
        return self._time

    def monotonic(self) -> float:
        """The time, too."""
        return self.now()

    def move_to(self, moment: float) -> None:
        """Set the clock."""
        self._time = moment


@frozen
class Shown:
    """What a person sees at one time. *error*: the flow failed, and why."""

    output: Output
    flow: str = ""
    error: Exception | None = None

    @property
    def text(self) -> str:
        """It as plain text."""
        return text_of(self.output)


Event = Shown | Called


class Line:
    """Talks to the flows of *book*. *holds_runs*: functions are called when ``settle`` says so, and not at once.

    *facts* say how and as whom the person talks, and may be changed. What happens comes back in order: what is shown,
    and the functions that were called. *resume_seconds*: how long an interrupted dial can be continued.
    """

    def __init__(
        self,
        book: FlowBook,
        facts: ChannelFacts,
        *,
        caller: Caller,
        clock: PlayClock,
        entropy: Entropy,
        holds_runs: bool = False,
        resume_seconds: float = 0.0,
    ) -> None:
        self.resume_seconds = resume_seconds
        self.book = book
        self.facts = facts
        self.clock = clock
        self.holds_runs = holds_runs
        self.stored: Mapping[str, bytes] = {}
        self.pending: dict[str, RunRequest] = {}
        """The functions that flows wait for, by conversation."""
        self.journal: list[bytes] = []
        self._caller = caller
        self._host = Host(clock, entropy, Driving)
        self._conversations = self._opened()

    def _opened(self) -> Conversations:
        return Conversations(self.book, self._host, UserId(self.facts.user_id))

    def say(self, answer: Answer, **options: Any) -> list[Event]:
        """Say something; *options* are those of ``Said``.

        Raises:
          InvalidInput: a fact is missing, or there is no such flow.

        """
        waits = 0.0 if self.facts.platform in PUSHED_PLATFORMS else _WAITS
        said = Said(
            self.facts,
            answer,
            waits_seconds=waits,
            resume_seconds=self.resume_seconds,
            **options,
        )
        taken = self._conversations.take(said, self.stored, self.clock.now())
        if not waits or taken.output is None or taken.output.run is None:
            return self._played(self._after(taken))
        if self.holds_runs:
            return self._after(_pending(taken))
        return [*self._after(taken), *self._settled(taken.key, waits)]

    def dial(self, text: str = "", **options: Any) -> list[Event]:
        """Begin a dial; *text* is what was dialled behind the code (``1*2``), or all of it (``*920*44#``).

        Each answer is an input of its own, unless the dial goes on with an earlier one. What the last one shows counts.
        """
        is_code = text.startswith("*") or text.endswith("#")
        answers = () if is_code else answers_of(text)
        said = Said(self.facts, Answer(), opens=True, resume_seconds=self.resume_seconds)
        if self._conversations.goes_on(said, self.stored, self.clock.now()):
            answers = ()
        events = self.say(Answer(), opens=True, **options)
        for answer in answers:
            called = [event for event in events if isinstance(event, Called)]
            events = [*called, *self.say(Answer(text=answer), **options)]
        return events

    def remind(self) -> list[Event]:
        """Show the waiting question again."""
        return self.say(Answer(), reminds=True)

    def settle(self) -> list[Event]:
        """Call the functions that are held."""
        return [event for key in list(self.pending) for event in self._settled(key, 0.0)]

    def advance(self, seconds: float) -> list[Event]:
        """Let time pass; what is due ends when it is due."""
        end = self.clock.now() + seconds
        events: list[Event] = []
        while (due := next_expiry(self.stored)) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            for taken in self._conversations.expire_due(self.stored, self.clock.now()):
                events += self._after(taken)
        self.clock.move_to(end)
        return events

    def restart(self) -> list[Event]:
        """Leave nothing but what is stored. Functions that were not called yet are found again."""
        self.close()
        self.pending.clear()
        events: list[Event] = []
        for taken in self._conversations.resume(self.stored, self.clock.now()):
            events += self._after(taken)
        return self._played(events)

    def probe(self) -> Taken:
        """Look what would be shown if everything were rebuilt now, without doing it."""
        said = Said(self.facts, Answer(), reminds=True)
        conversations = self._opened()
        taken = conversations.take(said, self.stored, self.clock.now())
        conversations.put_away()
        return taken

    def close(self) -> None:
        """Put every flow away.

        Raises:
          FlowFailed: one of them raised meanwhile.

        """
        conversations, self._conversations = self._conversations, self._opened()
        for failure in conversations.put_away():
            raise failure

    def _played(self, events: list[Event]) -> list[Event]:
        return events if self.holds_runs else [*events, *self.settle()]

    def _settled(self, key: str, waits: float) -> list[Event]:
        """Call the function that the conversation *key* waits for, and those that come after it."""
        events: list[Event] = []
        while (request := self.pending.pop(key, None)) is not None:
            called = self._caller.call(request)
            events.append(called)
            settled = Settled(key, request.run_id, called.raw, waits)
            taken = self._conversations.settle(settled, self.stored, self.clock.now())
            if taken is not None:
                events += self._after(taken)
            if self.holds_runs:
                break
        return events

    def _after(self, taken: Taken) -> list[Event]:
        self.stored = taken.stored
        self.journal += taken.journal
        self.pending = {key: run for key, run in self.pending.items() if key in taken.stored}
        if taken.run is not None:
            self.pending[taken.key] = taken.run
        output = taken.output
        if output is None or not (output.messages or output.prompt or output.end or taken.error):
            return []
        return [Shown(output, taken.flow, taken.error)]


def _pending(taken: Taken) -> Taken:
    """Show what a door says when it has waited long enough."""
    output = Output(messages=(Message(taken.waiting_text),), run=taken.run)
    return replace(taken, output=output)


def book_of(
    source: Playable,
    keys: SessionKeySettings | None = None,
    sessions: FlowSessionLimits | None = None,
) -> FlowBook:
    """Make the book of an app, of one flow, or of an async function that is a flow.

    Without *keys* conversations are told apart, and without *sessions* they live, as a server has it by default.

    Raises:
      InvalidInput: the app has no flows, or something does not fit.

    """
    keys = keys or SessionKeySettings()
    if isinstance(source, App):
        if source.own_identifier is not None and keys.identifier is None:
            keys = evolve(keys, identifier=Identifier.OWN)
        book = source.book(_with_secret(keys), sessions)
        if book is None:
            raise InvalidInput("this app has no flows")
        return book
    if not isinstance(source, Flow):
        source = Flow(name=_name_of(source), function=source)
    route = Route(flow=source.name, words=(source.name,), takes_everything=True)
    return FlowBook(
        {source.name: source},
        [route],
        keys=_with_secret(keys),
        sessions=sessions or FlowSessionLimits(),
    )


def _with_secret(keys: SessionKeySettings) -> SessionKeySettings:
    return keys if keys.secret else evolve(keys, secret=_SECRET)


def _name_of(function: FlowFunction) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))
