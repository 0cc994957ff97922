"""A person who talks to flows: one user's conversations without a server, with the stored bytes in hand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

import msgspec

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.conversations import Conversations
from sessiond.core.conversations.inputs import Said, Settled
from sessiond.core.conversations.journal import decode_entry
from sessiond.core.conversations.routing import Route, RoutingSettings
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.conversations.shown import text_of
from sessiond.core.conversations.stored import StoredConversation, decode_conversation
from sessiond.core.conversations.taken import Taken
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.faults import FlowFailed, RunFailed
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.flow_session import FlowSessionLimits
from sessiond.core.flows.prompts import RunRequest
from sessiond.core.flows.record import Record
from sessiond.core.ids import UserId

#: One conversation per user, whatever its flow and way.
ONE = SessionKeySettings(boundaries=(), identifier="user_id", secret="s" * 16)
#: Another one for each flow.
EACH = SessionKeySettings(boundaries=("flow",), identifier="user_id", secret="s" * 16)

#: Conversations live for a day, whatever the default is.
DAILY = FlowSessionLimits(default_ttl_seconds=86_400.0)

USER = UserId("ama")
EPOCH = 1_700_000_000.0

Mark = tuple[Mapping[str, bytes], float, int]
Function = Callable[..., Coroutine[Any, Any, object]]


class CountingWorld:
    """A clock and an entropy that never say the same thing twice, unless *said* is set back."""

    def __init__(self) -> None:
        self.said = 0

    def _next(self) -> int:
        self.said += 1
        return self.said

    def monotonic(self) -> float:
        return float(self._next())

    def now(self) -> float:
        return EPOCH + self._next()

    def token(self, size: int) -> bytes:
        return self._next().to_bytes(size, "big")

    def jitter(self) -> float:
        return self._next() / 1_000_000


def flows_of(*made: Flow | Function) -> dict[str, Flow]:
    """Name flows after their functions."""
    flows = [
        one if isinstance(one, Flow) else Flow(name=one.__name__, function=one) for one in made
    ]
    return {flow.name: flow for flow in flows}


class Person:
    """Says things on *platform*; every flow starts on its own name, and the first one takes everything."""

    def __init__(
        self,
        *flows: Flow | Function,
        platform: str = "websocket",
        routing: RoutingSettings | None = None,
        routes: Iterable[Route] | None = None,
        keys: SessionKeySettings = ONE,
        waits: float = 0.0,
        **book: Any,
    ) -> None:
        self.platform = platform
        self.waits = waits
        self.now = EPOCH
        self.stored: Mapping[str, bytes] = {}
        self.journal: list[bytes] = []
        self.taken: Taken = Taken(stored=self.stored)
        self._keys = keys
        self._routing = routing or RoutingSettings()
        self._options = {"sessions": DAILY} | book
        self._before: Mapping[str, bytes] = {}
        self._world = CountingWorld()
        self._alive: Conversations | None = None
        self.failures: list[FlowFailed] = []
        """What was raised when everything was put away."""
        self.code(*flows, routes=routes)

    def code(self, *flows: Flow | Function, routes: Iterable[Route] | None = None) -> None:
        """Restart with other code."""
        named = flows_of(*flows)
        if routes is None:
            routes = [
                Route(flow=name, words=(name,), takes_everything=number == 0)
                for number, name in enumerate(named)
            ]
        self.book = FlowBook(named, routes, routing=self._routing, keys=self._keys, **self._options)
        self.restart()

    def restart(self) -> None:
        """Leave nothing but the stored bytes."""
        if self._alive is not None:
            self.failures = self._alive.put_away()
        self._alive = Conversations(self.book, Host(self._world, self._world), USER)

    @property
    def conversations(self) -> Conversations:
        assert self._alive is not None
        return self._alive

    def lose_commit(self) -> None:
        """The last turn was not stored."""
        self.stored = self._before

    def mark(self) -> Mark:
        """Remember what is stored, the time, and what the world would say next."""
        return self.stored, self.now, self._world.said

    def lose_commits(self, mark: Mark) -> None:
        """Nothing since *mark* was stored; the same inputs come again."""
        self.stored, self.now, self._world.said = mark

    # What happens

    def said(self, answer: Answer, **options: Any) -> Taken:
        facts = ChannelFacts(
            platform=options.pop("platform", self.platform),
            gateway="gate",
            user_id=options.pop("user_id", "ama"),
            request_id=options.pop("request_id", "r1"),
        )
        said = Said(facts, answer, waits_seconds=options.pop("waits", self.waits), **options)
        return self._after(self.conversations.take(said, self.stored, self.now))

    def say(self, text: str, **options: Any) -> Taken:
        return self.said(Answer(text=text), **options)

    def remind(self) -> Taken:
        return self.said(Answer(), reminds=True)

    def settle(
        self, result: object = None, *, run: RunRequest | None = None, waits: float | None = None
    ) -> Taken | None:
        """The function that was asked for last has returned *result*, or failed."""
        run = run or self.taken.run
        assert run is not None
        raw = result if isinstance(result, RunFailed) else msgspec.json.encode(result)
        settled = Settled(self.taken.key, run.run_id, raw, self.waits if waits is None else waits)
        taken = self.conversations.settle(settled, self.stored, self.now)
        return None if taken is None else self._after(taken)

    def pass_time(self, seconds: float) -> list[Taken]:
        """Let time pass, and what is due expire."""
        self.now += seconds
        return [self._after(one) for one in self.conversations.expire_due(self.stored, self.now)]

    def resume(self) -> list[Taken]:
        return [self._after(one) for one in self.conversations.resume(self.stored, self.now)]

    def _after(self, taken: Taken) -> Taken:
        self._before, self.stored = self.stored, taken.stored
        self.journal += taken.journal
        self.taken = taken
        return taken

    # What is to be seen

    @property
    def reads(self) -> str:
        """What the last turn shows, as plain text."""
        return "" if self.taken.output is None else text_of(self.taken.output)

    @property
    def screen(self) -> str:
        prompt = None if self.taken.output is None else self.taken.output.prompt
        assert prompt is not None
        return prompt.screen

    @property
    def kept(self) -> StoredConversation:
        """The only conversation that is stored."""
        (raw,) = self.stored.values()
        return decode_conversation(raw)

    @property
    def record(self) -> Record:
        record = self.kept.flow_record
        assert record is not None
        return record

    def told(self, *ignored: str) -> list[str]:
        """Name what the last turn told."""
        return [one.event.value for one in self.taken.happenings if one.event not in ignored]

    def told_with(self, event: str) -> list[Any]:
        """Find the journal's entries of a kind, over all turns."""
        entries = [decode_entry(raw) for raw in self.journal]
        return [entry for entry in entries if entry.event == event]
